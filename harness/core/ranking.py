"""Quality of a score's ordering: average precision, AUROC and their curves.

Decides how ties are ranked and how sure the area is. Leaves the choice of a threshold to ``thresholds`` and the scores'
face value to ``calibration``. An item without gold (-1) or without a score (NaN) is left out and counted.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from harness.core.arrays import Array, Bools, Floats, Ints
from harness.core.clusters import ONE_CLUSTER, effective_n
from harness.core.confusion import check_codes
from harness.core.intervals import normal_quantile, wilson_interval
from harness.core.metric_facts import NO_NEGATIVES, NO_POSITIVES
from harness.core.results import Interval, MetricResult
from harness.core.special import expit, logit


class ScoredItems(NamedTuple):
    """Gold and score of the items that have both, how many have not, and which of all items have."""

    y_true: Bools
    y_score: Floats
    n_excluded: int
    kept: Bools


class PrecisionRecallCurve(NamedTuple):
    """Precision and recall at each distinct score (flag ``score >= threshold``), closed by the point (1, 0)."""

    precision: Floats
    recall: Floats
    thresholds: Floats


def scored_items(y_true: Array, y_score: Array) -> ScoredItems:
    """Keep the items that have gold and score.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); higher means more violating; NaN missing.

    Returns:
        Boolean gold and float64 scores of equal length, the number left out, and which were kept.

    Raises:
        ValueError: Shapes differ, or a gold code is not -1, 0 or 1.

    >>> import numpy as np
    >>> scored_items(np.array([1, 0, -1]), np.array([0.9, np.nan, 0.2])).n_excluded
    2
    """
    y_true, y_score = np.asarray(y_true), np.asarray(y_score, dtype=np.float64)
    if y_true.ndim != 1 or y_true.shape != y_score.shape:
        raise ValueError(f"y_true and y_score must share one shape (n_items,), got {y_true.shape} and {y_score.shape}")
    check_codes("y_true", y_true)
    kept = (y_true >= 0) & ~np.isnan(y_score)
    n_excluded = int(kept.size - np.count_nonzero(kept))
    if n_excluded:
        y_true, y_score = y_true[kept], y_score[kept]
    return ScoredItems(y_true == 1, y_score, n_excluded, kept)


def average_precision(
    y_true: Array, y_score: Array, *, clusters: Array | None = None, confidence: float = 0.95
) -> MetricResult:
    """Step-wise area under the precision-recall curve: sum of (R_k - R_{k-1})·P_k; tied scores form one step.

    Equal to the mean over violating items of the precision at their own score. Interval: logit(AP) ± z/sqrt(P·AP(1-AP))
    with P violating items and AP clipped to [.5/P, 1 - .5/P]; with clusters P counts effective items.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number in (0, 1], higher is better; n is the number of violating items. It depends on prevalence: never
        compare it across sets. Undefined without violating items; without interval in a single cluster.

    Raises:
        ValueError: Shapes differ, a gold code is not -1, 0 or 1, or confidence is outside (0, 1).

    References:
        Boyd, Eng & Page (2013), ECML PKDD (logit interval). Korn & Graubard (1998), Survey Methodology.

    >>> import numpy as np
    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).value, 4)
    0.8333
    """
    z = normal_quantile(confidence)
    items = scored_items(y_true, y_score)
    positives = np.sort(items.y_score[items.y_true])
    n_positives = positives.size
    if n_positives == 0:
        return MetricResult.undefined(NO_POSITIVES, n_excluded=items.n_excluded)
    negatives = np.sort(items.y_score[~items.y_true])
    hits = n_positives - np.searchsorted(positives, positives, side="left")
    false_alarms = negatives.size - np.searchsorted(negatives, positives, side="left")
    value = float(np.mean(hits / (hits + false_alarms)))
    n_eff: float = n_positives
    if clusters is not None:
        influence = average_precision_influence(items.y_true, items.y_score)
        factor = _cluster_factor(influence, items, clusters, confidence)
        if math.isnan(factor):
            return MetricResult(value, math.nan, math.nan, n_positives, items.n_excluded, ONE_CLUSTER)
        n_eff *= factor
    clipped = min(1 - 0.5 / n_positives, max(0.5 / n_positives, value))
    half = z / math.sqrt(n_eff * clipped * (1 - clipped))
    low, high = float(expit(logit(clipped) - half)), float(expit(logit(clipped) + half))
    return MetricResult(value, min(low, value), max(high, value), n_positives, items.n_excluded)


def average_precision_influence(y_true: Array, y_score: Array) -> Floats:
    """Influence of each item on average precision: its own precision, and what it does to the others'.

    A violating item adds (its precision - AP)/P and raises the precision of every violating item at or below its score;
    a non-violating item lowers theirs.

    Args:
        y_true: Whether the item violates, bool (n_items,).
        y_score: Score, float (n_items,), none missing.

    Returns:
        Influence, float (n_items,), with the sum 0; all 0 without violating items.

    References:
        Woodruff (1971), JASA (linearisation).

    >>> import numpy as np
    >>> found = average_precision_influence(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> [round(x, 4) for x in found.tolist()]
    [0.0, -0.1111, -0.0278, 0.1389]
    """
    violating = np.asarray(y_true, dtype=bool)
    positives, negatives = np.sort(y_score[violating]), np.sort(y_score[~violating])
    n_positives = positives.size
    if n_positives == 0:
        return np.zeros(violating.shape)
    hits = n_positives - np.searchsorted(positives, positives, side="left")
    false_alarms = negatives.size - np.searchsorted(negatives, positives, side="left")
    flagged = hits + false_alarms
    precision = hits / flagged
    raised = np.concatenate([[0.0], np.cumsum(false_alarms / flagged**2)])
    lowered = np.concatenate([[0.0], np.cumsum(hits / flagged**2)])
    at_or_below = np.searchsorted(positives, y_score, side="right")
    first_of_tie = np.minimum(np.searchsorted(positives, y_score, side="left"), n_positives - 1)
    own = precision[first_of_tie] - precision.mean()
    return np.asarray(np.where(violating, own + raised[at_or_below], 0.0 - lowered[at_or_below]) / n_positives)


def _cluster_factor(influence: Floats, items: ScoredItems, clusters: Array, confidence: float) -> float:
    """What an item is worth in its cluster, n_eff/n; NaN where all items are one cluster."""
    codes = np.asarray(clusters)
    if codes.shape != items.kept.shape:
        raise ValueError(f"clusters must have shape {items.kept.shape}, got {codes.shape}")
    size = effective_n(influence, np.ones(influence.shape, dtype=bool), codes[items.kept], confidence=confidence)
    return math.nan if size.n > 1 and size.n_clusters < 2 else size.factor


def auroc(y_true: Array, y_score: Array, *, clusters: Array | None = None, confidence: float = 0.95) -> MetricResult:
    """Chance that a violating item outscores a non-violating one, ties counting half (Mann-Whitney).

    Interval: DeLong's standard error on the logit scale. Where that error is 0 or not defined (perfect separation, one
    item of a class), the bound Var <= A(1-A)/min(P, N) gives the effective n of a Wilson interval. With clusters the
    variance is that of the clusters' summed components.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A number in [0, 1], higher is better; n counts scored items; undefined when a class is absent; without interval
        in a single cluster.

    Raises:
        ValueError: Shapes differ, a gold code is not -1, 0 or 1, or confidence is outside (0, 1).

    References:
        DeLong, DeLong & Clarke-Pearson (1988), Biometrics. Birnbaum & Klose (1957), Annals of Mathematical Statistics
        (variance bound). Obuchowski (1997), Biometrics (clustered components).

    >>> import numpy as np
    >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).value
    0.75
    """
    z = normal_quantile(confidence)
    items = scored_items(y_true, y_score)
    positives, negatives = np.sort(items.y_score[items.y_true]), np.sort(items.y_score[~items.y_true])
    n_positives, n_negatives = positives.size, negatives.size
    n = n_positives + n_negatives
    if n_positives == 0 or n_negatives == 0:
        reason = NO_POSITIVES if n_positives == 0 else NO_NEGATIVES
        return MetricResult.undefined(reason, n=n, n_excluded=items.n_excluded)
    of_positives = _share_below(positives, negatives)
    value = float(np.mean(of_positives))
    factor = 1.0
    if clusters is not None:
        won = _share_below(items.y_score, negatives) - value
        lost = 1 - _share_below(items.y_score, positives) - value
        influence = np.where(items.y_true, won / n_positives, lost / n_negatives)
        factor = _cluster_factor(influence, items, clusters, confidence)
        if math.isnan(factor):
            return MetricResult(value, math.nan, math.nan, n, items.n_excluded, ONE_CLUSTER)
    variance = 0.0
    if min(n_positives, n_negatives) > 1:
        of_negatives = 1 - _share_below(negatives, positives)
        variance = float(np.var(of_positives, ddof=1) / n_positives + np.var(of_negatives, ddof=1) / n_negatives)
    low, high = _auroc_interval(value, variance / factor, factor * min(n_positives, n_negatives), z, confidence)
    return MetricResult(value, low, high, n, items.n_excluded)


def _share_below(scores: Floats, others: Floats) -> Floats:
    """For each score, the share of the sorted others below it, ties counting half."""
    below = np.searchsorted(others, scores, side="left")
    below_or_tied = np.searchsorted(others, scores, side="right")
    return np.asarray((below + below_or_tied) / (2 * others.size), dtype=np.float64)


def _auroc_interval(value: float, variance: float, n_smaller: float, z: float, confidence: float) -> Interval:
    spread = value * (1 - value)
    if variance <= 1e-18 or spread <= 1e-12:
        return wilson_interval(value * n_smaller, n_smaller, confidence=confidence)
    half = z * math.sqrt(variance) / spread
    return Interval(float(expit(logit(value) - half)), float(expit(logit(value) + half)))


def precision_recall_curve(y_true: Array, y_score: Array) -> PrecisionRecallCurve:
    """Precision and recall of the rule ``score >= t`` at every distinct score t, thresholds ascending.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.

    Returns:
        Arrays precision and recall of length k + 1 (the last point is precision 1, recall 0, without a threshold) and
        thresholds of length k; recall is NaN throughout without violating items.

    Raises:
        ValueError: Shapes differ, or a gold code is not -1, 0 or 1.

    References:
        Davis & Goadrich (2006), ICML.

    >>> import numpy as np
    >>> curve = precision_recall_curve(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> curve.recall.tolist()
    [1.0, 1.0, 0.5, 0.5, 0.0]
    """
    hits, false_alarms, thresholds, n_positives, _ = _cumulative_counts(y_true, y_score)
    precision = np.concatenate([(hits / (hits + false_alarms))[::-1], [1.0]])
    recall = np.full(precision.size, np.nan)
    if n_positives:
        recall = np.concatenate([(hits / n_positives)[::-1], [0.0]])
    return PrecisionRecallCurve(precision, recall, thresholds[::-1])


def _cumulative_counts(y_true: Array, y_score: Array) -> tuple[Ints, Ints, Floats, int, int]:
    """Hits and false alarms at each distinct score, from the highest down, and both class sizes."""
    items = scored_items(y_true, y_score)
    order = np.argsort(-items.y_score, kind="stable")
    scores, gold = items.y_score[order], items.y_true[order]
    last_of_tie = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if scores.size else np.zeros(0, np.intp)
    hits = np.cumsum(gold, dtype=np.int64)[last_of_tie]
    n_positives = int(np.count_nonzero(gold))
    return hits, last_of_tie + 1 - hits, scores[last_of_tie], n_positives, gold.size - n_positives
