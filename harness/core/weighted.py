"""Metrics of one system on a sample whose items stand for more or less of a population.

Decides which items each metric's ratio is made of and how F1 follows from one; the ratio's interval is that of
``design_estimates``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.core.arrays import Array
from harness.core.design_estimates import weighted_ratio
from harness.core.metric_facts import NOTHING_TO_FIND
from harness.core.metric_table import SHARES
from harness.core.metrics import METRICS, f1_of_jaccard
from harness.core.results import MetricResult
from harness.core.special import stdtrit


def weighted_metric(
    metric: str, y_true: Array, y_pred: Array, sample_weight: Array, clusters: Array | None, *, confidence: float = 0.95
) -> MetricResult:
    """A metric of one category for the population that the items' weights stand for.

    Hajek ratios; F1 = 2J/(1 + J) of the weighted share J of hits among hits, false alarms and misses.

    Args:
        metric: One of recall, precision, f1, fpr, fnr, specificity, agreement.
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_pred: Decisions, same shape and codes.
        sample_weight: 1/inclusion probability, float (n_items,), finite and >= 0.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        confidence: Two-sided level, in (0, 1).

    Returns:
        The metric; n counts items of the denominator.

    Raises:
        ValueError: The metric is unknown, shapes differ, or a weight is negative or not finite.

    References:
        Hajek (1971); Deville (1999), Survey Methodology; Lam, Gopal & Qian (2023) for F1.

    >>> import numpy as np
    >>> gold, said = np.array([1, 1, 0]), np.array([1, 0, 0])
    >>> weighted_metric("recall", gold, said, np.array([1.0, 3.0, 1.0]), None).value
    0.25
    """
    valid = (y_true >= 0) & (y_pred >= 0)
    y, b = (y_true == 1) & valid, (y_pred == 1) & valid
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got '{metric}'")
    if metric == "f1":
        numerator, denominator, reason = y & b, y | b, NOTHING_TO_FIND
    else:
        (numerator, denominator), reason = SHARES[metric].masks(y, b, valid), SHARES[metric].reason
    one = weighted_ratio(numerator, denominator, sample_weight, clusters=clusters, reason=reason, confidence=confidence)
    if metric == "f1":
        one = replace(one, value=f1_of_jaccard(one.value), low=f1_of_jaccard(one.low), high=f1_of_jaccard(one.high))
    return replace(one, n_excluded=int(np.count_nonzero(~valid)))


def weighted_worth(
    influence: Array, sample_weight: Array, clusters: Array | None, *, confidence: float = 0.95
) -> tuple[int, float]:
    """Clusters of weighted items, and how many items they are worth: at most Kish's number of them.

    Args:
        influence: Influence of each item on the estimate, float (n_items,).
        sample_weight: Weight per item, float (n_items,), >= 0, not all 0.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        confidence: Two-sided level whose t quantile is used.

    Returns:
        Number of clusters and effective n; 1 with a single cluster.

    References:
        Korn & Graubard (1998), Survey Methodology; Kish (1965), Survey Sampling.

    >>> import numpy as np
    >>> weighted_worth(np.zeros(3), np.array([2.0, 1.0, 1.0]), None)[1]
    2.6666666666666665
    """
    n, share = influence.size, sample_weight / sample_weight.sum()
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    by_cluster = np.bincount(codes, weights=share)
    n_clusters = by_cluster.size
    if n_clusters == 1:
        return 1, 1.0
    kish = 1 / float(np.dot(by_cluster, by_cluster))
    sums = np.bincount(codes, weights=influence)
    variance = n_clusters / (n_clusters - 1) * float(np.dot(sums, sums))
    counted = share > 0
    v0 = float(np.sum(influence[counted] ** 2 / share[counted])) / n
    deff = 1.0 if v0 <= 1e-18 else max(1.0, variance / v0)
    tail = 0.5 + confidence / 2
    shrink = 1.0 if n_clusters == n else float(stdtrit(n - 1, tail) / stdtrit(n_clusters - 1, tail)) ** 2
    return n_clusters, min(n / deff, kish) * shrink
