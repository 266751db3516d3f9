"""Labels made from votes, and what annotators allow a model to reach.

Decides majority labels, the human ceiling and Dawid-Skene labels. Leaves reliability coefficients to ``agreement``.
Votes are an int array (n_items, n_annotators) with -1 where an annotator did not vote.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from harness.core.arrays import Array, Codes, Floats
from harness.core.clusters import clustered_metric
from harness.core.confusion import check_codes
from harness.core.metrics import METRICS
from harness.core.results import MetricResult

_EM_STEPS = 40


class DawidSkene(NamedTuple):
    """Latent labels by Dawid and Skene's model.

    Attributes:
        probability: P(violating) per item; NaN without votes.
        sensitivity: P(vote 1 | violating) per annotator.
        specificity: P(vote 0 | not violating) per annotator.
        prevalence: P(violating).
    """

    probability: Floats
    sensitivity: Floats
    specificity: Floats
    prevalence: float


def majority_labels(votes: Array) -> Codes:
    """Majority of the votes of each item.

    Args:
        votes: Votes 1, 0, or -1 missing, int (n_items, n_annotators).

    Returns:
        1, 0, or -1 for a tie or no vote, int8 (n_items,).

    Raises:
        ValueError: A code is not -1, 0 or 1.

    >>> import numpy as np
    >>> majority_labels(np.array([[1, 1, 0], [1, 0, -1], [0, -1, -1]])).tolist()
    [1, -1, 0]
    """
    v = np.asarray(votes)
    check_codes("votes", v)
    ones, zeros = np.count_nonzero(v == 1, axis=1), np.count_nonzero(v == 0, axis=1)
    return np.where(ones > zeros, 1, np.where(zeros > ones, 0, -1)).astype(np.int8)


def gold_against_majority(y_true: Array, votes: Array, *, confidence: float = 0.95) -> MetricResult:
    """Share of items whose gold label is the majority of the votes.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        votes: Votes 1, 0, or -1 missing, int (n_items, n_annotators).
        confidence: Two-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1]; items without gold or with tied votes are excluded and counted.

    Raises:
        ValueError: A code is not -1, 0 or 1, or confidence is outside (0, 1).

    References:
        Wilson (1927), JASA.

    >>> import numpy as np
    >>> gold_against_majority(np.array([1, 0]), np.array([[1, 1], [1, 0]])).value
    1.0
    """
    return clustered_metric("agreement", np.asarray(y_true), majority_labels(votes), None, confidence=confidence)


def human_ceiling(votes: Array, metric: str, *, confidence: float = 0.95) -> MetricResult:
    """How well one annotator finds the majority of the others: leave-one-annotator-out recall, precision or F1.

    Each vote is judged against the majority of the item's other votes (ties are left out); votes of one item form a
    cluster. A model above the ceiling is "at ceiling", not better.

    Args:
        votes: Votes 1, 0, or -1 missing, int (n_items, n_annotators).
        metric: One of ``METRICS``.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number in [0, 1]; n counts votes in the denominator. Undefined when no majority is "violating" (recall).

    Raises:
        ValueError: The metric is unknown, or a code is not -1, 0 or 1.

    References:
        Korn & Graubard (1998), Survey Methodology, for the clustered interval.

    >>> import numpy as np
    >>> human_ceiling(np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]]), "recall").value
    0.75
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got '{metric}'")
    v = np.asarray(votes)
    n_items, n_annotators = v.shape
    gold = [majority_labels(np.delete(v, annotator, axis=1)) for annotator in range(n_annotators)]
    y_true = np.concatenate(gold) if gold else np.zeros(0, dtype=np.int8)
    items = np.tile(np.arange(n_items), n_annotators)
    return clustered_metric(metric, y_true, v.T.reshape(-1), items, confidence=confidence)


def dawid_skene(votes: Array) -> DawidSkene:
    """Labels weighted by each annotator's error rates: EM of Dawid and Skene's model, +1 smoothing, 40 steps.

    Args:
        votes: Votes 1, 0, or -1 missing, int (n_items, n_annotators).

    Returns:
        P(violating) per item, each annotator's sensitivity and specificity, and the prevalence; all in [0, 1].

    Raises:
        ValueError: A code is not -1, 0 or 1.

    References:
        Dawid & Skene (1979), Applied Statistics.

    >>> import numpy as np
    >>> dawid_skene(np.array([[1, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]])).probability.round(0).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    v = np.asarray(votes)
    check_codes("votes", v)
    ones, zeros = (v == 1).astype(np.float64), (v == 0).astype(np.float64)
    n_votes = ones.sum(axis=1) + zeros.sum(axis=1)
    voted = n_votes > 0
    probability = np.where(voted, ones.sum(axis=1) / np.maximum(n_votes, 1), 0.0)
    weight = voted.astype(np.float64)
    for _ in range(_EM_STEPS):
        violating, benign = probability * weight, (1 - probability) * weight
        sensitivity = (violating @ ones + 1) / (violating @ (ones + zeros) + 2)
        specificity = (benign @ zeros + 1) / (benign @ (ones + zeros) + 2)
        prevalence = float((violating.sum() + 1) / (weight.sum() + 2))
        log_odds = (
            math.log(prevalence / (1 - prevalence))
            + ones @ np.log(sensitivity / (1 - specificity))
            + zeros @ np.log((1 - sensitivity) / specificity)
        )
        probability = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
    return DawidSkene(np.where(voted, probability, np.nan), sensitivity, specificity, prevalence)
