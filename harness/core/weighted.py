"""Metrics of one system on a sample whose items stand for more or less of a population.

Decides which items each metric's ratio is made of and how F1 follows from one; the ratio's interval is that of
``design_estimates``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.design_estimates import weighted_ratio
from harness.core.metrics import NO_ITEMS, NO_NEGATIVES, NO_POSITIVES, NOTHING_FLAGGED, NOTHING_TO_FIND
from harness.core.results import MetricResult


def weighted_metric(
    metric: str,
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    sample_weight: NDArray[Any],
    clusters: NDArray[Any] | None,
    *,
    confidence: float = 0.95,
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
    parts = {
        "recall": (y & b, y, NO_POSITIVES),
        "precision": (y & b, b, NOTHING_FLAGGED),
        "f1": (y & b, y | b, NOTHING_TO_FIND),
        "fpr": (b & ~y, valid & ~y, NO_NEGATIVES),
        "fnr": (y & ~b, y, NO_POSITIVES),
        "specificity": (valid & ~y & ~b, valid & ~y, NO_NEGATIVES),
        "agreement": (valid & (y == b), valid, NO_ITEMS),
    }
    if metric not in parts:
        raise ValueError(f"metric must be one of {', '.join(parts)}, got '{metric}'")
    numerator, denominator, reason = parts[metric]
    one = weighted_ratio(numerator, denominator, sample_weight, clusters=clusters, reason=reason, confidence=confidence)
    if metric == "f1":
        one = replace(one, value=_f1(one.value), low=_f1(one.low), high=_f1(one.high))
    return replace(one, n_excluded=int(np.count_nonzero(~valid)))


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)
