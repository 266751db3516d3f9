"""One item whole: what was sent is made again and checked, what came back and how it was read stand beside it."""

import functools
import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.jobs.run import RunOptions, prepare_run
from harness.jobs.show import Sources, show_item
from harness.report.item.page import item_page
from harness.report.item.terminal import decision_words, item_text
from harness.report.viewer import Viewer
from harness.runner import run_eval
from harness.runs import open_run
from tests.projects import write_project
from tests.runner.runner_fakes import FakeTransport, answer

TEXT = "casino tonight, go   home Ärger"
ITEMS = json.dumps(
    {
        "id": "c-1",
        "text": TEXT,
        "labels": {"hate": 1, "spam": None},
        "votes": [
            {"annotator": "a1", "labels": {"hate": 1}},
            {"annotator": "a2", "labels": {"hate": 0}},
            {"annotator": "a3", "labels": {"hate": None}},
        ],
        "meta": {"lang": "en"},
    }
)
EVAL = """\
eval: community
policy: policy.yaml
golden_set: card.yaml
candidates:
  v1: {prompt: prompt.md, model: mini}
  rules: {rules: rules.yaml}
  steps: {cascade: [{use: rules, decide: [spam]}, {use: v1}]}
repeats: 2
"""
KEY = {"OPENAI_API_KEY": "sk-none-of-the-harness"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_project(tmp_path, items=ITEMS + "\n", eval=EVAL)


def run_of(project, said, script=None):
    """A stored run whose model answers ``said``, its journal, and where things are."""
    prepared = prepare_run(
        project / "eval.yaml", RunOptions(runs_dir=project / "runs", cache_path=project / "j.sqlite"), KEY
    )
    transport = FakeTransport(script or (lambda text, attempt: answer(said)), latency_s=0.001)
    summary = run_eval(prepared.request, transport=transport)
    return open_run(summary.run_id, project / "runs"), Sources(project / "j.sqlite", KEY)


GOOD = json.dumps({"categories": ["hate"], "rationale": "tells people to go home"})


def test_what_was_sent_is_made_again_and_has_the_key_of_the_answer(project):
    run, sources = run_of(project, GOOD)
    sheet = show_item(run, "c-1", "full", sources)
    v1, rules, steps = sheet.candidates
    assert [len(one.readings) for one in sheet.candidates] == [2, 2, 2]
    for candidate in (v1, steps):
        for reading in candidate.readings:
            (call,) = reading.calls
            assert call.check == "same"
            assert call.messages[-1] == ("user", TEXT)
            assert call.params["temperature"] == 0
            assert json.loads(call.raw)["choices"][0]["message"]["content"] == GOOD
            assert (reading.outcome, reading.reread) == ("ok", "")
    keys = {reading.calls[0].key for reading in v1.readings}
    assert len(keys) == 2  # each repeat is an answer of its own
    assert [(hit.rule, hit.category) for hit in rules.rules] == [("r1", "spam"), ("r2", "hate")]
    assert sheet.labels == {"hate": 1, "hate/threatening": None, "spam": None}
    text = item_text(sheet, 100)
    assert TEXT in text
    assert "1 of 2 yes, 1 cannot tell" in text
    assert "Attacks people because of a protected attribute." in text
    assert "what was sent: its key is the journal's" in text


def test_masked_shows_no_word_of_the_text_wherever_it_was_repeated(project):
    """A prompt, a rationale and a raw body each carry the text past a mask that knows the item alone."""
    repeated = json.dumps({"categories": ["hate"], "rationale": f"it says: {TEXT}"})
    run, sources = run_of(project, repeated)
    sheet = show_item(run, "c-1", "masked", sources)
    shown = item_text(sheet, 100) + json.dumps(sheet.as_dict(), ensure_ascii=False)
    for word in ("casino", "tonight", "home", "Ärger"):
        assert word not in shown
    assert "You moderate. Categories:" in shown  # the prompt itself is no item's text
    assert '\\"categories\\": [\\"hate\\"]' in shown  # nor is the decision
    hidden = show_item(run, "c-1", "none", sources)
    assert "t••••••" not in item_text(hidden, 100)
    assert "(not shown)" in item_text(hidden, 100)


def test_a_prompt_changed_since_is_shown_as_it_was(project):
    run, sources = run_of(project, GOOD)
    (project / "prompt.md").write_text("---\nprompt: other\nanswer: json\n---\n\n# user\nAnother {{ item.text }}\n")
    call = show_item(run, "c-1", "full", sources).candidates[0].readings[0].calls[0]
    assert call.check == "same"
    assert call.messages[0][1].startswith("You moderate.")


def test_another_address_is_said_and_the_answer_still_shown(project):
    run, sources = run_of(project, GOOD)
    path = project / "models.yaml"
    path.write_text(path.read_text().replace("api.example.com", "other.example.com"))
    call = show_item(run, "c-1", "full", sources).candidates[0].readings[0].calls[0]
    assert (call.check, call.status) == ("another", 200)
    path.unlink()
    call = show_item(run, "c-1", "full", sources).candidates[0].readings[0].calls[0]
    assert (call.check, call.status) == ("another", 200)  # the provider's own address, which it was not


def test_an_answer_that_cannot_be_read_says_why_and_what_it_counts_as(project):
    run, sources = run_of(project, "I would rather talk about the weather")
    sheet = show_item(run, "c-1", "full", sources)
    reading = sheet.candidates[0].readings[0]
    assert reading.outcome == "unparsed"
    assert reading.reason
    text = " ".join(item_text(sheet, 100).split())
    assert f"unparsed by json-{sheet.candidates[0].parser.rsplit('-', 1)[1]} ({reading.reason[:20]}" in text
    assert "counts as not flagged" in text
    assert "talk about the weather" in text


def test_a_failed_decision_is_told_as_its_fallback_as_in_the_report(project):
    """The item page and the terminal had a dash where the row of the report says "no (fallback)"."""
    run, sources = run_of(project, "I would rather talk about the weather")
    sheet = show_item(run, "c-1", "full", sources)
    assert decision_words(sheet.candidates[0], "hate") == "no (fallback)"
    assert decision_words(sheet.candidates[1], "hate") == "yes"  # a rule decides
    assert '<td class="num">no (fallback)</td>' in item_page(sheet, "1", may_reveal=False)
    assert sheet.as_dict()["candidates"]["v1"]["fallback"]["hate"] == 0


@pytest.mark.parametrize("missing", ["golden", "journal", "prompt"])
def test_what_is_not_at_hand_is_said_once_and_the_rest_shown(project, missing):
    run, sources = run_of(project, GOOD)
    if missing == "golden":
        (project / "items.jsonl").write_text(ITEMS.replace("casino", "casinos") + "\n")
    elif missing == "journal":
        sources = replace(sources, cache_path=project / "none.sqlite")
    else:
        stored = run.meta.inputs["prompt:v1"].stored
        (project / "runs" / run.meta.run_id / "inputs" / stored).unlink()
    text = item_text(show_item(run, "c-1", "full", sources), 100)
    assert "ok by json" in text
    assert {
        "golden": "golden set of this run is not at hand",
        "journal": "There is no journal at",
        "prompt": "does not keep the prompt of 'v1'",
    }[missing] in " ".join(text.split())
    assert not (project / "none.sqlite").exists()


def test_code_named_by_a_stored_run_is_not_imported(project):
    run, sources = run_of(project, GOOD)
    (project / "evil.py").write_text("raise SystemExit('imported')\n")
    stored = project / "runs" / run.meta.run_id / "inputs" / run.meta.inputs["prompt:v1"].stored
    stored.write_text(stored.read_text().replace("answer: json", "answer: 'evil:parse'"))
    sheet = show_item(open_run(run.meta.run_id, project / "runs"), "c-1", "full", sources)
    assert "not imported from a stored run" in sheet.candidates[0].note
    assert sheet.candidates[0].readings[0].calls[0].raw


def test_the_command_prints_text_and_json_and_names_the_nearest_item(project, monkeypatch):
    run, _ = run_of(project, GOOD)
    monkeypatch.setenv("HARNESS_CACHE", str(project / "j.sqlite"))
    monkeypatch.setenv("CI", "")
    call = ["show", run.meta.run_id, "c-1", "--runs-dir", str(project / "runs")]
    shown = CliRunner().invoke(main, call)
    assert shown.exit_code == 0, shown.output
    assert TEXT not in shown.output
    assert "--text full" in shown.output
    data = json.loads(CliRunner().invoke(main, [*call, "--text", "full", "--json"]).output)
    assert data["item"]["text"] == TEXT
    assert data["candidates"]["v1"]["requests"][0]["messages"][-1] == {"role": "user", "content": TEXT}
    assert data["candidates"]["v1"]["repeats"][0]["outcome"] == "ok"
    wrong = CliRunner().invoke(main, ["show", run.meta.run_id, "c-11", *call[3:]])
    assert wrong.exit_code == 1
    assert "did you mean 'c-1'" in wrong.output
    assert os.environ.get("OPENAI_API_KEY") is None  # no key is needed to look


def test_the_viewer_shows_an_item_masked_until_asked_and_never_where_it_shows_no_text(project):
    run, sources = run_of(project, GOOD)

    def page(target, mode=None):
        viewer = Viewer(
            str(project / "runs"), project, project / "work", 8765, None, lambda: "now", "0.1.0", mode,
            functools.partial(show_item, sources=sources),
        )  # fmt: skip
        return viewer.respond("GET", target, {"Host": "127.0.0.1:8765"})

    target = f"/item/{run.meta.run_id}/c-1"
    masked, full, none = page(target), page(f"{target}?text=full"), page(f"{target}?text=full", "none")
    assert [one.status for one in (masked, full, none)] == [200, 200, 200]
    for word in (b"casino", b"tonight"):
        assert word in full.body
        assert word not in masked.body
        assert word not in none.body
    assert b"what was sent: its key is the journal" in full.body
    assert b"data-mark" in masked.body
    assert b"?text=full" not in none.body
    assert page(f"/item/{run.meta.run_id}/c-9").status == 400
    assert page("/item/other/c-1").status == 404
