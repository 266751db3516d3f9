"""Items drawn with known probabilities: weighted ratios, stratified labels, week against weeks.

Decides the estimates of a weekly sample and its charts' flags; none of them gates. Leaves precision at a prevalence to
``prevalence``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from harness.core.confusion import check_weights
from harness.core.intervals import check_confidence, effective_wilson
from harness.core.metrics import NO_ITEMS
from harness.core.resampling import percentile_interval
from harness.core.results import MetricResult


class Stratum(NamedTuple):
    """Labels of one stratum of production.

    Attributes:
        share: Share of production in the stratum, W_h > 0.
        n_violating: Labelled items that violate.
        n_labelled: Labelled items.
        is_flagged: Whether production flags the items of the stratum.
    """

    share: float
    n_violating: int
    n_labelled: int
    is_flagged: bool


def weighted_ratio(
    numerator: NDArray[Any],
    denominator: NDArray[Any],
    sample_weight: NDArray[Any],
    *,
    strata: NDArray[Any] | None = None,
    clusters: NDArray[Any] | None = None,
    reason: str = NO_ITEMS,
    confidence: float = 0.95,
) -> MetricResult:
    """Hajek ratio of a sample with known inclusion probabilities: sum w·numerator / sum w·denominator.

    Variance: linearised, summed by cluster, centred within strata; n_eff = p(1 - p)/V goes into Wilson's interval.
    Where V is 0, Kish's (sum w)²/sum w² over the clusters of the denominator takes its place.

    Args:
        numerator: Indicator per item, bool (n_items,), true only where the denominator is (recall: y and b).
        denominator: Indicator per item, bool (n_items,) (recall: y).
        sample_weight: 1/inclusion probability, float (n_items,), finite and >= 0.
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
        Hajek (1971); Kish (1965), Survey Sampling; Korn & Graubard (1998), Survey Methodology.

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
        return MetricResult.undefined(reason, n=n)
    value = float(weight[x].sum()) / total
    influence: NDArray[Any] = weight * (x - value * y) / total
    counted: NDArray[Any] = weight * y
    if clusters is not None:
        _, members = np.unique(np.asarray(clusters), return_inverse=True)
        influence, counted = np.bincount(members, weights=influence), np.bincount(members, weights=counted)
    codes = np.zeros(influence.size, dtype=np.intp)
    if strata is not None:
        _, codes = np.unique(np.asarray(strata), return_inverse=True)
    size = np.bincount(codes).astype(np.float64)
    mean = np.bincount(codes, weights=influence) / size
    squares = np.bincount(codes, weights=(influence - mean[codes]) ** 2)
    variance = float(np.sum(squares * size / np.maximum(size - 1, 1)))
    kish = total**2 / float(np.dot(counted, counted))
    low, high = effective_wilson(value, variance, kish, confidence=confidence)
    return MetricResult(value, low, high, n, x.size - n)


def stratified_prevalence(
    strata: Sequence[Stratum], *, rng: np.random.Generator, n_draws: int = 20_000, confidence: float = 0.95
) -> MetricResult:
    """Share of violating items in production: sum of W_h·p_h, with Jeffreys draws per stratum.

    Args:
        strata: Strata whose shares add up to 1.
        rng: Random generator.
        n_draws: Jeffreys draws.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1]; n counts labelled items; undefined when a stratum has no label.

    Raises:
        ValueError: Shares do not add up to 1, or counts are out of range.

    References:
        Cochran (1977), Sampling Techniques. Brown, Cai & DasGupta (2001) for Jeffreys' prior.

    >>> import numpy as np
    >>> strata = [Stratum(0.1, 80, 100, True), Stratum(0.9, 1, 100, False)]
    >>> round(stratified_prevalence(strata, rng=np.random.default_rng(0)).value, 3)
    0.089
    """
    n = _check_strata(strata)
    if any(stratum.n_labelled == 0 for stratum in strata):
        return MetricResult.undefined("a stratum has no labelled item", n=n)
    value = sum(stratum.share * stratum.n_violating / stratum.n_labelled for stratum in strata)
    low, high = percentile_interval(_mass(strata, rng, n_draws).sum(axis=0), confidence=confidence)
    return MetricResult(value, min(low, value), max(high, value), n)


def stratified_recall(
    strata: Sequence[Stratum], *, rng: np.random.Generator, n_draws: int = 20_000, confidence: float = 0.95
) -> MetricResult:
    """Share of production's violating items that it flags: flagged part of sum W_h·p_h over all of it.

    With fewer than 3 violating items among the labelled unflagged ones only the one-sided lower bound is given, and the
    upper end is 1.

    Args:
        strata: Strata whose shares add up to 1.
        rng: Random generator.
        n_draws: Jeffreys draws.
        confidence: Two-sided level, in (0, 1); one-sided for the lower bound.

    Returns:
        A proportion in [0, 1], higher is better; n counts labelled items; undefined when a stratum has no label or no
        labelled item violates.

    Raises:
        ValueError: Shares do not add up to 1, or counts are out of range.

    References:
        Cochran (1977), Sampling Techniques. Brown, Cai & DasGupta (2001) for Jeffreys' prior.

    >>> import numpy as np
    >>> strata = [Stratum(0.1, 80, 100, True), Stratum(0.9, 4, 400, False)]
    >>> round(stratified_recall(strata, rng=np.random.default_rng(0)).value, 3)
    0.899
    """
    n = _check_strata(strata)
    if any(stratum.n_labelled == 0 for stratum in strata):
        return MetricResult.undefined("a stratum has no labelled item", n=n)
    if sum(stratum.n_violating for stratum in strata) == 0:
        return MetricResult.undefined("no labelled item violates", n=n)
    flagged = np.array([stratum.is_flagged for stratum in strata])
    observed = np.array([stratum.share * stratum.n_violating / stratum.n_labelled for stratum in strata])
    value = float(observed[flagged].sum() / observed.sum())
    mass = _mass(strata, rng, n_draws)
    draws = mass[flagged].sum(axis=0) / mass.sum(axis=0)
    n_missed = sum(stratum.n_violating for stratum in strata if not stratum.is_flagged)
    if n_missed < 3:
        low = float(np.quantile(draws, 1 - confidence))
        return MetricResult(value, min(low, value), 1.0, n, 0, "fewer than 3 misses found: one-sided lower bound")
    low, high = percentile_interval(draws, confidence=confidence)
    return MetricResult(value, min(low, value), max(high, value), n)


def _check_strata(strata: Sequence[Stratum]) -> int:
    if not strata or abs(sum(stratum.share for stratum in strata) - 1) > 1e-6:
        raise ValueError("the shares of the strata must add up to 1")
    for stratum in strata:
        if stratum.share <= 0 or not 0 <= stratum.n_violating <= stratum.n_labelled:
            raise ValueError(f"need share > 0 and 0 <= n_violating <= n_labelled, got {stratum}")
    return sum(stratum.n_labelled for stratum in strata)


def _mass(strata: Sequence[Stratum], rng: np.random.Generator, n_draws: int) -> NDArray[np.float64]:
    """Draws of W_h·p_h, shape (n_strata, n_draws)."""
    return np.stack(
        [s.share * rng.beta(s.n_violating + 0.5, s.n_labelled - s.n_violating + 0.5, size=n_draws) for s in strata]
    )


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
