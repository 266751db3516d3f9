import math

import numpy as np
import pytest

from harness.core.repeats import flip_rate, mean_decision, noise_floor, repeated_metric, stack_repeats


def test_flip_rate_of_two_runs_is_the_share_of_flipped_items():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 2, 500)
    second = np.where(rng.random(500) < 0.1, 1 - first, first)
    assert flip_rate(np.stack([first, second], axis=1)).value == pytest.approx(np.mean(first != second))


@pytest.mark.parametrize("n_repeats", [2, 3, 7])
def test_flip_rate_is_unbiased_for_any_number_of_repeats(n_repeats):
    rng = np.random.default_rng(1)
    p = rng.beta(0.3, 0.3, 40_000)
    decisions = (rng.random((40_000, n_repeats)) < p[:, None]).astype(np.int8)
    assert flip_rate(decisions).value == pytest.approx(np.mean(2 * p * (1 - p)), abs=0.005)


def test_flip_rate_needs_two_repeats():
    result = flip_rate(np.array([[1, -1], [0, -1]]))
    assert result.reason == "no item has two repeats"
    assert result.n_excluded == 2
    mixed = flip_rate(np.array([[1, 0], [0, -1]]))
    assert (mixed.n, mixed.n_excluded) == (1, 1)


def test_steady_model_has_a_flip_rate_of_zero_with_an_upper_end():
    result = flip_rate(np.ones((50, 3), int))
    assert result.value == 0
    assert 0.05 < result.high < 0.1


def test_mean_decision_leaves_out_missing_repeats():
    assert mean_decision(np.array([[1, 0, -1], [1, 1, 1]])).tolist() == [0.5, 1.0]


def test_stacked_repeats_keep_their_cluster():
    rows = stack_repeats(np.array([1, 0]), np.array([[1, 0], [0, 1]]), np.array([7, 7]))
    assert rows.y_pred.tolist() == [1, 0, 0, 1]
    assert rows.clusters.tolist() == [7] * 4
    with pytest.raises(ValueError, match="y_true"):
        stack_repeats(np.array([1]), np.array([[1], [0]]))


def test_repeats_of_a_noisy_model_narrow_the_interval_but_not_like_new_items():
    rng = np.random.default_rng(2)
    p = rng.beta(2, 0.5, 300)
    y = np.ones(300, np.int8)
    decisions = (rng.random((300, 3)) < p[:, None]).astype(np.int8)
    one, three = repeated_metric("recall", y, decisions[:, :1]), repeated_metric("recall", y, decisions)
    width_1, width_3 = one.high - one.low, three.high - three.low
    assert width_1 / math.sqrt(3) < width_3 < width_1


def test_noise_floor_by_hand():
    y = np.repeat([1, 0], [100, 300])
    second = y.copy()
    second[:16] = 0
    assert noise_floor(y, y, second, "recall").value == pytest.approx(1.959964 * math.sqrt(0.16 / 100), abs=1e-6)
    assert noise_floor(y, y, second, "fpr").value == 0
    assert noise_floor(y, y, second, "agreement").n == 400
    assert not noise_floor(y[:100], y[:100], second[:100], "fpr").is_defined
    with pytest.raises(ValueError, match="metric"):
        noise_floor(y, y, second, "precision")


def test_noise_floor_holds_an_a_a_difference_19_times_of_20():
    rng = np.random.default_rng(3)
    p = rng.beta(2, 0.4, 400)
    y = np.ones(400, np.int8)
    inside = 0
    for _ in range(300):
        first, second, third = ((rng.random(400) < p).astype(np.int8) for _ in range(3))
        inside += abs(first.mean() - second.mean()) <= noise_floor(y, second, third, "recall").value
    assert 0.91 <= inside / 300 <= 0.98
