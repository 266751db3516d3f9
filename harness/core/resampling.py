"""Resampling of paired binary decisions.

Decides how a bootstrap or permutation is drawn: from counts, never from rows, because a row bootstrap of binary data is
a multinomial over its distinct rows. Serves reports; gates use exact or calibrated tests, since an empty cell stays
empty under resampling.
"""

from __future__ import annotations

import numpy as np

from harness.core.arrays import Array, Floats
from harness.core.intervals import check_confidence
from harness.core.results import UNDEFINED, Interval


def resample_cells(cells: Array, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Bootstrap a table of counts: multinomial draws with the observed shares.

    Only cells with a count are drawn. The number of items is rounded when counts are effective.

    Args:
        cells: Counts, shape (n_cells,), >= 0.
        n_resamples: Draws, >= 1.
        rng: Random generator.

    Returns:
        Counts of shape (n_resamples, n_cells); zeros when the table is empty.

    Raises:
        ValueError: A count is negative, or n_resamples < 1.

    References:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap.

    >>> import numpy as np
    >>> resample_cells(np.array([3, 0, 7]), 2, np.random.default_rng(0)).sum(axis=1).tolist()
    [10.0, 10.0]
    """
    c = np.asarray(cells, dtype=np.float64)
    if n_resamples < 1 or (c < 0).any():
        raise ValueError(f"need counts >= 0 and n_resamples >= 1, got {c.tolist()} and {n_resamples}")
    draws = np.zeros((n_resamples, c.size))
    filled = np.flatnonzero(c)
    if filled.size:
        draws[:, filled] = rng.multinomial(round(float(c.sum())), c[filled] / c.sum(), size=n_resamples)
    return draws


def permute_cells(cells: Array, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Paired permutation of the eight cells: swap baseline and candidate within items at random.

    Only discordant pairs change, so the swaps are two binomials: of 101 + 110 and of 001 + 010 items.

    Args:
        cells: 8 counts, cell = 4y + 2a + b; rounded.
        n_resamples: Draws, >= 1.
        rng: Random generator.

    Returns:
        Counts of shape (n_resamples, 8).

    Raises:
        ValueError: n_resamples < 1.

    References:
        Phipson & Smyth (2010), Statistical Applications in Genetics and Molecular Biology.

    >>> import numpy as np
    >>> permute_cells(np.array([5, 0, 0, 0, 0, 0, 0, 5]), 1, np.random.default_rng(0)).tolist()
    [[5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]]
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be >= 1, got {n_resamples}")
    c: Floats = np.rint(np.asarray(cells, dtype=np.float64))
    draws = np.repeat(c[np.newaxis, :], n_resamples, axis=0)
    for first, second in ((5, 6), (1, 2)):
        n_discordant = int(c[first] + c[second])
        draws[:, first] = rng.binomial(n_discordant, 0.5, size=n_resamples)
        draws[:, second] = n_discordant - draws[:, first]
    return draws


def paired_f1(cells: Array) -> tuple[Floats, Floats]:
    """F1 of baseline and candidate from eight-cell tables.

    Args:
        cells: Counts, shape (..., 8), cell = 4y + 2a + b.

    Returns:
        F1 of the baseline and of the candidate, each of shape (...); NaN where 2tp + fp + fn == 0.

    >>> import numpy as np
    >>> baseline, candidate = paired_f1(np.array([9, 0, 0, 0, 0, 1, 0, 1]))
    >>> round(float(baseline), 3), float(candidate)
    (0.667, 1.0)
    """
    c = np.asarray(cells, dtype=np.float64)
    n_positives = c[..., 4:].sum(axis=-1)
    hits_a, hits_b = c[..., 6] + c[..., 7], c[..., 5] + c[..., 7]
    with np.errstate(invalid="ignore", divide="ignore"):
        f1_a = 2 * hits_a / (n_positives + hits_a + c[..., 2] + c[..., 3])
        f1_b = 2 * hits_b / (n_positives + hits_b + c[..., 1] + c[..., 3])
    return np.asarray(f1_a, dtype=np.float64), np.asarray(f1_b, dtype=np.float64)


def percentile_interval(draws: Floats, *, confidence: float = 0.95) -> Interval:
    """Equal-tailed percentile interval of bootstrap draws, undefined draws left out.

    Args:
        draws: Statistics of the resamples, shape (n_resamples,); NaN where undefined.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Two quantiles; NaN when no draw is defined.

    Raises:
        ValueError: Confidence is outside (0, 1).

    References:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap.

    >>> import numpy as np
    >>> [round(end, 6) for end in percentile_interval(np.arange(101.0), confidence=0.9)]
    [5.0, 95.0]
    """
    check_confidence(confidence)
    defined = draws[~np.isnan(draws)]
    if defined.size == 0:
        return UNDEFINED
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))
