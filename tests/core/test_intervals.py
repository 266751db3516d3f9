import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.core.intervals import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    effective_wilson,
    wilson_interval,
)

counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("n_successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)  # Newcombe (1998), Table I, method 3
def test_wilson_matches_published_table(n_successes, n, low, high):
    assert wilson_interval(n_successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("n_successes", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)  # Newcombe (1998), Table I, method 5
def test_clopper_pearson_matches_published_table(n_successes, n, low, high):
    bounds = (bound(n_successes, n, confidence=0.975) for bound in (clopper_pearson_lower, clopper_pearson_upper))
    assert tuple(bounds) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("n", "floor"), [(59, 0.95), (149, 0.98), (299, 0.99)])  # alpha**(1/n): the "rule of three"
def test_clopper_pearson_lower_without_a_miss_is_alpha_to_one_over_n(n, floor):
    assert clopper_pearson_lower(n, n) == pytest.approx(0.05 ** (1 / n), rel=1e-12)
    assert clopper_pearson_lower(n, n) >= floor > clopper_pearson_lower(n - 1, n - 1)


def test_interval_equals_statsmodels():
    rng = np.random.default_rng(1)
    for _ in range(200):
        n = int(rng.integers(1, 3000))
        k = int(rng.integers(1, n)) if n > 1 else 0
        confidence = float(rng.uniform(0.5, 0.999))
        if k == 0:
            continue
        expected = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
        assert wilson_interval(k, n, confidence=confidence) == pytest.approx(expected, abs=1e-9)


def test_one_sided_bounds_equal_scipy():
    rng = np.random.default_rng(2)
    for _ in range(100):
        n = int(rng.integers(2, 3000))
        k = int(rng.integers(1, n))
        assert clopper_pearson_lower(k, n) == pytest.approx(stats.beta.ppf(0.05, k, n - k + 1), abs=1e-9)
        assert clopper_pearson_upper(k, n) == pytest.approx(stats.beta.ppf(0.95, k + 1, n - k), abs=1e-9)


@given(counts)
@settings(max_examples=60, deadline=None)
def test_interval_contains_the_point_estimate(pair):  # fails for 0/n and n/n unless those ends are exact
    n_successes, n = pair
    low, high = wilson_interval(n_successes, n)
    assert 0 <= low <= n_successes / n <= high <= 1
    assert low == 0 if n_successes == 0 else low > 0
    assert high == 1 if n_successes == n else high < 1


@given(counts)
@settings(max_examples=40, deadline=None)
def test_interval_of_the_complement_is_mirrored(pair):
    n_successes, n = pair
    low, high = wilson_interval(n_successes, n)
    mirrored = wilson_interval(n - n_successes, n)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_interval_without_items_is_undefined():
    assert all(math.isnan(end) for end in wilson_interval(0, 0))


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0), (0, 0, 2)])
def test_interval_refuses_bad_input_before_any_early_return(k, n, confidence):
    with pytest.raises(ValueError, match="must be in"):
        wilson_interval(k, n, confidence=confidence)


def test_effective_wilson_falls_back_to_n_without_variance():
    assert effective_wilson(1.0, 0.0, 40) == wilson_interval(40, 40)
    assert effective_wilson(0.9, 0.9 * 0.1 / 200, 40) == pytest.approx(wilson_interval(180, 200))


def _coverage(interval, p, n, confidence=0.95):
    ends = np.array([interval(k, n, confidence=confidence) for k in range(n + 1)])
    covered = (ends[:, 0] <= p) & (p <= ends[:, 1])
    return stats.binom.pmf(np.arange(n + 1), n, p)[covered].sum()


@pytest.mark.parametrize(
    "n", [10, 30, pytest.param(100, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.slow)]
)
def test_wilson_mean_coverage_is_near_nominal(n):
    grid = np.linspace(0.005, 0.995, 199 if n <= 100 else 60)
    mean = np.mean([_coverage(wilson_interval, p, n) for p in grid])
    assert 0.945 <= mean <= 0.96


@pytest.mark.parametrize("n", [10, 37, 100])
def test_clopper_pearson_lower_is_never_wrong_too_often(n):
    bounds = np.array([clopper_pearson_lower(k, n) for k in range(n + 1)])
    for p in np.linspace(0.01, 0.99, 99):
        assert stats.binom.pmf(np.arange(n + 1), n, p)[bounds > p].sum() <= 0.05 + 1e-9
