import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from harness.core.paired import paired_cells
from harness.core.ranking_paired import (
    average_precision_difference,
    average_precision_paired,
    average_precision_permutation,
)
from harness.core.resampling import (
    paired_f1,
    percentile_interval,
    permute_cells,
    resample_cells,
)

CELLS = np.array([500, 8, 20, 10, 12, 9, 25, 150])


def _rows(cells):
    codes = np.repeat(np.arange(8), cells)
    return (codes >> 2) & 1, (codes >> 1) & 1, codes & 1


@pytest.mark.parametrize("seed", [0, 1])
def test_same_seed_same_draws(seed):
    draws = [resample_cells(CELLS, 50, np.random.default_rng(seed)) for _ in range(2)]
    np.testing.assert_array_equal(*draws)


def test_multinomial_bootstrap_equals_the_row_bootstrap():
    y, a, b = _rows(CELLS)
    rng = np.random.default_rng(0)
    by_rows = []
    for _ in range(1500):
        rows = rng.integers(0, y.size, y.size)
        f1_a, f1_b = paired_f1(paired_cells(y[rows], a[rows], b[rows]))
        by_rows.append(f1_b - f1_a)
    f1_a, f1_b = paired_f1(resample_cells(CELLS, 20_000, rng))
    assert np.std(f1_b - f1_a) == pytest.approx(np.std(by_rows), rel=0.08)
    assert np.quantile(f1_b - f1_a, [0.025, 0.975]) == pytest.approx(np.quantile(by_rows, [0.025, 0.975]), abs=0.004)


def test_paired_f1_equals_scikit_learn():
    y, a, b = _rows(CELLS)
    assert paired_f1(CELLS) == pytest.approx((f1_score(y, a), f1_score(y, b)))


@pytest.mark.parametrize("scale", [1, 1000])
def test_ten_thousand_resamples_cost_milliseconds_at_any_size(scale):
    rng = np.random.default_rng(0)
    paired_f1(resample_cells(CELLS, 10, rng))
    start = time.process_time()
    paired_f1(resample_cells(CELLS * scale, 10_000, rng))
    assert time.process_time() - start < 0.1  # 9 ms on an idle core; bound 25 ms, with slack for a busy machine


def test_draws_keep_the_number_of_items_and_empty_cells():
    draws = resample_cells(np.array([5, 0, 3, 0, 0, 2, 0, 0]), 200, np.random.default_rng(0))
    assert (draws.sum(axis=1) == 10).all()
    assert (draws[:, [1, 3, 4, 6, 7]] == 0).all()
    assert resample_cells(np.zeros(8), 3, np.random.default_rng(0)).sum() == 0


def test_permutation_keeps_concordant_cells_and_discordant_totals():
    draws = permute_cells(CELLS, 500, np.random.default_rng(0))
    assert (draws[:, [0, 3, 4, 7]] == CELLS[[0, 3, 4, 7]]).all()
    assert (draws[:, 5] + draws[:, 6] == 34).all()
    assert draws[:, 5].mean() == pytest.approx(17, abs=0.6)


def test_percentile_interval_leaves_out_undefined_draws():
    draws = np.array([np.nan, 1.0, 2.0, 3.0])
    assert percentile_interval(draws, confidence=0.5) == pytest.approx((1.5, 2.5))
    assert np.isnan(percentile_interval(np.array([np.nan])).low)


def _scores(seed, n=300):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(np.int8)
    return y, (rng.normal(size=n) + y).round(2), (rng.normal(size=n) + 2 * y).round(2)


def test_average_precision_difference_equals_scikit_learn():
    y, a, b = _scores(0)
    expected = average_precision_score(y, b) - average_precision_score(y, a)
    result = average_precision_difference(y, a, b, rng=np.random.default_rng(0), n_resamples=200)
    assert result.value == pytest.approx(expected, abs=1e-12)
    assert result.low < expected < result.high
    assert result.reason


def test_average_precision_bootstrap_draws_match_scikit_learn():
    from harness.core import ranking_paired

    y, a, _ = _scores(1, n=60)
    weight = np.random.default_rng(2).integers(0, 4, 60)
    ours = ranking_paired._weighted_average_precision(weight, *ranking_paired._order(y == 1, a))
    assert ours == pytest.approx(average_precision_score(y, a, sample_weight=weight), abs=1e-12)


def test_permutation_p_is_never_zero_and_small_for_a_real_difference():
    y, a, b = _scores(3, n=400)
    p = average_precision_permutation(y, a, b, rng=np.random.default_rng(0), n_resamples=99)
    assert p == 0.01


def test_average_precision_of_two_scorers_needs_no_common_scale():
    y, a, b = _scores(5, n=300)
    rng = np.random.default_rng
    plain, p = average_precision_paired(y, a, b, rng=rng(0), n_resamples=199)
    scaled, p_scaled = average_precision_paired(y, a, 1000 * b - 7, rng=rng(0), n_resamples=199)
    assert (plain, p) == (scaled, p_scaled)
    assert plain.value == pytest.approx(average_precision_score(y, b) - average_precision_score(y, a), abs=1e-12)
    assert p <= 0.05
    assert plain.low > 0
    missing = np.where(np.arange(300) < 30, np.nan, a)
    assert average_precision_paired(y, missing, b, rng=rng(0), n_resamples=19)[0].n_excluded == 30


def test_average_precision_p_is_uniform_for_equal_scorers():
    p = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        y = (rng.random(80) < 0.3).astype(np.int8)
        a, b = (5 * (rng.normal(size=80) + y), rng.normal(size=80) + y)
        p.append(average_precision_paired(y, a, b, rng=rng, n_resamples=39)[1])
    assert np.mean(np.array(p) <= 0.05) <= 0.10
    assert np.mean(p) == pytest.approx(0.5, abs=0.12)
