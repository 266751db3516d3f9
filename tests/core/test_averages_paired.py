import numpy as np
import pytest
from sklearn.metrics import f1_score

from harness.core import averages_paired
from harness.core.averages import AVERAGED_METRICS, macro_average
from harness.core.averages_paired import macro_differences


def _data(seed, n_items=400, shift=0.0):
    rng = np.random.default_rng(seed)
    y = (rng.random((n_items, 4)) < 0.3).astype(np.int8)
    a = np.where(rng.random(y.shape) < 0.15, 1 - y, y).astype(np.int8)
    b = np.where(rng.random(y.shape) < 0.15 - shift, 1 - y, y).astype(np.int8)
    return y, a, b


def _difference(arrays, metric="f1", seed=0, **options):
    return macro_differences(*arrays, rng=np.random.default_rng(seed), n_resamples=400, **options)[metric]


@pytest.mark.parametrize("metric", AVERAGED_METRICS)
def test_a_macro_difference_is_the_difference_of_macro_averages(metric):
    y, a, b = _data(0)
    expected = macro_average(y, b, metric=metric).value - macro_average(y, a, metric=metric).value
    difference, p = _difference((y, a, b), metric)
    assert difference.value == pytest.approx(expected, abs=1e-12)
    assert difference.low < expected < difference.high
    assert 0 < p <= 1


def test_a_macro_difference_equals_scikit_learn():
    y, a, b = _data(1)
    expected = f1_score(y, b, average="macro") - f1_score(y, a, average="macro")
    assert _difference((y, a, b))[0].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", AVERAGED_METRICS)
def test_linearised_and_bootstrap_intervals_agree(metric, monkeypatch):
    arrays = _data(2, n_items=1500)
    bootstrap, p_bootstrap = _difference(arrays, metric)
    monkeypatch.setattr(averages_paired, "_MAX_PATTERNS", 0)
    linearised, p_linearised = _difference(arrays, metric)
    assert linearised.value == bootstrap.value
    assert linearised.high - linearised.low == pytest.approx(bootstrap.high - bootstrap.low, rel=0.15)
    assert p_linearised == pytest.approx(p_bootstrap, abs=0.08)


def test_a_real_difference_is_found_and_the_seed_decides_the_rest():
    arrays = _data(3, shift=0.08)
    first, second = _difference(arrays), _difference(arrays)
    assert first == second
    assert first[1] == 1 / 401
    assert first[0].low > 0


def test_clusters_widen_the_interval():
    y, a, b = (np.repeat(x, 4, axis=0) for x in _data(4, n_items=150))
    plain, _ = _difference((y, a, b))
    clustered, _ = _difference((y, a, b), clusters=np.repeat(np.arange(150), 4))
    assert clustered.high - clustered.low > 1.6 * (plain.high - plain.low)


def test_category_undefined_for_one_system_leaves_the_difference():
    y, a, b = _data(5)
    b[:, 0] = 0
    difference, _ = _difference((y, a, b), "precision")
    assert difference.reason == "3 of 4 categories"
    nothing, p = _difference((y, np.zeros_like(y), b), "precision")
    assert not nothing.is_defined
    assert np.isnan(p)
