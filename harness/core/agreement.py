"""Agreement of annotators.

Decides reliability coefficients and their intervals. Leaves labels made from votes to ``annotators``. Votes are an int
array (n_items, n_annotators) with -1 where an annotator did not vote.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from harness.core.arrays import Array, Floats, Ints
from harness.core.resampling import percentile_interval
from harness.core.results import MetricResult

Level = Literal["nominal", "ordinal"]
NO_PAIRS = "no item has two votes"
NO_VARIATION = "every vote is the same"


def vote_counts(votes: Array) -> Ints:
    """Number of votes for each value, per item.

    Args:
        votes: Nominal codes 0, 1, ..., int (n_items, n_annotators); -1 missing.

    Returns:
        Counts of shape (n_items, n_values), n_values >= 2.

    Raises:
        ValueError: The array is not two-dimensional, not of integers, or has a code below -1.

    >>> import numpy as np
    >>> vote_counts(np.array([[1, 1, 0], [0, -1, -1]])).tolist()
    [[1, 2], [1, 0]]
    """
    v = np.asarray(votes)
    if v.ndim != 2 or v.dtype.kind not in "iub" or (v.size and v.min() < -1):
        raise ValueError(f"votes must be integers >= -1 of shape (n_items, n_annotators), got {v.dtype} {v.shape}")
    n_values = max(2, int(v.max()) + 1) if v.size else 2
    return np.stack([np.count_nonzero(v == value, axis=1) for value in range(n_values)], axis=1)


def krippendorff_alpha(
    votes: Array,
    *,
    rng: np.random.Generator,
    level: Level = "nominal",
    n_resamples: int = 2_000,
    confidence: float = 0.95,
) -> MetricResult:
    """Krippendorff's alpha for votes with missing values: 1 - D_o/D_e.

    D_o = sum over items of n_c(m - n_c)/(m - 1) over values, by the number of pairable votes; D_e the same for votes
    paired at random. At the ordinal level a pair of values counts by the square of the votes that lie between them,
    their own by half. Interval: percentile bootstrap over items.

    Args:
        votes: Codes 0, 1, ..., in their order at the ordinal level, int (n_items, n_annotators); -1 missing.
        rng: Random generator.
        level: ``nominal`` or ``ordinal``.
        n_resamples: Bootstrap resamples, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number <= 1, higher is better, 0 at chance; n counts items with two votes. Undefined without them, or when all
        votes are the same.

    Raises:
        ValueError: Votes are malformed, the level is unknown, or confidence is outside (0, 1).

    References:
        Krippendorff (2004), Content Analysis, chapter 11.

    >>> import numpy as np
    >>> votes = np.array([[1, 1], [0, 0], [1, 0], [0, 0]])
    >>> round(krippendorff_alpha(votes, rng=np.random.default_rng(0)).value, 3)
    0.533
    """
    if level not in _ALPHAS:
        raise ValueError(f"level must be {' or '.join(_ALPHAS)}, got '{level}'")
    counts = vote_counts(votes)
    pairable = counts[counts.sum(axis=1) >= 2]
    return _bootstrapped(pairable, _ALPHAS[level], len(counts) - len(pairable), rng, n_resamples, confidence)


def _alpha(patterns: Floats, times: Floats) -> Floats:
    """Alpha of tables that hold each pattern of votes a number of times; times has shape (..., n_patterns)."""
    m = patterns.sum(axis=1)
    disagreement = (patterns * (m[:, np.newaxis] - patterns)).sum(axis=1) / (m - 1)
    n_values = times @ patterns
    n = n_values.sum(axis=-1)
    expected = (n**2 - (n_values**2).sum(axis=-1)) / (n - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected > 0, 1 - (times @ disagreement) / expected, np.nan), dtype=np.float64)


def _ordinal_alpha(patterns: Floats, times: Floats) -> Floats:
    """The same for ordered values; times has shape (..., n_patterns)."""
    m = patterns.sum(axis=1)
    pairs = patterns[:, :, np.newaxis] * patterns[:, np.newaxis, :] / (m - 1)[:, np.newaxis, np.newaxis]
    observed = np.tensordot(times, pairs, axes=1)
    n_values = times @ patterns
    below = np.cumsum(n_values, axis=-1) - n_values / 2
    distance = (below[..., :, np.newaxis] - below[..., np.newaxis, :]) ** 2
    expected = (n_values[..., :, np.newaxis] * n_values[..., np.newaxis, :] * distance).sum(axis=(-1, -2))
    n = n_values.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = 1 - (n - 1) * (observed * distance).sum(axis=(-1, -2)) / expected
        return np.asarray(np.where(expected > 0, alpha, np.nan), dtype=np.float64)


_ALPHAS = {"nominal": _alpha, "ordinal": _ordinal_alpha}


def fleiss_kappa(
    votes: Array, *, rng: np.random.Generator, n_resamples: int = 2_000, confidence: float = 0.95
) -> MetricResult:
    """Fleiss' kappa: (P - P_e)/(1 - P_e), over items with the most frequent number of votes.

    Args:
        votes: Nominal codes 0, 1, ..., int (n_items, n_annotators); -1 missing.
        rng: Random generator.
        n_resamples: Bootstrap resamples over items, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number <= 1, higher is better; items with another number of votes are excluded and counted. Undefined without
        two votes per item, or when all votes are the same.

    Raises:
        ValueError: Votes are malformed, or confidence is outside (0, 1).

    References:
        Fleiss (1971), Psychological Bulletin.

    >>> import numpy as np
    >>> votes = np.array([[1, 1], [0, 0], [1, 0], [0, 0]])
    >>> round(fleiss_kappa(votes, rng=np.random.default_rng(0)).value, 3)
    0.467
    """
    counts = vote_counts(votes)
    n_votes = counts.sum(axis=1)
    paired = n_votes[n_votes >= 2]
    common = int(np.bincount(paired).argmax()) if paired.size else 0
    kept = counts[n_votes == common] if common else counts[:0]
    return _bootstrapped(kept, _fleiss, len(counts) - len(kept), rng, n_resamples, confidence)


def _fleiss(patterns: Floats, times: Floats) -> Floats:
    m = float(patterns[0].sum())
    agreement = ((patterns**2).sum(axis=1) - m) / (m * (m - 1))
    n_items = times.sum(axis=-1)
    observed = times @ agreement / n_items
    expected = ((times @ patterns / (n_items * m)[..., np.newaxis]) ** 2).sum(axis=-1)
    return _beyond_chance(observed, expected)


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    """Agreement above what chance gives, by how much there can be; NaN where chance alone gives all of it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected < 1, (observed - expected) / (1 - expected), np.nan), dtype=np.float64)


def cohen_kappa(
    first: Array, second: Array, *, rng: np.random.Generator, n_resamples: int = 2_000, confidence: float = 0.95
) -> MetricResult:
    """Cohen's kappa of two annotators: (p_o - p_e)/(1 - p_e).

    Args:
        first: Nominal codes 0, 1, ..., int (n_items,); -1 missing.
        second: The same of the other annotator.
        rng: Random generator.
        n_resamples: Bootstrap resamples over items, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number <= 1, higher is better; undefined without shared items or when both give one and the same value.

    Raises:
        ValueError: Votes are malformed, or confidence is outside (0, 1).

    References:
        Cohen (1960), Educational and Psychological Measurement.

    >>> import numpy as np
    >>> kappa = cohen_kappa(np.array([1, 0, 1, 0]), np.array([1, 0, 0, 0]), rng=np.random.default_rng(0))
    >>> kappa.value
    0.5
    """
    votes = np.stack([np.asarray(first), np.asarray(second)], axis=1)
    n_values = vote_counts(votes).shape[1]
    kept = votes[(votes >= 0).all(axis=1)]
    cells = np.eye(n_values * n_values)[kept[:, 0] * n_values + kept[:, 1]]

    def kappa(patterns: Floats, times: Floats) -> Floats:
        total = times.sum(axis=-1)
        table = (times @ patterns / total[..., np.newaxis]).reshape(*times.shape[:-1], n_values, n_values)
        observed = np.trace(table, axis1=-2, axis2=-1)
        return _beyond_chance(observed, (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1))

    return _bootstrapped(cells, kappa, len(votes) - len(kept), rng, n_resamples, confidence)


_Coefficient = Callable[[Floats, Floats], Floats]


def _bootstrapped(
    rows: Array,
    coefficient: _Coefficient,
    n_excluded: int,
    rng: np.random.Generator,
    n_resamples: int,
    confidence: float,
) -> MetricResult:
    """Coefficient with a percentile interval; resampling items is a multinomial over their distinct vote patterns."""
    n = len(rows)
    if n == 0:
        return MetricResult.undefined(NO_PAIRS, n_excluded=n_excluded)
    patterns, times = np.unique(rows, axis=0, return_counts=True)
    patterns = patterns.astype(np.float64)
    value = float(coefficient(patterns, times.astype(np.float64)))
    if math.isnan(value):
        return MetricResult.undefined(NO_VARIATION, n=n, n_excluded=n_excluded)
    draws = rng.multinomial(n, times / n, size=n_resamples).astype(np.float64)
    low, high = percentile_interval(coefficient(patterns, draws), confidence=confidence)
    reason = "no disagreement: the bootstrap has no width" if value == 1 else None
    return MetricResult(value, min(low, value), max(high, value), n, n_excluded, reason)
