import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from harness.core.averages import AVERAGED_METRICS
from harness.core.checks import GATE_METRICS
from harness.core.clusters import CLUSTERED_METRICS, clustered_metric
from harness.core.confusion import confusion_counts
from harness.core.intervals import wilson_interval
from harness.core.metric_table import INTERVAL_METHODS, LOWER_IS_BETTER, METRIC_TABLE, metrics_on
from harness.core.metrics import METRICS, f1, failure_rate
from harness.core.paired import PAIRED_METRICS
from harness.core.results import MetricResult

four_counts = st.tuples(*[st.integers(0, 400)] * 4)
# every metric is in exactly one of these lists; the reason is what it says when its denominator is empty
EMPTY_GOLD_POSITIVES = {"recall", "fnr"}
EMPTY_GOLD_NEGATIVES = {"specificity", "fpr"}
EMPTY_FLAGGED = {"precision"}
EMPTY_UNION = {"f1"}
EMPTY_ALL = {"agreement"}


def test_every_metric_belongs_to_one_property_list():
    lists = [EMPTY_GOLD_POSITIVES, EMPTY_GOLD_NEGATIVES, EMPTY_FLAGGED, EMPTY_UNION, EMPTY_ALL]
    assert sorted(name for names in lists for name in names) == sorted(METRICS)


def test_registry_tables_agree():
    assert set(METRICS) == set(CLUSTERED_METRICS)
    assert set(METRICS) <= set(INTERVAL_METHODS)
    assert set(METRICS) | set(metrics_on("ranking")) >= LOWER_IS_BETTER - {"failure_rate", "calibration_error"}
    assert set(METRIC_TABLE) >= set(METRICS) | set(PAIRED_METRICS) | set(GATE_METRICS) | set(AVERAGED_METRICS)


def _sklearn(name, y, b):
    tn, fp, fn, tp = oracle.confusion_matrix(y, b, labels=[0, 1]).ravel()
    return {
        "recall": lambda: oracle.recall_score(y, b),
        "precision": lambda: oracle.precision_score(y, b),
        "f1": lambda: oracle.f1_score(y, b),
        "specificity": lambda: oracle.recall_score(1 - y, 1 - b),
        "fpr": lambda: fp / (fp + tn),
        "fnr": lambda: fn / (fn + tp),
        "agreement": lambda: oracle.accuracy_score(y, b),
    }[name]()


@pytest.mark.parametrize("name", METRICS)
def test_metric_equals_scikit_learn(name):
    rng = np.random.default_rng(3)
    for _ in range(30):
        y, b = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
        counts = confusion_counts(y[:, None], b[:, None]).category(0)
        assert METRICS[name](*counts).value == pytest.approx(_sklearn(name, y, b), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
@given(four_counts)
@settings(max_examples=60, deadline=None)
def test_metric_is_bounded_and_inside_its_interval(name, counts):
    result = METRICS[name](*counts)
    if result.is_defined:
        assert 0 <= result.low <= result.value <= result.high <= 1
        assert result.reason is None
        assert result.n > 0
    else:
        assert result.n == 0
        assert result.reason
        assert math.isnan(result.low)
        assert math.isnan(result.high)


@pytest.mark.parametrize("name", METRICS)
@given(four_counts, st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_duplicated_items_keep_the_value_and_narrow_the_interval(name, counts, times):
    once, more = METRICS[name](*counts), METRICS[name](*(count * times for count in counts))
    if once.is_defined:
        assert more.value == pytest.approx(once.value, abs=1e-12)
        assert more.high - more.low < once.high - once.low


@pytest.mark.parametrize("name", METRICS)
def test_label_renaming_swaps_the_mirrored_metrics(name):
    mirrored = {"recall": "specificity", "specificity": "recall", "fpr": "fnr", "fnr": "fpr", "agreement": "agreement"}
    if name not in mirrored:
        pytest.skip("precision and F1 have no mirrored metric in the registry")
    tp, fp, fn, tn = 40, 7, 9, 300
    assert METRICS[name](tp, fp, fn, tn).value == METRICS[mirrored[name]](tn, fn, fp, tp).value


@pytest.mark.parametrize("name", METRICS)
def test_empty_table_is_undefined_never_zero(name):
    result = METRICS[name](0, 0, 0, 0, n_excluded=7)
    assert math.isnan(result.value)
    assert result.n_excluded == 7
    assert result.as_dict()["value"] is None


@pytest.mark.parametrize("name", METRICS)
def test_single_class_is_undefined_only_where_the_class_is_needed(name):
    all_negative, all_positive = METRICS[name](0, 0, 0, 50), METRICS[name](50, 0, 0, 0)
    assert all_negative.is_defined == (name in EMPTY_GOLD_NEGATIVES | EMPTY_ALL)
    assert all_positive.is_defined == (name not in EMPTY_GOLD_NEGATIVES)


@pytest.mark.parametrize("name", METRICS)
def test_all_unparsed_leaves_no_number(name):
    y = np.array([[1], [0], [1]], dtype=np.int8)
    counts = confusion_counts(y, np.full_like(y, -1))
    result = METRICS[name](*counts.category(0), n_excluded=int(counts.n_excluded[0]))
    assert not result.is_defined
    assert result.n_excluded == 3


@pytest.mark.parametrize("name", METRICS)
def test_item_order_does_not_matter(name):
    rng = np.random.default_rng(4)
    y, b = rng.integers(-1, 2, 200), rng.integers(-1, 2, 200)
    clusters, order = rng.integers(0, 30, 200), rng.permutation(200)
    there = clustered_metric(name, y, b, clusters)
    back = clustered_metric(name, y[order], b[order], clusters[order])
    assert (there.value, there.low, there.high) == pytest.approx((back.value, back.low, back.high), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_metric_refuses_negative_counts(name):
    with pytest.raises(ValueError, match="must be in"):
        METRICS[name](-1, -1, -1, -1)


def test_f1_interval_maps_wilson_of_the_jaccard_index():
    # J = 40/60: F1 = 2J/(1+J) = 80/100; limits by hand from Wilson(40, 60)
    low, high = wilson_interval(40, 60)
    result = f1(40, 12, 8, 500)
    assert (result.value, result.low, result.high) == pytest.approx((0.8, 2 * low / (1 + low), 2 * high / (1 + high)))


def test_failure_rate_counts_items():
    assert failure_rate(0, 600).as_dict()["low"] == 0.0
    assert failure_rate(0, 0).reason == "no items"


def test_result_as_dict_has_no_nan():
    plain = MetricResult.undefined("no violating items", n=3).as_dict()
    assert plain == {"value": None, "low": None, "high": None, "n": 3, "n_excluded": 0, "reason": "no violating items"}


def _f1_coverage(metric, recall, precision, n_positives, rng, n_runs, **options):
    p_fp = n_positives * recall * (1 - precision) / precision
    truth_tp, truth_fn, truth_fp = recall, 1 - recall, p_fp / n_positives
    beta2 = options.get("beta", 1) ** 2
    truth = (1 + beta2) * truth_tp / ((1 + beta2) * truth_tp + beta2 * truth_fn + truth_fp)
    n_union = n_positives * (1 + truth_fp)
    tp, fn, fp = rng.poisson(np.array([truth_tp, truth_fn, truth_fp]) * n_positives, size=(n_runs, 3)).T
    assert n_union > 0
    covered = [
        r.low <= truth <= r.high
        for t, f, m in zip(tp, fp, fn, strict=True)
        if (r := metric(t, f, m, 0, **options)).is_defined
    ]
    return np.mean(covered)


@pytest.mark.parametrize(
    "n_positives", [30, pytest.param(100, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.slow)]
)
def test_f1_interval_covers(n_positives):
    rng = np.random.default_rng(6)
    coverage = _f1_coverage(f1, 0.85, 0.8, n_positives, rng, 2000)
    assert 0.935 <= coverage <= 0.97
