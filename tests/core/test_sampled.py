import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportions_ztest

from harness.core.intervals import wilson_interval
from harness.core.sampled import Stratum, stratified_prevalence, stratified_recall, two_proportion_test, weighted_ratio


def _rng(seed=0):
    return np.random.default_rng(seed)


def test_equal_weights_give_wilson():
    y = np.arange(200) < 150
    b = y & (np.arange(200) < 120)
    result = weighted_ratio(b, y, np.full(200, 3.0))
    assert result.value == 0.8
    assert (result.low, result.high) == pytest.approx(wilson_interval(120, 150), abs=2e-3)
    assert (result.n, result.n_excluded) == (150, 50)


def test_weighted_ratio_without_variance_falls_back_to_kish():
    weight = np.array([1.0] * 50 + [9.0] * 5)
    ones = np.ones(55, bool)
    kish = weight.sum() ** 2 / (weight**2).sum()
    assert weighted_ratio(ones, ones, weight).low == pytest.approx(wilson_interval(kish, kish).low)


def test_weighted_ratio_covers_a_stratified_population():
    rng = _rng(1)
    truth = (0.1 * 0.8 * 0.95 + 0.9 * 0.02 * 0.6) / (0.1 * 0.8 + 0.9 * 0.02)
    covered, runs = 0, 400
    strata = np.repeat([0, 1], 400)
    weight = np.where(strata == 0, 0.1, 0.9) * 2
    for _ in range(runs):
        y = rng.random(800) < np.where(strata == 0, 0.8, 0.02)
        b = y & (rng.random(800) < np.where(strata == 0, 0.95, 0.6))
        result = weighted_ratio(b, y, weight, strata=strata)
        covered += result.low <= truth <= result.high
    assert 0.9 <= covered / runs <= 0.99


def test_weighted_ratio_of_clusters_is_that_of_fewer_items():
    # 40 clusters of 5 items alike: the interval of 40 items, not of 200
    b = np.arange(40) < 30
    clusters = np.repeat(np.arange(40), 5)
    ones = np.ones(200, bool)
    together = weighted_ratio(np.repeat(b, 5), ones, np.full(200, 2.0), clusters=clusters)
    alone = weighted_ratio(b, np.ones(40, bool), np.full(40, 2.0))
    assert (together.value, together.low, together.high) == pytest.approx((alone.value, alone.low, alone.high))
    same = weighted_ratio(ones, ones, np.full(200, 2.0), clusters=clusters)
    assert same.low == pytest.approx(wilson_interval(40, 40).low)
    assert together.n == 200


def test_weighted_ratio_refuses_and_undefined():
    with pytest.raises(ValueError, match="exclude one another"):
        weighted_ratio(np.array([1]), np.array([1]), np.array([1.0]), strata=np.array([0]), clusters=np.array([0]))
    with pytest.raises(ValueError, match="within the denominator"):
        weighted_ratio(np.array([1]), np.array([0]), np.array([1.0]))
    with pytest.raises(ValueError, match="sample_weight"):
        weighted_ratio(np.array([1]), np.array([1]), np.array([-1.0]))
    assert math.isnan(weighted_ratio(np.array([0]), np.array([0]), np.array([1.0])).value)


STRATA = [Stratum(0.1, 80, 100, True), Stratum(0.9, 10, 500, False)]


def test_stratified_estimates_by_hand():
    # prevalence .1·.8 + .9·.02 = .098; recall .08/.098
    assert stratified_prevalence(STRATA, rng=_rng()).value == pytest.approx(0.098)
    assert stratified_recall(STRATA, rng=_rng()).value == pytest.approx(0.08 / 0.098)


@pytest.mark.parametrize("estimate", [stratified_prevalence, stratified_recall])
def test_stratified_estimate_is_reproducible_and_checked(estimate):
    assert estimate(STRATA, rng=_rng(0)) == estimate(STRATA, rng=_rng(0))
    with pytest.raises(ValueError, match="add up to 1"):
        estimate(STRATA[:1], rng=_rng())
    empty = [Stratum(0.1, 0, 0, True), Stratum(0.9, 1, 5, False)]
    assert "no labelled" in estimate(empty, rng=_rng()).reason


def test_few_misses_give_only_a_lower_bound():
    result = stratified_recall([Stratum(0.1, 80, 100, True), Stratum(0.9, 2, 500, False)], rng=_rng())
    assert result.high == 1.0
    assert "one-sided" in result.reason


def test_stratified_recall_covers():
    rng = _rng(2)
    truth = 0.08 / 0.098
    covered = 0
    for _ in range(300):
        strata = [
            Stratum(0.1, int(rng.binomial(300, 0.8)), 300, True),
            Stratum(0.9, int(rng.binomial(300, 0.02)), 300, False),
        ]
        result = stratified_recall(strata, rng=rng, n_draws=2000)
        covered += result.low <= truth <= result.high
    assert 0.89 <= covered / 300 <= 0.99


def test_two_proportion_test_equals_statsmodels():
    assert two_proportion_test(56, 70, 48, 80) == pytest.approx(proportions_ztest([56, 48], [70, 80])[1], abs=1e-12)
    assert two_proportion_test(0, 10, 0, 20) == 1.0
    assert math.isnan(two_proportion_test(0, 0, 1, 2))
    with pytest.raises(ValueError, match="0 <= x <= n"):
        two_proportion_test(5, 3, 0, 1)
