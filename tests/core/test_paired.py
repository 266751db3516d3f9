import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from harness.core.mcnemar import mcnemar_midp
from harness.core.metrics import METRICS
from harness.core.paired import (
    PAIRED_METRICS,
    compare_paired,
    discordance,
    paired_cells,
    paired_difference,
    system_counts,
)
from harness.core.tango import tango_interval, tango_statistic, tango_statistics
from harness.core.wgs import precision_difference_variance, wgs_interval, wgs_statistic, wgs_statistics, wgs_test

from .helpers import precision_gap, random_design

eight_counts = st.lists(st.integers(0, 60), min_size=8, max_size=8)
SWAPPED = [0, 2, 1, 3, 4, 6, 5, 7]


def _rng(seed=0):
    return np.random.default_rng(seed)


def _rows(cells):
    codes = np.repeat(np.arange(8), cells)
    return (codes >> 2) & 1, (codes >> 1) & 1, codes & 1


def test_paired_cells_count_gold_baseline_candidate():
    cells = [3, 1, 4, 1, 5, 9, 2, 6]
    y, a, b = _rows(cells)
    assert paired_cells(y, a, b).tolist() == cells


def test_paired_cells_leave_out_missing_gold_and_missing_decisions():
    y, a, b = np.array([1, -1, 1, 1]), np.array([1, 1, -1, 1]), np.array([1, 1, 1, -1])
    assert paired_cells(y, a, b).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_system_counts_equal_scikit_learn():
    cells = [30, 1, 4, 1, 5, 9, 2, 6]
    y, a, b = _rows(cells)
    for system, decided in (("baseline", a), ("candidate", b)):
        tn, fp, fn, tp = oracle.confusion_matrix(y, decided).ravel()
        assert system_counts(cells, system) == (tp, fp, fn, tn)


def test_mcnemar_matches_published_values():
    # airway hyper-responsiveness, g=1, l=7: Fagerland, Lydersen & Laake (2013), table 4
    assert mcnemar_midp(1, 7) == pytest.approx(0.0391, abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_mcnemar_equals_scipy(g, n_lost):
    x = stats.binom(g + n_lost, 0.5)
    low = min(g, n_lost)
    assert mcnemar_midp(g, n_lost) == pytest.approx(min(1.0, 2 * x.cdf(low) - x.pmf(low)), abs=1e-9)
    worse = x.sf(n_lost) + 0.5 * x.pmf(n_lost)
    assert mcnemar_midp(g, n_lost, alternative="worse") == pytest.approx(worse, abs=1e-9)
    assert mcnemar_midp(n_lost, g, alternative="better") == pytest.approx(worse, abs=1e-9)


def test_mcnemar_without_discordant_pairs_finds_nothing():
    assert mcnemar_midp(0, 0) == 1.0
    assert mcnemar_midp(0, 0, alternative="worse") >= 0.5
    assert mcnemar_midp(40, 0) > 0


def test_mcnemar_refuses_bad_input():
    with pytest.raises(ValueError, match=">= 0"):
        mcnemar_midp(-1, 3)
    with pytest.raises(ValueError, match="alternative"):
        mcnemar_midp(1, 3, alternative="less")


def test_tango_interval_matches_published_value():
    # airway hyper-responsiveness: g=1, l=7, n=21; Fagerland, Lydersen & Laake (2014), table V
    assert tango_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("n", [10, 100, 5000])
def test_tango_interval_without_discordant_pairs_has_width(n):
    low, high = tango_interval(0, 0, n)
    z2 = 1.959963984540054**2
    assert (low, high) == pytest.approx((-z2 / (n + z2), z2 / (n + z2)), abs=1e-9)


def test_tango_statistic_at_zero_is_mcnemars():
    assert tango_statistic(12, 25, 200, 0.0) == pytest.approx((12 - 25) / math.sqrt(37))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 100), st.sampled_from([-0.3, -0.05, 0.0, 0.1]))
@settings(max_examples=80, deadline=None)
def test_tango_statistic_uses_the_restricted_likelihood_estimate(g, n_lost, rest, d):
    n = g + n_lost + rest
    if n == 0 or g + n_lost == 0:
        return
    # q maximises l·log(q) + g·log(q + d) + rest·log(1 - 2q - d), on a fine grid
    grid = np.linspace(max(0.0, -d), (1 - d) / 2, 20001)[1:-1]
    likelihood = n_lost * np.log(grid) + g * np.log(grid + d) + rest * np.log(1 - 2 * grid - d)
    q = grid[np.argmax(likelihood)]
    variance = n * (2 * q + d * (1 - d))
    if variance > 0.05 and 0.002 < q < (1 - d) / 2 - 0.002:
        assert tango_statistic(g, n_lost, n, d) == pytest.approx(
            (g - n_lost - n * d) / math.sqrt(variance), rel=0.02, abs=1e-3
        )


def test_tango_statistics_equal_the_scalar():
    g, lost = np.meshgrid(np.arange(12), np.arange(12))
    for d in (-0.5, -0.05, 0.0, 0.3):
        expected = [
            [tango_statistic(x, y, 30, d) for x, y in zip(*row, strict=True)] for row in zip(g, lost, strict=True)
        ]
        np.testing.assert_allclose(tango_statistics(g, lost, 30, d), expected)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_tango_interval_contains_the_estimate_and_is_antisymmetric(g, n_lost, rest):
    n = g + n_lost + rest
    if n == 0:
        assert math.isnan(tango_interval(0, 0, 0).low)
        return
    low, high = tango_interval(g, n_lost, n)
    assert -1 <= low <= (g - n_lost) / n <= high <= 1
    assert tango_interval(n_lost, g, n) == pytest.approx((-high, -low), abs=1e-9)
    assert low < high


@pytest.mark.parametrize(("n", "p_gain", "p_loss"), [(30, 0.05, 0.1), (100, 0.02, 0.05), (300, 0.03, 0.03)])
def test_tango_interval_covers(n, p_gain, p_loss):
    g, lost = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    weight = stats.binom.pmf(lost, n, p_loss) * stats.binom.pmf(g, n - lost, p_gain / (1 - p_loss))
    z = tango_statistics(g, np.minimum(lost, n - g), n, p_gain - p_loss)
    coverage = weight[(np.abs(z) <= 1.959964) & (g + lost <= n)].sum()
    assert 0.935 <= coverage <= 0.975


def test_wgs_statistic_at_zero_is_kosinskis():
    # T_WGS = (PPV_B - PPV_A)^2 / {[p(1-p) - 2 C_p](1/nA + 1/nB)}, Kosinski (2013), equation 9, by hand for
    # CASS data (Weiner et al. 1979): 786 29 183 25 diseased, 69 46 176 151 not; A flags (69+46 | 786+29)
    cells = np.array([151, 176, 46, 69, 25, 183, 29, 786])
    t_a, t_b, n_a, n_b = 29 + 786, 183 + 786, 29 + 786 + 46 + 69, 183 + 786 + 176 + 69
    p = (t_a + t_b) / (n_a + n_b)
    c_p = (786 * (1 - p) ** 2 + 69 * p**2) / (n_a + n_b)
    expected = (t_b / n_b - t_a / n_a) ** 2 / ((p * (1 - p) - 2 * c_p) * (1 / n_a + 1 / n_b))
    z = wgs_statistic(cells)
    assert z**2 == pytest.approx(expected, rel=1e-12)
    assert z < 0
    assert wgs_test(z, alternative="worse") == pytest.approx(wgs_test(z) / 2)


@given(eight_counts)
@settings(max_examples=60, deadline=None)
def test_wgs_is_antisymmetric_and_its_interval_contains_the_estimate(cells):
    c = np.array(cells)
    z, swapped = wgs_statistic(c), wgs_statistic(c[SWAPPED])
    low, high = wgs_interval(c)
    if c[[1, 3, 5, 7]].sum() == 0 or c[[2, 3, 6, 7]].sum() == 0:
        assert math.isnan(z)
        assert math.isnan(low)
        return
    assert z == pytest.approx(-swapped, abs=1e-9)
    difference = paired_difference(c, "precision")
    assert -1 <= low <= difference.value <= high <= 1
    assert low < high
    mirrored = wgs_interval(c[SWAPPED])
    assert mirrored == pytest.approx((-high, -low), abs=1e-6)


def test_wgs_statistics_equal_the_scalar():
    tables = _rng(1).integers(0, 40, (50, 8))
    for d in (-0.1, 0.0, 0.2):
        expected = [wgs_statistic(table, d) for table in tables]
        np.testing.assert_allclose(wgs_statistics(tables, d), expected)


def test_precision_difference_variance_is_the_jackknifes():
    cells = np.array([900, 14, 15, 40, 30, 22, 31, 400])
    d = lambda c: c[[5, 7]].sum() / c[[1, 3, 5, 7]].sum() - c[[6, 7]].sum() / c[[2, 3, 6, 7]].sum()  # noqa: E731
    n = cells.sum()
    left_out = np.array([d(cells - np.eye(8, dtype=int)[k]) for k in range(8)])
    mean = np.dot(cells, left_out) / n
    jackknife = (n - 1) / n * np.dot(cells, (left_out - mean) ** 2)
    assert precision_difference_variance(cells) == pytest.approx(jackknife, rel=0.05)


@pytest.mark.parametrize("metric", PAIRED_METRICS)
@given(eight_counts)
@settings(max_examples=25, deadline=None)
def test_paired_difference_is_candidate_minus_baseline(metric, cells):
    compared = compare_paired(cells, metric, rng=_rng(), n_resamples=200)
    if not compared.difference.is_defined:
        assert compared.difference.reason
        assert math.isnan(compared.p_value)
        return
    expected = compared.candidate.value - compared.baseline.value
    assert compared.difference.value == pytest.approx(expected, abs=1e-12)
    assert 0 < compared.p_value <= 1
    if metric != "f1":
        assert compared.difference.low <= compared.difference.value <= compared.difference.high


@pytest.mark.parametrize("metric", PAIRED_METRICS)
def test_swapping_the_systems_flips_the_sign(metric):
    cells = np.array([500, 8, 20, 10, 12, 9, 25, 150])
    there = compare_paired(cells, metric, rng=_rng(), n_resamples=2000)
    back = compare_paired(cells[SWAPPED], metric, rng=_rng(), n_resamples=2000)
    assert there.difference.value == pytest.approx(-back.difference.value)
    assert there.difference.low == pytest.approx(-back.difference.high, abs=0.01)
    assert there.p_value == pytest.approx(back.p_value, abs=0.03)


@pytest.mark.parametrize("metric", PAIRED_METRICS)
def test_identical_systems_differ_by_nothing(metric):
    compared = compare_paired([500, 0, 0, 10, 12, 0, 0, 150], metric, rng=_rng(), n_resamples=200)
    assert compared.difference.value == 0
    assert compared.p_value == 1.0


@pytest.mark.parametrize("metric", ["recall", "precision", "fpr"])
def test_no_discordant_pair_is_not_a_zero_width_interval(metric):
    difference = paired_difference([500, 0, 0, 10, 12, 0, 0, 150], metric)
    assert difference.low < 0 < difference.high


def test_fpr_difference_counts_items_only_the_candidate_flags_as_lost():
    assert discordance([90, 7, 2, 1, 0, 0, 0, 0], "fpr") == (2, 7, 100)
    assert paired_difference([90, 7, 2, 1, 0, 0, 0, 0], "fpr").value == pytest.approx(0.05)


@pytest.mark.parametrize("metric", PAIRED_METRICS)
def test_paired_metrics_are_those_of_the_registry(metric):
    cells = [500, 8, 20, 10, 12, 9, 25, 150]
    compared = compare_paired(cells, metric, rng=_rng(), n_resamples=100)
    assert compared.baseline == METRICS[metric](*system_counts(cells, "baseline"))


def test_f1_difference_needs_a_generator():
    with pytest.raises(ValueError, match="rng"):
        paired_difference([1] * 8, "f1")


@pytest.mark.parametrize("cells", [[1] * 7, [-1] + [1] * 7])
def test_malformed_cells_are_refused(cells):
    with pytest.raises(ValueError, match="8 counts"):
        paired_difference(cells, "recall")


def test_unknown_paired_metric_is_refused():
    with pytest.raises(ValueError, match="recall, precision, fpr, f1"):
        paired_difference([1] * 8, "accuracy")


@pytest.mark.parametrize("n_designs", [12, pytest.param(80, marks=pytest.mark.slow)])
def test_precision_interval_covers(n_designs):
    rng = _rng(11)
    coverage = []
    for _ in range(n_designs):
        q, n = random_design(rng)
        tables = rng.multinomial(n, q, size=4000)
        z = wgs_statistics(tables, precision_gap(q), pseudo_count=1 / 6)
        coverage.append(np.mean(np.abs(z) <= 1.959964))
    assert 0.94 <= np.mean(coverage) <= 0.975
    assert min(coverage) >= 0.88


@pytest.mark.no_cover
def test_precision_test_does_not_reject_a_candidate_that_drops_flags_at_random():
    """The plain statistic called 61% of these different: the candidate flags a random part of the baseline's flags."""
    rng = np.random.default_rng(0)
    n_runs, n_flagged, rejected, outside = 400, 95, 0, 0
    for _ in range(n_runs):
        true = int(rng.binomial(n_flagged, 0.945))
        kept_true, kept_false = int(rng.binomial(true, 0.92)), int(rng.binomial(n_flagged - true, 0.92))
        cells = [500, 0, n_flagged - true - kept_false, kept_false, 20, 0, true - kept_true, kept_true]
        result = compare_paired(cells, "precision", rng=rng)
        rejected += result.p_value <= 0.05
        outside += not result.difference.low <= 0 <= result.difference.high
    assert rejected / n_runs <= 0.05 + 3 * (0.05 * 0.95 / n_runs) ** 0.5
    assert rejected == outside
