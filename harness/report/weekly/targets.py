"""A category against its policy target, in the words of the weekly report; the rule is ``core.targets``'."""

from __future__ import annotations

from harness.core.results import MetricResult
from harness.core.targets import OpenBecause, judge_target
from harness.report.weekly.data import CategoryRow, Judgement

_WHY_OPEN: dict[OpenBecause, str] = {
    "at_or_beyond": "its value is not above the target",
    "too_close": "too close to the target to tell",
}


def judge(metric: str, result: MetricResult, target: float | None) -> Judgement | None:
    """One metric against its target; None without a target."""
    if target is None:
        return None
    found = judge_target(metric, result, target)
    reason = (result.reason or "not measured") if found.because == "not_measured" else None
    reason = reason or (_WHY_OPEN.get(found.because) if found.because else None)
    return Judgement(metric, target, found.state, found.low, found.high, found.further, reason)


def is_below_in_production(row: CategoryRow) -> bool:
    """Whether the whole interval of a category's precision in production lies below its target."""
    judged, there = row.judgements.get("precision"), row.production_precision
    return judged is not None and there is not None and there.high < judged.target
