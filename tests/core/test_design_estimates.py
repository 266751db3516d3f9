"""Weighted shares and prediction-powered ones: by hand, against simple random sampling, and by simulated coverage."""

import math

import numpy as np
import pytest
from scipy.stats import beta

from harness.core.design_estimates import assisted_share, design_covariance, share_interval, weighted_ratio
from harness.core.designs import allocate, draw


def test_equal_weights_give_nearly_jeffreys():
    y = np.arange(200) < 150
    b = y & (np.arange(200) < 120)
    result = weighted_ratio(b, y, np.full(200, 3.0))
    assert result.value == 0.8
    assert (result.low, result.high) == pytest.approx(beta.ppf([0.025, 0.975], 120.5, 30.5), abs=3e-3)
    assert (result.n, result.n_excluded) == (150, 50)


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_no_hit_among_equal_weights_is_nearly_jeffreys(n):
    result = weighted_ratio(np.zeros(n, bool), np.ones(n, bool), np.ones(n))
    assert (result.value, result.low) == (0, 0)
    assert result.high == pytest.approx(beta.ppf(0.975, 0.5, n + 0.5), rel=0.02 if n > 20 else 0.07)


def test_variance_is_that_of_stratified_random_sampling():
    # Cochran (1977), 5.3: V = sum W_h²·(1 - n_h/N_h)·s_h²/n_h
    rng = np.random.default_rng(0)
    sizes, drawn = np.array([100, 900]), np.array([20, 30])
    strata, y = np.repeat([0, 1], drawn), rng.random(50) < 0.3
    weight = (sizes / drawn)[strata]
    value = float(weight @ y) / 1000
    z = weight * (y - value) / 1000
    expected = sum(
        (size / 1000) ** 2 * (1 - n / size) * y[strata == h].var(ddof=1) / n
        for h, (size, n) in enumerate(zip(sizes, drawn, strict=True))
    )
    assert design_covariance(z, z, 1 / weight, strata) == pytest.approx(expected)


def test_a_whole_pool_labelled_is_exact():
    y = np.arange(50) < 7
    result = weighted_ratio(y, np.ones(50, bool), np.ones(50), probability=np.ones(50))
    assert (result.value, result.low, result.high) == (0.14, 0.14, 0.14)


def test_one_item_of_extreme_weight_makes_the_interval_wide():
    weight = np.array([1.0] * 99 + [900.0])
    result = weighted_ratio(np.zeros(100, bool), np.ones(100, bool), weight)
    assert result.high > 0.8  # nine tenths of the population hang on one item


def test_clusters_are_fewer_items():
    b = np.arange(40) < 30
    clusters = np.repeat(np.arange(40), 5)
    ones = np.ones(200, bool)
    together = weighted_ratio(np.repeat(b, 5), ones, np.full(200, 2.0), clusters=clusters)
    alone = weighted_ratio(b, np.ones(40, bool), np.full(40, 2.0))
    assert (together.value, together.low, together.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert together.n == 200


def test_refused_and_undefined():
    one = np.array([1])
    with pytest.raises(ValueError, match="exclude one another"):
        weighted_ratio(one, one, np.array([1.0]), strata=np.array([0]), clusters=np.array([0]))
    with pytest.raises(ValueError, match="within the denominator"):
        weighted_ratio(one, np.array([0]), np.array([1.0]))
    with pytest.raises(ValueError, match="sample_weight"):
        weighted_ratio(one, one, np.array([-1.0]))
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        assisted_share(one, np.array([2.0]), np.ones(1), 0.5)
    assert math.isnan(weighted_ratio(np.array([0]), np.array([0]), np.array([1.0])).value)
    with pytest.raises(ValueError, match="value must be"):
        share_interval(1.2, 0.0, 0.0)


def test_a_model_that_knows_nothing_changes_nothing():
    rng = np.random.default_rng(1)
    y, weight = rng.random(400) < 0.2, np.ones(400)
    alone = weighted_ratio(y, np.ones(400, bool), weight)
    result, power = assisted_share(y, np.zeros(400), weight, 0.7)
    assert (result.value, power) == (alone.value, 0.0)


def simulate(prevalence, labeller, *, n, n_samples, by_views=False, seed=0):
    """Mean error, coverage and mean width of plain and assisted estimates over stratified samples of one pool."""
    rng = np.random.default_rng(seed)
    size = 40_000
    y = rng.random(size) < prevalence
    score = np.clip(rng.beta(1, 8, size) + y * rng.random(size) * 0.7, 0, 1)
    views = rng.lognormal(2, 1.5, size)
    strata = np.searchsorted([0.05, 0.2, 0.5, 0.8, 0.95], score, side="right")
    members = [np.flatnonzero(strata == h) for h in np.unique(strata)]
    counts = allocate(np.array([len(one) for one in members]), n)
    measure = 0.5 + 0.5 * views / views.mean()
    f = labeller(rng, y)
    counted = views if by_views else np.ones(size)
    truth, in_pool = float(counted @ y / counted.sum()), float(counted @ f / counted.sum())
    found = {"plain": [], "assisted": []}
    for _ in range(n_samples):
        drawn = [
            draw(k, len(one), rng=rng, measure=measure[one] if by_views and k < len(one) else None)
            for k, one in zip(counts.tolist(), members, strict=True)
        ]
        at = np.concatenate([one[chosen] for one, (chosen, _) in zip(members, drawn, strict=True)])
        pi = np.concatenate([pi for _, pi in drawn])
        weight, design = counted[at] / pi, {"probability": pi, "strata": strata[at]}
        found["plain"].append(weighted_ratio(y[at], np.ones(at.size, bool), weight, **design))
        found["assisted"].append(assisted_share(y[at], f[at], weight, in_pool, **design)[0])
    return truth, {
        name: (
            np.mean([one.value for one in every]),
            np.std([one.value for one in every]) / np.sqrt(n_samples),
            np.mean([one.low <= truth <= one.high for one in every]),
            np.mean([one.high - one.low for one in every]),
        )
        for name, every in found.items()
    }


LABELLERS = {
    "good": lambda rng, y: np.where(rng.random(y.size) < np.where(y, 0.9, 0.01), 1.0, 0.0),
    "flags too much": lambda rng, y: np.where(rng.random(y.size) < np.where(y, 0.95, 0.3), 1.0, 0.0),
    "misses most": lambda rng, y: np.where(rng.random(y.size) < np.where(y, 0.2, 0.0), 1.0, 0.0),
    "contrary": lambda rng, y: np.where(y, 0.0, 1.0),
}


def check_simulation(truth, found, *, least, most_error=4.0):
    for name, (mean, error, covered, _) in found.items():
        assert abs(mean - truth) < most_error * error + 0.02 * truth, (name, mean, truth, error)
        assert covered >= least, (name, covered)


@pytest.mark.parametrize("by_views", [False, True])
def test_estimates_are_unbiased_and_cover(by_views):
    truth, found = simulate(0.05, LABELLERS["flags too much"], n=300, n_samples=150, by_views=by_views)
    check_simulation(truth, found, least=0.89)


@pytest.mark.slow
@pytest.mark.parametrize("labeller", list(LABELLERS))
@pytest.mark.parametrize("prevalence", [0.001, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("by_views", [False, True])
def test_a_biased_labeller_does_not_move_the_estimate(prevalence, labeller, by_views):
    truth, found = simulate(prevalence, LABELLERS[labeller], n=500, n_samples=300, by_views=by_views, seed=7)
    check_simulation(truth, found, least=0.92)
