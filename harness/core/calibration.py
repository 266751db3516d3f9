"""Face value of scores: Brier score, debiased calibration error, reliability table.

Decides how scores are binned and how a bin's chance error is taken out. Leaves the ordering of scores to ``ranking``.
The plug-in calibration error is not offered: for a perfect scorer it is .09 at 100 items.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.core.arrays import Array, Floats
from harness.core.clusters import ONE_CLUSTER, clustered_variance, count_clusters
from harness.core.intervals import check_confidence, normal_quantile
from harness.core.metric_facts import NO_ITEMS
from harness.core.metrics import proportion
from harness.core.ranking import ScoredItems, scored_items
from harness.core.results import MetricResult
from harness.core.special import stdtrit


class ReliabilityBin(NamedTuple):
    """One bar of a reliability diagram.

    Attributes:
        low: Lowest score in the bin.
        high: Highest score in the bin.
        mean_score: Mean stated probability.
        observed: Share of violating items, with Wilson interval.
    """

    low: float
    high: float
    mean_score: float
    observed: MetricResult


def brier_score(
    y_true: Array, y_score: Array, *, clusters: Array | None = None, confidence: float = 0.95
) -> MetricResult:
    """Mean squared error of a probability: mean of (s - y)², with a t interval over items or clusters.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Probability in [0, 1], float (n_items,); NaN missing.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number in [0, 1], lower is better; undefined without items; the interval is undefined with one cluster.

    Raises:
        ValueError: Shapes differ, a score is outside [0, 1], or confidence is outside (0, 1).

    References:
        Brier (1950), Monthly Weather Review.

    >>> import numpy as np
    >>> round(brier_score(np.array([1, 0]), np.array([0.8, 0.4])).value, 2)
    0.1
    """
    check_confidence(confidence)
    items = _probabilities(y_true, y_score)
    n = items.y_score.size
    if n == 0:
        return MetricResult.undefined(NO_ITEMS, n_excluded=items.n_excluded)
    errors = (items.y_score - items.y_true) ** 2
    value = float(errors.mean())
    kept_clusters = None if clusters is None else np.asarray(clusters)[items.kept]
    n_clusters = n if kept_clusters is None else count_clusters(kept_clusters)
    if n_clusters < 2:
        return MetricResult(value, math.nan, math.nan, n, items.n_excluded, ONE_CLUSTER)
    standard_error = math.sqrt(clustered_variance((errors - value) / n, kept_clusters))
    half = float(stdtrit(n_clusters - 1, 0.5 + confidence / 2)) * standard_error
    return MetricResult(value, max(0.0, value - half), min(1.0, value + half), n, items.n_excluded)


def calibration_error(y_true: Array, y_score: Array, *, n_bins: int = 10, confidence: float = 0.95) -> MetricResult:
    """Debiased squared calibration error: sum of w_b·[(ybar - sbar)² - ybar(1 - ybar)/(n_b - 1)] over bins.

    Bins are of equal mass, tied scores together; with at most 2·n_bins distinct scores each score is a bin. A bin of
    one item joins its neighbour. Interval: value ± z·SE, SE² = sum of w_b²(4·d_b²·v_b + 2·v_b²), d_b² the debiased
    term of a bin (at least 0) and v_b = ybar(1 - ybar)/(n_b - 1).

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Probability in [0, 1], float (n_items,); NaN missing.
        n_bins: Bins of equal mass, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A squared error, lower is better; it may fall below 0 by chance, which means "no miscalibration found".
        Undefined with fewer than 2 items.

    Raises:
        ValueError: Shapes differ, a score is outside [0, 1], n_bins < 1, or confidence is outside (0, 1).

    References:
        Kumar, Liang & Ma (2019), NeurIPS (debiased estimator).

    >>> import numpy as np
    >>> round(calibration_error(np.array([1, 0, 1, 1]), np.array([0.5, 0.5, 0.5, 0.5])).value, 4)
    0.0
    """
    z = normal_quantile(confidence)
    items = _probabilities(y_true, y_score)
    n = items.y_score.size
    bins = _bins(items.y_score, n_bins)
    if n < 2:
        return MetricResult.undefined("fewer than 2 items", n=n, n_excluded=items.n_excluded)
    n_bin = np.bincount(bins).astype(np.float64)
    observed = np.bincount(bins, weights=items.y_true) / n_bin
    gap = observed - np.bincount(bins, weights=items.y_score) / n_bin
    chance = observed * (1 - observed) / (n_bin - 1)
    debiased = gap**2 - chance
    weight = n_bin / n
    value = float(np.dot(weight, debiased))
    half = z * math.sqrt(float(np.dot(weight**2, 4 * np.maximum(debiased, 0) * chance + 2 * chance**2)))
    return MetricResult(value, value - half, value + half, n, items.n_excluded)


def reliability_table(
    y_true: Array, y_score: Array, *, n_bins: int = 10, confidence: float = 0.95
) -> list[ReliabilityBin]:
    """Stated against observed probability in the bins of ``calibration_error``.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Probability in [0, 1], float (n_items,); NaN missing.
        n_bins: Bins of equal mass, >= 1.
        confidence: Two-sided level of the Wilson bars, in (0, 1).

    Returns:
        Bins from the lowest score up; empty without items. The bins' n add up to the scored items.

    Raises:
        ValueError: Shapes differ, a score is outside [0, 1], n_bins < 1, or confidence is outside (0, 1).

    References:
        Murphy & Winkler (1977), Applied Statistics.

    >>> import numpy as np
    >>> [row.observed.n for row in reliability_table(np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.9, 0.1]))]
    [2, 2]
    """
    check_confidence(confidence)
    items = _probabilities(y_true, y_score)
    bins = _bins(items.y_score, n_bins)
    table = []
    for index in range(int(bins.max()) + 1 if bins.size else 0):
        inside = bins == index
        scores = items.y_score[inside]
        n_violating = int(np.count_nonzero(items.y_true[inside]))
        observed = proportion(n_violating, scores.size, NO_ITEMS, confidence=confidence)
        table.append(ReliabilityBin(float(scores.min()), float(scores.max()), float(scores.mean()), observed))
    return table


def _probabilities(y_true: Array, y_score: Array) -> ScoredItems:
    items = scored_items(y_true, y_score)
    if items.y_score.size and not (items.y_score.min() >= 0 and items.y_score.max() <= 1):
        raise ValueError(f"y_score must be in [0, 1], got {items.y_score.min()}..{items.y_score.max()}")
    return items


def _bins(y_score: Floats, n_bins: int) -> NDArray[np.intp]:
    """Bin index per item, 0, 1, ... without gaps; tied scores share a bin and no bin holds one item (if n > 1)."""
    if n_bins < 1:
        raise ValueError(f"n_bins must be >= 1, got {n_bins}")
    distinct, codes, counts = np.unique(y_score, return_inverse=True, return_counts=True)
    if distinct.size <= 2 * n_bins:
        bin_of = np.arange(distinct.size)
    else:
        n_before = np.cumsum(counts) - counts
        bin_of = n_before * n_bins // y_score.size
    _, ranks = np.unique(bin_of, return_inverse=True)
    sizes = np.bincount(ranks, weights=counts)
    merged = np.zeros(sizes.size, dtype=np.intp)
    current, n_current = 0, 0.0
    for rank, size in enumerate(sizes):
        if rank and n_current > 1:
            current, n_current = current + 1, 0.0
        merged[rank] = current
        n_current += size
    if n_current == 1 and current > 0:
        merged[merged == current] = current - 1
    return np.asarray(merged[ranks][codes], dtype=np.intp)
