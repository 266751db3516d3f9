"""One week against the weeks before: tests of independent samples that flag a chart and gate nothing."""

from __future__ import annotations

import math

from harness.core.results import MetricResult
from harness.core.special import ndtr, ndtri


def two_proportion_test(x1: float, n1: float, x0: float, n0: float) -> float:
    """Two-sided score test of equal proportions in independent samples (one week against the four before).

    Z = (p1 - p0)/sqrt(p(1 - p)(1/n1 + 1/n0)) with p pooled. A chart flag after Benjamini-Hochberg, never a gate.

    Args:
        x1: Items with the property in the first sample; 0 <= x1 <= n1.
        n1: Items in the first sample.
        x0: Items with the property in the second sample; 0 <= x0 <= n0.
        n0: Items in the second sample.

    Returns:
        A p-value in [0, 1]; 1 when no or every item has the property; NaN when a sample is empty.

    Raises:
        ValueError: A count is out of range.

    References:
        Newcombe (1998), Statistics in Medicine.

    >>> round(two_proportion_test(56, 70, 48, 80), 4)
    0.008
    """
    if not (0 <= x1 <= n1 and 0 <= x0 <= n0):
        raise ValueError(f"need 0 <= x <= n, got {x1}/{n1} and {x0}/{n0}")
    if n1 == 0 or n0 == 0:
        return math.nan
    pooled = (x1 + x0) / (n1 + n0)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n0)
    if variance <= 0:
        return 1.0
    return float(2 * ndtr(-abs(x1 / n1 - x0 / n0) / math.sqrt(variance)))


def difference_of_estimates(now: MetricResult, before: MetricResult) -> tuple[MetricResult, float]:
    """Difference of two independent estimates of which only the 95% intervals are known, and its p-value.

    The variance of each is read from the end of its interval that faces the other (MOVER): for now > before, from the
    lower end of now and the upper end of before. The p-value is that of the level at which the interval reaches 0.

    Args:
        now: A share with a 95% interval.
        before: The same of another sample.

    Returns:
        Difference with its 95% interval, n the smaller of the two, and a two-sided p-value in [0, 1]: 1 for equal
        estimates, NaN, as the difference, where one is undefined or has no interval.

    References:
        Zou & Donner (2008), Statistics in Medicine 27:1693-1702, equations 4 and 5.

    >>> now, before = MetricResult(0.10, 0.07, 0.14, 500), MetricResult(0.05, 0.03, 0.08, 500)
    >>> difference, p_value = difference_of_estimates(now, before)
    >>> [round(one, 4) for one in (difference.value, difference.low, difference.high, p_value)]
    [0.05, 0.0076, 0.0947, 0.0209]
    """
    ends = (now.value, now.low, now.high, before.value, before.low, before.high)
    if any(math.isnan(one) for one in ends):
        why = now.reason or before.reason or "no interval"
        return MetricResult.undefined(why), math.nan
    value = now.value - before.value
    low = value - math.hypot(now.value - now.low, before.high - before.value)
    high = value + math.hypot(now.high - now.value, before.value - before.low)
    room = abs(value - low) if value > 0 else abs(high - value)
    if value == 0:
        p_value = 1.0
    elif room == 0:
        p_value = 0.0
    else:
        p_value = float(2 * ndtr(-abs(value) / room * ndtri(0.975)))
    return MetricResult(value, max(-1.0, low), min(1.0, high), min(now.n, before.n)), p_value
