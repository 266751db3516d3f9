import dataclasses
import json

import numpy as np
import pytest

from harness.core.noninferiority import noninferiority_test
from harness.errors import HarnessError
from harness.gating import gate_runs
from harness.report.gate.document import gate_document
from harness.report.gate.statement_words import check_message, headline_of, notes_of, reason_of
from tests.gating.stored import RECALL, decided, store_run

GOLD = np.array([1] * 400 + [0] * 600)
WATCH_FAILURES = [{"category": "*", "metric": "failure_rate", "margin": 0.005, "floor": None, "tier": "watch"}]
PRECISION = [{"category": "*", "metric": "precision", "margin": 0.05, "floor": None, "tier": "critical"}]


def gate(run, **options):
    return gate_runs(run["v2"], run["v1"], n_resamples=2000, **options)


def stored(tmp_path, after, before=None, **options):
    return store_run(tmp_path, GOLD, {"v1": decided(GOLD) if before is None else before, "v2": after}, **options)


@pytest.mark.parametrize(
    ("missed", "verdict", "code"),
    [(2, "PASS", 0), (90, "INCONCLUSIVE", 4), (60, "REGRESSION", 3)],
)
def test_verdict_and_exit_code_follow_the_loss(tmp_path, missed, verdict, code):
    noisy = decided(GOLD, missed=90, start=100) if verdict == "INCONCLUSIVE" else decided(GOLD)
    report = gate(stored(tmp_path, decided(GOLD, missed=missed), noisy))
    assert (report.verdict, report.exit_code) == (verdict, code)


def test_pass_rests_on_the_exact_test_of_the_items(tmp_path):
    report = gate(stored(tmp_path, decided(GOLD, missed=6)))
    assert report.checks[0].result.p_non_inferior == pytest.approx(noninferiority_test(0, 6, 400, 0.05))
    assert report.checks[0].result.difference.value == pytest.approx(-6 / 400)


def test_no_discordant_pair_proves_little_on_few_items(tmp_path):
    gold = np.array([1] * 30 + [0] * 30)
    report = gate_runs(*_same(tmp_path, gold))
    difference = report.checks[0].result.difference
    assert report.verdict == "INCONCLUSIVE"
    assert difference.value == 0
    assert difference.low < -0.05 < 0.05 < difference.high
    assert report.checks[0].result.items_needed > 0


def test_a_critical_category_without_violating_items_is_not_evaluable_and_blocks(tmp_path):
    gold = np.zeros(50)
    report = gate_runs(*_same(tmp_path, gold))
    assert report.checks[0].result.verdict == "NOT_EVALUABLE"
    assert report.checks[0].candidate.reason == "no violating items"
    assert gate_document(report)["checks"][0]["candidate"]["value"] is None
    assert (report.verdict, report.exit_code) == ("INCONCLUSIVE", 4)


def test_nothing_flagged_makes_precision_undefined_not_zero(tmp_path):
    report = gate(stored(tmp_path, np.zeros_like(GOLD), checks=PRECISION))
    assert report.checks[0].result.verdict == "NOT_EVALUABLE"
    assert report.checks[0].candidate.reason == "nothing flagged"


def test_refusing_violating_items_lowers_recall(tmp_path):
    """Dropping refusals once raised a measured recall from .922 to .950."""
    missed = decided(GOLD, missed=40)
    refused = np.where((missed == 0) & (GOLD == 1), "refused", "ok")
    report = gate(stored(tmp_path, missed, outcomes={"v2": refused}))
    assert report.checks[0].candidate.value == pytest.approx(360 / 400)
    assert report.verdict == "REGRESSION"
    assert report.fallback.n_rows == {"baseline": 0, "candidate": 40}


def test_the_verdict_line_says_when_the_fallback_decides(tmp_path):
    """Failed answers flagged by fallback count as caught; were they wrong, the recall would be lost."""
    refused = np.array(["refused"] * 40 + ["ok"] * 960)
    checks = RECALL + WATCH_FAILURES
    report = gate(stored(tmp_path, decided(GOLD), outcomes={"v2": refused}, on_failure="flag", checks=checks))
    assert report.checks[0].result.verdict == "PASS"
    assert report.fallback.verdicts["all_wrong"] == "REGRESSION"
    assert "REGRESSION under 'all_wrong'" in headline_of(report)
    assert report.fallback.decides(report.verdict)
    assert any("rests on the declared fallback" in note for note in notes_of(report))


def test_failures_beyond_half_a_point_regress_even_where_recall_holds(tmp_path):
    refused = np.array(["ok"] * 940 + ["refused"] * 60)
    report = gate(stored(tmp_path, decided(GOLD), outcomes={"v2": refused}))
    failure = next(check for check in report.checks if check.result.spec.metric == "failure_rate")
    assert failure.is_implied
    assert (failure.result.verdict, report.verdict) == ("REGRESSION", "REGRESSION")
    assert reason_of(report).startswith("worse: all items failure rate")


def test_too_many_errors_invalidate(tmp_path):
    errors = np.array(["error"] * 6 + ["ok"] * 994)
    report = gate(stored(tmp_path, decided(GOLD), outcomes={"v2": errors}))
    assert (report.verdict, report.exit_code) == ("INVALID", 5)
    assert "6 of 1000 rows of 'v2'" in reason_of(report)


def test_errors_of_another_candidate_do_not_invalidate(tmp_path):
    errors = np.array(["error"] * 600 + ["ok"] * 400)
    run = store_run(
        tmp_path,
        GOLD,
        {"v1": decided(GOLD), "v2": decided(GOLD), "v3": decided(GOLD)},
        outcomes={"v3": errors},
        status="invalid",
    )
    assert gate(run).verdict == "PASS"


def test_a_run_that_stopped_before_its_end_is_invalid(tmp_path):
    errors = np.array(["ok"] * 999 + ["error"])
    report = gate(stored(tmp_path, decided(GOLD), outcomes={"v2": errors}, status="incomplete"))
    assert report.verdict == "INVALID"
    assert "stopped before its end" in reason_of(report)


def test_a_verdict_that_hangs_on_missing_pairs_is_invalid(tmp_path):
    """Twelve losses of 400 pass at a margin of 5 points; five missing pairs counted as losses do not."""
    errors = np.array(["ok"] * 395 + ["error"] * 5 + ["ok"] * 600)
    n_lost = next(n for n in range(400) if noninferiority_test(0, n + 5, 400, 0.05) > 0.05)
    run = stored(tmp_path, decided(GOLD, missed=n_lost), outcomes={"v2": errors}, max_error_rate=0.01)
    report = gate(run)
    assert noninferiority_test(0, n_lost, 395, 0.05) <= 0.05
    assert report.verdict == "INVALID"
    assert "counted against the candidate" in reason_of(report)


def test_missing_pairs_that_change_nothing_are_said(tmp_path):
    errors = np.array(["error"] * 2 + ["ok"] * 998)
    report = gate(stored(tmp_path, decided(GOLD), outcomes={"v2": errors}, checks=RECALL + WATCH_FAILURES))
    assert (report.verdict, report.n_missing) == ("PASS", 2)
    assert any("2 items with a missing pair" in note for note in notes_of(report))


def test_withheld_items_are_no_misses_and_no_missing_pairs(tmp_path):
    withheld = np.array(["withheld"] * 50 + ["ok"] * 950)
    report = gate(stored(tmp_path, decided(GOLD), outcomes={"v1": withheld, "v2": withheld}))
    assert (report.verdict, report.n_missing, report.n_withheld) == ("PASS", 0, 50)
    assert report.checks[0].result.n == 350


def test_a_category_the_candidate_stopped_deciding_is_lost_coverage(tmp_path):
    report = gate(stored(tmp_path, np.full_like(GOLD, -1)))
    assert report.verdict == "INVALID"
    assert "lost coverage: 'v2' never decides on hate" in reason_of(report)


def test_missing_gold_leaves_its_category_only(tmp_path):
    gold = np.stack([GOLD, np.where(np.arange(1000) < 500, -1, GOLD)], axis=1)
    right = np.where(gold == -1, 0, gold)
    report = gate_runs(*_same(tmp_path, gold, right, categories=("hate", "spam")))
    assert [check.result.n for check in report.checks[:2]] == [400, 0]
    assert report.checks[0].result.difference.n_excluded == 0
    assert report.checks[1].result.verdict == "NOT_EVALUABLE"


def test_repeats_are_averaged_within_the_item(tmp_path):
    """Counting calls as items would triple the sample and prove what the items cannot."""
    gold = np.array([1] * 40 + [0] * 40)
    once = gate_runs(*_same(tmp_path / "once", gold))
    tripled = np.repeat(gold[:, None, None], 3, axis=1)
    thrice = gate_runs(*_same(tmp_path / "thrice", gold, tripled))
    assert [check.result.n for check in thrice.checks] == [check.result.n for check in once.checks]
    assert thrice.verdict == once.verdict == "INCONCLUSIVE"
    assert thrice.checks[0].result.p_non_inferior >= 0.05


def test_flip_rate_is_reported_per_category_where_items_were_asked_repeatedly(tmp_path):
    gold = np.array([1] * 50 + [0] * 50)
    steady = np.repeat(gold[:, None, None], 2, axis=1)
    shaky = steady.copy()
    shaky[:10, 1, 0] = 0
    run = store_run(tmp_path, gold, {"v1": steady, "v2": shaky})
    rates = gate(run).flip_rates["hate"]
    # by hand: 10 of 100 items answer differently in 2 calls, each worth 2 * .5 * .5 * 2/1 = 1
    assert rates["candidate"].value == pytest.approx(0.10)
    assert rates["baseline"].value == 0


def test_groups_are_worth_fewer_items(tmp_path):
    groups = [f"g{index // 20}" for index in range(1000)]
    after = decided(GOLD, missed=8)
    alone = gate(stored(tmp_path / "a", after))
    together = gate(stored(tmp_path / "b", after, groups=groups))
    assert together.checks[0].result.p_non_inferior > alone.checks[0].result.p_non_inferior
    assert together.checks[0].result.difference.value == alone.checks[0].result.difference.value


def test_fewer_than_fifteen_groups_never_pass(tmp_path):
    groups = [f"g{index % 10}" for index in range(1000)]
    report = gate(stored(tmp_path, decided(GOLD), groups=groups))
    assert report.checks[0].result.verdict == "INCONCLUSIVE"
    assert "fewer than 15 clusters" in check_message(report.checks[0])


def test_guarded_categories_pass_pooled_and_say_what_is_not_proven(tmp_path):
    rng = np.random.default_rng(1)
    gold = (rng.random((800, 6)) < 0.08).astype(int)
    names = tuple(f"c{column}" for column in range(6))
    checks = [dict(RECALL[0], tier="guarded")]
    report = gate_runs(*_same(tmp_path, gold, categories=names, checks=checks))
    assert report.verdict == "PASS"
    unproven = [check for check in report.checks if check.result.verdict == "INCONCLUSIVE"]
    assert unproven
    assert all("not proven in this category alone" in check_message(check) for check in unproven)
    assert all("smallest provable margin" in check_message(check) for check in unproven)


def test_watch_never_blocks(tmp_path):
    report = gate(stored(tmp_path, decided(GOLD, missed=200), checks=[dict(RECALL[0], tier="watch")]))
    assert report.checks[0].result.verdict == "REGRESSION"
    assert report.verdict == "PASS"


def test_flips_name_items_of_both_kinds(tmp_path):
    report = gate(stored(tmp_path, decided(GOLD, missed=2, blocked=1), decided(GOLD, missed=1, start=399)))
    assert report.flips["hate"].broken == ("i0", "i1", "i400")
    assert report.flips["hate"].fixed == ("i399",)


def test_json_has_the_contract_and_no_nan(tmp_path):
    data = json.loads(json.dumps(gate_document(gate(stored(tmp_path, decided(GOLD, missed=3)))), allow_nan=False))
    assert list(data)[:3] == ["verdict", "reason", "checks"]
    promised = {
        "category", "metric", "tier", "margin", "n", "verdict", "p_non_inferior", "p_worse", "p_worse_holm",
        "difference", "items_needed", "remark",
    }  # fmt: skip
    assert promised <= set(data["checks"][0])
    assert set(data["checks"][0]["difference"]) == {"value", "low", "high", "n", "n_excluded", "reason"}
    assert {"baseline", "candidate", "golden_set", "fallback", "reuse"} <= set(data)


def test_same_inputs_give_the_same_report(tmp_path):
    run = stored(tmp_path, decided(GOLD, missed=3, blocked=7), checks=RECALL + PRECISION)
    assert gate_document(gate(run)) == gate_document(
        gate(run)
    )  # plain data: an undefined number is None and equal to itself


def test_the_order_of_items_changes_no_number(tmp_path):
    order = np.random.default_rng(0).permutation(1000)
    before, after = decided(GOLD, missed=5), decided(GOLD, missed=9, blocked=3, start=2)
    one = gate(stored(tmp_path / "a", after, before))
    other = gate(store_run(tmp_path / "b", GOLD[order], {"v1": before[order], "v2": after[order]}))
    assert [dataclasses.replace(check) for check in one.checks] == list(other.checks)


def test_another_golden_set_is_refused_with_the_difference_named(tmp_path):
    new = stored(tmp_path / "new", decided(GOLD), golden={"version": 2})
    old = stored(tmp_path / "old", decided(GOLD))
    with pytest.raises(HarnessError, match=r"golden set demo v1 became demo v2[\s\S]*--across-versions"):
        gate_runs(new["v2"], old["v1"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"golden": {"hash": "1" * 64}}, "edited without a new version"),
        ({"policy_sha": "q" * 64}, "policy demo v1 was edited without a new version"),
        ({"ids": ["new", *(f"i{index}" for index in range(1, 1000))]}, r"items: 1 removed \('i0'\), 1 added \('new'\)"),
        ({"texts": ["changed", *(f"text of i{index}" for index in range(1, 1000))]}, "texts: 1 changed"),
        ({"ids": [f"i{index}" for index in range(999, -1, -1)]}, "items: in another order"),
    ],
)
def test_every_difference_is_refused_by_name(tmp_path, change, named):
    old = stored(tmp_path / "old", decided(GOLD))
    new = stored(tmp_path / "new", decided(GOLD), **change)
    with pytest.raises(HarnessError, match=named):
        gate_runs(new["v2"], old["v1"])


def test_across_versions_splits_label_change_and_candidate_change(tmp_path):
    old = stored(tmp_path / "old", decided(GOLD, missed=40), decided(GOLD, missed=40))
    relabelled = GOLD.copy()
    relabelled[:20] = 0
    new = store_run(tmp_path / "new", relabelled, {"v2": decided(GOLD, missed=60, start=300)}, golden={"version": 2})
    report = gate_runs(new["v2"], old["v1"], across_versions=True, n_resamples=500)
    split = next(one for one in report.across.splits if one.metric == "recall")
    # by hand: the old candidate catches 360 of 400 on old gold; 20 of its 40 misses lose their label: 360 of 380
    assert split.old_on_old.value == pytest.approx(360 / 400)
    assert split.label_change == pytest.approx(360 / 380 - 360 / 400)
    assert split.new_on_new.value == pytest.approx(320 / 380)
    assert split.label_change + split.candidate_change == pytest.approx(split.new_on_new.value - split.old_on_old.value)
    assert report.checks[0].result.n == 380
    assert "golden set demo v1 became demo v2" in report.across.differences


def test_across_versions_uses_only_items_with_the_same_text(tmp_path):
    old = stored(tmp_path / "old", decided(GOLD))
    texts = [f"text of i{index}" for index in range(1000)]
    texts[0] = "rewritten"
    ids = [*(f"i{index}" for index in range(900)), *(f"n{index}" for index in range(100))]
    new = store_run(tmp_path / "new", GOLD, {"v2": decided(GOLD)}, ids=ids, texts=texts, golden={"version": 2})
    report = gate_runs(new["v2"], old["v1"], across_versions=True)
    assert report.across.n_shared == report.n_items == 899


def _same(tmp_path, gold, pred=None, **options):
    pred = gold if pred is None else pred
    run = store_run(tmp_path, gold, {"v1": pred, "v2": pred}, **options)
    return run["v2"], run["v1"]


@pytest.mark.parametrize(("missed", "verdict"), [(20, "PASS"), (55, "INCONCLUSIVE"), (100, "REGRESSION")])
def test_a_floor_is_judged_on_the_exact_bound(tmp_path, missed, verdict):
    """By Clopper-Pearson 353 caught of 400 show a recall of .85, and 326 or fewer show less."""
    floor = [{"category": "hate", "metric": "recall", "margin": None, "floor": 0.85, "tier": "critical"}]
    report = gate(stored(tmp_path, decided(GOLD, missed=missed), checks=floor))
    check = report.checks[0]
    assert check.result.verdict == report.verdict == verdict
    assert check.result.as_dict()["floor"] == 0.85
    assert check.candidate.value == pytest.approx(1 - missed / 400)


def test_over_blocking_is_gated_upwards(tmp_path):
    fpr = [{"category": "hate", "metric": "fpr", "margin": 0.02, "floor": None, "tier": "critical"}]
    report = gate(stored(tmp_path, decided(GOLD, blocked=40), checks=fpr))
    assert report.verdict == "REGRESSION"
    assert report.checks[0].result.difference.value == pytest.approx(40 / 600)


def test_an_a_a_run_shows_the_noise_floor(tmp_path):
    first = store_run(tmp_path, GOLD, {"v1": decided(GOLD)}, run_id="one-000000000000")
    second = store_run(tmp_path, GOLD, {"v1": decided(GOLD, missed=16)}, run_id="two-000000000000")
    report = gate_runs(second["v1"], first["v1"])
    # by hand: 16 of 400 violating items flip, so the floor is 1.96 * sqrt(.04 / 400)
    assert report.noise_floor["hate"]["recall"].value == pytest.approx(1.959964 * np.sqrt(0.04 / 400), rel=1e-5)
    assert any("every difference here is noise" in note for note in notes_of(report))
    assert not gate(stored(tmp_path / "other", decided(GOLD))).noise_floor


def test_only_one_system_by_fingerprint_passes_without_a_test(tmp_path):
    few = np.array([1] * 35 + [0] * 100)
    first = store_run(tmp_path, few, {"v1": decided(few), "v2": decided(few)}, run_id="one-000000000000")
    again = store_run(tmp_path, few, {"v1": decided(few)}, run_id="two-000000000000")
    alike, same = gate_runs(first["v2"], first["v1"]), gate_runs(again["v1"], first["v1"])
    assert (alike.verdict, same.verdict) == ("INCONCLUSIVE", "PASS")
    assert "with 35 violating items this set can only exclude a loss above 8 points" in check_message(alike.checks[0])
    assert check_message(same.checks[0]) == "the same system by fingerprint decides every item alike: nothing to test"
    noisy = store_run(tmp_path, few, {"v1": decided(few, missed=1)}, run_id="six-000000000000")
    assert gate_runs(noisy["v1"], first["v1"]).verdict == "INCONCLUSIVE"


def test_a_second_look_halves_alpha(tmp_path):
    n_lost = next(n for n in range(400) if noninferiority_test(0, n, 400, 0.05) > 0.025)
    assert noninferiority_test(0, n_lost, 400, 0.05) <= 0.05
    run = stored(tmp_path, decided(GOLD, missed=n_lost))
    assert gate(run).verdict == "PASS"
    second = gate(run, n_earlier_looks=1)
    assert (second.verdict, second.alpha) == ("REGRESSION", 0.025)
    assert any("second look" in note for note in notes_of(second))
    third = gate(run, n_earlier_looks=2)
    assert third.alpha == 0.0125
    assert any("more than two looks need a new gate set" in note for note in notes_of(third))


def test_repeated_failures_of_an_item_are_one_item(tmp_path):
    """An interval over calls would be too narrow: three calls of an item fail together."""
    gold = np.array([1] * 50 + [0] * 50)
    tripled = np.repeat(gold[:, None, None], 3, axis=1)
    outcomes = np.repeat(np.array([["refused"]] * 10 + [["ok"]] * 90), 3, axis=1)
    once = gate(store_run(tmp_path / "a", gold, {"v1": gold, "v2": gold}, outcomes={"v2": outcomes[:, 0]}))
    thrice = gate(store_run(tmp_path / "b", gold, {"v1": tripled, "v2": tripled}, outcomes={"v2": outcomes}))
    for one, other in ((once.candidate.failure_rate, thrice.candidate.failure_rate),):
        assert other.value == one.value == pytest.approx(0.1)
        assert other.n == one.n == 100
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.03)
