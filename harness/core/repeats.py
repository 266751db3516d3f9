"""Models that answer differently each time.

Decides how repeats of an item enter (as one cluster), how unstable a model is, and the noise floor below which a
difference means nothing. Repeats never add items.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from harness.core.arrays import Array, Floats
from harness.core.clusters import clustered_metric
from harness.core.confusion import check_codes
from harness.core.intervals import effective_wilson, normal_quantile
from harness.core.metric_facts import NO_ITEMS
from harness.core.results import MetricResult

NO_REPEATS = "no item has two repeats"


class Stacked(NamedTuple):
    """Repeats as rows: gold, decisions and the cluster (item or its thread) of each row."""

    y_true: Array
    y_pred: Array
    clusters: Array


def mean_decision(decisions: Array) -> Floats:
    """Share of an item's repeats that flag it: the within-item average.

    Args:
        decisions: Decisions of one category, int (n_items, n_repeats): 1, 0, or -1 missing.

    Returns:
        Shares in [0, 1], float (n_items,); NaN without a repeat.

    Raises:
        ValueError: A code is not -1, 0 or 1.

    References:
        Miller (2024), arXiv:2411.00640.

    >>> import numpy as np
    >>> mean_decision(np.array([[1, 0, 1, 1], [-1, -1, -1, -1]])).tolist()
    [0.75, nan]
    """
    d = np.asarray(decisions)
    check_codes("decisions", d)
    n_repeats = np.count_nonzero(d >= 0, axis=1)
    flagged = np.count_nonzero(d == 1, axis=1)
    return np.where(n_repeats > 0, flagged / np.maximum(n_repeats, 1), np.nan)


def stack_repeats(y_true: Array, decisions: Array, clusters: Array | None = None) -> Stacked:
    """Rows (item, repeat) with the item, or the item's own cluster, as cluster.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        decisions: Decisions, int (n_items, n_repeats): 1, 0, or -1 missing.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.

    Returns:
        Arrays of length n_items·n_repeats, repeat by repeat.

    Raises:
        ValueError: Shapes differ.

    References:
        Miller (2024), arXiv:2411.00640.

    >>> import numpy as np
    >>> stack_repeats(np.array([1, 0]), np.array([[1, 1], [0, 1]])).clusters.tolist()
    [0, 1, 0, 1]
    """
    d, y = np.asarray(decisions), np.asarray(y_true)
    if d.ndim != 2 or y.shape != d.shape[:1]:
        raise ValueError(f"need y_true (n_items,) and decisions (n_items, n_repeats), got {y.shape} and {d.shape}")
    codes = np.arange(y.size) if clusters is None else np.asarray(clusters)
    n_repeats = d.shape[1]
    return Stacked(np.tile(y, n_repeats), d.T.reshape(-1), np.tile(codes, n_repeats))


def repeated_metric(
    metric: str,
    y_true: Array,
    decisions: Array,
    *,
    clusters: Array | None = None,
    sample_weight: Array | None = None,
    confidence: float = 0.95,
) -> MetricResult:
    """A metric of one production call, averaged over repeats; an item is a cluster of its repeats.

    Args:
        metric: One of ``clusters.CLUSTERED_METRICS``.
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        decisions: Decisions, int (n_items, n_repeats): 1, 0, or -1 missing.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.
        confidence: Two-sided level, in (0, 1).

    Returns:
        The metric; n counts calls in the denominator, the interval knows that they are of fewer items.

    Raises:
        ValueError: The metric is unknown, or shapes differ.

    References:
        Miller (2024), arXiv:2411.00640; Korn & Graubard (1998).

    >>> import numpy as np
    >>> repeated_metric("recall", np.array([1, 1, 0]), np.array([[1, 1], [1, 0], [0, 0]])).value
    0.75
    """
    rows = stack_repeats(y_true, decisions, clusters)
    n_repeats = np.asarray(decisions).shape[1]
    weight = None if sample_weight is None else np.tile(sample_weight, n_repeats)
    codes = None if clusters is None and n_repeats == 1 else rows.clusters
    return clustered_metric(metric, rows.y_true, rows.y_pred, codes, sample_weight=weight, confidence=confidence)


def flip_rate(decisions: Array, *, confidence: float = 0.95) -> MetricResult:
    """Chance that two calls on the same item decide differently: 2·mean of phat(1 - phat)·r/(r - 1).

    Half of it is the within-item variance of one decision.

    Args:
        decisions: Decisions of one category, int (n_items, n_repeats): 1, 0, or -1 missing.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1], lower is steadier; items with fewer than two repeats are excluded and counted. Undefined
        when that leaves none.

    Raises:
        ValueError: A code is not -1, 0 or 1, or confidence is outside (0, 1).

    References:
        Miller (2024), arXiv:2411.00640 (within-item variance).

    >>> import numpy as np
    >>> flip_rate(np.array([[1, 1], [1, 0], [0, 0], [0, 0]])).value
    0.25
    """
    d = np.asarray(decisions)
    share = mean_decision(d)
    r = np.count_nonzero(d >= 0, axis=1)
    kept = r >= 2
    n = int(np.count_nonzero(kept))
    if n == 0:
        return MetricResult.undefined(NO_REPEATS, n_excluded=int(d.shape[0]))
    per_item = 2 * share[kept] * (1 - share[kept]) * r[kept] / (r[kept] - 1)
    value = float(per_item.mean())
    variance = float(per_item.var(ddof=1)) / n if n > 1 else 0.0
    low, high = effective_wilson(min(1.0, value), variance, n, confidence=confidence)
    return MetricResult(value, min(low, value), max(high, value), n, int(d.shape[0]) - n)


def noise_floor(y_true: Array, first: Array, second: Array, metric: str, *, confidence: float = 0.95) -> MetricResult:
    """Half-width of the difference that two runs of the same system show by chance: z·sqrt(flip rate/n).

    Flip rate and n over the metric's shared denominator, from one A/A run. A difference inside plus or minus this is
    noise, whatever its p-value.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        first: Decisions of the first run, same shape and codes.
        second: Decisions of the second run, same shape and codes.
        metric: "recall" (violating items), "fpr" (non-violating items) or "agreement" (all items).
        confidence: Two-sided level, in (0, 1).

    Returns:
        A difference >= 0 with the ends that follow from the flip rate's interval; undefined without items.

    Raises:
        ValueError: The metric is unknown, shapes differ, or confidence is outside (0, 1).

    References:
        Miller (2024), arXiv:2411.00640.

    >>> import numpy as np
    >>> y = np.ones(100, dtype=int)
    >>> flipped = np.where(np.arange(100) < 16, 0, 1)
    >>> round(noise_floor(y, y, flipped, "recall").value, 4)
    0.0784
    """
    wanted = {"recall": (1,), "fpr": (0,), "agreement": (0, 1)}
    if metric not in wanted:
        raise ValueError(f"metric must be one of {', '.join(wanted)}, got '{metric}'")
    kept = np.isin(y_true, wanted[metric])
    rate = flip_rate(np.stack([first, second], axis=1)[kept], confidence=confidence)
    n_excluded = int(np.size(y_true)) - rate.n
    if not rate.is_defined:
        return MetricResult.undefined(NO_ITEMS, n_excluded=n_excluded)
    z = normal_quantile(confidence)
    value, low, high = (z * math.sqrt(x / rate.n) for x in (rate.value, rate.low, rate.high))
    return MetricResult(value, low, high, rate.n, n_excluded)
