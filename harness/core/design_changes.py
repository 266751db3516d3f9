"""What changes in a population, from a sample of it with known inclusion probabilities, and how large a sample must be.

Decides the interval of a difference of two shares of the same items, the mean of an amount, what stands in for items
without an answer, and sample sizes. Shares and their intervals are those of ``design_estimates``.
"""

from __future__ import annotations

import math

import numpy as np

from harness.core.arrays import Array, Floats, Ints
from harness.core.confusion import check_weights
from harness.core.design_estimates import design_covariance, weighted_ratio
from harness.core.intervals import normal_quantile
from harness.core.metric_facts import NO_ITEMS
from harness.core.results import MetricResult


def weighted_change(
    gained: Array, lost: Array, sample_weight: Array, *, probability: Array, strata: Array, confidence: float = 0.95
) -> MetricResult:
    """Difference of two shares of the same items: sum w·gained / sum w - sum w·lost / sum w.

    The interval joins those of the two shares (MOVER): each end is as far from the difference as both shares' ends
    together, sqrt(x² + y² - 2·r·x·y). A correlation r above 0 is taken as 0, which is cautious.

    Args:
        gained: Whether an item has the property after and not before, bool (n_items,).
        lost: Whether it had it before and has it no more, bool (n_items,); never both.
        sample_weight: 1/inclusion probability, or that times views, float (n_items,), finite and >= 0.
        probability: Inclusion probabilities in (0, 1], float (n_items,).
        strata: Stratum code per item, int (n_items,).
        confidence: Two-sided level, in (0, 1).

    Returns:
        A difference in [-1, 1]; undefined where the weights sum to 0.

    Raises:
        ValueError: Shapes differ, an item is gained and lost, or a weight is negative or not finite.

    References:
        Donner & Zou (2012), Statistical Methods in Medical Research 21:347-359. Newcombe (1998), method 10.

    >>> import numpy as np
    >>> gained, lost = np.array([1, 0, 0, 0], dtype=bool), np.array([0, 0, 0, 1], dtype=bool)
    >>> weighted_change(gained, lost, np.array([5.0, 1, 1, 1]), probability=np.ones(4), strata=np.zeros(4)).value
    0.5
    """
    x, y = np.asarray(gained, dtype=bool), np.asarray(lost, dtype=bool)
    if x.shape != y.shape or (x & y).any():
        raise ValueError("gained and lost must have one shape and no item in common")
    everything = np.ones(x.size, dtype=bool)
    more, less = (
        weighted_ratio(one, everything, sample_weight, probability=probability, strata=strata, confidence=confidence)
        for one in (x, y)
    )
    if not more.is_defined:
        return more
    weight = check_weights(sample_weight, x.size)
    total = float(weight.sum())
    z_more, z_less = weight * (x - more.value) / total, weight * (y - less.value) / total
    v_more, v_less, v_both = (
        design_covariance(a, b, probability, strata) for a, b in ((z_more, z_more), (z_less, z_less), (z_more, z_less))
    )
    r = min(0.0, max(-1.0, v_both / math.sqrt(v_more * v_less))) if v_more > 0 and v_less > 0 else 0.0
    value = more.value - less.value
    down = _joined(more.value - more.low, less.high - less.value, r)
    up = _joined(more.high - more.value, less.value - less.low, r)
    return MetricResult(value, max(-1.0, value - down), min(1.0, value + up), more.n)


def _joined(x: float, y: float, r: float) -> float:
    return math.sqrt(max(0.0, x * x + y * y - 2 * r * x * y))


def weighted_mean(
    values: Array, sample_weight: Array, *, probability: Array, strata: Array, confidence: float = 0.95
) -> MetricResult:
    """Mean of an amount that is never negative, such as the price of an answer: sum w·v / sum w.

    Args:
        values: Amounts, float (n_items,), finite and >= 0.
        sample_weight: 1/inclusion probability, float (n_items,), finite and >= 0.
        probability: Inclusion probabilities in (0, 1], float (n_items,).
        strata: Stratum code per item, int (n_items,).
        confidence: Two-sided level, in (0, 1).

    Returns:
        The mean with a normal interval, its lower end not below 0; undefined where the weights sum to 0.

    Raises:
        ValueError: An amount is negative or not finite, or a weight is.

    References:
        Hajek (1971); Särndal, Swensson & Wretman (1992), section 5.7.

    >>> import numpy as np
    >>> weighted_mean(np.array([1.0, 3.0]), np.array([3.0, 1.0]), probability=np.ones(2), strata=np.zeros(2)).value
    1.5
    """
    quantile = normal_quantile(confidence)
    v = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(v).all() and (v >= 0).all()):
        raise ValueError("amounts must be finite and >= 0")
    weight = check_weights(sample_weight, v.size)
    total = float(weight.sum())
    if total == 0:
        return MetricResult.undefined(NO_ITEMS)
    value = float(weight @ v) / total
    z = weight * (v - value) / total
    half = quantile * math.sqrt(max(0.0, design_covariance(z, z, probability, strata)))
    return MetricResult(value, max(0.0, value - half), value + half, v.size)


def stand_ins(sample_weight: Array, probability: Array, strata: Array, is_known: Array) -> tuple[Floats, Floats, Ints]:
    """Weights of the items that are known, which stand for the unknown ones of their stratum too.

    Args:
        sample_weight: Weight per item, float (n_items,).
        probability: Inclusion probability per item, float (n_items,); 0 for a population without end.
        strata: Stratum code per item, int (n_items,), >= 0.
        is_known: Which items are known, bool (n_items,).

    Returns:
        Weights and probabilities of the known items, and the codes of strata of which none is.

    References:
        Särndal, Swensson & Wretman (1992), section 15.6 (response homogeneity groups).

    >>> import numpy as np
    >>> weight, pi, none = stand_ins(np.ones(3), np.ones(3) / 2, np.array([0, 0, 1]), np.array([True, False, False]))
    >>> weight.tolist(), pi.tolist(), none.tolist()
    ([2.0], [0.25], [1])
    """
    kept, codes = np.asarray(is_known, dtype=bool), np.asarray(strata, dtype=np.int64)
    n_strata = int(codes.max()) + 1 if codes.size else 0
    whole = np.bincount(codes, weights=sample_weight, minlength=n_strata)
    known = np.bincount(codes[kept], weights=sample_weight[kept], minlength=n_strata)
    n_items = np.bincount(codes, minlength=n_strata)
    n_known = np.bincount(codes[kept], minlength=n_strata)
    factor = (whole / np.where(known > 0, known, 1))[codes[kept]]
    return sample_weight[kept] * factor, probability[kept] / factor, np.flatnonzero((n_items > 0) & (n_known == 0))


def simple_random_size(
    share: float, half_width: float, *, population: int | None = None, confidence: float = 0.95
) -> int:
    """Items of a simple random sample that show a share to plus or minus a half-width.

    Args:
        share: The share expected, in [0, 1].
        half_width: Half of the interval's width, > 0.
        population: Items there are, which need never be exceeded; None for far more.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number of items, >= 1.

    Raises:
        ValueError: The share or the half-width is out of range.

    References:
        Cochran (1977), Sampling Techniques, section 4.4.

    >>> simple_random_size(0.01, 0.0005)
    152122
    """
    z = normal_quantile(confidence)
    if not 0 <= share <= 1 or not half_width > 0:
        raise ValueError(f"need a share in [0, 1] and a half-width > 0, got {share} and {half_width}")
    n = z * z * share * (1 - share) / (half_width * half_width)
    if population is not None:
        n = n / (1 + n / population)
    return max(1, math.ceil(n - 1e-9))


def stratified_sizes(
    populations: Array, spread: Array, half_width: float, *, least: Array | None = None, confidence: float = 0.95
) -> Ints:
    """Items of each stratum that together show a share to plus or minus a half-width, and are fewest (Neyman).

    n = (sum N·S)² / (N²·V + sum N·S²) with V = (half-width/z)², shared out by N·S; never more than a stratum has.

    Args:
        populations: Items of each stratum, int (n_strata,), >= 1.
        spread: Standard deviation within each stratum, float (n_strata,), >= 0.
        half_width: Half of the interval's width, > 0.
        least: Items to draw of each at least, int (n_strata,); 2 for None.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Counts, int (n_strata,).

    Raises:
        ValueError: A stratum is empty, a spread is negative, or the half-width is not above 0.

    References:
        Neyman (1934); Cochran (1977), Sampling Techniques, sections 5.5 and 5.9.

    >>> import numpy as np
    >>> stratified_sizes(np.array([9000, 1000]), np.array([0.05, 0.5]), 0.01).tolist()
    [149, 166]
    """
    z = normal_quantile(confidence)
    sizes, sd = np.asarray(populations, dtype=np.float64), np.asarray(spread, dtype=np.float64)
    if sizes.size == 0 or (sizes < 1).any() or (sd < 0).any() or not half_width > 0:
        raise ValueError("need strata with items, spreads >= 0 and a half-width > 0")
    floor = np.minimum(sizes, 2 if least is None else np.asarray(least, dtype=np.float64))
    goal = (sizes.sum() * half_width / z) ** 2
    is_whole = np.zeros(sizes.size, dtype=bool)
    while True:  # strata that would exceed their size are taken whole, and the others settled again
        part = np.where(is_whole, 0.0, sizes * sd)
        left = goal + float((part * sd).sum())
        wanted = np.where(is_whole, sizes, part * float(part.sum()) / left if left > 0 else 0.0)
        over = ~is_whole & (wanted > sizes)
        if not over.any():
            return np.maximum(np.minimum(np.ceil(wanted), sizes), floor).astype(np.int64)
        is_whole |= over
