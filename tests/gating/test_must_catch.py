"""Must-catch items: a miss fails the gate whatever the statistics, and every miss is named."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.gating.decide import gate_runs
from harness.report.gate.annotations import annotation_lines
from harness.report.gate.comment import comment_markdown
from harness.report.gate.document import gate_document
from harness.report.gate.junit import junit_xml
from harness.report.gate.statement_words import must_catch_item, reason_of
from tests.gating.small_eval import write_eval
from tests.gating.stored import decided, store_run

GOLD = [1] * 300 + [0] * 100


def _flags(*positions: int) -> list[bool]:
    return [at in positions for at in range(len(GOLD))]


def test_one_miss_among_three_hundred_fails_a_gate_that_passes(tmp_path):
    plain = store_run(tmp_path / "a", GOLD, {"v1": decided(GOLD), "v2": decided(GOLD, missed=1)})
    marked = store_run(
        tmp_path / "b", GOLD, {"v1": decided(GOLD), "v2": decided(GOLD, missed=1)}, must_catch=_flags(0, 7)
    )
    assert gate_runs(plain["v2"], plain["v1"]).verdict == "PASS"
    report = gate_runs(marked["v2"], marked["v1"])
    assert (report.verdict, report.exit_code) == ("REGRESSION", 3)
    assert "1 of 2 must-catch items missed: i0 (hate)" in reason_of(report)
    assert gate_document(report)["must_catch"]["missed"][0]["item"] == "i0"


def test_a_miss_that_the_baseline_shares_fails_too_and_says_so(tmp_path):
    both = decided(GOLD, missed=1)
    run = store_run(tmp_path, GOLD, {"v1": both, "v2": both}, must_catch=_flags(0))
    report = gate_runs(run["v2"], run["v1"])
    assert report.verdict == "REGRESSION"
    assert report.must_catch is not None
    assert "the baseline misses it too" in must_catch_item(report.must_catch, report.must_catch.missed[0])


@pytest.mark.parametrize(("n_caught", "result"), [(0, "missed"), (1, "missed"), (2, "caught"), (3, "caught")])
def test_repeats_decide_by_majority(tmp_path, n_caught, result):
    gold = np.asarray(GOLD)
    cube = np.repeat(decided(GOLD)[:, None, None], 3, axis=1)
    cube[0, :, 0] = [1] * n_caught + [0] * (3 - n_caught)
    run = store_run(tmp_path, gold, {"v1": np.repeat(decided(GOLD)[:, None, None], 3, axis=1), "v2": cube},
                    must_catch=_flags(0))  # fmt: skip
    report = gate_runs(run["v2"], run["v1"])
    assert report.must_catch is not None
    assert report.must_catch.items[0].result == result
    assert (report.verdict == "REGRESSION") == (result == "missed")


def test_even_repeats_that_split_are_a_miss(tmp_path):
    cube = np.repeat(decided(GOLD)[:, None, None], 2, axis=1)
    other = cube.copy()
    other[0, 0, 0] = 0
    run = store_run(tmp_path, GOLD, {"v1": cube, "v2": other}, must_catch=_flags(0))
    report = gate_runs(run["v2"], run["v1"])
    assert "caught in 1 of 2 answers" in must_catch_item(report.must_catch, report.must_catch.missed[0])


@pytest.mark.parametrize(("on_failure", "verdict"), [("no_flag", "REGRESSION"), ("flag", "PASS")])
def test_a_refusal_counts_as_production_would_take_it(tmp_path, on_failure, verdict):
    said = np.full(len(GOLD), "ok", dtype=object)
    said[0] = "refused"
    run = store_run(tmp_path, GOLD, {"v1": decided(GOLD), "v2": decided(GOLD)}, outcomes={"v2": said},
                    on_failure=on_failure, must_catch=_flags(0))  # fmt: skip
    assert gate_runs(run["v2"], run["v1"]).must_catch.items[0].result == ("caught" if verdict == "PASS" else "missed")


def test_an_item_without_any_answer_is_no_miss_but_keeps_the_gate_from_passing(tmp_path):
    said = np.full(len(GOLD), "ok", dtype=object)
    said[0] = "error"
    run = store_run(tmp_path, GOLD, {"v1": decided(GOLD), "v2": decided(GOLD)}, outcomes={"v2": said},
                    max_error_rate=0.01, must_catch=_flags(0))  # fmt: skip
    report = gate_runs(run["v2"], run["v1"])
    assert (report.verdict, len(report.must_catch.unknown), len(report.must_catch.missed)) == ("INCONCLUSIVE", 1, 0)
    assert "i0" in reason_of(report)


def test_one_of_several_violated_categories_is_enough(tmp_path):
    gold = np.tile([[1, 1]], (60, 1))
    only_first = gold.copy()
    only_first[0, 1] = 0
    checks = [{"category": "*", "metric": "recall", "margin": 0.3, "floor": None, "tier": "watch"}]
    sides, marks = {"v1": gold, "v2": only_first}, [True] + [False] * 59
    run = store_run(tmp_path, gold, sides, categories=("hate", "spam"), must_catch=marks, checks=checks)
    assert gate_runs(run["v2"], run["v1"]).must_catch.missed == ()


def test_the_outputs_of_ci_name_every_miss(tmp_path):
    run = store_run(tmp_path, GOLD, {"v1": decided(GOLD), "v2": decided(GOLD, missed=2)}, must_catch=_flags(0, 1, 5))
    report = gate_runs(run["v2"], run["v1"])
    failures = {
        case.get("name")
        for case in ElementTree.fromstring(junit_xml(report).split("\n", 1)[1]).iter("testcase")
        if "must_catch" in (case.get("classname") or "") and case.find("failure") is not None
    }
    assert failures == {"i0", "i1"}
    assert "Must-catch items not caught: 2 of 3" in comment_markdown(report)
    assert sum("Must-catch item missed" in line for line in annotation_lines(report)) == 2


def _eval_with(tmp_path: Path, content: str, *, missed: int = 0) -> Path:
    path = write_eval(tmp_path, missed=missed)
    path.write_text(path.read_text().replace("baseline: v1\n", "baseline: v1\nmust_catch: must_catch.txt\n"))
    (path.parent / "must_catch.txt").write_text(content, encoding="utf-8")
    return path


def test_a_list_in_the_eval_reaches_the_gate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = _eval_with(tmp_path, "\ufeff# the worst ones\ni0\n\ni5  # seen in May\r\n", missed=1)
    assert load_eval(path).must_catch.value == ("i0", "i5")
    runner = CliRunner()
    made = runner.invoke(main, ["run", str(path), "--runs-dir", "runs"])
    assert made.exit_code == 0, made.output
    result = runner.invoke(main, ["gate", "latest", "--runs-dir", "runs", "--json"])
    assert result.exit_code == 3
    said = json.loads(result.stdout)
    assert [one["item"] for one in said["must_catch"]["missed"]] == ["i0"]
    assert said["must_catch"]["n"] == 2


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("i0\nnope\n", "must_catch.txt:2: names 'nope'"),
        ("i0\ni0\n", "must_catch.txt:2: names 'i0', as line 1 does"),
        ("i350\n", "which violates nothing by its labels"),
        ("# only a comment\n", "names no item"),
    ],
)
def test_a_list_at_fault_is_one_message(tmp_path, content, found):
    with pytest.raises(HarnessError) as caught:
        load_eval(_eval_with(tmp_path, content))
    assert found in str(caught.value)


def test_items_may_say_it_themselves(tmp_path):
    path = write_eval(tmp_path)
    items = tmp_path / "golden_sets" / "demo_v1.jsonl"
    rows = [json.loads(line) for line in items.read_text().splitlines()]
    rows[3]["must_catch"], rows[4]["must_catch"] = True, False
    items.write_text("\n".join(map(json.dumps, rows)) + "\n")
    golden = load_eval(path).golden
    assert [item.id for item in golden.items() if item.must_catch] == ["i3"]
    rows[350]["must_catch"] = "yes"
    rows[351]["must_catch"] = "perhaps"
    items.write_text("\n".join(map(json.dumps, rows)) + "\n")
    with pytest.raises(HarnessError) as caught:
        load_eval(path)
    assert "is true for an item that violates nothing" in str(caught.value)
    assert "is 'perhaps'" in str(caught.value)
