"""Whether a value meets what is asked of it: the one rule for targets of a policy and floors of a gate.

Decides met, missed or open by the one-sided exact bound (Clopper-Pearson) on the effective number of items, and how
many more items would let an open one be met. Leaves what follows from it to gates and reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.core.intervals import clopper_pearson_lower, clopper_pearson_upper, normal_quantile
from harness.core.metric_table import CONFIDENCE, LOWER_IS_BETTER
from harness.core.planning import MOST_FURTHER, floor_items_needed, further_items
from harness.core.results import MetricResult

TargetState = Literal["met", "missed", "open"]
OpenBecause = Literal["not_measured", "at_or_beyond", "too_close", "few_items"]
_Z = normal_quantile(CONFIDENCE)


@dataclass(frozen=True, slots=True)
class TargetJudgement:
    """A value against a limit.

    Attributes:
        limit: What is asked: at least this, or at most this for a metric of which less is better.
        state: Met, missed or open.
        low: One-sided lower bound of the value; NaN when nothing was measured.
        high: One-sided upper bound.
        because: Why it is open; None otherwise.
        further: Further items of the denominator with which the observed value would meet the limit; None when it is
            settled, when no number helps, or when more than ``MOST_FURTHER`` would be needed.
    """

    limit: float
    state: TargetState
    low: float
    high: float
    because: OpenBecause | None = None
    further: int | None = None


def target_state(n_good: float, n: float, least: float, *, alpha: float = 0.05) -> tuple[TargetState, float, float]:
    """Judge a share of good items against the least acceptable one.

    Met when the one-sided lower bound reaches it, missed when the one-sided upper bound stays below it, else open.

    Args:
        n_good: Items that are right; fractional for effective counts.
        n: Items of the denominator, > 0.
        least: Least acceptable share, in (0, 1).
        alpha: One-sided level, in (0, 1).

    Returns:
        State, lower and upper bound.

    Raises:
        ValueError: A count is out of range.

    References:
        Clopper & Pearson (1934), Biometrika.

    >>> target_state(87, 100, 0.80)[0], target_state(149, 200, 0.80)[0], target_state(85, 100, 0.80)[0]
    ('met', 'missed', 'open')
    """
    low = clopper_pearson_lower(n_good, n, confidence=1 - alpha)
    high = clopper_pearson_upper(n_good, n, confidence=1 - alpha)
    return ("met" if low >= least else "missed" if high < least else "open"), low, high


def judge_target(
    metric: str, result: MetricResult, limit: float, *, alpha: float = 0.05, power: float = 0.8
) -> TargetJudgement:
    """Judge a measured value, whose interval carries what clusters cost, against a target or floor.

    Args:
        metric: Name of the metric; it decides whether the limit is the least or the most.
        result: The value with its two-sided 95% interval.
        limit: What is asked, in (0, 1).
        alpha: One-sided level, in (0, 1).
        power: Chance to meet the limit that the further items aim at.

    Returns:
        State, bounds in the metric's own sense, and what would settle it.

    References:
        Clopper & Pearson (1934), Biometrika. Korn & Graubard (1998) for the effective number of items.

    >>> from harness.core.metrics import METRICS
    >>> judge_target("recall", METRICS["recall"](87, 0, 13, 0), 0.80).state
    'met'
    >>> judge_target("fpr", METRICS["fpr"](0, 1, 0, 99), 0.10).state
    'met'
    """
    n = effective_items(result)
    if n <= 0:
        return TargetJudgement(limit, "open", math.nan, math.nan, "not_measured")
    is_most = metric in LOWER_IS_BETTER
    value, least = (1 - result.value, 1 - limit) if is_most else (result.value, limit)
    value = min(max(value, 0.0), 1.0)
    state, low, high = target_state(value * n, n, least, alpha=alpha)
    if is_most:
        low, high = 1 - high, 1 - low
    if state != "open":
        return TargetJudgement(limit, state, low, high)
    if value <= least:
        return TargetJudgement(limit, "open", low, high, "at_or_beyond")
    needed = floor_items_needed(value, least, power=power, alpha=alpha) if 0 < least < 1 else None
    further = None if needed is None else max(1, further_items(needed, n, result.n / n))
    if further is None or further > MOST_FURTHER:
        return TargetJudgement(limit, "open", low, high, "too_close")
    return TargetJudgement(limit, "open", low, high, "few_items", further)


def effective_items(result: MetricResult) -> float:
    """Items that a Wilson interval of this width stands for: n without clusters, fewer with them; 0 when undefined.

    Solves half = z/(1+u)·sqrt(p(1-p)u/z² + u²/4z²), u = z²/n, for n; the half-width carries what clusters cost.

    Args:
        result: A share with its two-sided 95% Wilson interval.

    Returns:
        A number of items, at most ``result.n``.

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> from harness.core.metrics import METRICS
    >>> round(effective_items(METRICS["recall"](40, 0, 10, 0)))
    50
    """
    if math.isnan(result.value) or math.isnan(result.low) or result.n == 0:
        return 0.0
    half = (result.high - result.low) / 2
    variance = result.value * (1 - result.value)
    a, b, c = half**2 - 0.25, 2 * half**2 - variance, half**2
    if abs(a) < 1e-12:
        return float(result.n)
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    u = max((-b - root) / (2 * a), (-b + root) / (2 * a))
    if u <= 0:
        return float(result.n)
    n = _Z**2 / u
    return float(result.n) if abs(n - result.n) < 1e-6 * result.n else min(n, float(result.n))
