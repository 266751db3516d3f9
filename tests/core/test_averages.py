import numpy as np
import pytest
from sklearn import metrics as oracle

from harness.core.averages import AVERAGED_METRICS, macro_average, micro_average
from harness.core.clusters import clustered_variance

AVERAGES = {"macro": macro_average, "micro": micro_average}
SKLEARN = {"recall": oracle.recall_score, "precision": oracle.precision_score, "f1": oracle.f1_score}


def _data(seed, n_items=400, n_categories=5):
    rng = np.random.default_rng(seed)
    y = (rng.random((n_items, n_categories)) < 0.3).astype(np.int8)
    b = np.where(rng.random(y.shape) < 0.2, 1 - y, y).astype(np.int8)
    return y, b


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", AVERAGED_METRICS)
def test_average_equals_scikit_learn(average, metric):
    y, b = _data(0)
    expected = SKLEARN[metric](y, b, average=average)
    assert AVERAGES[average](y, b, metric=metric).value == pytest.approx(expected, abs=1e-12)


def test_always_majority_has_macro_f1_of_scikit_learn():
    # an old fault elsewhere: averaging inside each one-vs-rest pair gave .483 instead of .316 for 90/5/5
    gold = np.repeat([0, 1, 2], [90, 5, 5])
    y = np.eye(3, dtype=np.int8)[gold]
    b = np.eye(3, dtype=np.int8)[np.zeros(100, dtype=int)]
    expected = oracle.f1_score(gold, np.zeros(100, dtype=int), average="macro", zero_division=0.0)
    assert macro_average(y, b, metric="f1").value == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(0.316, abs=5e-4)


@pytest.mark.parametrize("metric", AVERAGED_METRICS)
def test_undefined_category_leaves_the_macro_mean_and_is_named(metric):
    y, b = _data(1)
    y[:, 2], b[:, 2] = 0, 0
    kept = [0, 1, 3, 4]
    result = macro_average(y, b, metric=metric)
    assert result.value == pytest.approx(macro_average(y[:, kept], b[:, kept], metric=metric).value)
    assert result.reason == "4 of 5 categories"


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", AVERAGED_METRICS)
def test_average_without_any_defined_category_is_undefined(average, metric):
    zeros = np.zeros((5, 2), dtype=np.int8)
    result = AVERAGES[average](zeros, zeros, metric=metric)
    assert not result.is_defined
    assert result.reason


@pytest.mark.parametrize("average", AVERAGES)
def test_missing_gold_is_left_out_and_counted(average):
    y, b = _data(2)
    y[:50] = -1
    result = AVERAGES[average](y, b, metric="f1")
    assert result.n_excluded == 50
    assert result.value == pytest.approx(AVERAGES[average](y[50:], b[50:], metric="f1").value)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", AVERAGED_METRICS)
def test_average_interval_agrees_with_the_bootstrap(average, metric):
    y, b = _data(3, n_items=600)
    result = AVERAGES[average](y, b, metric=metric)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(300):
        rows = rng.integers(0, len(y), len(y))
        draws.append(AVERAGES[average](y[rows], b[rows], metric=metric).value)
    width = np.diff(np.quantile(draws, [0.025, 0.975]))[0]
    assert result.high - result.low == pytest.approx(width, rel=0.25)


@pytest.mark.parametrize("average", AVERAGES)
def test_clusters_widen_the_interval(average):
    y, b = _data(4, n_items=200)
    y, b = np.repeat(y, 4, axis=0), np.repeat(b, 4, axis=0)
    plain = AVERAGES[average](y, b, metric="f1")
    clustered = AVERAGES[average](y, b, metric="f1", clusters=np.repeat(np.arange(200), 4))
    once = AVERAGES[average](y[::4], b[::4], metric="f1")
    assert clustered.high - clustered.low == pytest.approx(once.high - once.low, rel=0.01)
    assert clustered.high - clustered.low > 1.8 * (plain.high - plain.low)


@pytest.mark.parametrize("average", AVERAGES)
def test_perfect_system_has_an_interval_of_some_width(average):
    y, _ = _data(5, n_items=60)
    result = AVERAGES[average](y, y, metric="f1")
    assert result.value == 1
    assert result.low < 0.97
    assert result.high == 1


@pytest.mark.parametrize("average", AVERAGES)
def test_one_cluster_has_no_interval(average):
    y, b = _data(6, n_items=30)
    result = AVERAGES[average](y, b, metric="f1", clusters=np.zeros(30, dtype=int))
    assert result.is_defined
    assert np.isnan(result.low)


def test_average_refuses_an_unknown_metric():
    y, b = _data(7)
    with pytest.raises(ValueError, match="recall, precision, f1"):
        micro_average(y, b, metric="accuracy")


def test_clustered_variance_of_singletons_is_the_plain_variance():
    x = np.random.default_rng(8).normal(size=50)
    influence = (x - x.mean()) / 50
    assert clustered_variance(influence, np.arange(50)) == pytest.approx(x.var(ddof=1) / 50)


@pytest.mark.slow
@pytest.mark.parametrize("average", AVERAGES)
def test_average_interval_covers(average):
    rng = np.random.default_rng(9)
    n_categories, covered, n_runs = 6, 0, 1500
    prevalence = np.linspace(0.05, 0.3, n_categories)
    big_y = rng.random((400_000, n_categories)) < prevalence
    big_b = np.where(rng.random(big_y.shape) < 0.12, ~big_y, big_y)
    truth = AVERAGES[average](big_y.astype(np.int8), big_b.astype(np.int8), metric="f1").value
    for _ in range(n_runs):
        rows = rng.integers(0, len(big_y), 400)
        result = AVERAGES[average](big_y[rows].astype(np.int8), big_b[rows].astype(np.int8), metric="f1")
        covered += result.low <= truth <= result.high
    assert 0.93 <= covered / n_runs <= 0.97
