"""The candidate at operating points over the weeks: recall where precision is held at 90%, and the like.

Decides which weeks stand side by side, what counts as moved there (a difference on the same items as in the run before
that is proven after Holm and leaves out 0, for points of the gate whose thresholds a dev part chose; others are for
reading), and how a week tells it. Thresholds and values are those of ``measure.points``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.metric_table import METRIC_TITLES
from harness.core.multiplicity import holm
from harness.core.operating_metrics import OperatingMetric
from harness.core.paired import PairedResult
from harness.gating.findings import Evidence, Finding
from harness.gating.findings.pair import About
from harness.measure.point_pairs import PointPair, point_pairs
from harness.measure.points import PointScore, point_metrics
from harness.records.evals import ALPHA
from harness.report.parts import numbers
from harness.report.parts.words import enumerated, plural
from harness.report.weekly.operating_data import OperatingRow, OperatingWeek, why_within
from harness.runs import Run

if TYPE_CHECKING:
    from harness.report.weekly.collect import WeeklySource

TOLD = 3
"""Categories of an operating point that its sentence names."""
N_RESAMPLES = 200
"""The tests are exact, or resample the items that chose the thresholds: nothing else of the resamples is read."""
Scores = Mapping[str, Sequence[PointScore]]
"""Category -> the candidate at each operating point."""


def operating_of(source: WeeklySource, about: Mapping[str, About], before: Run | None) -> tuple[OperatingRow, ...]:
    """The reported candidate at operating points, where any is asked for.

    ``before`` is the run before, where it holds the same items.
    """
    if not source.point_metrics:
        return ()
    weeks = [
        (week, meta.run_id, meta.golden_set.title, source.points.get(meta.run_id, {}))
        for week, runs in source.by_week.items()
        if (meta := runs.of.get(source.candidate)) is not None
    ]
    pairs = {} if before is None else point_changes(before, source.run, source.candidate, source.point_metrics)
    since = source.previous[0] if source.previous else None
    return operating_rows(weeks, source.point_metrics, about, pairs, tested_points(source.run, pairs), since)


def operating_rows(
    weeks: Sequence[tuple[str, str, str, Scores]],
    metrics: Sequence[OperatingMetric],
    about: Mapping[str, About],
    pairs: Mapping[str, Sequence[PointPair]],
    tested: Mapping[tuple[str, str], Tested],
    since: str | None,
) -> tuple[OperatingRow, ...]:
    """A row for each operating point and category of the reported week that ever had a threshold in these weeks.

    Args:
        weeks: Week, run, golden set and scores, oldest first, the reported week last.
        metrics: The operating points, in the order in which they are shown.
        about: What the policy says about each category that is shown.
        pairs: Category -> the candidate against itself in the run before.
        tested: Category and metric -> what the tests say of them.
        since: Week of that run.
    """
    paired = {(name, one.metric): one.result for name, every in pairs.items() for one in every}
    found = []
    for metric, (category, facts) in itertools.product(metrics, about.items()):
        told = tuple(
            OperatingWeek(week, run_id, golden, score)
            for week, run_id, golden, scores in weeks
            for score in scores.get(category, ())
            if score.metric == metric.name
        )
        if not told or told[-1].week != weeks[-1][0] or not any(one.score.choice.is_chosen for one in told):
            continue
        title = METRIC_TITLES[metric.name]
        row = OperatingRow(category, facts.name, facts.severity, facts.owner, metric.name, title, told)
        result, test = paired.get((category, metric.name)), tested.get((category, metric.name))
        if result is not None and result.difference.is_defined:
            row = replace(
                row, since=since, before=result.baseline, difference=result.difference, p_value=result.p_value
            )
            row = row if test is None else replace(row, p_holm=test.p_holm, is_moved=test.is_moved)
        found.append(row)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test says of a difference at an operating point."""

    result: PairedResult
    p_holm: float
    is_moved: bool


def tested_points(run: Run, pairs: Mapping[str, Sequence[PointPair]]) -> dict[tuple[str, str], Tested]:
    """Category and metric -> the test, one family: points of the run's gate whose thresholds the dev part chose."""
    of_gate = {one.name for one in point_metrics(run)}
    found = {
        (category, one.metric): one.result
        for category, every in pairs.items()
        for one in every
        if one.metric in of_gate and all(choice.chosen_on == "dev" for choice in one.choices)
    }
    adjusted = holm([one.p_value for one in found.values()]).tolist()
    return {
        key: Tested(one, p, p <= ALPHA and not one.difference.low <= 0 <= one.difference.high)
        for (key, one), p in zip(found.items(), adjusted, strict=True)
    }


def point_changes(
    before: Run, run: Run, candidate: str, metrics: Sequence[OperatingMetric] | None = None
) -> dict[str, tuple[PointPair, ...]]:
    """The candidate against itself in the run before, at the operating points of the run's gate or at others."""
    asked = point_metrics(run) if metrics is None else metrics
    return point_pairs(before[candidate], run[candidate], asked, n_resamples=N_RESAMPLES) if asked else {}


def operating_findings(rows: Sequence[OperatingRow], candidate: str) -> list[Finding]:
    """What is proven to have moved at an operating point."""
    return [
        Finding(
            "harm" if one.is_worse else "gain",
            "moved",
            candidate,
            one.category,
            one.name,
            metric=one.metric,
            severity=one.severity,
            before=one.before,
            after=one.weeks[-1].score.value,
            difference=one.difference,
            evidence=Evidence("proven", one.p_value, one.p_holm),
            since=one.since,
            owner=one.owner,
        )
        for one in rows
        if one.is_moved
    ]


def operating_sentences(rows: Sequence[OperatingRow]) -> list[str]:
    """One sentence for each operating point: what it is in the categories that matter most, and what moved."""
    found = []
    for title in dict.fromkeys(one.title for one in rows):
        own = sorted((one for one in rows if one.title == title), key=_importance)
        if len(own) > 1 and all(_is_beyond(one) for one in own):
            found.append(f"{title}: no threshold reaches it in {enumerated([one.name for one in own], TOLD)}.")
            continue
        told = enumerated([_told(one) for one in own[:TOLD]], TOLD)
        n_more = len(own) - TOLD
        more = f"; {plural(n_more, 'more category', 'more categories')} in the report" if n_more > 0 else ""
        found.append(f"{title}: {told}{more}.")
    return found


def _is_beyond(one: OperatingRow) -> bool:
    """Whether no threshold reaches it, and none moved: all there is to say of it."""
    return one.now.choice.is_chosen and not one.now.choice.is_reached and not one.is_moved


def _importance(one: OperatingRow) -> tuple[bool, bool, bool, float]:
    value = one.now.value
    return not one.is_worse, not one.is_moved, one.severity != "critical", value.value if value.is_defined else -1.0


def _told(one: OperatingRow) -> str:
    value = one.now.value
    if not one.now.choice.is_chosen or not value.is_defined:
        return f"{one.name} n/a ({one.now.reason or 'not measured'})"
    said = f"{one.name} {numbers.share(value.value)}"
    if one.difference is not None:
        sure = "" if one.is_moved else ", not tested" if math.isnan(one.p_holm) else f", within chance{why_within(one)}"
        said += f" ({numbers.points(one.difference.value)} points since {one.since}{sure})"
    return said if one.now.choice.is_reached else f"{said}, as no threshold reaches it"
