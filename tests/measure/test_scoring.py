import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from harness.measure.score import NOT_COVERED, score_run
from tests.fakes import FakeRun, column, rows_of


def scored(gold, decided, **kwargs):
    return score_run(FakeRun(gold, {"a": rows_of(decided, **kwargs)})).candidates["a"]


@given(
    hnp.arrays(np.int8, st.tuples(st.integers(1, 60), st.integers(1, 4)), elements=st.integers(-1, 1)),
    st.integers(0, 2**32 - 1),
)
def test_scores_equal_scikit_learn_where_gold_is_known(gold, seed):
    rng = np.random.default_rng(seed)
    decided = rng.integers(0, 2, gold.shape, dtype=np.int8)
    scores = rng.random((gold.shape[0], 1, gold.shape[1]))
    result = scored(gold, decided, y_score=scores)
    for index, category in enumerate(result.categories.values()):
        known = gold[:, index] >= 0
        y, p, s = gold[known, index], decided[known, index], scores[known, 0, index]
        assert category.tp + category.fp + category.fn + category.tn == known.sum()
        for name, oracle in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            value = category.metrics[name].value
            if not np.isnan(value):
                assert value == pytest.approx(oracle(y, p), abs=1e-12)
        if 0 < y.sum() < len(y):
            assert category.metrics["average_precision"].value == pytest.approx(
                sk.average_precision_score(y, s), abs=1e-12
            )
            assert category.metrics["auroc"].value == pytest.approx(sk.roc_auc_score(y, s), abs=1e-12)


def test_nothing_flagged_is_undefined_with_a_reason_and_not_zero():
    result = scored(column([1, 0]), column([0, 0])).categories["c0"].metrics["precision"]
    assert result.as_dict()["value"] is None
    assert result.reason == "nothing flagged"


def test_refusals_cannot_raise_recall():
    gold = column([1] * 10 + [0] * 10)
    decided = column([1] * 7 + [0] * 3 + [0] * 10)
    before = scored(gold, decided).categories["c0"].metrics["recall"].value
    refused = decided.copy()
    refused[7:10] = -1
    outcomes = ["ok"] * 7 + ["refused"] * 3 + ["ok"] * 10
    after = scored(gold, refused, outcomes=outcomes).categories["c0"]
    assert after.metrics["recall"].value <= before
    assert after.sensitivity["dropped"]["recall"].value == 1.0
    assert after.sensitivity["all_wrong"]["recall"].value == pytest.approx(0.7)


def test_a_category_the_candidate_does_not_decide_is_undefined_with_that_reason():
    gold = np.array([[1, 1], [0, 0]], np.int8)
    category = scored(gold, np.array([[1, -1], [0, -1]], np.int8)).categories["c1"]
    assert category.metrics["recall"].reason == NOT_COVERED
    assert category.as_dict()["recall"]["value"] is None


def test_repeats_are_averaged_within_the_item():
    gold = column([1, 1, 0, 0])
    decided = np.array([[[1], [0]], [[1], [1]], [[0], [0]], [[0], [1]]], np.int8)
    category = scored(gold, decided).categories["c0"]
    assert (category.tp, category.fn, category.fp, category.tn) == (1.5, 0.5, 0.5, 1.5)
    assert category.metrics["recall"].value == 0.75
    assert category.metrics["recall"].n == 2


def test_clusters_widen_the_interval():
    gold, decided = column([1] * 40), column([1] * 20 + [0] * 20)
    plain = score_run(FakeRun(gold, {"a": rows_of(decided)}))
    grouped = score_run(FakeRun(gold, {"a": rows_of(decided)}, clusters=np.repeat(np.arange(8), 5)))
    widths = [
        one.candidates["a"].categories["c0"].metrics["recall"].high
        - one.candidates["a"].categories["c0"].metrics["recall"].low
        for one in (plain, grouped)
    ]
    assert widths[1] > 1.5 * widths[0]


def test_any_violation_is_unknown_when_an_unlabelled_category_could_decide_it():
    gold = np.array([[1, -1], [0, -1], [0, 0]], np.int8)
    result = scored(gold, np.array([[1, 0], [1, 0], [0, 0]], np.int8)).any_violation
    assert (result.tp, result.fp, result.fn, result.tn) == (1, 0, 0, 1)


def test_slices_count_their_own_items_and_a_slice_without_positives_says_so():
    gold, decided = column([1, 0, 0]), column([1, 1, 0])
    run = FakeRun(gold, {"a": rows_of(decided)}, slices={"lang": {"de": np.array([1, 2]), "en": np.array([0])}})
    slices = score_run(run).candidates["a"].slices["lang"]
    assert slices["de"]["c0"].metrics["recall"].reason == "no violating items"
    assert slices["en"]["c0"].metrics["recall"].value == 1.0


def test_weights_give_the_population_s_numbers():
    """Weights were stored and used nowhere: a set enriched 9 to 1 showed its own precision and nothing else."""
    gold, decided = column([1, 1, 0, 0]), column([1, 0, 1, 0])
    weights = np.array([1.0, 3.0, 9.0, 27.0])
    run = FakeRun(gold, {"a": rows_of(decided)}, weights=weights)
    score = score_run(run).candidates["a"]
    category = score.categories["c0"]
    # recall 1/(1+3), precision 1/(1+9), FPR 9/(9+27), F1 2·1/(2·1+9+3); of one category the averages are the same
    expected = {"recall": 0.25, "precision": 0.1, "fpr": 0.25, "f1": 2 / 14}
    assert {name: category.metrics[name].value for name in expected} == pytest.approx(expected)
    assert {name: score.macro[name].value for name in ("recall", "precision", "f1")} == pytest.approx(
        {name: expected[name] for name in ("recall", "precision", "f1")}
    )
    assert (score.micro["f1"].value, score.any_violation.metrics["f1"].value) == pytest.approx((2 / 14, 2 / 14))
    assert all(category.metrics[name].low <= category.metrics[name].value <= category.metrics[name].high
               for name in expected)  # fmt: skip
    assert (category.tp, category.fp, category.fn, category.tn) == (1, 1, 1, 1)
    assert "|weights:used|" in score.signature
    assert category.metrics["recall"].n == 2
    equal = score_run(FakeRun(gold, {"a": rows_of(decided)}, weights=np.full(4, 2.0))).candidates["a"]
    assert equal.categories["c0"].metrics["recall"].value == 0.5
    assert "weights" not in equal.signature


def test_weighted_repeats_count_items():
    decided = np.array([[[1], [0]], [[1], [1]], [[0], [0]]], np.int8)
    run = FakeRun(column([1, 1, 0]), {"a": rows_of(decided)}, weights=np.array([3.0, 1.0, 1.0]))
    recall = score_run(run).candidates["a"].categories["c0"].metrics["recall"]
    assert (recall.value, recall.n, recall.n_excluded) == (pytest.approx((1.5 + 1) / 4), 2, 0)


def test_score_json_names_what_was_not_measured():
    """Keys of the contract were left out of candidates without scores and of categories without a prevalence."""
    category = score_run(FakeRun(column([1, 0]), {"a": rows_of(column([1, 0]))})).as_dict()["candidates"]["a"][
        "categories"
    ]["c0"]
    assert list(category)[:13] == [
        "tp", "fp", "fn", "tn", "recall", "precision", "fpr", "f1", "average_precision", "auroc", "brier", "recall_at",
        "precision_at_prevalence",
    ]  # fmt: skip
    assert (category["auroc"]["value"], category["auroc"]["reason"]) == (None, "no scores")
    assert category["recall_at"]["precision_0.90"]["value"] is None
    assert category["precision_at_prevalence"]["reason"] == "the policy states no prevalence"


def test_score_json_has_the_contract_s_keys():
    data = score_run(FakeRun(column([1, 0]), {"a": rows_of(column([1, 0]), y_score=column([1, 0]))})).as_dict()
    assert set(data) == {"run_id", "golden_set", "candidates"}
    candidate = data["candidates"]["a"]
    assert {
        "outcomes",
        "categories",
        "macro",
        "micro",
        "slices",
        "latency_ms",
        "tokens",
        "cost_usd",
        "signature",
    } <= set(candidate)
    assert {"tp", "fp", "fn", "tn", "recall", "precision", "fpr", "f1", "average_precision", "auroc", "brier"} <= set(
        candidate["categories"]["c0"]
    )
    assert set(candidate["latency_ms"]) == {"p50", "p95", "p99"}


def test_failure_rate_counts_items_and_not_calls():
    decided = np.full((20, 5, 1), 1, np.int8)
    outcomes = np.full((20, 5), "ok", dtype=object)
    outcomes[:4], decided[:4] = "refused", -1
    gold = column([1] * 20)
    repeated = score_run(FakeRun(gold, {"a": rows_of(decided, outcomes)})).candidates["a"].failure_rate
    single = score_run(FakeRun(gold, {"a": rows_of(decided[:, :1], outcomes[:, :1])})).candidates["a"].failure_rate
    assert repeated.value == single.value == 0.2
    assert repeated.n == single.n == 20
    assert repeated.high - repeated.low >= 0.95 * (single.high - single.low)
