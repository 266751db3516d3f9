"""Thresholds for a goal: against a search over every threshold, at ties, and where nothing reaches the goal."""

import math

import numpy as np
import pytest

from harness.core.operating_points import NOT_REACHED, NOTHING_SCORED, Goal, operating_point, thresholds_under

Y = np.array([0, 0, 1, 0, 1, 1, 0, 1, -1, 1])
S = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.6, 0.6, 0.9, 0.95, np.nan])


def counts(threshold, y=Y, s=S):
    kept = (y >= 0) & ~np.isnan(s)
    flagged = s[kept] >= threshold
    gold = y[kept] == 1
    return (flagged & gold).sum(), (flagged & ~gold).sum(), (~flagged & gold).sum(), (~flagged & ~gold).sum()


@pytest.mark.parametrize("value", [0, 0.25, 0.5, 0.75, 0.9, 1])
@pytest.mark.parametrize("kind", ["recall", "precision", "fpr", "volume"])
def test_no_other_threshold_meets_the_goal_better(kind, value):
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 60)
    s = np.round(rng.random(60) * 0.6 + 0.3 * y, 1)
    point = operating_point(y, s, Goal(kind, value))
    best = None
    for threshold in [math.inf, *np.unique(s)[::-1]]:
        tp, fp, fn, tn = counts(threshold, y, s)
        recall, fpr = tp / (tp + fn), fp / (fp + tn)
        precision = tp / (tp + fp) if tp + fp else math.nan
        merit = {
            "recall": precision if recall >= value else math.nan,
            "precision": recall if precision >= value else math.nan,
            "fpr": recall if fpr <= value else math.nan,
            "volume": -abs(tp + fp - value * 60),
        }[kind]
        if not math.isnan(merit) and (best is None or merit > best[0]):
            best = (merit, threshold)
    if best is None:
        assert point.reason == NOT_REACHED
        return
    assert point.threshold == best[1]
    assert (point.tp, point.fp, point.fn, point.tn) == counts(best[1], y, s)


def test_items_of_one_score_are_flagged_together():
    point = operating_point(Y, S, Goal("recall", 0.5))
    assert (point.threshold, point.tp, point.fp, point.n_tied) == (0.6, 3, 1, 3)


def test_cost_weighs_a_miss_against_a_false_alarm_at_the_prevalence():
    dear = operating_point(Y, S, Goal("cost", 100, 1))
    cheap = operating_point(Y, S, Goal("cost", 1, 100))
    assert dear.fn == 0
    assert cheap.fp == 0
    rare = operating_point(Y, S, Goal("cost", 10, 1, prevalence=0.001))
    assert rare.threshold >= dear.threshold
    assert rare.fp == 0


@pytest.mark.parametrize(
    ("miss", "false_alarm"), [(1e308, 1), (1e308, 1e307), (2e-20, 1e-21), (1, 1e308), (1e-300, 1e300)]
)
def test_absurd_costs_choose_as_their_ratio_says(miss, false_alarm):
    """1e308 overflowed with a warning, and 1e-20 was rounded away: nothing was flagged."""
    point = operating_point(Y, S, Goal("cost", miss, false_alarm))
    ratio = min(max(miss / false_alarm, 1e-9), 1e9)
    assert point == operating_point(Y, S, Goal("cost", ratio, 1))
    assert (point.fn if miss > false_alarm else point.fp) == 0


def test_a_goal_that_nothing_reaches_says_so():
    point = operating_point(np.array([1, 0]), np.array([0.1, 0.9]), Goal("precision", 0.9))
    assert math.isnan(point.threshold)
    assert point.reason == NOT_REACHED
    assert operating_point(np.array([-1]), np.array([0.4]), Goal("recall", 0.9)).reason == NOTHING_SCORED


def test_an_fpr_of_nothing_flags_only_above_every_negative():
    point = operating_point(Y, S, Goal("fpr", 0.0))
    assert (point.threshold, point.fp, point.tp) == (0.9, 0, 1)


@pytest.mark.parametrize("goal", [Goal("recall", 1.2), Goal("cost", 0), Goal("cost", 1, 1, prevalence=2)])
def test_a_goal_out_of_range_is_refused(goal):
    with pytest.raises(ValueError, match="must be"):
        operating_point(Y, S, goal)


@pytest.mark.parametrize("kind", ["recall", "precision", "fpr"])
def test_thresholds_of_many_weightings_are_those_of_each_alone(kind):
    """Draws of items were each sorted anew, which took most of a weekly report's time."""
    rng = np.random.default_rng(7)
    for _ in range(30):
        y, score = rng.integers(-1, 2, 40), np.round(rng.random(40), 1)
        score[rng.random(40) < 0.1] = np.nan
        goal = Goal(kind, float(rng.random()))
        weights = [rng.integers(0, 4, 40) * rng.choice([1.0, 0.3]) for _ in range(4)] + [np.zeros(40)]
        alone = [operating_point(y[w > 0], score[w > 0], goal, sample_weight=w[w > 0]).threshold for w in weights]
        np.testing.assert_array_equal(list(thresholds_under(y, score, goal, weights)), alone)
