"""Whether a category meets its policy target.

Decides by the one-sided 95% Clopper-Pearson bound, as the gate's floors do: met when the lower bound reaches the
target, missed when the upper bound stays below it, open otherwise. Clustered items count for what they are worth.
"""

from __future__ import annotations

import math

from harness.core.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.core.planning import floor_items_needed
from harness.core.results import MetricResult
from harness.report.weekly.control import effective_items
from harness.report.weekly.data import Judgement

MOST_ITEMS = 10_000
"""A target that would need more items than this is called too close to tell."""


def judge(metric: str, result: MetricResult, target: float | None) -> Judgement | None:
    """One metric against its target; None without a target."""
    if target is None:
        return None
    n = effective_items(result)
    if n <= 0:
        return Judgement(metric, target, "open", math.nan, math.nan, None, result.reason or "not measured")
    x = min(result.value * n, n)
    low, high = clopper_pearson_lower(x, n), clopper_pearson_upper(x, n)
    if low >= target:
        return Judgement(metric, target, "met", low, high, None, None)
    if high < target:
        return Judgement(metric, target, "missed", low, high, None, None)
    if result.value <= target:
        return Judgement(metric, target, "open", low, high, None, "its value is not above the target")
    needed = floor_items_needed(min(result.value, 1.0), target) if 0 < target < 1 else None
    more = None if needed is None else max(1, math.ceil(needed * result.n / n) - result.n)
    if more is None or more > MOST_ITEMS:
        return Judgement(metric, target, "open", low, high, None, "too close to the target to tell")
    return Judgement(metric, target, "open", low, high, more, None)
