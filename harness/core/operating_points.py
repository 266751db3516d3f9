"""The score from which on a category is flagged, chosen for a goal.

Decides, for each goal, which threshold of all that differ on the data meets it best; items of one score are flagged
together or not at all, so a goal between two thresholds falls on the safe side of it. What the choice gives must be
read on other data. Thresholds with a promise (Learn then Test) are in ``thresholds``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.core.arrays import Array, Floats
from harness.core.ranking import scored_items

GoalKind = Literal["recall", "precision", "fpr", "volume", "cost"]
NOT_REACHED = "no threshold reaches it"
NOTHING_SCORED = "no item has both a label and a score"
MOST_COSTLY = 1e12
"""How many of the cheaper errors a dearer one is worth at most: beyond it no set of items is large enough to differ."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a threshold is chosen for.

    Attributes:
        kind: ``recall``: at least ``value``, at the best precision. ``precision``: at least ``value``, at the best
            recall. ``fpr``: at most ``value``, at the best recall. ``volume``: as many flags as ``value``, a share of
            the items. ``cost``: the least expected cost of ``value`` for a miss and ``false_alarm`` for a wrong flag.
        value: See kind.
        false_alarm: Cost of one wrong flag, for ``cost``.
        prevalence: Share of production that violates, for ``cost``; None takes the data's.
    """

    kind: GoalKind
    value: float
    false_alarm: float = 1.0
    prevalence: float | None = None


class OperatingPoint(NamedTuple):
    """A threshold and its counts on the data it was chosen on.

    Attributes:
        threshold: Flag ``score >= threshold``; infinite flags nothing; NaN when there is none.
        tp, fp, fn, tn: Counts there.
        n_tied: Items that have exactly this score.
        reason: Why there is none, or None.
    """

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int
    n_tied: int
    reason: str | None = None


def operating_point(y_true: Array, y_score: Array, goal: Goal, *, sample_weight: Array | None = None) -> OperatingPoint:
    """The threshold that meets a goal best on the data.

    Among thresholds that meet it equally well the one with fewer flags is chosen.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        goal: What is wanted.
        sample_weight: Weight per item, float (n_items,), >= 0, by which the goal is met; None counts every item once.

    Returns:
        The point; its reason says when no threshold reaches the goal.

    Raises:
        ValueError: The goal's value is out of range, or shapes differ.

    References:
        Davis & Goadrich (2006) for the points of a curve; Elkan (2001), IJCAI, for expected cost.

    >>> import numpy as np
    >>> y, s = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    >>> operating_point(y, s, Goal("recall", 0.6)).threshold, operating_point(y, s, Goal("fpr", 0.34)).threshold
    (0.6, 0.3)
    """
    _check(goal)
    items = scored_items(y_true, y_score)
    gold, score = items.y_true.astype(bool), items.y_score
    if not score.size:
        return OperatingPoint(math.nan, 0, 0, 0, 0, 0, NOTHING_SCORED)
    points = np.concatenate([[math.inf], np.unique(score)[::-1]])  # from nothing flagged to everything
    positives, negatives = np.sort(score[gold]), np.sort(score[~gold])
    tp = positives.size - np.searchsorted(positives, points)
    fp = negatives.size - np.searchsorted(negatives, points)
    if sample_weight is None:
        at = _best(tp, fp, positives.size, negatives.size, goal)
    else:
        weight = np.asarray(sample_weight, dtype=np.float64)[items.kept]
        sides = []
        for side in (gold, ~gold):
            order = np.argsort(score[side], kind="stable")
            sides.append(_weight_from(weight[side][order], np.searchsorted(score[side][order], points)))
        (hits, n_hits), (wrong, n_wrong) = sides
        at = _best(hits, wrong, n_hits, n_wrong, goal)
    if at is None:
        return OperatingPoint(math.nan, 0, 0, positives.size, negatives.size, 0, NOT_REACHED)
    threshold = float(points[at])
    return OperatingPoint(
        threshold,
        int(tp[at]),
        int(fp[at]),
        positives.size - int(tp[at]),
        negatives.size - int(fp[at]),
        int(np.count_nonzero(score == threshold)),
    )


def thresholds_under(y_true: Array, y_score: Array, goal: Goal, weights: Iterable[Floats]) -> Iterator[float]:
    """The threshold of ``operating_point`` under each of several weightings; an item of weight 0 is as good as absent.

    Items are sorted once, whatever the number of weightings.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        goal: What is wanted.
        weights: Weightings, each float (n_items,), >= 0.

    Returns:
        Thresholds, in the order of the weightings; NaN where none reaches the goal.

    >>> y, s = np.array([0, 1, 1]), np.array([0.1, 0.3, 0.9])
    >>> list(thresholds_under(y, s, Goal("recall", 0.6), [np.ones(3), np.array([1.0, 0.0, 2.0])]))
    [0.3, 0.9]
    """
    _check(goal)
    items = scored_items(y_true, y_score)
    gold, score = items.y_true.astype(bool), items.y_score
    points = np.concatenate([[math.inf], np.unique(score)[::-1]])
    sides = []
    for members in (np.flatnonzero(gold), np.flatnonzero(~gold)):
        order = members[np.argsort(score[members], kind="stable")]
        sides.append((order, np.searchsorted(score[order], points)))
    for weight in weights:
        scored = weight[items.kept]
        (hits, n_hits), (wrong, n_wrong) = (_weight_from(scored[order], starts) for order, starts in sides)
        at = _best(hits, wrong, n_hits, n_wrong, goal) if score.size else None
        yield math.nan if at is None else float(points[at])


def _weight_from(weight: Floats, starts: NDArray[np.intp]) -> tuple[Floats, float]:
    """Weight of the items from each of these places on, and of all, where they stand in the order of their scores."""
    below = np.concatenate([[0.0], np.cumsum(weight)])
    return below[-1] - below[starts], float(below[-1])


def _best(tp: Array, fp: Array, n_positive: float, n_negative: float, goal: Goal) -> int | None:
    """Position of the best point, strictest first; None when none meets the goal."""
    flagged = tp + fp
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(flagged > 0, tp / flagged, np.nan)
        recall = tp / n_positive if n_positive else np.full(tp.shape, np.nan)
        fpr = fp / n_negative if n_negative else np.zeros(fp.shape)
    if goal.kind == "volume":
        wanted = goal.value * (n_positive + n_negative)
        return int(np.argmin(np.abs(flagged - wanted)))
    if goal.kind == "cost":
        share = goal.prevalence if goal.prevalence is not None else n_positive / (n_positive + n_negative)
        least = min(goal.value, goal.false_alarm)  # in multiples of it: costs of 1e308, or of 1e-20, choose like others
        miss, false_alarm = (min(one / least, MOST_COSTLY) for one in (goal.value, goal.false_alarm))
        missed = share * (1 - recall) * miss if n_positive else np.zeros(tp.shape)
        return int(np.argmin(np.round(missed + (1 - share) * fpr * false_alarm, 12)))
    if goal.kind == "recall":
        meets, merit = recall >= goal.value - 1e-12, precision
    elif goal.kind == "precision":
        meets, merit = precision >= goal.value - 1e-12, recall
    else:
        meets, merit = fpr <= goal.value + 1e-12, recall
    merit = np.where(meets & ~np.isnan(merit), merit, -1.0)
    return int(np.argmax(merit)) if (merit >= 0).any() else None


def _check(goal: Goal) -> None:
    if goal.kind == "cost":
        if not (goal.value > 0 and goal.false_alarm > 0):
            raise ValueError(f"costs must be above 0, got {goal.value} and {goal.false_alarm}")
        if goal.prevalence is not None and not 0 <= goal.prevalence <= 1:
            raise ValueError(f"prevalence must be in [0, 1], got {goal.prevalence}")
    elif not 0 <= goal.value <= 1:
        raise ValueError(f"a {goal.kind} must be in [0, 1], got {goal.value}")
