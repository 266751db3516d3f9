"""Two systems' macro averages on the same items.

Decides the interval and the p-value of the difference of macro precision, recall or F1. Reports only: an average hides
the category that lost, so no gate uses it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.core.agreeing import agreeing_interval
from harness.core.arrays import Array, Floats, Ints
from harness.core.averages import AVERAGED_METRICS, NO_CATEGORY, RATIOS
from harness.core.clusters import clustered_variance
from harness.core.confusion import check_decisions
from harness.core.intervals import normal_quantile
from harness.core.resampling import percentile_interval, resample_cells
from harness.core.results import MetricResult
from harness.core.special import ndtr

_MAX_PATTERNS = 20_000
_BLOCK = 1 << 22  # counts drawn at once


def macro_differences(
    y_true: Array,
    a: Array,
    b: Array,
    *,
    rng: np.random.Generator,
    clusters: Array | None = None,
    n_resamples: int = 2_000,
    confidence: float = 0.95,
) -> dict[str, tuple[MetricResult, float]]:
    """Differences of macro averages, candidate minus baseline, with their two-sided p-values.

    Interval: paired percentile bootstrap, a multinomial over the distinct rows (or cluster sums). P-value: paired
    permutation, baseline and candidate swapped within items (or whole clusters), (1 + #{abs(stat*) >=
    abs(stat)})/(1 + n_resamples). One set of resamples serves every metric. With more than 20,000 distinct rows both
    use the linearised SE.

    Args:
        y_true: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        a: Baseline decisions, same shape and codes.
        b: Candidate decisions, same shape and codes.
        rng: Random generator.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        n_resamples: Resamples of bootstrap and permutation, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        For each of ``averages.AVERAGED_METRICS`` the difference in [-1, 1] over the categories where both systems are
        defined ("7 of 8 categories" otherwise), and p in (0, 1]; undefined with p NaN when no category is left.

    Raises:
        ValueError: Shapes differ, or a code is not -1, 0 or 1.

    References:
        Phipson & Smyth (2010) for the p-value; Efron & Tibshirani (1993), for the interval.

    >>> import numpy as np
    >>> y = np.tile([[1, 0], [0, 1], [0, 0]], (30, 1))
    >>> difference, p = macro_differences(y, y, y, rng=np.random.default_rng(0), n_resamples=99)["f1"]
    >>> difference.value, p
    (0.0, 1.0)
    """
    z = normal_quantile(confidence)
    y_true, a, b = np.asarray(y_true), np.asarray(a), np.asarray(b)
    check_decisions(y_true, a)
    check_decisions(y_true, b)
    valid = (y_true >= 0) & (a >= 0) & (b >= 0)
    n_items, n_categories = y_true.shape
    n = int(valid.any(axis=1).sum())
    parts = [(valid & (y_true == 1)), (valid & (a == 1)), (valid & (b == 1))]
    parts += [parts[0] & parts[1], parts[0] & parts[2]]
    units = _cluster_sums(np.stack(parts, axis=1).astype(np.int64), clusters)  # (n, 5, n_categories): gold, flags, hits
    totals = units.sum(axis=0)
    found, values = {}, {}
    for metric in AVERAGED_METRICS:
        gaps = _gaps(totals, metric)
        n_defined = n_categories - int(np.isnan(gaps).sum())
        if not n_defined:
            found[metric] = MetricResult.undefined(NO_CATEGORY, n=n, n_excluded=n_items - n), math.nan
            continue
        values[metric] = float(np.nanmean(gaps))
        reason = None if n_defined == n_categories else f"{n_defined} of {n_categories} categories"
        found[metric] = MetricResult(values[metric], math.nan, math.nan, n, n_items - n, reason), math.nan
    distinct, times = _distinct(units.reshape(len(units), -1))
    is_linearised = len(distinct) > _MAX_PATTERNS
    drawn = {} if is_linearised or not values else _resampled(distinct, times, totals, tuple(values), n_resamples, rng)
    for metric, value in values.items():
        if is_linearised:
            half = math.sqrt(clustered_variance(_influence(units, totals, metric), None))
            low, high, p_value = value - z * half, value + z * half, float(2 * ndtr(-abs(value) / half))
        else:
            bootstrap, permuted = drawn[metric]
            p_value = (1 + int(np.count_nonzero(~(np.abs(permuted) < abs(value) - 1e-12)))) / (1 + n_resamples)
            interval = percentile_interval(bootstrap, confidence=confidence)
            low, high = agreeing_interval(interval, value, [(0.0, p_value, 1 - confidence)])
        found[metric] = replace(found[metric][0], low=low, high=high), p_value
    return found


def _resampled(
    distinct: Ints,
    times: NDArray[np.intp],
    totals: Ints,
    metrics: tuple[str, ...],
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[str, tuple[Floats, Floats]]:
    """Per metric the differences of bootstrap and permutation; only rows that a swap changes are swapped."""
    tables, shape = distinct.astype(np.float64), totals.shape
    swapped = tables.reshape(-1, *shape)[:, [0, 2, 1, 4, 3]].reshape(tables.shape) - tables
    moves = swapped.any(axis=1)
    is_defined = {metric: ~np.isnan(_gaps(totals, metric)) for metric in metrics}
    blocks: dict[str, list[Floats]] = {metric: [] for metric in metrics}
    size = max(1, _BLOCK // len(distinct))
    for done in range(0, n_resamples, size):
        n_drawn = min(size, n_resamples - done)
        bootstrap = (resample_cells(times, n_drawn, rng) @ tables).reshape(n_drawn, *shape)
        flips = rng.binomial(times[moves], 0.5, size=(n_drawn, int(moves.sum()))) @ swapped[moves]
        both = np.stack([bootstrap, totals + flips.reshape(n_drawn, *shape)])
        for metric in metrics:  # a category that a resample leaves undefined drops out of its mean
            gaps = np.ma.masked_invalid(_gaps(both, metric)[..., is_defined[metric]])
            blocks[metric].append(gaps.mean(axis=-1).filled(np.nan))
    return {metric: tuple(np.concatenate(one, axis=1)) for metric, one in blocks.items()}


def _sides(table: Array, metric: str) -> Iterator[tuple[Array, Array]]:
    """Numerator and denominator of baseline and candidate per category, from (..., 5, n_categories) counts."""
    hit_weight, gold_weight, flag_weight = RATIOS[metric]
    gold, *flags_and_hits = (table[..., part, :] for part in range(5))
    for flags, hits in zip(flags_and_hits[:2], flags_and_hits[2:], strict=True):
        yield hit_weight * hits, gold_weight * gold + flag_weight * flags


def _gaps(totals: Array, metric: str) -> Floats:
    """Candidate minus baseline per category, from totals; NaN where one of the two is undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        before, after = (numerator / denominator for numerator, denominator in _sides(totals, metric))
    return np.asarray(after - before, dtype=np.float64)


def _cluster_sums(rows: Ints, clusters: Array | None) -> Ints:
    if clusters is None:
        return rows
    if clusters.shape != rows.shape[:1]:
        raise ValueError(f"clusters must have shape {rows.shape[:1]}, got {clusters.shape}")
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(codes.max(initial=-1)) + 1, *rows.shape[1:]), dtype=np.int64)
    np.add.at(sums, codes, rows)
    return sums


def _distinct(rows: Ints) -> tuple[Ints, NDArray[np.intp]]:
    """Distinct rows in ascending order, and how often each is there; rows are compared as bytes, not field by field."""
    counts = rows if not rows.size or rows.max() > np.iinfo(np.uint8).max else rows.astype(np.uint8)
    as_bytes = np.ascontiguousarray(counts).view(np.dtype((np.void, counts.itemsize * counts.shape[1]))).ravel()
    _, first, times = np.unique(as_bytes, return_index=True, return_counts=True)
    order = np.lexsort(rows[first].T[::-1])
    return rows[first][order], times[order]


def _influence(units: Ints, totals: Ints, metric: str) -> Floats:
    """What each unit adds to the linearised difference."""
    defined = ~np.isnan(_gaps(totals, metric))
    result = np.zeros(len(units))
    for sign, of_units, of_all in zip((-1, 1), _sides(units, metric), _sides(totals, metric), strict=True):
        value = of_all[0][defined] / of_all[1][defined]
        part = (of_units[0][:, defined] - value * of_units[1][:, defined]) / of_all[1][defined]
        result += sign * part.mean(axis=1)
    return result
