"""What rests on scores: precision-recall curves, threshold tables, calibration.

Decides how curves are thinned and which thresholds are tabulated; the formulas are in ``core``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.core import metrics
from harness.core.calibration import brier_score, calibration_error, reliability_table
from harness.core.ranking import precision_recall_curve
from harness.measure.score import NO_SCORES, CategoryScore
from harness.report.comparison.data import Calibration, Curve, ReliabilityRow, ScoredCategory, ThresholdRow
from harness.report.comparison.explorer import score_counts
from harness.report.comparison.pairs import category_name
from harness.report.comparison.source import Arm, ReportSource

MAX_CURVE_POINTS = 100
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FEW_VALUES = 12


def scored_categories(source: ReportSource) -> tuple[ScoredCategory, ...]:
    """Categories in which at least one candidate gives scores and an item violates."""
    violated = np.flatnonzero((source.y_true == 1).any(axis=0)).tolist()
    found = (_scored_category(source, column) for column in violated)
    return tuple(one for one in found if one.thresholds)


def _scored_category(source: ReportSource, column: int) -> ScoredCategory:
    category, y_true = source.categories[column], source.y_true[:, column]
    arms = [arm for arm in source.arms if category in source.scored(arm.id).categories]
    scores = {arm.id: scores_of(arm, column) for arm in arms}
    given = {name: y_score for name, y_score in scores.items() if y_score is not None}
    return ScoredCategory(
        category,
        category_name(source, category),
        curves=tuple(
            _curve(arm, column, y_true, scores[arm.id], source.scored(arm.id).categories[category]) for arm in arms
        ),
        thresholds={name: threshold_rows(y_true, y_score) for name, y_score in given.items()},
        calibration=tuple(
            _calibration(name, y_true, y_score) for name, y_score in given.items() if _are_probabilities(y_score)
        ),
        counts={name: score_counts(y_true, y_score) for name, y_score in given.items()},
    )


def scores_of(arm: Arm, column: int) -> NDArray[np.float64] | None:
    """One category's scores; None when there is none, or nothing but the decision repeated as 0 and 1."""
    if arm.scores is None:
        return None
    y_score = np.asarray(arm.scores[:, column], dtype=np.float64)
    known = y_score[~np.isnan(y_score)]
    if not known.size or np.isin(known, (0.0, 1.0)).all():
        return None
    return y_score


def _are_probabilities(y_score: NDArray[np.float64]) -> bool:
    known = y_score[~np.isnan(y_score)]
    return bool(known.min() >= 0 and known.max() <= 1)


def _curve(
    arm: Arm, column: int, y_true: NDArray[np.int8], y_score: NDArray[np.float64] | None, scored: CategoryScore
) -> Curve:
    points: tuple[tuple[float, float], ...] = ()
    if y_score is not None:
        curve = precision_recall_curve(y_true, y_score)
        if not np.isnan(curve.recall).any():
            points = _thinned(curve.recall[:-1], curve.precision[:-1])
    n_flagged = int(((arm.decisions[:, column] == 1) & (y_true >= 0)).sum())
    average = scored.metrics.get("average_precision", NO_SCORES)
    recall, precision, fpr = (scored.metrics[one] for one in ("recall", "precision", "fpr"))
    return Curve(arm.id, points, average, recall, precision, fpr, n_flagged)


def _thinned(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """At most ``MAX_CURVE_POINTS`` points, evenly spread over recall, both ends kept; recall ascends.

    Of the thresholds that reach the same recall the highest counts: it has the best precision.
    """
    recall, first = np.unique(recall[::-1], return_index=True)
    precision = precision[::-1][first]
    if recall.size > MAX_CURVE_POINTS:
        wanted = np.linspace(recall[0], recall[-1], MAX_CURVE_POINTS)
        kept = np.unique(np.clip(np.searchsorted(recall, wanted), 0, recall.size - 1))
        kept = np.unique(np.concatenate([[0], kept, [recall.size - 1]]))
        recall, precision = recall[kept], precision[kept]
    return tuple((round(float(r), 4), round(float(p), 4)) for r, p in zip(recall, precision, strict=True))


def threshold_rows(y_true: NDArray[np.int8], y_score: NDArray[np.float64]) -> tuple[ThresholdRow, ...]:
    """Precision, recall and FPR at round thresholds; at every score when there are few distinct ones."""
    known = (y_true >= 0) & ~np.isnan(y_score)
    gold, score = y_true[known] == 1, y_score[known]
    if not score.size:
        return ()
    positives, negatives = np.sort(score[gold]), np.sort(score[~gold])
    rows = []
    for threshold in _told_thresholds(score):
        tp = positives.size - int(np.searchsorted(positives, threshold))
        fp = negatives.size - int(np.searchsorted(negatives, threshold))
        counts = (float(tp), float(fp), float(positives.size - tp), float(negatives.size - fp))
        precision, recall, fpr = (of(*counts) for of in (metrics.precision, metrics.recall, metrics.fpr))
        rows.append(ThresholdRow(float(threshold), precision, recall, fpr, tp + fp))
    return tuple(rows)


def _told_thresholds(score: NDArray[np.float64]) -> NDArray[np.float64]:
    distinct = np.unique(score)
    if distinct.size <= FEW_VALUES:
        return distinct
    is_share = distinct[0] >= 0 and distinct[-1] <= 1
    return np.array(THRESHOLDS) if is_share else np.unique(np.quantile(score, THRESHOLDS))


def _calibration(candidate: str, y_true: NDArray[np.int8], y_score: NDArray[np.float64]) -> Calibration:
    bins = tuple(ReliabilityRow(one.mean_score, one.observed) for one in reliability_table(y_true, y_score))
    return Calibration(candidate, bins, brier_score(y_true, y_score), calibration_error(y_true, y_score))
