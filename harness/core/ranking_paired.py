"""Two scorers on the same items.

Decides interval and p-value of a difference of average precision. Leaves decisions at a threshold to ``paired``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.core.agreeing import agreeing_result
from harness.core.arrays import Array, Bools, Floats
from harness.core.intervals import check_confidence
from harness.core.metric_facts import NO_POSITIVES
from harness.core.ranking import average_precision, scored_items
from harness.core.resampling import percentile_interval
from harness.core.results import MetricResult


def average_precision_difference(
    y_true: Array,
    score_a: Array,
    score_b: Array,
    *,
    rng: np.random.Generator,
    clusters: Array | None = None,
    n_resamples: int = 1_000,
    confidence: float = 0.95,
) -> MetricResult:
    """Difference of average precision, candidate minus baseline, with a paired bootstrap.

    Items are drawn within gold, or whole clusters where there are any: a draw without a violating item is drawn again.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        score_a: Baseline scores, float (n_items,); NaN missing.
        score_b: Candidate scores, same shape.
        rng: Random generator.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        n_resamples: Resamples, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A difference in [-1, 1]; n counts violating items. Items without gold or either score are excluded and counted.
        Undefined without violating items. With fewer than 200 of them the interval is too narrow, and a reason says so.

    Raises:
        ValueError: Shapes differ, or confidence is outside (0, 1).

    References:
        Boyd, Eng & Page (2013), ECML PKDD (coverage of the bootstrap). Efron & Tibshirani (1993).

    >>> import numpy as np
    >>> y = np.array([0, 0, 1, 1])
    >>> s = np.array([0.1, 0.4, 0.35, 0.8])
    >>> average_precision_difference(y, s, s, rng=np.random.default_rng(0)).value
    0.0
    """
    check_confidence(confidence)
    gold, a, b, kept = _paired_scores(y_true, score_a, score_b)
    n_positives, n_excluded = int(np.count_nonzero(gold)), int(np.count_nonzero(~kept))
    if n_positives == 0:
        return MetricResult.undefined(NO_POSITIVES, n_excluded=n_excluded)
    value = _difference(gold, a, b)
    draw = _item_weights(gold, rng) if clusters is None else _cluster_weights(gold, np.asarray(clusters)[kept], rng)
    orders = [_order(gold, score) for score in (a, b)]
    draws = np.empty(n_resamples)
    for index in range(n_resamples):
        weight = draw()
        baseline, candidate = (_weighted_average_precision(weight, *order) for order in orders)
        draws[index] = candidate - baseline
    low, high = percentile_interval(draws, confidence=confidence)
    reason = None if n_positives >= 200 else "fewer than 200 violating items: the bootstrap is too narrow"
    return MetricResult(value, min(low, value), max(high, value), n_positives, n_excluded, reason)


def _item_weights(gold: Bools, rng: np.random.Generator) -> Callable[[], NDArray[np.intp]]:
    """How often each item is drawn, violating and other items apart."""
    positives, negatives = np.flatnonzero(gold), np.flatnonzero(~gold)

    def draw() -> NDArray[np.intp]:
        weight = np.bincount(rng.choice(positives, positives.size), minlength=gold.size)
        if negatives.size:
            weight += np.bincount(rng.choice(negatives, negatives.size), minlength=gold.size)
        return weight

    return draw


def _cluster_weights(gold: Bools, clusters: Array, rng: np.random.Generator) -> Callable[[], NDArray[np.intp]]:
    """How often each item is drawn when whole clusters are."""
    _, codes = np.unique(clusters, return_inverse=True)
    n = int(codes.max()) + 1

    def draw() -> NDArray[np.intp]:
        while True:
            weight: NDArray[np.intp] = np.bincount(rng.integers(0, n, size=n), minlength=n)[codes]
            if weight[gold].any():
                return weight

    return draw


def average_precision_paired(
    y_true: Array,
    score_a: Array,
    score_b: Array,
    *,
    rng: np.random.Generator,
    clusters: Array | None = None,
    n_resamples: int = 1_000,
    confidence: float = 0.95,
) -> tuple[MetricResult, float]:
    """Difference of average precision with its two-sided p-value; the interval holds 0 exactly where p says so.

    Average precision depends on the order of scores alone, so the permutation swaps ranks: two scorers need no common
    scale.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        score_a: Baseline scores, float (n_items,); NaN missing.
        score_b: Candidate scores, same shape.
        rng: Random generator.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        n_resamples: Resamples of bootstrap and permutation, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A difference in [-1, 1] and p in (0, 1]; undefined with p NaN without violating items.

    Raises:
        ValueError: Shapes differ, or confidence is outside (0, 1).

    References:
        Phipson & Smyth (2010) for the p-value; Boyd, Eng & Page (2013) for the bootstrap.

    >>> import numpy as np
    >>> y, s = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> difference, p = average_precision_paired(y, s, 10 * s, rng=np.random.default_rng(0), n_resamples=99)
    >>> difference.value, p
    (0.0, 1.0)
    """
    is_missing = (np.asarray(y_true) < 0) | np.isnan(score_a) | np.isnan(score_b)
    a, b = (_ranks(score, is_missing) for score in (score_a, score_b))
    difference = average_precision_difference(
        y_true, a, b, rng=rng, clusters=clusters, n_resamples=n_resamples, confidence=confidence
    )
    p_value = average_precision_permutation(y_true, a, b, rng=rng, clusters=clusters, n_resamples=n_resamples)
    return agreeing_result(difference, [(0.0, p_value, 1 - confidence)]), p_value


def _ranks(score: Array, is_missing: Bools) -> Floats:
    """Mid-ranks of the scores that count; NaN for the others."""
    found = np.full(np.shape(score), np.nan)
    _, place, times = np.unique(np.asarray(score)[~is_missing], return_inverse=True, return_counts=True)
    last = np.cumsum(times)
    found[~is_missing] = (last - (times - 1) / 2)[place]
    return found


def _paired_scores(y_true: Array, score_a: Array, score_b: Array) -> tuple[Bools, Floats, Floats, Bools]:
    """Gold and both scores of the items that have all three, and which of all items have."""
    kept = scored_items(y_true, score_a).kept & scored_items(y_true, score_b).kept
    a, b = (np.asarray(one, dtype=np.float64)[kept] for one in (score_a, score_b))
    return np.asarray(y_true)[kept] == 1, a, b, kept


def _difference(gold: Bools, a: Floats, b: Floats) -> float:
    labels = gold.astype(np.int8)
    return average_precision(labels, b).value - average_precision(labels, a).value


_Order = tuple[Bools, NDArray[np.intp], NDArray[np.intp]]


def _order(gold: Bools, score: Floats) -> _Order:
    """Gold in descending order of score, that order, and the last position of each tie."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last_of_tie = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return gold[order], order, last_of_tie


def _weighted_average_precision(
    weight: Array, gold: Bools, order: NDArray[np.intp], last_of_tie: NDArray[np.intp]
) -> float:
    drawn = weight[order]
    hits = np.cumsum(drawn * gold)[last_of_tie]
    flagged = np.cumsum(drawn)[last_of_tie]
    precision = hits / np.maximum(flagged, 1)
    return float(np.dot(np.diff(hits, prepend=0), precision) / hits[-1])


def average_precision_permutation(
    y_true: Array,
    score_a: Array,
    score_b: Array,
    *,
    rng: np.random.Generator,
    clusters: Array | None = None,
    n_resamples: int = 1_000,
) -> float:
    """Two-sided p of "the scorers rank equally well": scores are swapped within items, or within whole clusters.

    p = (1 + #{abs(stat*) >= abs(stat)})/(1 + n_resamples).

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        score_a: Baseline scores, float (n_items,); NaN missing. Both scores must be on one scale.
        score_b: Candidate scores, same shape.
        rng: Random generator.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        n_resamples: Permutations, >= 1.

    Returns:
        A p-value in (0, 1], never 0; NaN without violating items.

    Raises:
        ValueError: Shapes differ.

    References:
        Phipson & Smyth (2010), Statistical Applications in Genetics and Molecular Biology.

    >>> import numpy as np
    >>> y, s = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> average_precision_permutation(y, s, s, rng=np.random.default_rng(0), n_resamples=99)
    1.0
    """
    gold, a, b, kept = _paired_scores(y_true, score_a, score_b)
    if not gold.any():
        return math.nan
    codes: Array = np.arange(gold.size)
    if clusters is not None:
        _, codes = np.unique(np.asarray(clusters)[kept], return_inverse=True)
    observed, n_extreme = abs(_difference(gold, a, b)), 0
    for _ in range(n_resamples):
        swapped = rng.integers(0, 2, size=int(codes.max()) + 1, dtype=np.int8)[codes] == 1
        drawn = _difference(gold, np.where(swapped, b, a), np.where(swapped, a, b))
        n_extreme += abs(drawn) >= observed - 1e-12
    return (1 + n_extreme) / (1 + n_resamples)
