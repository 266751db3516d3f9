"""Noise or movement: one week against the weeks before it.

Decides the chart's control limits and flags. Weeks enter with their effective number of items, so that clustered items
count for what they are worth. A flag is a mark on a chart, never a gate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.core.results import Interval, MetricResult
from harness.core.sampled import two_proportion_test
from harness.core.targets import effective_items

Q = 0.10
"""Share of false flags that Benjamini-Hochberg allows among a week's flags."""
WEEKS_BEFORE = 4
LIMIT_SIGMA = 3.0


def pooled(results: Sequence[MetricResult]) -> tuple[float, float]:
    """Successes and effective items of several weeks together; n is 0 without any."""
    sizes = [effective_items(one) for one in results]
    return sum(one.value * n for one, n in zip(results, sizes, strict=True) if n), sum(sizes)


def control_limits(share: float, n_before: float, n_now: float, *, sigma: float = LIMIT_SIGMA) -> Interval:
    """Where a week of ``n_now`` items may land if nothing changed since ``n_before`` items with this share.

    Inverts the score test that raises the flags: |p - p0| <= sigma·sqrt(p̄(1-p̄)(1/n1 + 1/n0)), p̄ pooled.

    >>> [round(end, 3) for end in control_limits(0.8, 400, 100)]
    [0.659, 0.927]
    """
    if n_before <= 0 or n_now <= 0:
        return Interval(math.nan, math.nan)
    weight = n_now / (n_now + n_before)
    c = sigma**2 * (1 / n_now + 1 / n_before)
    a, b = 1 + c * weight**2, c * weight * (1 - 2 * share)
    root = math.sqrt(b * b + 4 * a * c * share * (1 - share))
    return Interval(max(0.0, share + (b - root) / (2 * a)), min(1.0, share + (b + root) / (2 * a)))


def chart_p_value(now: MetricResult, before: Sequence[MetricResult]) -> float:
    """Two-sided score test of this week against the weeks before together; NaN when either side is empty."""
    n_now = effective_items(now)
    x_before, n_before = pooled(before)
    if n_now <= 0 or n_before <= 0:
        return math.nan
    return two_proportion_test(min(now.value * n_now, n_now), n_now, min(x_before, n_before), n_before)
