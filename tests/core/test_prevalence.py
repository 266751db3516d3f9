import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.core.prevalence import koopman_interval, precision_at_prevalence
from harness.core.results import Interval


def _rng(seed=0):
    return np.random.default_rng(seed)


def test_koopman_matches_published_example():
    # Koopman (1984): 36/40 against 16/80, ratio 4.5, 95% limits 2.94 and 7.15
    assert koopman_interval(36, 40, 16, 80) == pytest.approx((2.94, 7.15), abs=5e-3)


@pytest.mark.parametrize("seed", range(10))
def test_koopman_equals_statsmodels(seed):
    rng = _rng(seed)
    n1, n0 = rng.integers(20, 400, 2)
    x1, x0 = int(rng.integers(1, n1)), int(rng.integers(1, n0))
    expected = confint_proportions_2indep(x1, n1, x0, n0, compare="ratio", method="score", correction=False)
    assert koopman_interval(x1, n1, x0, n0) == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 50), st.integers(0, 200), st.integers(0, 50), st.integers(0, 200))
@settings(max_examples=80, deadline=None)
def test_koopman_contains_the_ratio_and_inverts(x1, rest1, x0, rest0):
    n1, n0 = x1 + rest1, x0 + rest0
    low, high = koopman_interval(x1, n1, x0, n0)
    if n1 == 0 or n0 == 0 or (x1 == 0 and x0 == 0):
        assert math.isnan(low)
        return
    ratio = math.inf if x0 == 0 else (x1 / n1) / (x0 / n0)
    assert 0 <= low <= ratio * (1 + 1e-9)
    assert ratio <= high * (1 + 1e-9)
    back_low, back_high = koopman_interval(x0, n0, x1, n1)
    assert low * back_high == pytest.approx(1, rel=1e-6) or low == 0
    assert high * back_low == pytest.approx(1, rel=1e-6) or math.isinf(high)


@pytest.mark.parametrize(("pi", "expected"), [(0.01, 0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.02)), (0.5, 0.45 / 0.46)])
def test_precision_at_prevalence_by_hand(pi, expected):
    result = precision_at_prevalence(90, 20, 10, 980, prevalence=pi)
    assert result.value == pytest.approx(expected)
    assert result.low < result.value < result.high


def test_precision_at_the_sets_own_prevalence_is_its_precision():
    assert precision_at_prevalence(90, 20, 10, 880, prevalence=0.1).value == pytest.approx(90 / 110)


def test_no_false_positive_still_has_a_lower_end():
    result = precision_at_prevalence(90, 0, 10, 500, prevalence=0.01)
    assert (result.value, result.high) == (1.0, 1.0)
    assert 0.3 < result.low < 0.6


def test_an_estimated_prevalence_widens_the_interval():
    known = precision_at_prevalence(90, 20, 10, 980, prevalence=0.01)
    estimated = precision_at_prevalence(
        90, 20, 10, 980, prevalence=0.01, prevalence_interval=Interval(0.006, 0.014), rng=_rng()
    )
    assert estimated.high - estimated.low > 1.3 * (known.high - known.low)
    tight = precision_at_prevalence(
        90, 20, 10, 980, prevalence=0.01, prevalence_interval=Interval(0.0099, 0.0101), rng=_rng()
    )
    assert (tight.low, tight.high) == pytest.approx((known.low, known.high), abs=0.02)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [((0, 5, 0, 5), "no violating items"), ((5, 0, 5, 0), "no non-violating items"), ((0, 0, 5, 5), "nothing flagged")],
)
def test_precision_at_prevalence_undefined(counts, reason):
    assert precision_at_prevalence(*counts, prevalence=0.1).reason == reason


def test_precision_at_prevalence_refuses_bad_settings():
    with pytest.raises(ValueError, match="prevalence"):
        precision_at_prevalence(0, 0, 0, 0, prevalence=1.0)
    with pytest.raises(ValueError, match="rng"):
        precision_at_prevalence(9, 1, 1, 9, prevalence=0.1, prevalence_interval=Interval(0.05, 0.2))
    with pytest.raises(ValueError, match="contain"):
        precision_at_prevalence(9, 1, 1, 9, prevalence=0.1, prevalence_interval=Interval(0.2, 0.3), rng=_rng())


@pytest.mark.parametrize("runs", [500, pytest.param(6000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("n_negatives", "fpr"), [(500, 0.002), (2000, 0.01)])
def test_precision_at_prevalence_covers_where_the_naive_interval_does_not(n_negatives, fpr, runs):
    rng = _rng(1)
    truth = 0.01 * 0.9 / (0.01 * 0.9 + 0.99 * fpr)
    tp, fp = rng.binomial(300, 0.9, runs), rng.binomial(n_negatives, fpr, runs)
    covered = 0
    for x, y in zip(tp.tolist(), fp.tolist(), strict=True):
        result = precision_at_prevalence(x, y, 300 - x, n_negatives - y, prevalence=0.01)
        covered += result.low <= truth <= result.high
    assert (0.92 if runs > 1000 else 0.9) <= covered / runs <= 0.98  # exact .929 and .950: few false positives
