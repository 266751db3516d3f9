"""Choosing the score at which a category is flagged (``score >= threshold``).

Decides thresholds with a promise (recall of at least r), thresholds that look best on the data, and what each threshold
gives. A threshold chosen here must be scored on other data, or by cross-validation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from harness.core.metric_facts import NO_POSITIVES, NOTHING_TO_FIND
from harness.core.metrics import f1, precision, recall
from harness.core.ranking import precision_recall_curve, scored_items
from harness.core.results import MetricResult

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
    y_true: NDArray[Any], y_score: NDArray[Any], *, min_recall: float, delta: float = 0.05, n_categories: int = 1
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
    positives = _positive_scores(y_true, y_score)
    n, level = positives.size, delta / n_categories
    needed = math.ceil(math.log(level) / math.log(min_recall))
    misses = np.arange(n)
    allowed = np.flatnonzero(bdtr(misses, n, 1 - min_recall) <= level) if n else misses
    return _order_statistic(positives, int(allowed[-1]) if allowed.size else -1, needed)


def conformal_threshold(y_true: NDArray[Any], y_score: NDArray[Any], *, min_recall: float) -> Threshold:
    """Highest threshold whose recall is at least r on average over golden sets (conformal risk control).

    k = largest number of misses with k + 1 <= (P + 1)(1 - r); weaker than ``certified_threshold``, which holds for the
    golden set at hand.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        min_recall: Promised mean recall r, in (0, 1).

    Returns:
        The threshold; NaN with a reason when even no miss is too many.

    Raises:
        ValueError: min_recall is outside (0, 1).

    References:
        Angelopoulos et al. (2024), ICLR, arXiv:2208.02814.

    >>> import numpy as np
    >>> conformal_threshold(np.ones(9, dtype=int), np.linspace(0.1, 0.9, 9), min_recall=0.9).value
    0.1
    """
    if not 0 < min_recall < 1:
        raise ValueError(f"min_recall must be in (0, 1), got {min_recall}")
    positives = _positive_scores(y_true, y_score)
    needed = math.ceil(1 / (1 - min_recall) - 1 - 1e-9)
    return _order_statistic(positives, math.floor((positives.size + 1) * (1 - min_recall) + 1e-9) - 1, needed)


def _positive_scores(y_true: NDArray[Any], y_score: NDArray[Any]) -> NDArray[np.float64]:
    items = scored_items(y_true, y_score)
    return np.sort(items.y_score[items.y_true])


def _order_statistic(positives: NDArray[np.float64], k: int, needed: int) -> Threshold:
    n = positives.size
    if n == 0:
        return Threshold(math.nan, 0, 0, needed, NO_POSITIVES)
    if k < 0:
        return Threshold(math.nan, n, 0, needed, NO_CERTIFICATE)
    value = float(positives[min(k, n - 1)])
    return Threshold(value, n, int(np.count_nonzero(positives < value)), needed)


def best_f1_threshold(y_true: NDArray[Any], y_score: NDArray[Any]) -> Threshold:
    """Threshold with the highest F1 on these data; the highest such threshold when several tie.

    Its F1 here is too good (by .08 with 20 violating items, .03 with 100): score it with ``cross_validated_f1``.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.

    Returns:
        The threshold; NaN with a reason without violating items.

    Raises:
        ValueError: Shapes differ, or a gold code is not -1, 0 or 1.

    References:
        Lipton, Elkan & Naryanaswamy (2014), ECML PKDD.

    >>> import numpy as np
    >>> best_f1_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).value
    0.35
    """
    positives = _positive_scores(y_true, y_score)
    n = positives.size
    if n == 0:
        return Threshold(math.nan, 0, 0, 1, NO_POSITIVES)
    curve = precision_recall_curve(y_true, y_score)
    hits = curve.recall[:-1] * n
    with np.errstate(invalid="ignore", divide="ignore"):
        flagged = np.where(hits > 0, hits / curve.precision[:-1], 0.0)
    scores = 2 * hits / (n + flagged)
    best = int(np.flatnonzero(scores >= scores.max() - 1e-12)[-1])
    value = float(curve.thresholds[best])
    return Threshold(value, n, int(np.count_nonzero(positives < value)), 1)


def cross_validated_f1(
    y_true: NDArray[Any],
    y_score: NDArray[Any],
    *,
    rng: np.random.Generator,
    clusters: NDArray[Any] | None = None,
    n_folds: int = 5,
    confidence: float = 0.95,
) -> MetricResult:
    """F1 of the rule "take the best threshold", each item judged by a threshold chosen without its fold.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        rng: Random generator that deals clusters to folds.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        n_folds: Folds, >= 2.
        confidence: Two-sided level, in (0, 1).

    Returns:
        F1 of the counts pooled over folds; items of a fold whose other folds hold no violating item are excluded and
        counted. Undefined without violating items.

    Raises:
        ValueError: Shapes differ, or n_folds < 2.

    References:
        Stone (1974), JRSS B.

    >>> import numpy as np
    >>> y = np.tile([0, 1], 50)
    >>> cross_validated_f1(y, y * 0.5 + 0.2, rng=np.random.default_rng(0)).value
    1.0
    """
    if n_folds < 2:
        raise ValueError(f"n_folds must be >= 2, got {n_folds}")
    items = scored_items(y_true, y_score)
    kept = (np.asarray(y_true) >= 0) & ~np.isnan(np.asarray(y_score, dtype=np.float64))
    groups = np.arange(kept.size) if clusters is None else np.asarray(clusters)
    _, codes = np.unique(groups[kept], return_inverse=True)
    n_groups = int(codes.max()) + 1 if codes.size else 0
    fold = rng.permutation(np.arange(n_groups) % n_folds)[codes]
    gold = items.y_true.astype(np.int8)
    counts, n_judged = np.zeros(4, dtype=np.int64), 0
    for index in range(n_folds):
        inside = fold == index
        chosen = best_f1_threshold(gold[~inside], items.y_score[~inside])
        if math.isnan(chosen.value):
            continue
        n_judged += int(np.count_nonzero(inside))
        counts += _counts_at(gold[inside], items.y_score[inside], [chosen.value])[0]
    n_excluded = int(kept.size - n_judged)
    if counts[:3].sum() == 0:
        return MetricResult.undefined(NOTHING_TO_FIND, n_excluded=n_excluded)
    tp, fp, fn, tn = counts.tolist()
    return f1(tp, fp, fn, tn, confidence=confidence, n_excluded=n_excluded)


def threshold_table(
    y_true: NDArray[Any], y_score: NDArray[Any], thresholds: Sequence[float], *, confidence: float = 0.95
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
    rows = []
    counts = _counts_at(items.y_true.astype(np.int8), items.y_score, thresholds)
    for threshold, (tp, fp, fn, tn) in zip(thresholds, counts.tolist(), strict=True):
        metrics = (
            metric(tp, fp, fn, tn, confidence=confidence, n_excluded=items.n_excluded)
            for metric in (recall, precision, f1)
        )
        rows.append(ThresholdRow(float(threshold), tp, fp, fn, tn, *metrics))
    return rows


def _counts_at(y_true: NDArray[Any], y_score: NDArray[np.float64], thresholds: Sequence[float]) -> NDArray[np.int64]:
    """(tp, fp, fn, tn) at each threshold."""
    positives, negatives = np.sort(y_score[y_true == 1]), np.sort(y_score[y_true == 0])
    fn, tn = np.searchsorted(positives, thresholds), np.searchsorted(negatives, thresholds)
    return np.stack([positives.size - fn, negatives.size - tn, fn, tn], axis=1)


def recall_at_precision(
    y_true: NDArray[Any], y_score: NDArray[Any], min_precision: float, *, confidence: float = 0.95
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
    return MetricResult(result.value, result.low, result.high, n, items.n_excluded, "threshold chosen on the same data")
