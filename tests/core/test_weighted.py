"""Weighted metrics, and gates on samples whose items stand for more or less of a population."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from harness.core.averages import macro_average, micro_average
from harness.core.clusters import clustered_metric, effective_counts, effective_n
from harness.core.gate_arrays import CheckSpec, GateArrays, gate_arrays
from harness.core.weighted import weighted_metric


def sample(rng, n):
    y, b = rng.random(n) < 0.4, rng.random(n) < 0.5
    return y.astype(np.int8), b.astype(np.int8), rng.lognormal(0, 1, n)


@pytest.mark.parametrize(
    ("metric", "oracle"), [("recall", recall_score), ("precision", precision_score), ("f1", f1_score)]
)
def test_weighted_metric_equals_scikit_learn(metric, oracle):
    y, b, weight = sample(np.random.default_rng(0), 300)
    result = weighted_metric(metric, y, b, weight, None)
    assert result.value == pytest.approx(oracle(y, b, sample_weight=weight))
    assert result.low <= result.value <= result.high


@pytest.mark.parametrize("average", [macro_average, micro_average])
def test_weighted_average_equals_scikit_learn(average):
    rng = np.random.default_rng(1)
    y, b = (rng.random((200, 3)) < 0.4).astype(np.int8), (rng.random((200, 3)) < 0.5).astype(np.int8)
    weight = rng.lognormal(0, 1, 200)
    kind = "macro" if average is macro_average else "micro"
    for metric, oracle in (("recall", recall_score), ("precision", precision_score), ("f1", f1_score)):
        result = average(y, b, metric=metric, sample_weight=weight)
        assert result.value == pytest.approx(oracle(y, b, average=kind, sample_weight=weight))
        assert result.low <= result.value <= result.high


def test_equal_weights_leave_the_cells_as_they_are():
    rng = np.random.default_rng(2)
    y, a, _ = sample(rng, 200)
    b = np.where(rng.random(200) < 0.1, 1 - a, a).astype(np.int8)
    plain = effective_counts("recall", y, a, b, None)
    weighted = effective_counts("recall", y, a, b, None, sample_weight=np.full(200, 7.0))
    assert weighted.cells[4:] == pytest.approx(plain.cells[4:], rel=0.02)  # n/(n - 1) is in the design's variance
    assert weighted.size.n_eff <= plain.size.n_eff


def test_a_few_heavy_items_are_worth_few():
    weight = np.array([100.0] * 5 + [1.0] * 200)
    size = effective_n(np.zeros(205), np.ones(205, bool), None, sample_weight=weight)
    assert size.n_eff == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert size.n_eff < 10


def population(rng, size, loss):
    """Gold, two systems and a score that a sample can be stratified by; recall is lower by ``loss`` in the second."""
    y = rng.random(size) < 0.1
    score = np.clip(rng.beta(1, 6, size) + 0.4 * y * rng.random(size), 0, 1)
    strata = np.searchsorted([0.1, 0.3], score)
    a = np.where(y, rng.random(size) < 0.85, rng.random(size) < 0.05)
    # the loss sits where weights are large: an unweighted gate would not see it
    chance = np.array([0.0, 0.0, 0.0])
    shares = np.bincount(strata[y & a], minlength=3) / y.sum()
    chance[0] = min(1.0, loss / shares[0])
    chance[1] = min(1.0, max(0.0, loss - shares[0]) / shares[1])
    b = a & ~(y & (rng.random(size) < chance[strata]))
    return y, a, b, strata


def false_passes(n_samples, n):
    rng = np.random.default_rng(3)
    y, a, b, strata = population(rng, 200_000, 0.10)
    truth = b[y].mean() - a[y].mean()
    spec = CheckSpec("c", "recall", "critical", margin=-float(truth))  # exactly at the margin
    members = [np.flatnonzero(strata == h) for h in range(3)]
    passes = {"weighted": 0, "unweighted": 0}
    values = []
    for _ in range(n_samples):
        at = np.concatenate([rng.choice(one, n, replace=False) for one in members])
        weight = np.repeat([len(one) / n for one in members], n)
        for name, weights in (("weighted", weight), ("unweighted", None)):
            columns = [part[at].astype(np.int8)[:, None] for part in (y, a, b)]
            result = gate_arrays(GateArrays(*columns, weights=weights), categories=["c"], checks=[spec], seed=0)
            passes[name] += result.verdict == "PASS"
            if name == "weighted":
                values.append(result.checks[0].difference.value)
    return {name: count / n_samples for name, count in passes.items()}, np.array(values), truth


def test_a_weighted_gate_judges_the_population():
    """Unweighted, a loss that sits where the sample is thin passes; by weights it does not."""
    passes, values, truth = false_passes(40, 700)
    assert passes["weighted"] <= 0.15
    assert passes["unweighted"] > passes["weighted"]
    assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(40) + 0.005


@pytest.mark.slow
def test_the_weighted_gate_keeps_its_size():
    passes, values, truth = false_passes(600, 700)
    assert passes["weighted"] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
    assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(600) + 0.002


def test_clusters_and_weights_stand_together():
    y, b, weight = sample(np.random.default_rng(4), 100)
    clusters = np.repeat(np.arange(20), 5)
    alone = clustered_metric("recall", y, b, None, sample_weight=weight)
    together = clustered_metric("recall", y, b, clusters, sample_weight=weight)
    assert alone.value == pytest.approx(together.value)
