import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, precision_recall_curve

from harness.core.thresholds import (
    certified_threshold,
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


def test_threshold_without_violating_items_is_undefined():
    chosen = certified_threshold(np.zeros(5, int), np.zeros(5), min_recall=0.9)
    assert chosen.reason == "no violating items"
    with pytest.raises(ValueError, match="min_recall"):
        certified_threshold(np.zeros(5, int), np.zeros(5), min_recall=1.0)


def test_several_categories_share_the_error():
    y, s = np.ones(400, int), np.random.default_rng(3).random(400)
    alone = certified_threshold(y, s, min_recall=0.9)
    together = certified_threshold(y, s, min_recall=0.9, n_categories=10)
    assert together.value < alone.value


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
