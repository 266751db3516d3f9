"""Two systems' macro averages on the same items.

Decides the interval and the p-value of a difference of macro precision, recall or F1. Reports only: an average hides
the category that lost, so no gate uses it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from harness.core.agreeing import agreeing_interval
from harness.core.averages import AVERAGED_METRICS, NO_CATEGORY
from harness.core.clusters import clustered_variance
from harness.core.confusion import check_decisions
from harness.core.intervals import normal_quantile
from harness.core.resampling import percentile_interval, resample_cells
from harness.core.results import MetricResult

_MAX_PATTERNS = 20_000
_BLOCK = 1 << 22  # counts drawn at once


def macro_difference(
    y_true: NDArray[Any],
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    metric: str,
    rng: np.random.Generator,
    clusters: NDArray[Any] | None = None,
    n_resamples: int = 2_000,
    confidence: float = 0.95,
) -> tuple[MetricResult, float]:
    """Difference of macro averages, candidate minus baseline, with its two-sided p-value.

    Interval: paired percentile bootstrap, a multinomial over the distinct rows (or cluster sums). P-value: paired
    permutation, baseline and candidate swapped within items (or whole clusters), (1 + #{abs(stat*) >=
    abs(stat)})/(1 + n_resamples). With more than 20,000 distinct rows both use the linearised SE.

    Args:
        y_true: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        a: Baseline decisions, same shape and codes.
        b: Candidate decisions, same shape and codes.
        metric: One of ``averages.AVERAGED_METRICS``.
        rng: Random generator.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        n_resamples: Resamples of bootstrap and permutation, >= 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        The difference in [-1, 1] over the categories where both systems are defined ("7 of 8 categories" otherwise),
        and p in (0, 1]; undefined with p NaN when no category is left.

    Raises:
        ValueError: The metric is unknown, shapes differ, or a code is not -1, 0 or 1.

    References:
        Phipson & Smyth (2010) for the p-value; Efron & Tibshirani (1993), for the interval.

    >>> import numpy as np
    >>> y = np.tile([[1, 0], [0, 1], [0, 0]], (30, 1))
    >>> difference, p = macro_difference(y, y, y, metric="f1", rng=np.random.default_rng(0), n_resamples=99)
    >>> difference.value, p
    (0.0, 1.0)
    """
    z = normal_quantile(confidence)
    if metric not in AVERAGED_METRICS:
        raise ValueError(f"metric must be one of {', '.join(AVERAGED_METRICS)}, got '{metric}'")
    y_true, a, b = np.asarray(y_true), np.asarray(a), np.asarray(b)
    check_decisions(y_true, a)
    check_decisions(y_true, b)
    valid = (y_true >= 0) & (a >= 0) & (b >= 0)
    n_items, n_categories = y_true.shape
    n = int(valid.any(axis=1).sum())
    parts = [(valid & (y_true == 1)), (valid & (a == 1)), (valid & (b == 1))]
    parts += [parts[0] & parts[1], parts[0] & parts[2]]
    rows = np.stack(parts, axis=1).astype(np.int64)  # (n_items, 5, n_categories): gold, flags, hits
    totals = rows.sum(axis=0)
    values_a, values_b = _values(totals, metric)
    defined = ~np.isnan(values_a) & ~np.isnan(values_b)
    if not defined.any():
        return MetricResult.undefined(NO_CATEGORY, n=n, n_excluded=n_items - n), math.nan
    value = float((values_b - values_a)[defined].mean())
    n_defined = int(defined.sum())
    reason = None if n_defined == n_categories else f"{n_defined} of {n_categories} categories"
    units = _cluster_sums(rows, clusters)
    distinct, times = _distinct(units.reshape(len(units), -1))
    if len(distinct) > _MAX_PATTERNS:
        influence = _influence(units, totals, metric, defined)
        half = math.sqrt(clustered_variance(influence, None))
        low, high = value - z * half, value + z * half
        return MetricResult(value, low, high, n, n_items - n, reason), float(2 * ndtr(-abs(value) / half))
    tables = distinct.astype(np.float64)
    swapped = distinct.reshape(-1, 5, n_categories)[:, [0, 2, 1, 4, 3]].reshape(len(distinct), -1) - distinct
    draws, n_extreme, left = [], 0, n_resamples
    while left:
        size = min(left, max(1, _BLOCK // len(distinct)))
        bootstrap = (resample_cells(times, size, rng) @ tables).reshape(size, 5, n_categories)
        draws.append(_mean_difference(bootstrap, metric, defined))
        flips = rng.binomial(times, 0.5, size=(size, times.size)) @ swapped.astype(np.float64)
        permuted = _mean_difference(totals + flips.reshape(size, 5, n_categories), metric, defined)
        n_extreme += int(np.count_nonzero(~(np.abs(permuted) < abs(value) - 1e-12)))
        left -= size
    p_value = (1 + n_extreme) / (1 + n_resamples)
    interval = percentile_interval(np.concatenate(draws), confidence=confidence)
    low, high = agreeing_interval(interval, value, [(0.0, p_value, 1 - confidence)])
    return MetricResult(value, low, high, n, n_items - n, reason), p_value


def _values(totals: NDArray[Any], metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The metric of both systems per category from (..., 5, n_categories) totals; NaN where undefined."""
    gold, flagged_a, flagged_b, hits_a, hits_b = (totals[..., part, :] for part in range(5))
    found = []
    for flagged, hits in ((flagged_a, hits_a), (flagged_b, hits_b)):
        numerator, denominator = {
            "recall": (hits, gold),
            "precision": (hits, flagged),
            "f1": (2 * hits, gold + flagged),
        }[metric]
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.asarray(numerator / denominator, dtype=np.float64))
    return found[0], found[1]


def _mean_difference(totals: NDArray[Any], metric: str, defined: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the defined categories; a category that a resample leaves undefined drops out of its mean."""
    values_a, values_b = _values(totals, metric)
    gaps = (values_b - values_a)[..., defined]
    kept = ~np.isnan(gaps)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(kept, gaps, 0.0).sum(axis=-1) / kept.sum(axis=-1), dtype=np.float64)


def _cluster_sums(rows: NDArray[np.int64], clusters: NDArray[Any] | None) -> NDArray[np.int64]:
    if clusters is None:
        return rows
    if clusters.shape != rows.shape[:1]:
        raise ValueError(f"clusters must have shape {rows.shape[:1]}, got {clusters.shape}")
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(codes.max(initial=-1)) + 1, *rows.shape[1:]), dtype=np.int64)
    np.add.at(sums, codes, rows)
    return sums


def _distinct(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Distinct rows in ascending order, and how often each is there; rows are compared as bytes, not field by field."""
    counts = rows if not rows.size or rows.max() > np.iinfo(np.uint8).max else rows.astype(np.uint8)
    as_bytes = np.ascontiguousarray(counts).view(np.dtype((np.void, counts.itemsize * counts.shape[1]))).ravel()
    _, first, times = np.unique(as_bytes, return_index=True, return_counts=True)
    order = np.lexsort(rows[first].T[::-1])
    return rows[first][order], times[order]


def _influence(
    units: NDArray[np.int64], totals: NDArray[np.int64], metric: str, defined: NDArray[np.bool_]
) -> NDArray[np.float64]:
    values = _values(totals, metric)
    gold = units[:, 0]
    result = np.zeros(len(units))
    for sign, value, flagged, hits, n_flagged in (
        (-1, values[0], units[:, 1], units[:, 3], totals[1]),
        (1, values[1], units[:, 2], units[:, 4], totals[2]),
    ):
        numerator, denominator, total = {
            "recall": (hits, gold, totals[0]),
            "precision": (hits, flagged, n_flagged),
            "f1": (2 * hits, gold + flagged, totals[0] + n_flagged),
        }[metric]
        part = (numerator - value * denominator)[:, defined] / total[defined]
        result += sign * part.mean(axis=1)
    return result
