"""One week against the weeks before: a test of equal shares that flags a chart and gates nothing."""

from __future__ import annotations

import math

from scipy.special import ndtr


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
