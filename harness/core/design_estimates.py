"""Estimates from items drawn with known probabilities: shares, and shares helped by a model's labels of the whole pool.

Decides variance and interval under a design: strata, unequal probabilities, items drawn for certain, clusters. Leaves
the draw to ``designs``, precision at a stated prevalence to ``prevalence``.

Where few items are found, the usual variance is too small: it sees nothing in a stratum in which nothing was found, and
intervals by it covered 18 to 90% at prevalences of 0.1 to 1%. Every interval here therefore counts half an item of the
largest weight on the side that was not seen, as Jeffreys' interval counts half an item: 93 to 100% in the same designs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.core.arrays import Array
from harness.core.confusion import check_weights
from harness.core.intervals import check_confidence
from harness.core.metric_facts import NO_ITEMS
from harness.core.results import Interval, MetricResult
from harness.core.special import betaincinv

UNSEEN = 0.5
"""Items of the largest weight that stand for what was not seen."""


class Design(NamedTuple):
    """How items were drawn.

    Attributes:
        weight: How much of the population each stands for, float (n_items,), >= 0.
        probability: Inclusion probability in (0, 1], float (n_items,); None where the population is far larger.
        strata: Stratum code, int (n_items,); None is one stratum.
        clusters: Cluster code, int (n_items,); None makes every item its own. Not with strata.
    """

    weight: Array
    probability: Array | None = None
    strata: Array | None = None
    clusters: Array | None = None


def design_covariance(a: Array, b: Array, probability: Array, strata: Array) -> float:
    """Covariance of two estimated totals: sum over strata of sum c·(a - A)(b - B), c = (1 - pi)·n/(n - 1).

    A and B are means weighted by c. Exact for simple random sampling within strata, with its finite population
    correction; items drawn for certain add nothing, and neither does a stratum that cannot show how it varies.

    Args:
        a: Weighted values, float (n_items,).
        b: Weighted values, same shape.
        probability: Inclusion probabilities, same shape; 0 for a population without end.
        strata: Stratum code, int, same shape.

    Returns:
        A covariance; a variance >= 0 when a is b.

    References:
        Deville (1999), Survey Methodology 25:193-203. Cochran (1977), section 5.

    >>> import numpy as np
    >>> design_covariance(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.zeros(2), np.zeros(2, dtype=int))
    1.0
    """
    _, codes = np.unique(np.asarray(strata), return_inverse=True)
    left: Array = 1 - np.asarray(probability, dtype=np.float64)
    n = np.bincount(codes, weights=(left > 0).astype(np.float64))
    c = left * (n / np.maximum(n - 1, 1))[codes] * (n > 1)[codes]
    total = np.bincount(codes, weights=c)
    total[total == 0] = 1
    mean_a, mean_b = (np.bincount(codes, weights=c * one) / total for one in (a, b))
    return float(np.sum(c * (a - mean_a[codes]) * (b - mean_b[codes])))


def share_interval(
    value: float, variance: float, unseen: float, *, confidence: float = 0.95, low_shift: float = 0.0
) -> Interval:
    """Interval of a share known by its variance, with room for what was not seen.

    Quantiles of the beta distributions whose means are value/(1 + m) and (value + m)/(1 + m) and whose variances are
    that of the estimate and of half an item; m is ``unseen``. With equal weights 1/n and m = 1/(2n) it is Jeffreys', or
    nearly so.

    Args:
        value: Estimate in [0, 1].
        variance: Its variance, >= 0.
        unseen: Weight of what was not seen, as a share of all weight, >= 0; 0 with no variance is exact.
        confidence: Two-sided level, in (0, 1).
        low_shift: How much more of ``unseen`` the lower end is moved down by, >= 0.

    Returns:
        Proportions in [0, 1] that contain value; the closed end at 0 and 1.

    Raises:
        ValueError: Value is outside [0, 1], or confidence is outside (0, 1).

    References:
        Fay & Feuer (1997), Statistics in Medicine 16:791-801 (the largest weight stands for what was not seen). Brown,
        Cai & DasGupta (2001) for half an item.

    >>> [round(end, 3) for end in share_interval(0.0, 0.0, 0.005)]
    [0.0, 0.025]
    """
    check_confidence(confidence)
    if not -1e-9 <= value <= 1 + 1e-9:
        raise ValueError(f"value must be in [0, 1], got {value}")
    value = min(1.0, max(0.0, value))
    if variance <= 0 and unseen <= 0:
        return Interval(value, value)
    tail, m = (1 - confidence) / 2, unseen
    scale = (1 + m) ** 2
    below = max(0.0, value / (1 + m) - low_shift * m)
    low = _beta_quantile(below, (variance + 2 * m * m * (value + low_shift)) / scale, tail)
    high = _beta_quantile((value + m) / (1 + m), (variance + 2 * m * m * (1 - value)) / scale, 1 - tail)
    return Interval(0.0 if value <= 0 else min(low, value), 1.0 if value >= 1 else max(high, value))


def _beta_quantile(mean: float, variance: float, q: float) -> float:
    if mean <= 0 or mean >= 1:
        return min(1.0, max(0.0, mean))
    if variance <= 0:
        return mean
    size = max(mean * (1 - mean) / variance - 1, 1e-6)
    return float(betaincinv(mean * size, (1 - mean) * size, q))


def weighted_ratio(
    numerator: Array,
    denominator: Array,
    sample_weight: Array,
    *,
    probability: Array | None = None,
    strata: Array | None = None,
    clusters: Array | None = None,
    reason: str = NO_ITEMS,
    confidence: float = 0.95,
) -> MetricResult:
    """Hajek ratio of a sample with known inclusion probabilities: sum w·numerator / sum w·denominator.

    Variance: linearised, summed by cluster, centred within strata, with the finite population's correction where the
    probabilities are given; the interval counts half an item of the largest weight as not seen.

    Args:
        numerator: Indicator per item, bool (n_items,), true only where the denominator is (recall: y and b).
        denominator: Indicator per item, bool (n_items,) (recall: y).
        sample_weight: 1/inclusion probability, or that times views, float (n_items,), finite and >= 0.
        probability: Inclusion probabilities in (0, 1], float (n_items,); None for a population without end.
        strata: Stratum code per item, int (n_items,); None is one stratum.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster. Not with strata.
        reason: What to say when the denominator is empty.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1]; n counts items of the denominator; undefined when their weights sum to 0.

    Raises:
        ValueError: Shapes differ, the numerator leaves the denominator, strata and clusters are both given, or a weight
            is negative or not finite.

    References:
        Hajek (1971); Woodruff (1971), JASA; Deville (1999), Survey Methodology.

    >>> import numpy as np
    >>> weighted_ratio(np.array([1, 0, 0]), np.array([1, 1, 0]), np.array([3.0, 1.0, 9.0])).value
    0.75
    """
    check_confidence(confidence)
    x, y = np.asarray(numerator, dtype=bool), np.asarray(denominator, dtype=bool)
    if x.shape != y.shape or (x & ~y).any():
        raise ValueError("numerator and denominator must have one shape, the numerator within the denominator")
    if strata is not None and clusters is not None:
        raise ValueError("strata and clusters exclude one another")
    weight = check_weights(sample_weight, x.size)
    total = float(weight[y].sum())
    n = int(np.count_nonzero(y))
    if total == 0:
        return MetricResult.undefined(reason, n=n, n_excluded=x.size - n)
    value = float(weight[x].sum()) / total
    influence: Array = weight * (x - value * y) / total
    counted: Array = weight * y / total
    pi = np.zeros(x.size) if probability is None else np.asarray(probability, dtype=np.float64)
    if clusters is not None:
        _, members = np.unique(np.asarray(clusters), return_inverse=True)
        size = np.bincount(members)
        influence, counted = np.bincount(members, weights=influence), np.bincount(members, weights=counted)
        pi = np.bincount(members, weights=pi) / size
    codes = np.zeros(influence.size, dtype=np.intp) if strata is None else np.asarray(strata)
    variance = design_covariance(influence, influence, pi, codes)
    unseen = UNSEEN * float((counted * (1 - pi)).max())
    low, high = share_interval(value, variance, unseen, confidence=confidence)
    return MetricResult(value, low, high, n, x.size - n)


def assisted_share(
    labels: Array,
    predicted: Array,
    sample_weight: Array,
    predicted_in_pool: float,
    *,
    probability: Array | None = None,
    strata: Array | None = None,
    confidence: float = 0.95,
) -> tuple[MetricResult, float]:
    """Share of a pool from a labelled sample of it and a model's labels of all of it (prediction-powered).

    lambda·F + sum w·(y - lambda·f)/sum w: what the model says of the pool, corrected by how it errs on the sample,
    however it errs. lambda in [0, 1] makes the variance least; 0 leaves the model out.

    Args:
        labels: Human labels, 0 or 1, (n_items,).
        predicted: The model's labels or scores of the same items, in [0, 1], (n_items,).
        sample_weight: 1/inclusion probability, or that times views, float (n_items,), finite and >= 0.
        predicted_in_pool: Mean of the model's labels over the whole pool (weighted by views where the weights are).
        probability: Inclusion probabilities in (0, 1], float (n_items,); None for a population without end.
        strata: Stratum code per item, int (n_items,); None is one stratum.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1], and lambda; undefined without labelled items.

    Raises:
        ValueError: Shapes differ, values are out of range, or a weight is negative or not finite.

    References:
        Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv:2311.01453. Särndal, Swensson & Wretman (1992), section 6
        (the same estimate under a design, as difference and regression estimators).

    >>> import numpy as np
    >>> y, f = np.array([1, 0, 0, 0]), np.array([1, 0, 0, 1])
    >>> round(assisted_share(y, f, np.ones(4), 0.4)[0].value, 3)
    0.2
    """
    check_confidence(confidence)
    y, f = np.asarray(labels, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if y.shape != f.shape or y.ndim != 1:
        raise ValueError("labels and predicted must have one shape")
    if not 0 <= predicted_in_pool <= 1 or (f.size and not (f.min() >= 0 and f.max() <= 1)):
        raise ValueError("predictions must be in [0, 1]")
    weight = check_weights(sample_weight, y.size)
    total = float(weight.sum())
    if total == 0:
        return MetricResult.undefined(NO_ITEMS), 0.0
    pi = np.zeros(y.size) if probability is None else np.asarray(probability, dtype=np.float64)
    codes = np.zeros(y.size, dtype=np.intp) if strata is None else np.asarray(strata)
    mean_y, mean_f = float(weight @ y) / total, float(weight @ f) / total
    z_y, z_f = weight * (y - mean_y) / total, weight * (f - mean_f) / total
    v_f = design_covariance(z_f, z_f, pi, codes)
    power = min(1.0, max(0.0, design_covariance(z_y, z_f, pi, codes) / v_f)) if v_f > 0 else 0.0
    value = min(1.0, max(0.0, power * predicted_in_pool + mean_y - power * mean_f))
    residual = z_y - power * z_f
    variance = design_covariance(residual, residual, pi, codes)
    unseen = UNSEEN * float((weight * (1 - pi)).max()) / total
    low, high = share_interval(value, variance, unseen, confidence=confidence, low_shift=power)
    return MetricResult(value, low, high, y.size), power
