"""Averages of precision, recall and F1 over categories.

Decides how categories are combined and how sure the average is when every item counts in several categories. Leaves the
single category to ``metrics``.
"""

from __future__ import annotations

import numpy as np

from harness.core.arrays import Array, Bools, Floats
from harness.core.clusters import clustered_variance, count_clusters
from harness.core.confusion import check_decisions
from harness.core.design_estimates import UNSEEN, share_interval
from harness.core.intervals import effective_wilson
from harness.core.metric_facts import NOTHING_FLAGGED
from harness.core.results import UNDEFINED, Interval, MetricResult

# name -> weights of (tp, gold positive, flagged) in the ratio: value = tp_weight·tp / (gold·P + flagged·n_flagged)
RATIOS: dict[str, tuple[float, float, float]] = {
    "recall": (1.0, 1.0, 0.0),
    "precision": (1.0, 0.0, 1.0),
    "f1": (2.0, 1.0, 1.0),
}
AVERAGED_METRICS = tuple(RATIOS)
NO_CATEGORY = "undefined in every category"


def macro_average(
    y_true: Array,
    y_pred: Array,
    *,
    metric: str,
    clusters: Array | None = None,
    sample_weight: Array | None = None,
    confidence: float = 0.95,
) -> MetricResult:
    """Plain mean of a metric over the categories where it is defined.

    SE² = G/(G-1) · sum over clusters of (sum over items of mean over categories of IF)², IF the influence of an item on
    a category's ratio; limits are Wilson's at n_eff = value(1 - value)/SE².

    Args:
        y_true: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        y_pred: Decisions, same shape and codes.
        metric: One of ``AVERAGED_METRICS``.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number in [0, 1], higher is better; n counts items with gold and decision in some averaged category. Undefined
        categories leave the mean and the reason says "7 of 8 categories"; undefined when no category is left.

    Raises:
        ValueError: The metric is unknown, shapes differ, or a code is not -1, 0 or 1.

    References:
        Miller (2024), arXiv:2411.00640 (clustered SE). Takahashi et al. (2022), Applied Intelligence (delta method for
        macro F1).

    >>> import numpy as np
    >>> gold = np.array([[1, 0], [1, 0], [0, 0], [0, 0]])
    >>> result = macro_average(gold, np.array([[1, 0], [0, 0], [0, 0], [0, 0]]), metric="recall")
    >>> result.value, result.reason
    (0.5, '1 of 2 categories')
    """
    ratios = _category_ratios(y_true, y_pred, metric, sample_weight)
    n_items, n_categories = np.asarray(y_true).shape
    values, supports, unseen, influence = [], [], [], np.zeros(n_items)
    counted = np.zeros(n_items, dtype=bool)
    for numerator, denominator, valid in ratios:
        total = float(denominator.sum())
        if total == 0:
            continue
        value = float(numerator.sum()) / total
        values.append(value)
        supports.append(_worth(denominator, sample_weight))
        unseen.append(UNSEEN * float(denominator.max()) / total)
        influence += (numerator - value * denominator) / total
        counted |= valid
    n_defined = len(values)
    if n_defined == 0:
        return MetricResult.undefined(NO_CATEGORY, n_excluded=n_items)
    mean = float(np.mean(values))
    n_fallback = n_defined**2 / sum(1 / support for support in supports)
    rest = None if sample_weight is None else float(np.mean(unseen))
    low, high = _interval(mean, influence / n_defined, clusters, counted, n_fallback, confidence, rest)
    n = int(counted.sum())
    reason = None if n_defined == n_categories else f"{n_defined} of {n_categories} categories"
    return MetricResult(mean, low, high, n, n_items - n, reason)


def micro_average(
    y_true: Array,
    y_pred: Array,
    *,
    metric: str,
    clusters: Array | None = None,
    sample_weight: Array | None = None,
    confidence: float = 0.95,
) -> MetricResult:
    """A metric of the counts pooled over categories; frequent categories weigh most.

    The SE is linearised and clustered by item, because one item gives a decision in every category; limits are Wilson's
    at n_eff = value(1 - value)/SE².

    Args:
        y_true: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        y_pred: Decisions, same shape and codes.
        metric: One of ``AVERAGED_METRICS``.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        sample_weight: Weight per item, float (n_items,), >= 0; None counts every item once.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number in [0, 1], higher is better; n counts items with gold and decision in some category; undefined when the
        pooled denominator is 0.

    Raises:
        ValueError: The metric is unknown, shapes differ, or a code is not -1, 0 or 1.

    References:
        Takahashi et al. (2022), Applied Intelligence (delta method for micro F1).

    >>> import numpy as np
    >>> gold = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    >>> micro_average(gold, np.array([[1, 0], [0, 0], [0, 1], [0, 0]]), metric="f1").value
    0.8
    """
    ratios = _category_ratios(y_true, y_pred, metric, sample_weight)
    n_items = np.asarray(y_true).shape[0]
    numerator: Floats = sum((one for one, _, _ in ratios), np.zeros(n_items))
    denominator: Floats = sum((one for _, one, _ in ratios), np.zeros(n_items))
    counted: Bools = sum((valid for _, _, valid in ratios), np.zeros(n_items, dtype=bool))
    n, total = int(counted.sum()), float(denominator.sum())
    if total == 0:
        reason = NOTHING_FLAGGED if metric == "precision" else NO_CATEGORY
        return MetricResult.undefined(reason, n=n, n_excluded=n_items - n)
    value = float(numerator.sum()) / total
    influence = (numerator - value * denominator) / total
    rest = None if sample_weight is None else UNSEEN * float(denominator.max()) / total
    n_fallback = _worth(denominator, sample_weight)
    low, high = _interval(value, influence, clusters, counted, n_fallback, confidence, rest)
    return MetricResult(value, low, high, n, n_items - n)


def _interval(
    value: float,
    influence: Floats,
    clusters: Array | None,
    counted: Bools,
    n_fallback: float,
    confidence: float,
    unseen: float | None,
) -> Interval:
    """Wilson limits at the effective n; n_fallback counts when the linearised variance is 0.

    With weights those of ``share_interval``: ``unseen`` is half the largest share that one item has.
    """
    variance = clustered_variance(influence, clusters)
    if clusters is not None:
        n_clusters = count_clusters(clusters[counted])
        if n_clusters < 2:
            return UNDEFINED
        n_fallback = min(n_fallback, n_clusters)
    if unseen is not None:
        return share_interval(value, variance, unseen, confidence=confidence)
    return effective_wilson(value, variance, n_fallback, confidence=confidence)


def _worth(denominator: Floats, sample_weight: Array | None) -> float:
    """Items of a denominator; Kish's effective number of weighted ones."""
    if sample_weight is None:
        return float(np.count_nonzero(denominator))
    return float(denominator.sum()) ** 2 / float(np.dot(denominator, denominator))


def _category_ratios(
    y_true: Array, y_pred: Array, metric: str, sample_weight: Array | None
) -> list[tuple[Floats, Floats, Bools]]:
    """Per category, each item's part of the numerator and denominator, and whether it has gold and decision."""
    if metric not in RATIOS:
        raise ValueError(f"metric must be one of {', '.join(RATIOS)}, got '{metric}'")
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    check_decisions(y_true, y_pred)
    hit_weight, gold_weight, flag_weight = RATIOS[metric]
    ratios = []
    for gold, decided in zip(np.ascontiguousarray(y_true.T), np.ascontiguousarray(y_pred.T), strict=True):
        valid = (gold >= 0) & (decided >= 0)
        positive, flagged = valid & (gold == 1), valid & (decided == 1)
        numerator = hit_weight * (positive & flagged)
        denominator = gold_weight * positive + flag_weight * flagged
        if sample_weight is not None:
            numerator, denominator = numerator * sample_weight, denominator * sample_weight
        ratios.append((numerator, denominator, valid))
    return ratios
