import math

import numpy as np
import pytest
from scipy import stats

from harness.core.clusters import clustered_metric, count_clusters, effective_counts, effective_n, metric_influence
from harness.core.confusion import confusion_counts
from harness.core.metrics import METRICS
from harness.core.noninferiority import noninferiority_test


def _binary(rng, n=200):
    return rng.integers(0, 2, n), rng.integers(0, 2, n)


@pytest.mark.parametrize("metric", METRICS)
def test_influence_is_the_leave_one_out_change(metric):
    y, b = _binary(np.random.default_rng(0))

    def value(keep):
        return METRICS[metric](*confusion_counts(y[keep][:, None], b[keep][:, None]).category(0)).value

    everything = np.ones(y.size, dtype=bool)
    influence, has_data = metric_influence(metric, y, b)
    assert influence.sum() == pytest.approx(0, abs=1e-12)
    for item in range(40):
        keep = everything.copy()
        keep[item] = False
        assert value(everything) - value(keep) == pytest.approx(influence[item], abs=2e-4)
        assert has_data[item] or influence[item] == 0


@pytest.mark.parametrize("metric", METRICS)
def test_singleton_clusters_change_nothing(metric):
    y, b = _binary(np.random.default_rng(1))
    assert clustered_metric(metric, y, b, np.arange(y.size)) == clustered_metric(metric, y, b, None)


@pytest.mark.parametrize("metric", METRICS)
def test_duplicated_items_in_one_cluster_give_about_the_interval_of_the_originals(metric):
    y, b = _binary(np.random.default_rng(2), n=300)
    once = clustered_metric(metric, y, b, None)
    copied = clustered_metric(metric, np.repeat(y, 4), np.repeat(b, 4), np.repeat(np.arange(300), 4))
    assert copied.value == pytest.approx(once.value)
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.02)


def test_effective_n_by_hand():
    # 4 items in 2 clusters, IF = .1 .1 -.1 -.1: V = 2(.04 + .04) = .16, V0 = .04, deff = 4, n/deff = 1,
    # times (t_3/t_1)^2 at 97.5%
    size = effective_n(np.array([0.1, 0.1, -0.1, -0.1]), np.ones(4, bool), np.array([0, 0, 1, 1]))
    ratio = stats.t.ppf(0.975, 3) / stats.t.ppf(0.975, 1)
    assert (size.deff, size.n_eff) == pytest.approx((4.0, ratio**2))


def test_without_variance_a_cluster_counts_as_one_item():
    size = effective_n(np.zeros(60), np.ones(60, bool), np.repeat(np.arange(12), 5))
    assert size.n_eff == 12
    y = np.ones(60, dtype=int)
    cells = effective_counts("recall", y, y, y, np.repeat(np.arange(12), 5))
    assert cells.cells.tolist() == [0, 0, 0, 0, 0, 0, 0, 12]


def test_negative_correlation_never_adds_items():
    influence = np.tile([0.1, -0.1], 30)
    assert effective_n(influence, np.ones(60, bool), np.repeat(np.arange(30), 2)).n_eff <= 60


def test_one_cluster_has_no_interval():
    y, b = np.ones(10, int), np.array([1] * 9 + [0])
    result = clustered_metric("recall", y, b, np.zeros(10, int))
    assert result.value == 0.9
    assert math.isnan(result.low)
    assert "2 clusters" in result.reason


def test_clusters_without_data_do_not_count():
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    influence, has_data = metric_influence("recall", y, np.array([1, 0, 1, 1, 0, 0, 0, 0]))
    clusters = np.array([0, 0, 1, 1, 2, 3, 4, 5])
    assert effective_n(influence, has_data, clusters).n_clusters == 2
    assert count_clusters(clusters) == 6


def test_floor_uses_the_candidates_own_design_effect():
    rng = np.random.default_rng(3)
    y = np.ones(200, int)
    clusters = np.repeat(np.arange(40), 5)
    b = np.repeat(rng.integers(0, 2, 40), 5)
    own = effective_counts("recall", y, b, b, clusters, of="candidate")
    difference = effective_counts("recall", y, b, b, clusters)
    assert own.size.deff == pytest.approx(5, rel=0.05)
    assert difference.size.n_eff == 40


def _threads(rng, n_clusters, size, icc, p):
    """Correlated binary items: a thread copies its own draw with probability sqrt(icc)."""
    own = rng.random((n_clusters, size)) < p
    shared = np.repeat(rng.random((n_clusters, 1)) < p, size, axis=1)
    return np.where(rng.random((n_clusters, size)) < math.sqrt(icc), shared, own).ravel().astype(np.int8)


@pytest.mark.parametrize("runs", [300, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("n_clusters", "icc"), [(40, 0.3), (100, 0.6)])
def test_clustered_recall_interval_covers(n_clusters, icc, runs):
    rng = np.random.default_rng(4)
    y, clusters = np.ones(5 * n_clusters, np.int8), np.repeat(np.arange(n_clusters), 5)
    covered = naive = 0
    for _ in range(runs):
        b = _threads(rng, n_clusters, 5, icc, 0.85)
        result, plain = clustered_metric("recall", y, b, clusters), clustered_metric("recall", y, b, None)
        covered += result.low <= 0.85 <= result.high
        naive += plain.low <= 0.85 <= plain.high
    assert 0.9 <= covered / runs <= 0.98
    assert naive / runs < covered / runs - 0.04


@pytest.mark.no_cover
@pytest.mark.parametrize("runs", [150, pytest.param(4000, marks=pytest.mark.slow)])
def test_false_pass_with_clusters_is_near_alpha(runs):
    rng = np.random.default_rng(5)
    n_clusters, margin = 80, 0.05
    y, clusters = np.ones(5 * n_clusters, np.int8), np.repeat(np.arange(n_clusters), 5)
    passed = naive = 0
    for _ in range(runs):
        a = _threads(rng, n_clusters, 5, 0.3, 0.9)
        lost = _threads(rng, n_clusters, 5, 0.3, 0.0889)
        gained = _threads(rng, n_clusters, 5, 0.3, 0.3)  # D = .1·.3 - .9·.0889 = -.05
        b = np.where(a == 1, 1 - lost, gained)
        cells = effective_counts("recall", y, a, b, clusters)
        g, l_eff, n = (round(x) for x in (cells.cells[5], cells.cells[6], cells.cells[4:].sum()))
        passed += noninferiority_test(g, min(l_eff, n - g), n, margin) <= 0.05
        naive += noninferiority_test(int(cells.raw[5]), int(cells.raw[6]), 400, margin) <= 0.05
    assert passed / runs <= (0.062 if runs > 1000 else 0.1)
    assert naive / runs > passed / runs


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("of", ["difference", "candidate"])
def test_no_clusters_and_a_cluster_an_item_count_alike(metric, of):
    rng = np.random.default_rng(5)
    y, a, b = (rng.integers(-1, 2, 200) for _ in range(3))
    plain = effective_counts(metric, y, a, b, None, of=of)
    apart = effective_counts(metric, y, a, b, np.arange(200), of=of)
    assert plain.cells.tolist() == apart.cells.tolist()
    assert plain.size == apart.size
    assert clustered_metric(metric, y, a, None) == clustered_metric(metric, y, a, np.arange(200))
