"""What production's labelled samples say, week by week: how much violates, what was left up, what was removed wrongly.

Decides which sample speaks for a week (its latest), which weeks have none, and what moved: each figure against the
sample before it, Benjamini-Hochberg over the figures of the week. Estimates and intervals are those of the series that
``harness golden prevalence`` writes; none is computed here. Every figure is better when it is lower.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.multiplicity import benjamini_hochberg
from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.core.sampled import difference_of_estimates
from harness.errors import HarnessError
from harness.gating.findings import Evidence, Finding
from harness.goldens.prevalence import ANY
from harness.goldens.production_series import SeriesLine
from harness.records.runs import PolicyFacts
from harness.report.weekly.acknowledged import PRODUCTION
from harness.report.weekly.control import Q
from harness.report.weekly.weeks import week_of_date, weeks_between, weeks_until

_ORDER = ("violating_views_left_up", "leakage_views", "leakage_items", "overkill_views", "overkill_items",
          "wrong_removals", "violating_views", "violating_items")  # fmt: skip
"""What readers act on first: harm that people see, what is taken down wrongly, how much there is."""


@dataclass(frozen=True, slots=True)
class ProductionPoint:
    """One figure of one week, against the sample before it.

    Attributes:
        week: ISO label.
        result: Estimate with its 95% interval; n is the labelled items.
        before: Estimate of the sample before; None without one.
        p_value: Of the difference; NaN without one.
        q_value: After Benjamini-Hochberg over the week's figures.
    """

    week: str
    date: str
    golden: str
    result: MetricResult
    n_violating: int
    method: str
    before: MetricResult | None = None
    since: str | None = None
    difference: MetricResult | None = None
    p_value: float = math.nan
    q_value: float = math.nan

    @property
    def is_moved(self) -> bool:
        """Whether it moved by more than chance explains."""
        return not math.isnan(self.q_value) and self.q_value <= Q


@dataclass(frozen=True, slots=True)
class ProductionSeries:
    """One figure of one category over the weeks; ``stated`` is the policy's prevalence, for the share of items."""

    category: str
    name: str
    figure: str
    points: tuple[ProductionPoint, ...]
    owner: str | None = None
    severity: str = ""
    stated: float | None = None

    def at(self, week: str) -> ProductionPoint | None:
        """The point of a week."""
        return next((one for one in self.points if one.week == week), None)


@dataclass(frozen=True, slots=True)
class Production:
    """Samples of production.

    Attributes:
        weeks: Every week from the first sample shown to the reported week, with or without one.
        unknown: Categories of the series that the policy does not have.
    """

    weeks: tuple[str, ...]
    missing: tuple[str, ...]
    newest: str
    week: str
    series: tuple[ProductionSeries, ...]
    unknown: tuple[str, ...] = ()

    @property
    def overall(self) -> tuple[ProductionSeries, ...]:
        """Figures of all categories together; of the only category where there is one."""
        category = self.series[0].category
        return tuple(one for one in self.series if one.category == category)

    @property
    def now(self) -> tuple[tuple[ProductionSeries, ProductionPoint], ...]:
        """Figures of the newest sample."""
        return tuple((one, point) for one in self.series if (point := one.at(self.newest)) is not None)


def production_of(lines: Sequence[SeriesLine], policy: PolicyFacts, week: str, n_weeks: int) -> Production | None:
    """Production up to a week; None where no sample of the weeks shown is there.

    Raises:
        HarnessError: One date has two values of a figure: samples of two pools, or a line twice.
    """
    shown = set(weeks_until(week, n_weeks))
    dated = [(week_of_date(datetime.date.fromisoformat(one.date)), one) for one in lines]
    chosen = _latest([(one_week, one) for one_week, one in dated if one_week in shown])
    if not chosen:
        return None
    weeks_with = sorted({key[0] for key in chosen})
    weeks = tuple(weeks_until(week, weeks_between(weeks_with[0], week) + 1))
    known = set(policy.categories)
    categories = list(dict.fromkeys(one.category for one in chosen.values()))
    order = sorted(categories, key=lambda one: (one != ANY, one not in known))
    drafts = {
        (category, figure): _points({at: one for at, one in chosen.items() if at[1:] == (category, figure)})
        for category in order
        for figure in _ORDER
    }
    drafts = {key: points for key, points in drafts.items() if any(one.result.is_defined for one in points)}
    if not drafts:
        return None
    series = tuple(_series(policy, *key, points) for key, points in _corrected(drafts).items())
    missing = tuple(one for one in weeks if one not in weeks_with)
    unknown = tuple(one for one in order if one not in known and one != ANY)
    return Production(weeks, missing, weeks_with[-1], week, series, unknown)


def _series(policy: PolicyFacts, category: str, figure: str, points: tuple[ProductionPoint, ...]) -> ProductionSeries:
    """A figure with what the policy says of its category."""
    if category not in policy.categories:
        return ProductionSeries(category, category, figure, points)
    facts, name = policy.category(category), policy.category_name(category)
    stated = facts.prevalence.value if facts.prevalence is not None and figure == "violating_items" else None
    return ProductionSeries(category, name, figure, points, facts.owner, facts.severity or "", stated)


_Key = tuple[str, str, str]
"""Week, category, figure."""


def _latest(lines: Sequence[tuple[str, SeriesLine]]) -> dict[_Key, SeriesLine]:
    """The latest line of each week, category and figure; two of one date are refused."""
    found: dict[_Key, SeriesLine] = {}
    for week, one in lines:
        other = found.get(key := (week, one.category, one.figure))
        if other is not None and other.date == one.date:
            sets = f"{other.golden_set} and {one.golden_set}" if other.golden_set != one.golden_set else one.golden_set
            raise HarnessError(
                f"the series has two values of {one.figure} of {one.category} on {one.date}, from {sets}",
                allowed="one value of a category, figure and date",
                next_step="keep a series for each pool, and remove lines that stand there twice",
            )
        if other is None or other.date < one.date:
            found[key] = one
    return found


def _points(lines: Mapping[_Key, SeriesLine]) -> tuple[ProductionPoint, ...]:
    """The weeks of one figure, each against the sample before it in which the figure is defined."""
    found: list[ProductionPoint] = []
    for week, _, _ in sorted(lines):
        line = lines[(week, *next(iter(lines))[1:])]
        golden = f"{line.golden_set} v{line.version}" if line.version else line.golden_set
        point = ProductionPoint(week, line.date, golden, line.result, line.n_violating, line.method)
        last = next((one for one in reversed(found) if one.result.is_defined), None)
        if last is not None and line.result.is_defined:
            difference, p_value = difference_of_estimates(line.result, last.result)
            point = replace(point, before=last.result, since=last.week, difference=difference, p_value=p_value)
        found.append(point)
    return tuple(found)


def _corrected(
    drafts: Mapping[tuple[str, str], tuple[ProductionPoint, ...]],
) -> dict[tuple[str, str], tuple[ProductionPoint, ...]]:
    """Benjamini-Hochberg over the figures of each week."""
    q_values: dict[tuple[str, str, str], float] = {}
    for week in sorted({one.week for points in drafts.values() for one in points}):
        family = [(key, one.p_value) for key, points in drafts.items() for one in points if one.week == week]
        adjusted = benjamini_hochberg([p_value for _, p_value in family]).tolist()
        q_values |= {(*key, week): q for (key, _), q in zip(family, adjusted, strict=True)}
    return {
        key: tuple(replace(one, q_value=q_values[(*key, one.week)]) for one in points) for key, points in drafts.items()
    }


def production_findings(production: Production | None) -> tuple[Finding, ...]:
    """What moved in the reported week; nothing where it has no sample."""
    return () if production is None or production.newest != production.week else newest_findings(production)


def newest_findings(production: Production) -> tuple[Finding, ...]:
    """What moved in the newest sample; by items it restates what the same figure by views says."""
    moved = {
        (one.category, one.figure): (one, point) for one, point in production.now if point.is_moved and point.difference
    }
    found = []
    for (category, figure), (series, point) in moved.items():
        assert point.difference is not None
        is_better = point.difference.value < 0
        by_views = moved.get((category, PRODUCTION_FIGURES[figure].same_by_views or ""))
        restates = by_views is not None and _is_down(by_views[1]) == is_better
        overall = moved.get((ANY, figure)) if category != ANY else None
        restates |= overall is not None and _is_down(overall[1]) == is_better and series.severity != "critical"
        found.append(
            Finding(
                "gain" if is_better else "harm",
                "production",
                PRODUCTION,
                None if category == ANY else category,
                series.name,
                metric=figure,
                severity=series.severity,
                before=point.before,
                after=point.result,
                difference=point.difference,
                evidence=Evidence("likely", point.p_value, point.q_value, n=point.result.n, restates=restates),
                since=point.since,
                owner=series.owner,
            )
        )
    return tuple(found)


def _is_down(point: ProductionPoint) -> bool:
    return point.difference is not None and point.difference.value < 0
