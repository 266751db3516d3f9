"""Slides: a figure that falls a little every week, in moves too small for any week to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.special import ndtr

BASE = 4
"""Samples up to a possible start that say where the figure stood."""
LEAST = 3
"""Samples since a start without which nothing is called a slide."""


@dataclass(frozen=True, slots=True)
class Slide:
    """The start from which a falling line fits best.

    Attributes:
        start: Index of the last sample before the figure falls.
        first: Index of the first of the samples that say where it stood.
        p_value: One-sided, corrected for the starts that were tried.

    >>> Slide(start=4, first=1, p_value=0.01).start
    4
    """

    start: int
    first: int
    p_value: float


def slide(x: Sequence[float], n: Sequence[float], at: Sequence[float]) -> Slide | None:
    """Test whether a share stood still and then fell steadily up to the last sample.

    For every start the score test of trend (Cochran-Armitage) with the scores max(0, time since the start), over the
    ``BASE`` samples up to the start and all since: Z = -sum c·x/sqrt(p(1 - p)·sum n·c²), c centred by n, p pooled. Its
    skewness g is taken out (Cornish-Fisher): z - g(z² - 1)/6, as few misses make the normal tail too thin. The smallest
    p-value counts, times the starts tried (Bonferroni). Samples of the same items vary less than independent ones.

    Args:
        x: Items with the property, oldest first; 0 <= x <= n.
        n: Items; > 0, fractional for effective ones.
        at: Times of the samples, increasing.

    Returns:
        The best start with its p-value in [0, 1]; None where fewer than ``LEAST`` samples follow any start.

    Raises:
        ValueError: The lengths differ, or a count is out of range.

    References:
        Armitage (1955), Biometrics 11:375-386; Hawkins, Qiu & Kang (2003), Journal of Quality Technology 35:355-366.

    >>> found = slide([180, 181, 179, 180, 176, 173, 170, 167, 163], [200] * 9, range(9))
    >>> found.start, round(found.p_value, 4)
    (3, 0.0005)
    """
    counts, sizes, times = (np.asarray(one, dtype=np.float64) for one in (x, n, at))
    if not counts.shape == sizes.shape == times.shape:
        raise ValueError(f"need as many counts as sizes and times, got {len(x)}, {len(n)} and {len(at)}")
    if not ((counts >= 0) & (counts <= sizes) & (sizes > 0)).all():
        raise ValueError("need 0 <= x <= n and n > 0")
    starts = range(len(counts) - LEAST)
    if not starts:
        return None
    index = np.arange(len(counts))
    first = np.maximum(0, np.asarray(starts) - BASE + 1)
    weights = np.where(index >= first[:, None], sizes, 0.0)  # a row a start
    hits = np.where(index >= first[:, None], counts, 0.0)
    line = np.maximum(0.0, times - times[: len(starts), None])
    total = weights.sum(axis=1)
    line = line - ((weights * line).sum(axis=1) / total)[:, None]
    p = hits.sum(axis=1) / total
    variance = p * (1 - p) * (weights * line**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = -(hits * line).sum(axis=1) / np.sqrt(variance)
        skewness = -(weights * line**3).sum(axis=1) * p * (1 - p) * (1 - 2 * p) / variance**1.5
        z = z - np.where(z > 1, skewness * (z**2 - 1) / 6, 0.0)
    z = np.where(np.isfinite(z), z, 0.0)
    best = int(np.argmax(z))
    return Slide(best, int(first[best]), min(1.0, len(starts) * float(ndtr(-z[best]))))
