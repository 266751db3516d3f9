import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics as oracle

from harness.core.ranking import (
    auroc,
    average_precision,
    average_precision_influence,
    precision_recall_curve,
)

RANKING = {"average_precision": average_precision, "auroc": auroc}
SKLEARN = {"average_precision": oracle.average_precision_score, "auroc": oracle.roc_auc_score}
scored = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0, -3.0])),
    min_size=2,
    max_size=60,
)


def _random(seed, n=300, decimals=None):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(np.int8)
    s = rng.normal(size=n) + y
    return y, s if decimals is None else s.round(decimals)


@pytest.mark.parametrize("name", RANKING)
@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_ranking_metric_equals_scikit_learn(name, decimals):
    for seed in range(20):
        y, s = _random(seed, decimals=decimals)
        assert RANKING[name](y, s).value == pytest.approx(SKLEARN[name](y, s), abs=1e-12)


@pytest.mark.parametrize("name", RANKING)
@given(scored)
@settings(max_examples=80, deadline=None)
def test_ranking_metric_lies_inside_its_interval(name, rows):
    y, s = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    result = RANKING[name](y, s)
    needs = {"average_precision": y.any(), "auroc": y.any() and not y.all()}[name]
    assert result.is_defined == bool(needs)
    if result.is_defined:
        assert 0 <= result.low <= result.value <= result.high <= 1
        assert result.high > result.low


@pytest.mark.parametrize("name", RANKING)
@given(scored, st.randoms())
@settings(max_examples=30, deadline=None)
def test_ranking_metric_ignores_item_order_and_monotone_rescaling(name, rows, random):
    y, s = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    order = np.array(random.sample(range(len(rows)), len(rows)))
    there, back = RANKING[name](y, s), RANKING[name](y[order], 3 * s[order] - 7)
    assert there.value == pytest.approx(back.value, nan_ok=True)


def test_auroc_of_reversed_scores_is_mirrored():
    y, s = _random(1)
    there, back = auroc(y, s), auroc(y, -s)
    assert (back.value, back.low, back.high) == pytest.approx((1 - there.value, 1 - there.high, 1 - there.low))


def test_all_tied_scores_give_prevalence_and_one_half():
    y = np.array([1, 0, 0, 0])
    s = np.full(4, 0.5)
    assert average_precision(y, s).value == 0.25  # one step: precision 1/4 at recall 1
    assert auroc(y, s).value == 0.5


def test_missing_gold_and_scores_are_left_out_and_counted():
    y = np.array([1, 0, -1, 1])
    s = np.array([0.9, 0.1, 0.5, np.nan])
    assert auroc(y, s).n_excluded == 2
    assert average_precision(y, s).value == 1.0


def test_average_precision_interval_is_the_logit_interval():
    # by hand: P = 50, logit(AP) +- 1.959964/sqrt(50 AP (1-AP))
    y, s = _random(3, n=200)
    result = average_precision(y, s)
    p, ap = int(y.sum()), result.value
    half = 1.959963984540054 / math.sqrt(p * ap * (1 - ap))
    assert (result.low, result.high) == pytest.approx((expit(logit(ap) - half), expit(logit(ap) + half)))


def test_delong_standard_error_equals_pairwise_definition():
    y, s = _random(4, n=80, decimals=1)
    pos, neg = s[y == 1], s[y == 0]
    wins = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])  # DeLong et al. (1988), equation 2
    variance = wins.mean(axis=1).var(ddof=1) / len(pos) + wins.mean(axis=0).var(ddof=1) / len(neg)
    value = wins.mean()
    half = 1.959963984540054 * math.sqrt(variance) / (value * (1 - value))
    result = auroc(y, s)
    assert (result.low, result.high) == pytest.approx((expit(logit(value) - half), expit(logit(value) + half)))


@pytest.mark.parametrize("n_positives", [1, 5])
def test_perfect_separation_still_has_width(n_positives):
    y = np.repeat([1, 0], [n_positives, 40])
    result = auroc(y, y.astype(float))
    assert result.value == 1
    assert result.high == 1
    assert result.low < 0.6 if n_positives == 5 else result.low < 0.3


@pytest.mark.parametrize("decimals", [None, 1])
def test_precision_recall_curve_equals_scikit_learn(decimals):
    y, s = _random(5, decimals=decimals)
    for ours, theirs in zip(precision_recall_curve(y, s), oracle.precision_recall_curve(y, s), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_curve_of_a_single_class_is_undefined_not_a_crash():
    s = np.array([0.1, 0.2])
    assert np.isnan(precision_recall_curve(np.zeros(2, int), s).recall).all()
    assert precision_recall_curve(np.zeros(0, int), np.zeros(0)).thresholds.size == 0


@pytest.mark.parametrize("name", RANKING)
def test_ranking_metric_refuses_malformed_arrays(name):
    with pytest.raises(ValueError, match="one shape"):
        RANKING[name](np.zeros(3, int), np.zeros(2))
    with pytest.raises(ValueError, match="only -1"):
        RANKING[name](np.array([3, 0]), np.zeros(2))


def test_average_precision_of_a_million_rows_is_fast():
    rng = np.random.default_rng(7)
    y, s = (rng.random(1_000_000) < 0.05).astype(np.int8), rng.random(1_000_000)
    start = time.process_time()
    average_precision(y, s)
    assert time.process_time() - start < 0.5  # 0.02 s on an idle core; bound 0.2 s, with slack for a busy machine


@pytest.mark.parametrize(
    ("n_positives", "runs"),
    [(50, 400), pytest.param(20, 3000, marks=pytest.mark.slow), pytest.param(200, 2000, marks=pytest.mark.slow)],
)
def test_average_precision_interval_covers(n_positives, runs):
    rng = np.random.default_rng(8)
    n_negatives = 9 * n_positives
    big = (
        np.repeat([1, 0], [100_000, 900_000]),
        np.concatenate([rng.normal(1.5, 1, 100_000), rng.normal(0, 1, 900_000)]),
    )
    truth = average_precision(*big).value
    y = np.repeat([1, 0], [n_positives, n_negatives])
    covered = 0
    for _ in range(runs):
        s = np.concatenate([rng.normal(1.5, 1, n_positives), rng.normal(0, 1, n_negatives)])
        result = average_precision(y, s)
        covered += result.low <= truth <= result.high
    assert covered / runs >= 0.935


@pytest.mark.parametrize(
    ("n_positives", "runs"),
    [(50, 400), pytest.param(20, 3000, marks=pytest.mark.slow), pytest.param(200, 2000, marks=pytest.mark.slow)],
)
def test_auroc_interval_covers(n_positives, runs):
    rng = np.random.default_rng(9)
    truth = 0.8555778  # Phi(1.5/sqrt 2)
    y = np.repeat([1, 0], [n_positives, 4 * n_positives])
    covered = 0
    for _ in range(runs):
        s = np.concatenate([rng.normal(1.5, 1, n_positives), rng.normal(0, 1, 4 * n_positives)])
        result = auroc(y, s)
        covered += result.low <= truth <= result.high
    assert 0.925 <= covered / runs <= 0.98


def clustered_scores(rng, n_clusters, size, shared):
    """Items of one cluster share part of their score and all of their gold."""
    gold = np.repeat((rng.random(n_clusters) < 0.3).astype(int), size)
    own, common = rng.normal(size=n_clusters * size), np.repeat(rng.normal(size=n_clusters), size)
    return gold, gold + np.sqrt(shared) * common + np.sqrt(1 - shared) * own, np.repeat(np.arange(n_clusters), size)


@pytest.mark.parametrize("metric", [average_precision, auroc])
def test_items_of_their_own_cluster_change_nothing(metric):
    gold, scores, _ = clustered_scores(np.random.default_rng(1), 80, 1, 0.0)
    assert metric(gold, scores, clusters=np.arange(80)) == metric(gold, scores)


@pytest.mark.parametrize("metric", [average_precision, auroc])
def test_a_set_that_holds_every_item_twice_proves_no_more(metric):
    """Two copies of every item once halved the variance; now only the t quantile of fewer clusters is left."""
    gold, scores, _ = clustered_scores(np.random.default_rng(2), 400, 1, 0.0)
    once = metric(gold, scores)
    twice = metric(np.tile(gold, 2), np.tile(scores, 2), clusters=np.tile(np.arange(400), 2))
    assert twice.value == pytest.approx(once.value)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.01)
    naive = metric(np.tile(gold, 2), np.tile(scores, 2))
    assert naive.high - naive.low < 0.75 * (once.high - once.low)


@pytest.mark.parametrize("metric", [average_precision, auroc])
def test_one_cluster_has_no_interval(metric):
    gold, scores, _ = clustered_scores(np.random.default_rng(3), 40, 1, 0.0)
    found = metric(gold, scores, clusters=np.zeros(40, dtype=int))
    assert np.isnan(found.low)
    assert found.reason == "an interval needs 2 clusters"


def test_clusters_of_items_without_gold_or_score_do_not_count():
    gold, scores, clusters = clustered_scores(np.random.default_rng(4), 30, 4, 0.5)
    more = (
        np.concatenate([gold, [-1, 1]]),
        np.concatenate([scores, [0.5, np.nan]]),
        np.concatenate([clusters, [900, 901]]),
    )
    expected = average_precision(gold, scores, clusters=clusters)
    found = average_precision(more[0], more[1], clusters=more[2])
    assert (found.low, found.high) == (expected.low, expected.high)


def test_average_precision_influence_is_the_derivative_by_an_item_s_weight():
    rng = np.random.default_rng(5)
    gold, scores = rng.random(40) < 0.4, np.round(rng.random(40), 1)

    def weighted(weights):
        return oracle.average_precision_score(gold, scores, sample_weight=weights)

    step = 1e-6
    slopes = [
        (weighted(1 + step * np.eye(40)[at]) - weighted(1 - step * np.eye(40)[at])) / (2 * step) for at in range(40)
    ]
    assert average_precision_influence(gold, scores) == pytest.approx(slopes, abs=1e-7)


@pytest.mark.parametrize("n_rounds", [150, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("metric", "naive_below"), [(average_precision, 0.85), (auroc, 0.80)])
def test_clustered_coverage_is_near_nominal(metric, naive_below, n_rounds):
    rng = np.random.default_rng(6)
    truth = np.mean([metric(*clustered_scores(rng, 4_000, 1, 0.8)[:2]).value for _ in range(20)])
    hits, naive = 0, 0
    for _ in range(n_rounds):
        gold, scores, clusters = clustered_scores(rng, 150, 5, 0.8)
        found, plain = metric(gold, scores, clusters=clusters), metric(gold, scores)
        hits += found.low <= truth <= found.high
        naive += plain.low <= truth <= plain.high
    assert hits / n_rounds > 0.90 - 3 * np.sqrt(0.09 / n_rounds)
    assert naive / n_rounds < naive_below
