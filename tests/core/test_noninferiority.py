import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom

from harness.core import precision_margin
from harness.core.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.core.noninferiority import (
    below_floor_test,
    floor_test,
    noninferiority_test,
    rejection_boundary,
    rejection_probabilities,
    rejection_probability,
)
from harness.core.precision_margin import PSEUDO_COUNTS, null_table, precision_margin_test
from harness.core.tango import tango_statistic
from harness.core.wgs import wgs_statistics

from .helpers import random_design


def _enumerated_p(g, n_lost, n, margin, nuisance):
    """The definition, table by table."""
    observed = tango_statistic(g, n_lost, n, -margin) - 1e-9
    region = [
        (x, y)
        for x, y in itertools.product(range(n + 1), repeat=2)
        if x + y <= n and tango_statistic(x, y, n, -margin) >= observed
    ]
    best = 0.0
    for q in nuisance:
        p = stats.multinomial(n, [q, q + margin, max(0.0, 1 - 2 * q - margin)])
        best = max(best, sum(p.pmf([x, y, n - x - y]) for x, y in region))
    return best


@pytest.mark.parametrize(
    ("g", "n_lost", "n", "margin"), [(0, 0, 20, 0.1), (1, 1, 20, 0.1), (2, 0, 12, 0.05), (3, 5, 15, 0.2)]
)
def test_exact_test_equals_enumeration(g, n_lost, n, margin):
    nuisance = np.concatenate([np.linspace(0, 0.02, 20), np.linspace(0.02, (1 - margin) / 2, 40)])
    assert noninferiority_test(g, n_lost, n, margin) == pytest.approx(
        _enumerated_p(g, n_lost, n, margin, nuisance), abs=2e-3
    )


@pytest.mark.parametrize("n", [20, 100, 1000])
@pytest.mark.parametrize("margin", [0.02, 0.05])
def test_without_discordant_pairs_p_is_the_chance_of_no_loss(n, margin):
    # by hand: the observed table is the most favourable with no loss; its chance is largest at q = 0: (1 - m)**n
    p = noninferiority_test(0, 0, n, margin)
    assert p >= (1 - margin) ** n - 1e-9
    if n == 1000:
        assert p < 0.001


def test_floor_of_59_positives_carries_over():
    assert noninferiority_test(0, 0, 59, 0.05) <= 0.05 < noninferiority_test(0, 0, 58, 0.05)


def test_failure_rate_margin_of_half_a_point_needs_598_items():
    assert noninferiority_test(0, 0, 598, 0.005) <= 0.05 < noninferiority_test(0, 0, 597, 0.005)


@pytest.mark.no_cover
def test_exact_p_grows_with_losses_and_shrinks_with_gains():
    p = [[noninferiority_test(g, lost, 150, 0.05) for g in range(8)] for lost in range(8)]
    assert (np.diff(p, axis=1) <= 1e-12).all()
    assert (np.diff(p, axis=0) >= -1e-12).all()


def test_rejection_boundary_is_the_smallest_gain():
    n, margin, critical = 60, 0.07, 1.3
    for lost, gain in enumerate(rejection_boundary(n, margin, critical)):
        if gain <= n - lost:
            assert tango_statistic(gain, lost, n, -margin) >= critical
        if 0 < gain <= n - lost + 1:
            assert tango_statistic(gain - 1, lost, n, -margin) < critical


def _region(n, margin, alpha=0.05):
    """Smallest gain that passes, per number of losses."""
    smallest = np.full(n + 1, n + 2)
    for lost in range(n + 1):
        low, high = -1, n - lost + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if noninferiority_test(middle, lost, n, margin) <= alpha else (middle, high)
        smallest[lost] = high
        if high == n - lost + 1:
            smallest[lost:] = n + 2
            break
    return np.minimum(smallest, n - np.arange(n + 1) + 1)


@pytest.mark.parametrize(
    ("n", "margin"),
    [
        (20, 0.1),
        (50, 0.05),
        *[pytest.param(n, m, marks=pytest.mark.slow) for n in (20, 50, 100, 500) for m in (0.02, 0.05, 0.1)],
    ],
)
def test_recall_gate_size_is_at_most_alpha(n, margin):
    region = _region(n, margin)
    grid = np.concatenate([np.linspace(0, 0.05, 150), np.linspace(0.05, (1 - margin) / 2, 100)])
    size = max(rejection_probability(region, n, q, q + margin) for q in grid)
    assert size <= 0.0502


def test_t_interval_gives_a_free_pass_where_the_exact_test_does_not():
    # weak practice: a t interval of paired differences, n = 20, margin .02: size up to .67 (no discordant
    # pair, no width)
    n, margin = 20, 0.02
    exact = wald = 0.0
    for q in (0.0, 0.001, 0.01):
        for g, lost in itertools.product(range(n + 1), repeat=2):
            if g + lost > n:
                continue
            chance = stats.multinomial.pmf([g, lost, n - g - lost], n, [q, q + margin, 1 - 2 * q - margin])
            if chance < 1e-6:
                continue
            mean = (g - lost) / n
            sd = math.sqrt(max(0.0, (g + lost - n * mean**2) / (n - 1) / n))
            if q == 0.0:
                wald += chance * (mean - 1.729 * sd > -margin)
                exact += chance * (noninferiority_test(g, lost, n, margin) <= 0.05)
    assert wald > 0.6
    assert exact <= 0.05


@pytest.mark.parametrize(("k", "n", "floor"), [(59, 59, 0.95), (95, 100, 0.9), (90, 100, 0.9), (40.5, 50.25, 0.7)])
def test_floor_test_agrees_with_the_bound(k, n, floor):
    assert (floor_test(k, n, floor) <= 0.05) == (clopper_pearson_lower(k, n) >= floor)
    assert (below_floor_test(k, n, floor) <= 0.05) == (clopper_pearson_upper(k, n) <= floor)


def test_floor_tests_equal_scipy():
    assert floor_test(90, 100, 0.85) == pytest.approx(stats.binom.sf(89, 100, 0.85), abs=1e-12)
    assert below_floor_test(80, 100, 0.85) == pytest.approx(stats.binom.cdf(80, 100, 0.85), abs=1e-12)


@pytest.mark.parametrize(
    "arguments", [(1, 1, 1, 0.05), (-1, 0, 5, 0.05), (0, 0, 0, 0.05), (0, 0, 5, 0.0), (0, 0, 5, 1.0)]
)
def test_exact_test_refuses_bad_input(arguments):
    with pytest.raises(ValueError, match=r"margin|need n"):
        noninferiority_test(*arguments)


@pytest.mark.parametrize("pseudo_count", PSEUDO_COUNTS)
@pytest.mark.parametrize("margin", [0.01, 0.05, 0.3])
@pytest.mark.parametrize(
    "cells", [[900, 4, 5, 20, 30, 12, 11, 400], [90, 0, 0, 0, 5, 0, 0, 60], [90, 50, 0, 0, 0, 0, 20, 5]]
)
def test_null_table_meets_the_margin(cells, margin, pseudo_count):
    q = null_table(np.array(cells), margin, pseudo_count)
    gap = q[[5, 7]].sum() / q[[1, 3, 5, 7]].sum() - q[[6, 7]].sum() / q[[2, 3, 6, 7]].sum()
    assert gap == pytest.approx(-margin, abs=1e-6)
    assert q.sum() == pytest.approx(1)
    assert (q >= 0).all()


def test_precision_test_is_reproducible_and_never_zero():
    cells = np.array([900, 4, 5, 20, 30, 12, 11, 400])
    p = [precision_margin_test(cells, 0.2, rng=np.random.default_rng(0), n_resamples=999) for _ in range(2)]
    assert p[0] == p[1]
    assert 0 < p[0] <= 0.001


def test_precision_test_without_flags_is_undefined():
    assert math.isnan(precision_margin_test(np.array([9, 0, 3, 0, 4, 0, 5, 0]), 0.05, rng=np.random.default_rng(0)))


@pytest.mark.parametrize(("margin", "fewest", "most"), [(0.05, 1_000, 4_000), (0.01, 20_000, 400_000)])
def test_precision_test_draws_on_near_alpha(monkeypatch, margin, fewest, most):
    sizes = []
    original = precision_margin.wgs_statistics
    monkeypatch.setattr(
        precision_margin, "wgs_statistics", lambda draws, d: sizes.append(len(draws)) or original(draws, d)
    )
    cells = np.array([900, 4, 5, 20, 30, 12, 11, 400])
    p = precision_margin_test(cells, margin, rng=np.random.default_rng(0), n_resamples=1000)
    assert fewest <= sum(sizes) <= most, (p, sizes)


def null_design(rng):
    """A random design whose precision differs by exactly -margin, in (0.02, 0.10)."""
    q, n = random_design(rng)
    margin = float(rng.uniform(0.02, 0.1))
    return null_table(q * n, margin, 1e-9), n, margin


def test_uncalibrated_score_test_is_too_liberal_for_precision():
    # weak practice: the score statistic against a normal quantile; size up to .137
    rng = np.random.default_rng(23)
    sizes = []
    for _ in range(30):
        q, n, margin = null_design(rng)
        z = wgs_statistics(rng.multinomial(n, q, size=4000), -margin)
        sizes.append(np.mean(z >= 1.645))
    assert max(sizes) > 0.075


@pytest.mark.parametrize("n", [1, 7, 59, 400])
def test_chances_of_a_whole_grid_are_the_sums_of_scipy_s_binomials(n):
    margin, lost = 0.1, np.arange(n + 1)
    boundary = rejection_boundary(n, margin, 1.645)
    nuisance = np.array([0.0, 1e-4, 0.02, 0.3, (1 - margin) / 2])
    found = rejection_probabilities(boundary, n, nuisance, nuisance + margin)
    for q, chance in zip(nuisance, found, strict=True):
        tails = binom.sf(boundary - 1, n - lost, min(1.0, q / (1 - q - margin)))
        assert chance == pytest.approx(float(binom.pmf(lost, n, q + margin) @ tails), abs=1e-13)
