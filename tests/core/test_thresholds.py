import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, precision_recall_curve

from harness.core.thresholds import (
    best_f1_threshold,
    certified_threshold,
    conformal_threshold,
    cross_validated_f1,
    recall_at_precision,
    threshold_table,
)


def _scores(seed, n=400):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(np.int8)
    return y, (rng.normal(size=n) + 1.5 * y).round(2)


@pytest.mark.parametrize(("min_recall", "n_needed"), [(0.9, 29), (0.95, 59), (0.99, 299)])  # ln(.05)/ln(r)
def test_certificate_needs_enough_violating_items(min_recall, n_needed):
    scores = np.linspace(0.1, 0.9, n_needed)
    ones = np.ones(n_needed, int)
    assert certified_threshold(ones, scores, min_recall=min_recall).value == 0.1
    refused = certified_threshold(ones[1:], scores[1:], min_recall=min_recall)
    assert math.isnan(refused.value)
    assert refused.reason == "no threshold can be certified"
    assert refused.n_needed == n_needed


def test_certified_threshold_is_the_order_statistic():
    scores = np.sort(np.random.default_rng(0).random(300))
    k = max(k for k in range(300) if stats.binom.cdf(k, 300, 0.1) <= 0.05)
    chosen = certified_threshold(np.ones(300, int), scores, min_recall=0.9)
    assert chosen.value == scores[k]
    assert chosen.n_missed == k


@pytest.mark.parametrize(("n", "min_recall"), [(100, 0.9), (300, 0.95)])
def test_certified_threshold_keeps_its_promise(n, min_recall):
    # violating scores uniform on (0, 1): true recall of t is 1 - t
    rng = np.random.default_rng(1)
    ones = np.ones(n, int)
    thresholds = np.array([certified_threshold(ones, rng.random(n), min_recall=min_recall).value for _ in range(4000)])
    assert np.mean(1 - thresholds < min_recall) <= 0.055
    # weak practice: the empirical threshold fails about half the time
    empirical = np.quantile(rng.random((4000, n)), 1 - min_recall, axis=1, method="lower")
    assert np.mean(1 - empirical < min_recall) > 0.4


def test_conformal_threshold_keeps_its_promise_on_average():
    rng = np.random.default_rng(2)
    ones = np.ones(60, int)
    thresholds = np.array([conformal_threshold(ones, rng.random(60), min_recall=0.9).value for _ in range(4000)])
    assert np.mean(1 - thresholds) >= 0.9
    assert math.isnan(conformal_threshold(np.ones(8, int), np.ones(8), min_recall=0.9).value)


@pytest.mark.parametrize("choose", [certified_threshold, conformal_threshold])
def test_threshold_without_violating_items_is_undefined(choose):
    chosen = choose(np.zeros(5, int), np.zeros(5), min_recall=0.9)
    assert chosen.reason == "no violating items"
    with pytest.raises(ValueError, match="min_recall"):
        choose(np.zeros(5, int), np.zeros(5), min_recall=1.0)


def test_several_categories_share_the_error():
    y, s = np.ones(400, int), np.random.default_rng(3).random(400)
    alone = certified_threshold(y, s, min_recall=0.9)
    together = certified_threshold(y, s, min_recall=0.9, n_categories=10)
    assert together.value < alone.value


@pytest.mark.parametrize("seed", range(2))
def test_best_f1_threshold_beats_every_other(seed):
    y, s = _scores(seed)
    best = best_f1_threshold(y, s)
    every = {t: f1_score(y, s >= t) for t in np.unique(s)}
    assert every[best.value] == pytest.approx(max(every.values()))
    assert best_f1_threshold(np.zeros(3, int), np.zeros(3)).reason


@pytest.mark.no_cover
def test_tuned_f1_is_too_good_and_cross_validation_is_not():
    rng = np.random.default_rng(4)
    tuned, honest, fresh = [], [], []
    for _ in range(150):
        y = np.repeat([1, 0], [20, 180])
        s = rng.normal(size=200) + 1.5 * y
        new = rng.normal(size=2000) + 1.5 * np.repeat([1, 0], [200, 1800])
        t = best_f1_threshold(y, s).value
        tuned.append(f1_score(y, s >= t))
        honest.append(cross_validated_f1(y, s, rng=rng).value)
        fresh.append(f1_score(np.repeat([1, 0], [200, 1800]), new >= t))
    assert np.mean(tuned) - np.mean(fresh) > 0.04
    assert abs(np.mean(honest) - np.mean(fresh)) < 0.04


def test_cross_validation_keeps_clusters_together():
    y = np.tile([1, 1, 0, 0], 5)
    s = np.where(y == 1, 0.9, 0.1)
    result = cross_validated_f1(y, s, rng=np.random.default_rng(0), clusters=np.repeat(np.arange(5), 4))
    assert result.value == 1.0
    assert result.n_excluded == 0
    lonely = cross_validated_f1(y[:4], s[:4], rng=np.random.default_rng(0), clusters=np.zeros(4, int), n_folds=2)
    assert not lonely.is_defined
    assert lonely.n_excluded == 4


def test_threshold_table_equals_scikit_learn_and_adds_up():
    y, s = _scores(6)
    y = y.copy()
    y[:30] = -1
    thresholds = [0.0, 0.5, 1.0, 99.0]
    for row in threshold_table(y, s, thresholds):
        assert row.tp + row.fp + row.fn + row.tn == 370
        assert row.recall.n_excluded == 30
        if row.tp:
            assert row.f1.value == pytest.approx(f1_score(y[30:], s[30:] >= row.threshold))
    assert threshold_table(y, s, [99.0])[0].precision.reason == "nothing flagged"


@pytest.mark.parametrize("min_precision", [0.5, 0.8, 0.95])
def test_recall_at_precision_equals_scikit_learn(min_precision):
    y, s = _scores(7)
    precision, recall, _ = precision_recall_curve(y, s)
    expected = recall[:-1][precision[:-1] >= min_precision].max(initial=0)
    result = recall_at_precision(y, s, min_precision)
    assert result.value == pytest.approx(expected)
    assert "same data" in result.reason
    assert recall_at_precision(np.array([0, 1]), np.array([0.9, 0.1]), 1.0).value == 0.0
