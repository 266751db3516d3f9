"""What a gate cannot ask, and that it says so."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.gating import gate_runs
from harness.gating.coverage import is_call_free
from harness.report.gate.annotations import annotation_lines
from harness.report.gate.comment import comment_markdown
from harness.report.gate.document import gate_document
from harness.report.gate.junit import junit_xml
from harness.report.gate.statement_words import check_message, headline_of, notes_of, reason_of
from harness.report.gate.tables import check_row, gate_tables
from tests.gating.stored import decided, store_run

NAMES = ("insult", "racism", "toxic")
GOLD = (np.random.default_rng(0).random((1000, 3)) < 0.3).astype(np.int8)
TOXIC = np.array([False, False, True])


def only(columns, pred=GOLD):
    return np.where(columns, pred, -1)


def line(category="*", metric="recall", tier="guarded", **limit):
    return {"category": category, "metric": metric, "tier": tier, "margin": None, "floor": None} | (
        limit or {"margin": 0.05}
    )


def gate(tmp_path, before, after, checks, names=("v1", "v2"), **options):
    run = store_run(tmp_path, GOLD, {"v1": before, "v2": after}, categories=NAMES, checks=checks, **options)
    return gate_runs(run[names[1]], run[names[0]], n_resamples=500)


def test_categories_that_nobody_decides_are_left_out_of_a_star_and_counted(tmp_path):
    """Six of seven guarded checks were NOT_EVALUABLE behind the words "every gated check passes"."""
    report = gate(tmp_path, only(TOXIC), only(TOXIC), [line()], kind="rules")
    assert report.verdict == "PASS"
    assert reason_of(report) == (
        "every check that could be evaluated passes (toxic recall: PASS); "
        "2 of 3 gated checks could not be evaluated: insult, racism"
    )
    assert [check.name for check in report.checks] == ["toxic recall"]
    assert "left out of the gate: insult, racism (decided by neither v1 nor v2)" in notes_of(report)
    assert [one["category"] for one in gate_document(report)["left_out"]] == ["insult", "racism", "*"]


def test_left_out_checks_show_in_every_output(tmp_path):
    report = gate(tmp_path, only(TOXIC), only(TOXIC), [line()])
    root = ElementTree.fromstring(junit_xml(report))
    skipped = {case.get("name"): case.find("skipped").get("message") for case in root.iter("testcase") if len(case) > 0
               and case.find("skipped") is not None}  # fmt: skip
    assert skipped["insult recall (margin 5 points)"] == "left out of the gate: decided by neither v1 nor v2"
    assert "2 of 4 gated checks" in root.find(".//system-out").text
    lines = annotation_lines(report)
    assert lines[0].startswith("::warning ")
    assert any("insult, racism" in one for one in lines[1:])
    assert "what could be evaluated is proven" in comment_markdown(report)
    json.dumps(gate_document(report), allow_nan=False)


@pytest.mark.parametrize("tier", ["guarded", "critical"])
def test_a_named_category_that_the_candidate_does_not_decide_is_no_pass(tmp_path, tier):
    report = gate(tmp_path, only(TOXIC), only(TOXIC), [line(), line("insult", tier=tier)])
    assert (report.verdict, report.exit_code) == ("INCONCLUSIVE", 4)
    assert reason_of(report).startswith("not proven: insult recall; 2 of 4 gated checks could not be evaluated")
    insult = next(check for check in report.checks if check.name == "insult recall")
    assert report.status_of(insult) == "failure"


def test_a_named_category_that_is_only_watched_blocks_nothing(tmp_path):
    report = gate(tmp_path, only(TOXIC), only(TOXIC), [line("toxic"), line("insult", tier="watch")])
    assert report.verdict == "PASS"
    assert "could not be evaluated" not in reason_of(report)


def test_a_star_over_a_category_the_candidate_lost_is_invalid(tmp_path):
    report = gate(tmp_path, GOLD, only(TOXIC), [line()])
    assert report.verdict == "INVALID"
    assert "lost coverage: 'v2' never decides on insult, racism" in reason_of(report)


def test_a_category_that_only_the_candidate_decides_has_nothing_to_compare_with(tmp_path):
    report = gate(tmp_path, only(TOXIC), GOLD, [line(), line(floor=0.8)])
    assert report.verdict == "PASS"
    assert any("insult, racism (decided by v2 alone" in note for note in notes_of(report))
    floors = [check.result for check in report.checks if check.result.spec.kind == "floor"]
    assert [(one.verdict, one.n) for one in floors] == [("PASS", int(GOLD[:, at].sum())) for at in range(3)]


def test_a_gate_that_can_evaluate_nothing_is_no_pass(tmp_path):
    nothing = np.full_like(GOLD, -1)
    report = gate(tmp_path, nothing, nothing, [line()])
    assert report.verdict == "INCONCLUSIVE"
    assert reason_of(report).startswith("no check of the gate file could be evaluated; 3 of 4 gated checks")


def test_a_guarded_category_without_violating_items_is_named(tmp_path):
    gold = GOLD.copy()
    gold[:, 0] = 0
    run = store_run(tmp_path, gold, {"v1": gold, "v2": gold}, categories=NAMES, checks=[line()])
    report = gate_runs(run["v2"], run["v1"])
    assert report.verdict == "PASS"
    assert "guarded categories together: PASS" in reason_of(report)
    assert reason_of(report).endswith("1 of 4 gated checks could not be evaluated: insult")


@pytest.mark.parametrize("kind", ["rules", "recorded", "classifier"])
def test_the_failure_rate_is_not_asked_of_a_candidate_that_makes_no_calls(tmp_path, kind):
    report = gate(tmp_path, GOLD, GOLD, [line()], kind=kind)
    assert all(check.result.spec.metric != "failure_rate" for check in report.checks)
    assert "left out of the gate: all items failure rate (v2 makes no calls)" in notes_of(report)
    assert "could not be evaluated" not in reason_of(report)


def test_the_failure_rate_is_asked_when_a_line_asks_for_it_or_something_failed(tmp_path):
    asked = gate(tmp_path / "a", GOLD, GOLD, [line(), line(metric="failure_rate", margin=0.01)], kind="rules")
    assert asked.checks[-1].result.spec.metric == "failure_rate"
    failed = {"v2": np.array(["refused"] * 3 + ["ok"] * 997)}
    assert gate(tmp_path / "b", GOLD, GOLD, [line()], kind="recorded", outcomes=failed).checks[-1].is_implied


def test_a_cascade_is_call_free_when_all_its_stages_are():
    rules, prompt = {"candidate": {"kind": "rules"}}, {"candidate": {"kind": "prompt"}}
    assert is_call_free({"kind": "cascade", "stages": [rules, rules]})
    assert not is_call_free({"kind": "cascade", "stages": [rules, prompt]})
    assert not is_call_free({"kind": "cascade", "stages": []})


def test_both_sides_are_measured_on_the_items_of_the_difference(tmp_path):
    """A row read 33.3% against 100.0% with a difference of 0.0: the sides counted items that the other lacked."""
    gold = np.array([1] * 6 + [0] * 20)
    before = np.array([0] * 4 + [1] * 2 + [0] * 20)
    errors = {"v2": np.array(["error"] * 4 + ["ok"] * 22)}
    checks = [line(tier="watch")]
    run = store_run(tmp_path, gold, {"v1": before, "v2": gold}, checks=checks, outcomes=errors, max_error_rate=0.5)
    check = gate_runs(run["v2"], run["v1"]).checks[0]
    assert (check.baseline.value, check.candidate.value, check.result.difference.value) == (1, 1, 0)
    assert check.baseline.n == check.candidate.n == check.result.n == 2
    assert "4 items are left out of both sides" in check_message(check)
    assert check.n_missing == 4


def test_a_candidate_against_itself_is_said_to_be_an_a_a_check(tmp_path):
    report = gate(tmp_path, GOLD, GOLD, [line()], names=("v2", "v2"))
    assert headline_of(report).startswith("PASS: A/A check, v2 against itself: ")
    assert report.is_aa
    assert not report.noise_floor
    assert any(note.startswith("A/A check") for note in notes_of(report))
    assert "A/A check" in comment_markdown(report)


def test_numbers_of_further_items_state_the_discordance_they_rest_on(tmp_path):
    gold = np.array([1] * 40 + [0] * 40)
    run = store_run(tmp_path, gold, {"v1": decided(gold, missed=8), "v2": decided(gold, missed=8, start=8)})
    report = gate_runs(run["v2"], run["v1"])
    # by hand: 16 of 40 differ, (16 + 1) / (40 + 2) = 40%
    assert report.checks[0].result.discordance == pytest.approx(17 / 42)
    assert "(at the discordance seen here, 40%)" in check_message(report.checks[0])
    notes = gate_tables(report)[1].notes
    assert any("harness gate --plan" in note for note in notes)


def test_a_hopeless_number_of_further_items_is_not_given(tmp_path):
    gold = np.array([1] * 40 + [0] * 40)
    after = {"v1": decided(gold, missed=8), "v2": decided(gold, missed=8, start=8)}
    run = store_run(tmp_path, gold, after, checks=[line(tier="critical", margin=0.005)])
    check = gate_runs(run["v2"], run["v1"]).checks[0]
    assert check.result.items_needed is None
    assert "more than 10,000 more violating items would be needed: too close to tell on this set" in check_message(
        check
    )


def test_precision_asks_for_flagged_items_however_little_there_is(tmp_path):
    gold = np.array([1] * 8 + [0] * 92)
    checks = [line(metric="precision", tier="critical")]
    run = store_run(tmp_path, gold, {"v1": decided(gold, blocked=1), "v2": decided(gold, blocked=1)}, checks=checks)
    check = gate_runs(run["v2"], run["v1"]).checks[0]
    assert check.result.items_unit == "flagged items"
    assert "fewer than 20 violating items" in check_message(check)


def test_a_row_of_the_table_is_short(tmp_path):
    gold = np.array([1] * 30 + [0] * 30)
    checks = [line(metric="precision", tier="watch"), line(floor=0.8, tier="watch")]
    run = store_run(tmp_path, gold, {"v1": decided(gold), "v2": np.zeros(60)}, checks=checks)
    precision, recall = (check_row(check) for check in gate_runs(run["v2"], run["v1"]).checks[:2])
    assert precision[5:7] == ("n/a", "margin 5 points")
    assert recall[5:7] == ("vs floor", "floor 80%")
