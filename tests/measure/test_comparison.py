import json

import numpy as np
import pytest
from msgspec import structs

from harness.errors import HarnessError
from harness.measure.compare import compare
from harness.measure.score import score_candidate
from tests.fakes import FakeRun, column, rows_of

GOLD = column([1] * 6 + [0] * 4)
BEFORE = column([1, 1, 0, 0, 0, 0, 1, 0, 0, 0])
AFTER = column([1, 0, 1, 1, 1, 0, 0, 0, 0, 1])


def test_a_category_that_one_side_does_not_decide_is_named():
    """It was left out of the comparison without a word."""
    gold = np.array([[1, 1], [0, 0]], np.int8)
    run = FakeRun(gold, {"a": rows_of(gold), "b": rows_of(np.array([[1, -1], [0, -1]], np.int8))})
    compared = compare(run["a"], run["b"], n_resamples=50)
    assert (list(compared.categories), compared.not_compared) == (["c0"], ("c1",))
    assert compared.as_dict()["notes"] == ["not compared, since one of the two has no decision there: c1"]


def test_weights_move_the_difference_and_are_named():
    weights = np.array([1.0, 9.0, 10.0, 10.0])
    gold = column([1, 1, 0, 0])
    run = FakeRun(gold, {"a": rows_of(column([1, 1, 0, 0])), "b": rows_of(column([1, 0, 0, 1]))}, weights=weights)
    compared = compare(run["a"], run["b"], n_resamples=50)
    recall, fpr = (compared.categories["c0"].metrics[name] for name in ("recall", "fpr"))
    assert (recall.candidate.value, recall.difference.value) == pytest.approx((0.1, -0.9))  # 1 of 1 + 9
    assert (fpr.candidate.value, fpr.difference.value) == pytest.approx((0.5, 0.5))
    assert compared.categories["c0"].cells["110"] == 1  # counts are of items
    assert compared.notes[0].startswith("items count by their weights")
    assert "|weights:used|" in compared.candidate.signature


def test_cells_count_gold_baseline_candidate():
    category = compare(*_pair()).categories["c0"]
    # by hand: item 0 is 111, item 1 110, items 2-4 101, item 5 100, item 6 010, items 7-8 000, item 9 001
    assert category.cells == {"000": 2, "001": 1, "010": 1, "011": 0, "100": 1, "101": 3, "110": 1, "111": 1}


def test_fixed_and_broken_name_the_items_of_both_kinds_of_error():
    category = compare(*_pair()).categories["c0"]
    assert category.fixed == ("i2", "i3", "i4", "i6")
    assert category.broken == ("i1", "i9")


def test_difference_is_candidate_minus_baseline():
    recall = compare(*_pair()).categories["c0"].metrics["recall"]
    assert recall.difference.value == pytest.approx((3 - 1) / 6)
    assert recall.candidate.value - recall.baseline.value == pytest.approx(recall.difference.value)


def test_swapping_the_pair_flips_the_sign_and_keeps_p():
    run = _run()
    forward = compare(run["a"], run["b"]).categories["c0"].metrics["recall"]
    backward = compare(run["b"], run["a"]).categories["c0"].metrics["recall"]
    assert forward.difference.value == pytest.approx(-backward.difference.value)
    assert forward.p_value == pytest.approx(backward.p_value)


def test_identical_candidates_never_have_an_interval_of_zero_width():
    run = FakeRun(GOLD, {"a": rows_of(BEFORE), "b": rows_of(BEFORE)})
    difference = compare(run["a"], run["b"]).categories["c0"].metrics["recall"].difference
    assert difference.value == 0
    assert difference.low < 0 < difference.high


def test_a_category_only_one_of_them_decides_is_left_out():
    gold = np.hstack([GOLD, GOLD])
    other = np.hstack([AFTER, np.full_like(AFTER, -1)])
    run = FakeRun(gold, {"a": rows_of(np.hstack([BEFORE, BEFORE])), "b": rows_of(other)})
    assert list(compare(run["a"], run["b"]).categories) == ["c0"]


def test_runs_over_different_items_are_refused_by_name():
    one, other = _run(), FakeRun(GOLD[:5], {"b": rows_of(AFTER[:5])})
    with pytest.raises(HarnessError, match="items: 5 removed"):
        compare(one["a"], other["b"])


def test_runs_over_different_golden_versions_are_refused():
    one, other = _run(), _run()
    other.meta.golden_set = structs.replace(other.meta.golden_set, version=2)
    with pytest.raises(HarnessError, match=r"golden set \S+ v1 became \S+ v2"):
        compare(one["a"], other["b"])


def test_the_same_seed_gives_the_same_comparison():
    assert compare(*_pair()).as_dict() == compare(*_pair()).as_dict()


def test_changed_names_only_what_holm_lets_stand():
    gold = column([1] * 60)
    run = FakeRun(gold, {"a": rows_of(column([0] * 40 + [1] * 20)), "b": rows_of(column([1] * 60))})
    comparison = compare(run["a"], run["b"])
    assert comparison.changed("recall") == (["c0"], [])
    assert comparison.changed("fpr") == ([], [])


def _run():
    return FakeRun(GOLD, {"a": rows_of(BEFORE), "b": rows_of(AFTER)})


def _pair():
    run = _run()
    return run["a"], run["b"]


def test_pooled_counts_every_decision_and_keeps_an_item_s_decisions_together():
    gold, a, b = (np.hstack([one, one]) for one in (GOLD, BEFORE, AFTER))
    run = FakeRun(gold, {"a": rows_of(a), "b": rows_of(b)})
    comparison = compare(run["a"], run["b"])
    single, pooled = (one.metrics["recall"].difference for one in (comparison.categories["c0"], comparison.pooled))
    assert pooled.value == pytest.approx(single.value)
    assert pooled.n == 2 * single.n
    # the second column repeats the first, so it adds no information: the interval must not shrink
    assert pooled.high - pooled.low >= single.high - single.low - 0.02


def test_support_counts_items_and_not_their_effective_number():
    run = FakeRun(GOLD, {"a": rows_of(BEFORE), "b": rows_of(AFTER)}, clusters=np.repeat(np.arange(5), 2))
    assert compare(run["a"], run["b"]).categories["c0"].metrics["recall"].difference.n == 6


def test_macro_averages_and_average_precision_are_compared_on_request():
    rng = np.random.default_rng(0)
    gold = (rng.random((300, 2)) < 0.3).astype(np.int8)
    noise = [rng.normal(size=gold.shape), 0.3 * rng.normal(size=gold.shape)]
    scores = [gold + one for one in noise]
    rows = {
        name: rows_of((score > 0.5).astype(np.int8), y_score=score) for name, score in zip("ab", scores, strict=True)
    }
    run = FakeRun(gold, rows)
    assert not compare(run["a"], run["b"], n_resamples=50).macro
    found = compare(run["a"], run["b"], n_resamples=50, with_averages=True)
    alone = score_candidate(run, "b", with_slices=False)
    for metric, result in found.macro.items():
        assert result.candidate.value == pytest.approx(alone.macro[metric].value)
        assert result.difference.value == pytest.approx(result.candidate.value - result.baseline.value)
        assert result.p_value < 0.05 < result.difference.low
    assert set(found.macro) == {"precision", "recall", "f1"}
    for name, category in found.categories.items():
        ranked = category.as_dict()["average_precision"]
        assert ranked["candidate"]["value"] == pytest.approx(alone.categories[name].metrics["average_precision"].value)
        assert ranked["difference"]["low"] > 0
        assert ranked["p_value"] < 0.05
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert list(plain["macro"]) == list(found.macro)


def test_what_nobody_scored_has_no_average_precision():
    compared = compare(*_pair(), with_averages=True)
    assert "average_precision" not in compared.categories["c0"].as_dict()
    assert compared.macro == {}
