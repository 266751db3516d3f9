"""Checks at an operating point: both candidates as they would decide there, and what to say of their thresholds.

Decides when such a check cannot be evaluated. The threshold of each side is chosen on the dev part of its own run and
counts as part of the system that is judged: what is tested on the gate part is the candidate with that threshold. A
baseline that reaches no such threshold leaves nothing to lose; a candidate that reaches none flags nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.arrays import Ints
from harness.core.checks import BASELINE_UNSCORED, CANDIDATE_UNSCORED, CheckResult, CheckSpec
from harness.core.gate_arrays import GateArrays
from harness.core.operating_metrics import OperatingMetric, operating_metric
from harness.core.point_choice import with_choice
from harness.core.results import MetricResult, number_or_none
from harness.core.statements import Statement
from harness.measure.pairs import Pairs, pair_runs
from harness.measure.points import NO_SCORES, PointReading, drawn_of, read_points
from harness.runs import StoredCandidate

NO_SPLIT = "the eval declares no split, and a threshold that was chosen on the items it is judged by flatters"


@dataclass(frozen=True, slots=True, eq=False)
class PointPairs:
    """Two candidates at one operating point."""

    metric: OperatingMetric
    pairs: Pairs
    arrays: GateArrays
    baseline: PointReading
    candidate: PointReading


def pairs_at_points(
    baseline: StoredCandidate,
    candidate: StoredCandidate,
    specs: Sequence[CheckSpec],
    positions: tuple[Ints, Ints] | None = None,
) -> dict[str, PointPairs]:
    """Metric -> both candidates at its operating point, for each that the checks name."""
    named = {spec.metric: operating_metric(spec.metric) for spec in specs}
    metrics = [one for one in named.values() if one is not None]
    before = read_points(*baseline, metrics)
    after = read_points(*candidate, metrics)
    found = {}
    for metric in metrics:
        a, b = before[metric.name], after[metric.name]
        pairs = pair_runs(baseline, candidate, positions=positions, decided=(a.y_pred, b.y_pred))
        drawn = {name: both for name in b.choices if (both := drawn_of(a, b, name)) is not None}
        arrays = replace(pairs.arrays(), unfit=_unfit(metric, a, b), drawn=drawn)
        found[metric.name] = PointPairs(metric, pairs, arrays, a, b)
    return found


def readings_at_points(points: Mapping[str, PointPairs], readings: Sequence[str]) -> dict[str, dict[str, GateArrays]]:
    """Reading of failed answers -> metric -> both candidates under it."""
    found: dict[str, dict[str, GateArrays]] = {reading: {} for reading in readings}
    for metric, one in points.items():
        others = one.pairs.alternatives()
        for reading in readings:
            a, b = others.get(reading, (one.arrays.a, one.arrays.b))
            found[reading][metric] = replace(one.arrays, a=a, b=b)
    return found


def point_remarked(check: CheckResult, point: PointPairs, kept: tuple[MetricResult, MetricResult]) -> CheckResult:
    """The check with where both thresholds lie and what of the held is kept there, as far as both have one."""
    category = check.spec.category
    a, b = point.baseline.choices.get(category), point.candidate.choices.get(category)
    if a is None or b is None or not (a.is_chosen and b.is_chosen):
        return check
    facts = {
        "held": point.metric.held,
        "wanted": point.metric.value,
        "thresholds": {"baseline": a.as_dict()["thresholds"][0], "candidate": b.as_dict()["thresholds"][0]},
        "kept": {name: number_or_none(one.value) for name, one in zip(("baseline", "candidate"), kept, strict=True)},
        "n_positives": b.n_positives,
    }
    return replace(check, remarks=(Statement("point_at", facts=facts), *check.remarks))


def levels_with_choice(
    point: PointPairs, category: str, levels: tuple[MetricResult, MetricResult]
) -> tuple[MetricResult, MetricResult]:
    """Values of baseline and candidate with intervals that hold what the choice of their thresholds costs."""
    choices = (one.choices.get(category) for one in (point.baseline, point.candidate))
    a, b = (
        level if choice is None or choice.is_chosen else MetricResult.undefined(str(choice.reason))
        for level, choice in zip(levels, choices, strict=True)
    )
    drawn = point.arrays.drawn.get(category)
    if drawn is None:
        return a, b
    return with_choice(a, point.metric.measured, drawn[0]), with_choice(b, point.metric.measured, drawn[1])


def _unfit(metric: OperatingMetric, a: PointReading, b: PointReading) -> dict[tuple[str, str], str]:
    """(Category, margin or floor) -> why the check cannot be evaluated."""
    found: dict[tuple[str, str], str] = {}
    for category, after in b.choices.items():
        before = a.choices.get(category)
        either = None
        if after.chosen_on != "dev":
            either = NO_SPLIT
        elif not after.is_chosen:
            either = CANDIDATE_UNSCORED if after.reason == NO_SCORES else str(after.reason)
        against = either
        if against is None and before is not None:
            if not before.is_chosen:
                against = BASELINE_UNSCORED if before.reason == NO_SCORES else str(before.reason)
            elif not before.is_reached:
                against = f"no threshold of the baseline has {metric.held_words} on the dev part: nothing to lose there"
        found |= {(category, "floor"): either} if either is not None else {}
        found |= {(category, "margin"): against} if against is not None else {}
    return found
