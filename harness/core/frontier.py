"""Which of several systems no other one beats: at most its cost, at least its quality, and one of the two better.

Decides domination by point values; how sure they are stands in their intervals. A system whose cost or quality is
unknown beats nobody and is beaten by nobody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def dominators(cost: Sequence[float], quality: Sequence[float]) -> list[int | None]:
    """For each system the best one that dominates it; None for those on the frontier and for unknown ones.

    Args:
        cost: Cost of each system, >= 0; NaN where it is unknown.
        quality: Quality of each system, higher is better; NaN where it is unknown.

    Returns:
        Per system the position of the one of highest quality (of these the cheapest) among those that dominate it.

    Raises:
        ValueError: Lengths differ.

    References:
        Kung, Luccio & Preparata (1975), J. ACM 22:469-476, on maxima of a set of vectors.

    >>> dominators([1.0, 2.0, 3.0, float("nan")], [0.5, 0.4, 0.9, 0.1])
    [None, 0, None, None]
    """
    if len(cost) != len(quality):
        raise ValueError(f"cost and quality must have one length, got {len(cost)} and {len(quality)}")
    found: list[int | None] = []
    for own_cost, own_quality in zip(cost, quality, strict=True):
        better = [
            at
            for at, (other_cost, other_quality) in enumerate(zip(cost, quality, strict=True))
            if other_cost <= own_cost
            and other_quality >= own_quality
            and (other_cost < own_cost or other_quality > own_quality)
        ]
        known = not (math.isnan(own_cost) or math.isnan(own_quality))
        found.append(max(better, key=lambda at: (quality[at], -cost[at])) if known and better else None)
    return found
