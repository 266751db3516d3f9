import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss

from harness.core.calibration import brier_score, calibration_error, reliability_table


def _calibrated(n, rng):
    s = rng.uniform(0, 1, n)
    return (rng.random(n) < s).astype(np.int8), s


def test_brier_equals_scikit_learn_and_scipys_t_interval():
    y, s = _calibrated(200, np.random.default_rng(0))
    result = brier_score(y, s)
    errors = (s - y) ** 2
    assert result.value == pytest.approx(brier_score_loss(y, s), abs=1e-12)
    assert (result.low, result.high) == pytest.approx(stats.t.interval(0.95, 199, errors.mean(), stats.sem(errors)))


def test_brier_of_clusters_is_wider():
    y, s = _calibrated(50, np.random.default_rng(1))
    y, s, clusters = np.repeat(y, 4), np.repeat(s, 4), np.repeat(np.arange(50), 4)
    plain, clustered = brier_score(y, s), brier_score(y, s, clusters=clusters)
    assert clustered.value == plain.value
    assert clustered.high - clustered.low > 1.8 * (plain.high - plain.low)


@pytest.mark.parametrize("function", [brier_score, calibration_error, reliability_table])
@pytest.mark.parametrize("score", [-0.1, 1.1, np.inf])
def test_scores_outside_the_unit_interval_are_refused(function, score):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        function(np.array([1, 0]), np.array([0.5, score]))


@pytest.mark.parametrize("function", [brier_score, calibration_error])
def test_calibration_metric_without_items_is_undefined(function):
    result = function(np.array([-1, 1]), np.array([0.5, np.nan]))
    assert math.isnan(result.value)
    assert result.n_excluded == 2


def test_brier_of_one_item_has_no_interval():
    result = brier_score(np.array([1]), np.array([0.5]))
    assert (result.value, math.isnan(result.low)) == (0.25, True)


def test_calibration_error_by_hand():
    # two values, 4 items each: .2 has ybar 1/4, gap .05, chance (3/16)/3; .9 has ybar 1/2, gap -.4, chance (1/4)/3
    y = np.array([1, 0, 0, 0, 1, 1, 0, 0])
    s = np.repeat([0.2, 0.9], 4)
    expected = 0.5 * (0.05**2 - 0.0625) + 0.5 * (0.4**2 - 0.25 / 3)
    assert calibration_error(y, s).value == pytest.approx(expected)


@pytest.mark.parametrize("n", [100, 300])
def test_calibration_error_of_a_perfect_scorer_is_zero_on_average(n):
    rng = np.random.default_rng(2)
    values = [calibration_error(*_calibrated(n, rng)).value for _ in range(800)]
    # within-bin spread of the score leaves a trace below 1e-3; the plug-in error squared is .008 at n = 100
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(len(values)) + 1e-3


def test_calibration_error_finds_overconfidence():
    rng = np.random.default_rng(3)
    s = rng.uniform(0, 1, 2000)
    y = (rng.random(2000) < 0.25 + 0.5 * s).astype(np.int8)
    result = calibration_error(y, s)
    assert result.low > 0
    assert result.value == pytest.approx(0.25 / 12, abs=0.006)  # E (s - .25 - .5 s)^2 = .25 Var(U)


def test_discrete_scores_are_binned_by_value():
    s = np.repeat([0.1, 0.5, 0.9], [70, 20, 10])
    table = reliability_table((s > 0.4).astype(int), s)
    assert [(row.low, row.high, row.observed.n) for row in table] == [(0.1, 0.1, 70), (0.5, 0.5, 20), (0.9, 0.9, 10)]


def test_bins_hold_every_item_once_and_never_a_single_one():
    rng = np.random.default_rng(4)
    for n in (1, 2, 3, 21, 22, 57, 1000):
        s = rng.random(n) ** 3
        sizes = [row.observed.n for row in reliability_table(np.zeros(n, int), s)]
        assert sum(sizes) == n
        assert min(sizes) >= min(2, n)


def test_tied_scores_share_a_bin():
    rng = np.random.default_rng(5)
    s = np.concatenate([np.full(400, 0.5), rng.random(100)])
    table = reliability_table(np.zeros(500, int), s)
    assert max(row.observed.n for row in table) >= 400
    for earlier, later in pairwise(table):
        assert earlier.high < later.low


@pytest.mark.slow
def test_calibration_interval_covers():
    rng = np.random.default_rng(6)
    truth, covered, runs = None, 0, 1500
    big = rng.uniform(0, 1, 2_000_000)
    edges = np.linspace(0, 1, 11)
    p = 0.15 + 0.6 * big
    bins = np.clip(np.digitize(big, edges) - 1, 0, 9)
    truth = sum((p[bins == k].mean() - big[bins == k].mean()) ** 2 * (bins == k).mean() for k in range(10))
    for _ in range(runs):
        s = rng.uniform(0, 1, 500)
        y = (rng.random(500) < 0.15 + 0.6 * s).astype(np.int8)
        result = calibration_error(y, s)
        covered += result.low <= truth <= result.high
    assert 0.92 <= covered / runs <= 0.98
