"""The section that sets cost against quality, where there are three candidates or more: who is beaten at once in both.

Decides what a candidate costs here: its answers at list price and, where people look at a part, their hours. One that
makes no calls costs nothing; a cost that nobody knows is said and never 0, and such a candidate is not placed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.core.frontier import dominators
from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.results import MetricResult
from harness.report.comparison.people import review_load
from harness.report.comparison.section_table import Section
from harness.report.comparison.source import Arm, ReportSource
from harness.report.parts import numbers
from harness.report.parts.tables import Table

FEWEST = 3
"""Candidates from which on a frontier says more than the comparison of two."""
METRICS = ("f1", "recall", "precision")
_COLUMNS = ("Candidate", "Cost per 1,000 items", "F1", "Recall", "Precision", "Cost against F1")
_NOTE = (
    "All categories together, with 95% intervals. Beaten: another candidate costs no more and is no worse, by the "
    "values themselves; whether a difference is proven stands in the comparison."
)


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One candidate: what 1,000 items cost (None: nobody knows, see ``why``), its quality, who beats it by metric."""

    candidate: str
    cost_per_1000_usd: float | None
    why: str
    quality: dict[str, MetricResult]
    beaten_by: dict[str, str | None]

    def is_on_frontier(self, metric: str) -> bool:
        """Whether nobody beats it; False for one that is not placed."""
        return self.cost_per_1000_usd is not None and self.quality[metric].is_defined and self.beaten_by[metric] is None


def frontier_points(source: ReportSource) -> tuple[FrontierPoint, ...]:
    """Every candidate with its cost and its quality over all categories."""
    costs = [_cost(source, arm) for arm in source.arms]
    quality = [
        {name: source.scored(arm.id).micro.get(name, MetricResult.undefined("not measured")) for name in METRICS}
        for arm in source.arms
    ]
    beaten: list[dict[str, str | None]] = [{} for _ in source.arms]
    for metric in METRICS:
        sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
        values = [sign * one[metric].value for one in quality]
        by = dominators([math.nan if cost is None else cost for cost, _ in costs], values)
        for found, at in zip(beaten, by, strict=True):
            found[metric] = None if at is None else source.arms[at].id
    return tuple(
        FrontierPoint(arm.id, cost, why, of, by)
        for arm, (cost, why), of, by in zip(source.arms, costs, quality, beaten, strict=True)
    )


def _cost(source: ReportSource, arm: Arm) -> tuple[float | None, str]:
    """Cost of 1,000 items, and what to know of it."""
    scored = source.scored(arm.id)
    money, per_1000, why = scored.money, scored.money.per_1000_usd, ""
    if per_1000 is None:
        if arm.makes_calls:
            return None, "unknown: no price"
        per_1000, why = 0.0, "no calls"
    elif money.n_unknown:
        why = f"{numbers.count(money.n_unknown)} answers of unknown price left out"
    if scored.people is None:
        return per_1000, why
    reviewers = review_load(scored.people.share, source.review_seconds, source.review_usd_per_hour).usd_per_1000
    if reviewers is None:
        return None, "unknown: what an hour of the reviewers costs"
    return per_1000 + reviewers.value, ", ".join(filter(None, (why, "reviewers included")))


def cost_words(point: FrontierPoint) -> str:
    """The cost as it is written: never a 0 for what nobody knows."""
    if point.cost_per_1000_usd is None:
        return point.why
    return numbers.usd(point.cost_per_1000_usd) + (f" ({point.why})" if point.why else "")


def _cheapest_first(point: FrontierPoint) -> float:
    return math.inf if point.cost_per_1000_usd is None else point.cost_per_1000_usd


def _tables(source: ReportSource) -> list[Table]:
    if len(source.arms) < FEWEST:
        return []
    rows = []
    for one in sorted(frontier_points(source), key=_cheapest_first):
        beaten = one.beaten_by["f1"]
        said = f"beaten by {beaten}" if beaten else "on the frontier" if one.is_on_frontier("f1") else "not placed"
        shares = (numbers.share_with_interval(one.quality[metric]) for metric in METRICS)
        rows.append((one.candidate, cost_words(one), *shares, said))
    return [Table("", _COLUMNS, tuple(rows), (_NOTE,), frozenset(_COLUMNS[1:5]))]


FRONTIER = Section(
    "Cost and quality",
    "Cost against quality",
    "Which candidates are worth their price: those on the frontier are beaten by none that costs no more.",
    _tables,
)
