"""Decisions at an operating point: where the threshold comes from, what it may decide, and what it may not."""

import numpy as np
import pytest
from gating.stored import store_run

from harness.core.operating_metrics import operating_metric
from harness.core.operating_points import Goal, operating_point
from harness.errors import HarnessError
from harness.gating.decide import gate_runs
from harness.measure.point_pairs import point_pairs
from harness.measure.points import NO_DEV_ITEMS, NO_SCORES, point_metrics, point_scores, read_points

SPLIT = {"dev": 0.5, "by": "group", "seed": 7}
POINT = operating_metric("recall@precision=0.8")


def made(n=400, seed=0):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    return gold, np.clip(np.round(0.3 + 0.35 * gold + rng.normal(0, 0.2, n), 2), 0, 1)


def run_of(tmp_path, gold, score, *, split=SPLIT, other=None, **more):
    decided = {"v1": (score >= 0.5).astype(int), "v2": (score >= 0.6).astype(int)}
    scores = {"v1": score, **({} if other is None else {"v2": other})}
    return store_run(tmp_path, gold, decided, scores=scores, split=split, **more)


def test_the_dev_part_chooses_and_the_gate_part_is_decided(tmp_path):
    gold, score = made()
    run = run_of(tmp_path, gold, score)
    dev, gate = run.of_part("dev"), run.of_part("gate")
    reading = read_points(gate, "v1", [POINT])[POINT.name]
    choice = reading.choices["hate"]
    wanted = operating_point(dev.y_true[:, 0], dev.candidate("v1").y_score[:, 0, 0], Goal("precision", 0.8))
    assert choice.thresholds == (wanted.threshold,)
    assert choice.n_positives == (dev.y_true == 1).sum()
    assert choice.n_tied == wanted.n_tied
    flagged = gate.candidate("v1").y_score[:, 0, 0] >= wanted.threshold
    assert (reading.y_pred[:, 0, 0] == flagged).all()
    (one,) = point_scores(gate, "v1", [POINT])["hate"]
    assert one.value.value == pytest.approx(flagged[gate.y_true[:, 0] == 1].mean())
    assert one.held.value == pytest.approx((gate.y_true[flagged, 0] == 1).mean())


def test_the_gate_part_has_no_say_in_its_threshold(tmp_path):
    gold, score = made()
    run = run_of(tmp_path, gold, score)
    is_gate = np.isin(run.of_part("all").item_ids, run.of_part("gate").item_ids)
    turned = run_of(tmp_path / "other", np.where(is_gate, 1 - gold, gold), np.where(is_gate, 1 - score, score))
    chosen = [read_points(one, "v1", [POINT])[POINT.name].choices["hate"].thresholds for one in (run, turned)]
    assert chosen[0] == chosen[1]


def test_some_items_of_the_gate_part_are_read_at_the_threshold_of_all_dev_items(tmp_path):
    gold, score = made()
    run = run_of(tmp_path, gold, score)
    at = [position for position in range(400) if run.of_part("all").item_ids[position] in set(run.item_ids[:50])]
    some = run.with_items(at, ["some"])
    both = [read_points(one, "v1", [POINT])[POINT.name].choices["hate"].thresholds for one in (run, some)]
    assert both[0] == both[1]


def test_without_a_split_each_item_is_read_at_a_threshold_of_the_others(tmp_path):
    gold, score = made()
    groups = [f"g{at // 4}" for at in range(400)]
    run = run_of(tmp_path, gold, score, split=None, groups=groups)
    reading = read_points(run, "v1", [POINT])[POINT.name]
    assert len(reading.choices["hate"].thresholds) == 5
    assert not reading.drawn
    before = reading.y_pred[:, 0, 0]
    turned = gold.copy()
    turned[:4] = 1 - turned[:4]  # one group: its own labels say nothing about its decisions
    other = run_of(tmp_path / "other", turned, score, split=None, groups=groups)
    assert (read_points(other, "v1", [POINT])[POINT.name].y_pred[:4, 0, 0] == before[:4]).all()


def test_order_and_a_further_item_move_no_item_to_another_fifth(tmp_path):
    gold, score = made(60)
    order = np.random.default_rng(1).permutation(60)
    ids = [f"x{at}" for at in range(60)]
    run = run_of(tmp_path, gold, score, split=None, ids=ids)
    moved = run_of(tmp_path / "other", gold[order], score[order], split=None, ids=[ids[at] for at in order])
    a, b = (read_points(one, "v1", [POINT])[POINT.name].y_pred[:, 0, 0] for one in (run, moved))
    assert (a[order] == b).all()


def test_failed_answers_keep_their_fallback_and_errors_stay_missing(tmp_path):
    gold, score = made()
    outcomes = np.full(400, "ok", dtype=object)
    run = run_of(tmp_path / "whole", gold, score)
    first, second = (run.of_part("all").item_ids.index(one) for one in run.item_ids[:2])
    outcomes[first], outcomes[second] = "refused", "error"
    failing = run_of(tmp_path, gold, np.where(np.arange(400) == first, np.nan, score), outcomes={"v1": outcomes})
    assert read_points(failing, "v1", [POINT])[POINT.name].y_pred[:2, 0, 0].tolist() == [0, -1]


def test_a_candidate_without_scores_has_no_operating_point(tmp_path):
    run = run_of(tmp_path, *made())
    (one,) = point_scores(run, "v2", [POINT])["hate"]
    assert one.value.reason == NO_SCORES
    assert not one.value.is_defined


def test_a_side_without_scores_is_named_and_the_other_is_shown(tmp_path):
    """Categories that one side gives no scores on were left out in silence."""
    run = run_of(tmp_path, *made())
    (alone,) = point_scores(run, "v1", [POINT])["hate"]
    (one,) = point_pairs(run["v1"], run["v2"], [POINT])["hate"]
    assert one.result.baseline == alone.value
    assert one.held[0] == alone.held
    assert one.absent == (None, NO_SCORES)
    assert not one.result.difference.is_defined
    assert one.as_dict()["reason"] == one.as_dict()["candidate"]["reason"] == NO_SCORES
    (turned,) = point_pairs(run["v2"], run["v1"], [POINT])["hate"]
    assert turned.absent == (NO_SCORES, None)
    assert turned.result.candidate == alone.value
    (neither,) = point_pairs(run["v2"], run["v2"], [POINT])["hate"]
    assert neither.absent == (NO_SCORES, NO_SCORES)


def test_score_comparison_and_gate_give_one_interval_where_one_side_reaches_no_threshold(tmp_path):
    """The gate left out what the other's choice costs, and the comparison borrowed it for the side that has none."""
    gold, score = made(1200)
    check = {"category": "hate", "metric": POINT.name, "margin": 0.05, "floor": None, "tier": "watch"}
    flat = np.full(1200, 0.1)  # half of what is flagged violates
    near = flat.copy()  # three of four violate on top, so that some draws of the dev items reach four of five
    near[np.flatnonzero(gold == 1)[:90]] = near[np.flatnonzero(gold == 0)[:30]] = 0.9
    for at, other in enumerate((flat, near)):
        run = run_of(tmp_path / str(at), gold, score, other=other, checks=[check])
        scored = [point_scores(run, name, [POINT])["hate"][0].value for name in ("v1", "v2")]
        (compared,) = point_pairs(run["v1"], run["v2"], [POINT])["hate"]
        assert [choice.is_reached for choice in compared.choices] == [True, False]
        assert (scored[1].high > 0.1) == (other is near)
        gates = gate_runs(run["v2"], run["v1"], with_findings=False).checks[0]
        turned = gate_runs(run["v1"], run["v2"], with_findings=False).checks[0]
        assert [compared.result.baseline, compared.result.candidate] == scored
        for found in ([gates.baseline, gates.candidate], [turned.candidate, turned.baseline]):
            assert [(one.value, one.low, one.high) for one in found] == [
                (one.value, one.low, one.high) for one in scored
            ]


def test_what_no_threshold_keeps_flags_nothing(tmp_path):
    gold = np.tile([0, 1], 200)
    run = run_of(tmp_path, gold, np.full(400, 0.7))  # one score for all: half of the flagged violate
    (one,) = point_scores(run, "v1", [POINT])["hate"]
    assert one.value.value == 0.0
    assert "nothing is flagged" in one.reason
    assert one.as_dict()["thresholds"] == [None]


def test_a_run_of_gate_items_alone_says_so(tmp_path):
    gold, score = made()
    whole = run_of(tmp_path, gold, score)
    kept = [at for at, one in enumerate(whole.of_part("all").item_ids) if one in set(whole.item_ids)]
    run = run_of(tmp_path / "gate", gold[kept], score[kept], ids=[f"i{at}" for at in kept])
    (one,) = point_scores(run, "v1", [POINT])["hate"]
    assert one.value.reason == NO_DEV_ITEMS


def test_a_pair_is_read_each_at_its_own_threshold(tmp_path):
    gold, score = made(2000)
    run = run_of(tmp_path, gold, score, other=score / 2)  # another scale, the same order
    (one,) = point_pairs(run["v1"], run["v2"], [POINT])["hate"]
    a, b = (choice.thresholds[0] for choice in one.choices)
    assert b == pytest.approx(a / 2)
    assert one.result.difference.value == 0.0
    assert one.held[0].value == one.held[1].value
    noisy = np.clip(score + np.random.default_rng(5).normal(0, 0.3, 2000), 0, 1)
    worse = run_of(tmp_path / "worse", gold, score, other=noisy)
    (one,) = point_pairs(worse["v1"], worse["v2"], [POINT])["hate"]
    assert one.result.difference.high < 0
    assert one.result.p_value < 0.01


def test_the_points_of_the_gate_are_shown_and_a_wrong_one_is_refused(tmp_path):
    check = {"category": "*", "metric": "recall@precision=0.90", "margin": 0.05, "floor": None, "tier": "watch"}
    run = run_of(tmp_path, *made(), checks=[check])
    names = [one.name for one in point_metrics(run, ["recall@fpr=0.1", "recall@precision=0.9"])]
    assert names == ["recall@fpr=0.1", "recall@precision=0.9"]
    with pytest.raises(HarnessError, match="is no metric at an operating point"):
        point_metrics(run, ["recall@f1=0.9"])
