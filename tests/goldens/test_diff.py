"""What differs between two versions, by whom, and what the labels alone do to a stored run."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.goldens.decisions import DecisionLog, log_path, new_decision
from harness.goldens.diff import diff_sets, score_moves
from harness.goldens.release import ReleaseOptions, release
from tests.gating.stored import store_run
from tests.goldens.small_set import CARD, load, rows, write_set


def _released(tmp_path):
    card = write_set(tmp_path)
    DecisionLog(log_path(card)).append(
        [new_decision("label", "ana", "i1", "hate", 0, policy="demo v1", reason="a quotation")]
    )
    golden, policy = load(card)
    made = release(golden, policy, ReleaseOptions("lead", "", "2026-11-27T10:00:00+00:00"))
    return golden, load(made.card)[0]


def test_a_relabelled_item_says_by_whom_and_why(tmp_path):
    old, new = _released(tmp_path)
    found = diff_sets(old, new)
    assert [(one.item, one.before, one.after, one.by, one.reason) for one in found.relabelled] == [
        ("i1", 1, 0, ("ana",), "a quotation")
    ]
    assert (found.added, found.removed, dict(found.edited)) == ((), (), {})


def test_scores_move_because_of_labels_alone(tmp_path):
    old, new = _released(tmp_path)
    flagged = [at % 2 for at in range(12)]  # right on every old label, wrong on the new one of i1
    store_run(tmp_path / "runs", flagged, {"v1": flagged}, ids=list(old.ids()), golden={"name": "demo", "version": 1})
    moved, left_out = score_moves(old, new, tmp_path / "runs")
    assert not left_out
    by_metric = {one.metric: one for one in moved}
    assert (by_metric["precision"].before.value, by_metric["precision"].after.value) == (1.0, 5 / 6)
    assert (by_metric["recall"].before.value, by_metric["recall"].after.value) == (1.0, 1.0)
    assert by_metric["fpr"].after.value == 1 / 7


def test_moved_scores_are_those_of_the_population_and_say_so(tmp_path):
    old, new = _released(tmp_path)
    flagged = [at % 2 for at in range(12)]
    weights = [1.0, 5.0, *[1.0] * 10]
    store_run(
        tmp_path / "runs", flagged, {"v1": flagged}, ids=list(old.ids()), golden={"name": "demo", "version": 1},
        weights=weights,
    )  # fmt: skip
    moved, _ = score_moves(old, new, tmp_path / "runs")
    after = {one.metric: one.after.value for one in moved}
    assert after["precision"] == pytest.approx(5 / 10)  # i1 stands for five
    assert after["fpr"] == pytest.approx(5 / 11)
    paths = [str(one.path) for one in (old, new)]
    shown = CliRunner().invoke(main, ["golden", "diff", *paths, "--runs-dir", str(tmp_path / "runs")])
    assert "items count by their weights" in " ".join(shown.output.split())


def test_items_added_removed_and_edited_are_told(tmp_path):
    old = load(write_set(tmp_path / "a"))[0]
    items = rows()[1:]
    items[0]["text"] = "another text"
    items[1]["meta"]["lang"] = "fr"
    items.append({"id": "new", "text": "t", "labels": {"hate": 0}})
    new = load(write_set(tmp_path / "b", items, CARD.replace("version: 1\npolicy", "version: 2\npolicy")))[0]
    found = diff_sets(old, new)
    assert (found.added, found.removed) == (("new",), ("i0",))
    assert dict(found.edited) == {"i1": ("text",), "i2": ("slices",)}


def test_the_command_prints_and_writes_json(tmp_path):
    old, new = _released(tmp_path)
    arguments = ["golden", "diff", str(old.path), str(new.path), "--runs-dir", str(tmp_path / "none")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "0 items added, 0 removed, 0 edited, 1 label changed" in result.output
    assert "a quotation" in result.output
    assert json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["relabelled"][0]["by"] == ["ana"]


def test_a_run_is_named_as_everywhere_and_a_changed_published_version_is_told(tmp_path):
    old, new = _released(tmp_path)
    flagged = [at % 2 for at in range(12)]
    store_run(tmp_path / "runs", flagged, {"v1": flagged}, ids=list(old.ids()), golden={"name": "demo", "version": 1})
    words = ["golden", "diff", str(old.path), str(new.path), "--run", "latest", "--runs-dir", str(tmp_path / "runs")]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    assert "precision" in told.stdout
    assert "Warning" not in told.output
    path = tmp_path / "golden_sets" / "demo_v2.jsonl"
    path.write_text(path.read_text().replace('"spam": 0', '"spam": 1', 1))
    assert "demo_v2.jsonl was changed after version 2 of 'demo' was published" in CliRunner().invoke(main, words).stderr
