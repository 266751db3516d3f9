"""Clustered items: threads, near-duplicates, authors, repeats.

Decides how many independent items a clustered set is worth (Korn & Graubard 1998). Leaves the interval or test to the
modules that take the scaled counts.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from harness.core.arrays import Array, Bools, Floats, Ints
from harness.core.confusion import confusion_counts
from harness.core.intervals import check_confidence
from harness.core.metric_table import SHARES
from harness.core.metrics import METRICS
from harness.core.paired import paired_cells, weighted_cells
from harness.core.results import MetricResult
from harness.core.special import stdtrit
from harness.core.weighted import weighted_metric, weighted_worth

ONE_CLUSTER = "an interval needs 2 clusters"


def count_clusters(clusters: Array) -> int:
    """Number of distinct clusters.

    Args:
        clusters: Cluster code per item, shape (n_items,).

    Returns:
        A count >= 0.

    >>> import numpy as np
    >>> count_clusters(np.array([3, 3, 5]))
    2
    """
    return int(np.count_nonzero(np.bincount(_compact(clusters)))) if clusters.size else 0


def _compact(clusters: Array) -> Array:
    """Codes that can be counted in an array: as they are, or renumbered where they are far apart."""
    if clusters.size == 0 or (
        clusters.dtype.kind in "iu" and clusters.min() >= 0 and clusters.max() < 8 * clusters.size
    ):
        return clusters
    return np.unique(clusters, return_inverse=True)[1]


def clustered_variance(influence: Floats, clusters: Array | None) -> float:
    """Variance of an estimate from its influence values: G/(G-1) · sum over clusters of (sum of IF)².

    Args:
        influence: Influence of each item, shape (n_items,); items without data carry 0.
        clusters: Cluster code per item, non-negative int (n_items,); None makes every item its own cluster.

    Returns:
        A variance >= 0; NaN with fewer than 2 clusters.

    Raises:
        ValueError: The shapes differ.

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> import numpy as np
    >>> round(clustered_variance(np.array([0.1, -0.1, 0.1, -0.1]), None), 6)
    0.053333
    """
    sums: Array = influence
    if clusters is not None:
        if clusters.shape != influence.shape:
            raise ValueError(f"clusters must have shape {influence.shape}, got {clusters.shape}")
        codes = _compact(clusters)
        sums = np.bincount(codes, weights=influence)[np.bincount(codes) > 0]
    n_clusters = sums.shape[0]
    if n_clusters < 2:
        return float("nan")
    return float(n_clusters / (n_clusters - 1) * np.dot(sums, sums))


class EffectiveN(NamedTuple):
    """What a clustered denominator is worth.

    Attributes:
        n: Items with data.
        n_clusters: Clusters with data.
        deff: Design effect, >= 1.
        n_eff: Effective number of items, <= n.
    """

    n: int
    n_clusters: int
    deff: float
    n_eff: float

    @property
    def factor(self) -> float:
        """Factor on every count, n_eff/n.

        >>> EffectiveN(100, 20, 2.0, 50.0).factor
        0.5
        """
        return self.n_eff / self.n if self.n else 1.0


def effective_n(
    influence: Array,
    has_data: Array,
    clusters: Array | None,
    *,
    sample_weight: Array | None = None,
    confidence: float = 0.95,
) -> EffectiveN:
    """Effective sample size of a clustered estimate: n/deff·(t_{n-1}/t_{G-1})².

    deff = max(1, V/V0), V = G/(G-1)·sum over clusters of (sum of IF)², V0 = sum of IF². With V0 = 0 (every item alike)
    a cluster counts as one item. Without a repeated cluster nothing changes. With weights w that add up to 1, V0 = sum
    of IF²/w over n, and n_eff is at most Kish's 1/sum of (sum of w in a cluster)²: few differences in items of little
    weight are no proof.

    Args:
        influence: Influence of each item on the estimate, shape (n_items,); 0 without data.
        has_data: Whether the item is in the denominator, bool (n_items,).
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.
        confidence: Two-sided level whose t quantile is used: .95 in reports, .90 beside a gate.

    Returns:
        Items, clusters with data, design effect and effective n; n_eff is 1 with a single cluster.

    Raises:
        ValueError: Shapes differ, or confidence is outside (0, 1).

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> import numpy as np
    >>> influence = np.array([0.1, 0.1, -0.1, -0.1])
    >>> effective_n(influence, np.ones(4, dtype=bool), np.array([0, 0, 1, 1])).n_clusters
    2
    """
    check_confidence(confidence)
    influence, has_data = np.asarray(influence, dtype=np.float64), np.asarray(has_data, dtype=bool)
    n = int(np.count_nonzero(has_data))
    if clusters is not None and not influence.shape == has_data.shape == clusters.shape:
        raise ValueError(f"shapes differ: {influence.shape}, {has_data.shape}, {clusters.shape}")
    kept = None if clusters is None else clusters[has_data]
    if sample_weight is not None and n > 0 and float(sample_weight[has_data].sum()) > 0:
        n_clusters, n_eff = weighted_worth(influence[has_data], sample_weight[has_data], kept, confidence=confidence)
        return EffectiveN(n, n_clusters, n / n_eff, n_eff)
    n_clusters = n if kept is None else count_clusters(kept)
    if n_clusters == n:
        return EffectiveN(n, n, 1.0, float(n))
    if n_clusters == 1:
        return EffectiveN(n, 1, float(n), 1.0)
    v0 = float(np.dot(influence[has_data], influence[has_data]))
    if v0 <= 1e-18:
        return EffectiveN(n, n_clusters, n / n_clusters, float(n_clusters))
    deff = max(1.0, clustered_variance(influence[has_data], kept) / v0)
    tail = 0.5 + confidence / 2
    shrink = float(stdtrit(n - 1, tail) / stdtrit(n_clusters - 1, tail)) ** 2
    return EffectiveN(n, n_clusters, deff, n / deff * shrink)


def metric_influence(
    metric: str, y_true: Array, y_pred: Array, sample_weight: Array | None = None
) -> tuple[Array, Array]:
    """Influence of each item on a ratio metric of one system: (numerator - value·denominator)/total denominator.

    Args:
        metric: One of ``CLUSTERED_METRICS``.
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_pred: Decisions, same shape and codes.
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.

    Returns:
        Influence, float (n_items,), and whether each item is in the denominator; all 0 when the denominator is empty.

    Raises:
        ValueError: The metric is unknown.

    References:
        Korn & Graubard (1998), Survey Methodology; linearisation as in Woodruff (1971), JASA.

    >>> import numpy as np
    >>> metric_influence("recall", np.array([1, 1, 0]), np.array([1, 0, 1]))[0].tolist()
    [0.25, -0.25, 0.0]
    """
    valid, y, b = _codes(metric, y_true, y_pred)
    if metric == "f1":
        numerator, denominator = 2.0 * (y & b), y.astype(np.float64) + b
    else:
        numerator, denominator = (one.astype(np.float64) for one in SHARES[metric].masks(y, b, valid))
    has_data = denominator > 0
    if sample_weight is not None:
        numerator, denominator = numerator * sample_weight, denominator * sample_weight
    total = float(denominator.sum())
    if total == 0:
        return np.zeros(y.shape), has_data
    return (numerator - numerator.sum() / total * denominator) / total, has_data


def _has_data(metric: str, y_true: Array, y_pred: Array) -> Bools:
    """Whether each item is in the denominator, as ``metric_influence`` says it."""
    valid, y, b = _codes(metric, y_true, y_pred)
    return np.array(y | b if metric == "f1" else SHARES[metric].masks(y, b, valid)[1])


def _codes(metric: str, y_true: Array, y_pred: Array) -> tuple[Bools, ...]:
    """Which items have gold and decision, which violate, which are flagged."""
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got '{metric}'")
    valid = (y_true >= 0) & (y_pred >= 0)
    return valid, (y_true == 1) & valid, (y_pred == 1) & valid


CLUSTERED_METRICS = tuple(METRICS)


def clustered_metric(
    metric: str,
    y_true: Array,
    y_pred: Array,
    clusters: Array | None,
    *,
    sample_weight: Array | None = None,
    confidence: float = 0.95,
) -> MetricResult:
    """A metric of one category with the interval of its effective sample size.

    Args:
        metric: One of ``CLUSTERED_METRICS``.
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_pred: Decisions, same shape and codes.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.
        confidence: Two-sided level, in (0, 1).

    Returns:
        The metric's value over the items, its interval over n_eff; n counts items. With one cluster the interval is
        undefined, with a reason.

    Raises:
        ValueError: The metric is unknown, or shapes differ.

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> import numpy as np
    >>> y = np.array([1, 1, 1, 1, 0, 0])
    >>> clustered_metric("recall", y, np.array([1, 1, 1, 0, 0, 1]), np.array([0, 0, 1, 1, 2, 2])).value
    0.75
    """
    if sample_weight is not None:
        return weighted_metric(metric, y_true, y_pred, sample_weight, clusters, confidence=confidence)
    counts = confusion_counts(y_true[:, np.newaxis], y_pred[:, np.newaxis])
    counted = counts.category(0)
    plain = METRICS[metric](*counted, confidence=confidence, n_excluded=int(counts.n_excluded[0]))
    if not plain.is_defined or clusters is None:
        return plain
    kept = _has_data(metric, y_true, y_pred)
    size = effective_n(*metric_influence(metric, y_true[kept], y_pred[kept]), clusters[kept], confidence=confidence)
    if size.factor == 1.0:
        return plain
    if size.n_clusters < 2:
        return replace(plain, low=math.nan, high=math.nan, reason=ONE_CLUSTER)
    scaled = METRICS[metric](*(one * size.factor for one in counted), confidence=confidence)
    return replace(plain, low=scaled.low, high=scaled.high)


class EffectiveCells(NamedTuple):
    """Paired counts scaled to the effective sample size of a difference.

    Attributes:
        cells: 8 counts times n_eff/n.
        raw: 8 counts of items.
        size: Items, clusters, design effect and n_eff of the difference.
        is_weighted: Whether ``cells`` share out the items' weights, so that values are read from them.
    """

    cells: Floats
    raw: Ints
    size: EffectiveN
    is_weighted: bool = False


def effective_counts(
    metric: str,
    y_true: Array,
    a: Array,
    b: Array,
    clusters: Array | None,
    *,
    of: Literal["difference", "candidate"] = "difference",
    sample_weight: Array | None = None,
    confidence: float = 0.90,
) -> EffectiveCells:
    """Paired table of one category, scaled to what its clusters are worth for a metric or its difference.

    IF_i of the difference = IF_i(candidate) - IF_i(baseline); all eight counts are multiplied by n_eff/n.

    Args:
        metric: One of ``CLUSTERED_METRICS``.
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        a: Baseline decisions, same shape and codes.
        b: Candidate decisions, same shape and codes.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        of: "difference" of both systems, or the metric of the "candidate" alone (floors).
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.
        confidence: Two-sided level whose t quantile is used; .90 beside a one-sided test at .05.

    Returns:
        Scaled counts, raw counts, and the sizes.

    Raises:
        ValueError: The metric is unknown, or shapes differ.

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> import numpy as np
    >>> y, a, b = np.array([1, 1, 1, 1]), np.array([1, 1, 1, 1]), np.array([1, 1, 0, 0])
    >>> effective_counts("recall", y, a, b, None).cells.tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0]
    """
    raw = paired_cells(y_true, a, b)
    gold = np.where((a >= 0) & (b >= 0), y_true, -1)
    if sample_weight is None:
        has_data = _has_data(metric, gold, b)
        if of == "difference":
            has_data |= _has_data(metric, gold, a)
        if clusters is None:  # every item is worth one: its influence decides nothing
            return EffectiveCells(np.asarray(raw, dtype=np.float64), raw, effective_n(has_data, has_data, None))
        gold, a, b, clusters = gold[has_data], a[has_data], b[has_data], clusters[has_data]
    influence, has_data = metric_influence(metric, gold, b, sample_weight)
    if of == "difference":
        influence_a, data_a = metric_influence(metric, gold, a, sample_weight)
        influence, has_data = influence - influence_a, has_data | data_a
    size = effective_n(influence, has_data, clusters, sample_weight=sample_weight, confidence=confidence)
    if sample_weight is not None and has_data.any():
        cells = weighted_cells(y_true, a, b, sample_weight)
        return EffectiveCells(cells * (size.n_eff / float(sample_weight[has_data].sum())), raw, size, True)
    return EffectiveCells(np.asarray(raw * size.factor, dtype=np.float64), raw, size)
