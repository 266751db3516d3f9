"""Choosing the score at which a category is flagged (``score >= threshold``).

Decides thresholds with a promise (recall of at least r), thresholds that look best on the data, and what each threshold
gives. A threshold chosen here must be scored on other data, or by cross-validation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from harness.core.arrays import Array
from harness.core.metric_facts import NO_POSITIVES
from harness.core.metrics import f1, precision, recall
from harness.core.ranking import precision_recall_curve, scored_items
from harness.core.results import MetricResult
from harness.core.special import bdtr

NO_CERTIFICATE = "no threshold can be certified"


class Threshold(NamedTuple):
    """A chosen threshold.

    Attributes:
        value: Flag ``score >= value``; NaN when none can be chosen.
        n_positives: Violating items it was chosen on.
        n_missed: Violating items below it on the same data.
        n_needed: Violating items from which a threshold could be certified.
        reason: Why there is none, or None.
    """

    value: float
    n_positives: int
    n_missed: int
    n_needed: int
    reason: str | None = None


class ThresholdRow(NamedTuple):
    """What one threshold gives: counts and metrics."""

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int
    recall: MetricResult
    precision: MetricResult
    f1: MetricResult


def certified_threshold(
    y_true: Array, y_score: Array, *, min_recall: float, delta: float = 0.05, n_categories: int = 1
) -> Threshold:
    """Highest threshold whose recall on new data is at least r, wrong with probability at most delta.

    Learn then Test with a fixed sequence; for monotone recall it is an order statistic: k = largest number of misses
    with P(Bin(P, 1 - r) <= k) <= delta/n_categories, threshold = the (k + 1)-th smallest violating score.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        min_recall: Promised recall r, in (0, 1).
        delta: Chance that the promise fails, in (0, 1).
        n_categories: Categories that must hold at once, >= 1.

    Returns:
        The threshold; NaN with a reason when there are fewer than ln(delta)/ln(r) violating items.

    Raises:
        ValueError: An argument is out of range.

    References:
        Angelopoulos et al. (2021), arXiv:2110.01052.

    >>> import numpy as np
    >>> certified_threshold(np.ones(29, dtype=int), np.linspace(0.1, 0.9, 29), min_recall=0.9).value
    0.1
    """
    if not (0 < min_recall < 1 and 0 < delta < 1) or n_categories < 1:
        raise ValueError(f"need min_recall and delta in (0, 1), n_categories >= 1, got {min_recall}, {delta}")
    items = scored_items(y_true, y_score)
    positives = np.sort(items.y_score[items.y_true])
    n, level = positives.size, delta / n_categories
    needed = math.ceil(math.log(level) / math.log(min_recall))
    if n == 0:
        return Threshold(math.nan, 0, 0, needed, NO_POSITIVES)
    allowed = np.flatnonzero(bdtr(np.arange(n), n, 1 - min_recall) <= level)  # numbers of misses
    if not allowed.size:
        return Threshold(math.nan, n, 0, needed, NO_CERTIFICATE)
    value = float(positives[allowed[-1]])
    return Threshold(value, n, int(np.count_nonzero(positives < value)), needed)


def threshold_table(
    y_true: Array, y_score: Array, thresholds: Sequence[float], *, confidence: float = 0.95
) -> list[ThresholdRow]:
    """Counts, recall, precision and F1 at given thresholds.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        thresholds: Thresholds, in any order.
        confidence: Two-sided level, in (0, 1).

    Returns:
        One row per threshold, in the given order; each row's counts add up to the scored items.

    Raises:
        ValueError: Shapes differ, or a threshold is NaN.

    References:
        Wilson (1927); Lam, Gopal & Qian (2023) for F1's interval.

    >>> import numpy as np
    >>> threshold_table(np.array([0, 1, 1]), np.array([0.2, 0.5, 0.9]), [0.5])[0].recall.value
    1.0
    """
    items = scored_items(y_true, y_score)
    if any(math.isnan(threshold) for threshold in thresholds):
        raise ValueError("thresholds must not be NaN")
    positives, negatives = np.sort(items.y_score[items.y_true]), np.sort(items.y_score[~items.y_true])
    rows = []
    for threshold in map(float, thresholds):
        fn, tn = int(np.searchsorted(positives, threshold)), int(np.searchsorted(negatives, threshold))
        tp, fp = positives.size - fn, negatives.size - tn
        metrics = (
            metric(tp, fp, fn, tn, confidence=confidence, n_excluded=items.n_excluded)
            for metric in (recall, precision, f1)
        )
        rows.append(ThresholdRow(threshold, tp, fp, fn, tn, *metrics))
    return rows


def recall_at_precision(
    y_true: Array, y_score: Array, min_precision: float, *, confidence: float = 0.95
) -> MetricResult:
    """Highest recall of any threshold whose precision on these data is at least a value.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        min_precision: Wanted precision, in (0, 1].
        confidence: Two-sided level, in (0, 1).

    Returns:
        Recall in [0, 1], 0 when no threshold reaches the precision; the reason says that the threshold was chosen on
        the same data. Undefined without violating items.

    Raises:
        ValueError: min_precision is outside (0, 1], or shapes differ.

    References:
        Davis & Goadrich (2006), ICML.

    >>> import numpy as np
    >>> recall_at_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]), 0.9).value
    0.5
    """
    if not 0 < min_precision <= 1:
        raise ValueError(f"min_precision must be in (0, 1], got {min_precision}")
    items = scored_items(y_true, y_score)
    n = int(np.count_nonzero(items.y_true))
    if n == 0:
        return MetricResult.undefined(NO_POSITIVES, n_excluded=items.n_excluded)
    curve = precision_recall_curve(y_true, y_score)
    reached = curve.recall[:-1][curve.precision[:-1] >= min_precision - 1e-12]
    hits = round(float(reached.max()) * n) if reached.size else 0
    result = recall(hits, 0, n - hits, 0, confidence=confidence, n_excluded=items.n_excluded)
    return replace(result, reason="threshold chosen on the same data")
