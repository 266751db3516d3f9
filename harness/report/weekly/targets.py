"""A category against its policy target, in the words of the weekly report; the rule is ``core.targets``'."""

from __future__ import annotations

from harness.core.results import MetricResult
from harness.core.targets import OpenBecause, judge_target
from harness.report.weekly.data import Judgement

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
