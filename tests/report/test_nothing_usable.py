"""Reports of candidates of whose answers not one can be used: no page counts categories, or says what is not so."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from stories import GATE, Story, half, nowhere, surfaces

from harness.gating import gate_runs
from harness.gating.findings import decide
from harness.jobs.report import load_source
from harness.measure.compare import compare
from harness.measure.score import score_candidate
from harness.report.comparison.build import build_report
from harness.report.comparison.terminal import decision_lines
from harness.report.comparison.tiles import tiles_of
from harness.report.scores import macro_notes

GOLD = half(5, 4)
FAILURES = {"category": "*", "metric": "failure_rate", "margin": 0.01, "tier": "guarded"}


@pytest.fixture
def story(tmp_path):
    """v2 fails on every item and names no category; the golden set holds no violating item of spam."""
    return Story(tmp_path, {"hate": GOLD, "spam": np.zeros(9, dtype=int)}, checks=[*GATE, FAILURES])


def silent_run(story, outcomes, *others):
    """The rows of v2 hold an outcome alone, as those of a candidate that never answered."""
    answers = {"hate": GOLD, "spam": np.zeros(9, dtype=int)}
    return story.run({**dict.fromkeys(others, answers), "v2": {}}, outcomes={"v2": outcomes})


def tiles(run):
    source, _ = load_source(run, None, (), run, "none")
    return {
        name: (value, remark) for name, value, remark in tiles_of(build_report(source, generated_at="", version=""))
    }


@pytest.mark.parametrize("others", [["v1"], []], ids=["compared", "alone"])
def test_tiles_say_that_no_answer_is_usable(story, others):
    """ "Categories 0", "Items now right 0" and "Items now wrong 0" stood there."""
    found = tiles(silent_run(story, ["unparsed"] * 6 + ["refused"] * 3, *others))
    assert found["Unusable answers, v2"] == ("9 of 9", "6 unparsed, 3 refused")
    assert not {"Categories", "Items now right", "Items now wrong", "Failed calls, v2"} & set(found)


def test_no_sentence_says_what_is_not_so(story):
    """ "Most of them unparsed" of all, "Holm over 0 categories", and no prevalence where one is stated."""
    run = silent_run(story, ["unparsed"] * 9, "v1")
    found = surfaces(run)
    assert "9 of 9 answers (100%) failed, all of them unparsed" in found["html"]
    for name in ("html", "md"):
        assert "Nothing is compared: in no category do both decide." in found[name]
    read = {name: said for name, said in found.items() if name != "json"}
    nowhere(read, "Holm over 0", "No category shows a change")
    alone = surfaces(silent_run(story, ["unparsed"] * 9), None, ())
    assert "n/a (no usable answer)" in alone["html"]
    nowhere(alone, "not covered")
    nowhere({"html": alone["html"]}, "0 violating items")


def test_failed_answers_count_in_the_failure_rate_though_no_category_is_decided(story):
    """The gate's check said 0.0% of a candidate whose every answer failed."""
    run = silent_run(story, ["unparsed"] * 9, "v1")
    report = gate_runs(run["v2"], run["v1"])
    (check,) = [one for one in report.all_checks if one.result.spec.metric == "failure_rate"]
    assert (check.baseline.value, check.candidate.value) == (0.0, 1.0)


def test_the_terminal_says_who_was_not_asked_about_every_item(story):
    """ "v2 against v1 on 9 items" was all that compare said where v2 holds decisions for five."""
    answers = {"hate": GOLD, "spam": np.zeros(9, dtype=int)}
    run = story.run({"v1": answers, "v2": answers})
    comparison = compare(run["v1"], run["v2"])
    asked = dataclasses.replace(comparison.candidate, outcomes={"ok": 5, "not_asked": 4})
    lines = decision_lines(decide("v2", "v1", ()), dataclasses.replace(comparison, candidate=asked))
    assert lines[1] == "v2 was never asked about 4 of 9 items: these are left out."


def test_an_average_that_no_category_has_is_not_over_any(story):
    """ "Precision over undefined in every category" stood under the table."""
    silent = {"hate": np.zeros(9, dtype=int), "spam": np.zeros(9, dtype=int)}
    [note] = macro_notes(score_candidate(story.run({"v1": silent}), "v1"))
    assert "precision undefined in every category" in note
    assert "f1 over 1 of 2 categories" in note


def test_what_asks_nobody_has_no_cost_rather_than_an_unknown_one(story):
    """ "Cost unknown" stood beside decisions that were read from a file, and beside rules."""
    run = story.run({"v1": {"hate": GOLD, "spam": GOLD}, "v2": {"hate": GOLD, "spam": GOLD}})
    found = surfaces(run)
    nowhere({name: said for name, said in found.items() if name != "json"}, "unknown")
