"""Releases: what is applied, what is refused, and that a published version never changes."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import HarnessError
from harness.files.policy import load_policy
from harness.goldens.decisions import DecisionLog, log_path, new_decision
from harness.goldens.published import changed_since_published
from harness.goldens.release import ReleaseOptions, release
from tests.goldens.small_set import CARD, load, rows, write_policy, write_set

OPTIONS = ReleaseOptions("lead", "audit", "2026-11-27T10:00:00+00:00")


def _decide(card, *said, policy="demo v1", reviewers=1):
    DecisionLog(log_path(card)).append(
        [
            new_decision("label", "ana", item, category, label, policy=policy, reviewers=reviewers, reason="quoted")
            for item, category, label in said
        ]
    )


def test_decided_labels_become_the_next_version_and_nothing_else_changes(tmp_path):
    card = write_set(tmp_path)
    before = (card.parent / "demo_v1.jsonl").read_bytes().split(b"\n")
    _decide(card, ("i1", "hate", 0), ("i2", "hate", 1), ("i3", "spam", 1), ("i4", "hate", 0))
    golden, policy = load(card)
    made = release(golden, policy, OPTIONS)
    assert (made.version, len(made.changes), made.n_confirmed) == (2, 3, 1)
    after = made.items.read_bytes().split(b"\n")
    assert [at for at in range(12) if before[at] != after[at]] == [1, 2, 3]
    row = json.loads(after[2])
    assert row == {**rows()[2], "labels": {**rows()[2]["labels"], "hate": 1}}
    new, _ = load(made.card)
    assert new.version == 2
    assert made.card.read_text().startswith("# who looks after it")
    assert "quoted" in made.changelog.read_text()


@pytest.mark.parametrize("form", ["csv", "list", "rename", "flat"])
def test_every_form_of_a_set_can_be_released(tmp_path, form):
    if form == "csv":
        card = write_set(tmp_path, card=CARD.replace("demo_v1.jsonl", "demo_v1.csv"))
        lines = ["id,text,labels.hate,labels.threat,labels.spam,meta.lang,group"]
        lines += [f'i{at},"text, {at}",{at % 2},,0,de,g{at // 2}' for at in range(6)]
        (card.parent / "demo_v1.csv").write_text("\n".join(lines) + "\n")
    elif form == "list":
        card = write_set(
            tmp_path,
            [{"id": f"i{at}", "text": "t", "labels": ["hate"] if at % 2 else []} for at in range(6)],
            CARD.replace("slices", "absent_labels: negative\nslices"),
        )
    elif form == "rename":
        card = write_set(
            tmp_path,
            [{"id": f"i{at}", "text": "t", "labels": {"h1": at % 2, "h2": 0, "spam": 0}} for at in range(6)],
            CARD.replace("[hate, threat, spam]", "[hate, spam]") + "rename: {h1: hate, h2: hate}\n",
        )
    else:
        card = write_set(
            tmp_path,
            [{"id": f"i{at}", "text": "t", "hate": at % 2, "threat": 0, "spam": 0} for at in range(6)],
            CARD + "fields: {labels: .}\n",
        )
    golden, policy = load(card)
    wanted = golden.labels().copy()
    wanted[1, golden.categories.index("hate")] = 0
    wanted[2, golden.categories.index("spam")] = -1
    _decide(card, ("i1", "hate", 0), ("i2", "spam", None))
    made = release(golden, policy, OPTIONS)
    new, _ = load(made.card)
    assert np.array_equal(new.labels(), wanted)
    assert [(one.id, one.text, one.group, one.slices) for one in new.items()] == [
        (one.id, one.text, one.group, one.slices) for one in golden.items()
    ]


def test_a_label_that_a_child_implied_stays_when_the_child_is_taken_back(tmp_path):
    items = rows()
    items[5]["labels"] = {"hate": None, "threat": 1, "spam": 0}
    card = write_set(tmp_path, items)
    _decide(card, ("i5", "threat", 0))
    golden, policy = load(card)
    new, _ = load(release(golden, policy, OPTIONS).card)
    assert dict(new.item(5).labels) == {"hate": 1, "threat": 0, "spam": 0}


def test_a_parent_that_contradicts_its_child_is_refused(tmp_path):
    card = write_set(tmp_path)
    _decide(card, ("i2", "threat", 1))
    golden, policy = load(card)
    with pytest.raises(HarnessError, match="leaves 'threat' 1 and its parent 'hate' 0 for i2"):
        release(golden, policy, OPTIONS)


def test_open_decisions_stop_a_release_unless_they_are_left_open(tmp_path):
    card = write_set(tmp_path)
    _decide(card, ("i1", "hate", 0), ("i2", "hate", 1), reviewers=2)
    DecisionLog(log_path(card)).append([new_decision("label", "ben", "i1", "hate", 0, policy="demo v1", reviewers=2)])
    golden, policy = load(card)
    with pytest.raises(HarnessError, match=r"1 decision is open .1 another reviewer is awaited.: i2") as error:
        release(golden, policy, OPTIONS)
    assert f"harness review {shlex.quote(str(card))} --adjudicate" in str(error.value)  # it was "review CARD"
    made = release(golden, policy, replace(OPTIONS, leaves_open=True))
    assert [one.item for one in made.changes] == ["i1"]
    assert json.loads(made.record.read_text())["open"] == [
        {"item": "i2", "category": "hate", "why": "another reviewer is awaited"}
    ]


def test_a_published_version_that_was_changed_is_found(tmp_path):
    card = write_set(tmp_path)
    _decide(card, ("i1", "hate", 0))
    golden, policy = load(card)
    made = release(golden, policy, OPTIONS)
    new, _ = load(made.card)
    assert changed_since_published(new) is None
    assert changed_since_published(golden) is None
    with pytest.raises(HarnessError, match="is there already"):
        release(golden, policy, OPTIONS)
    made.card.write_text(made.card.read_text() + "licence: MIT\n# a comment\n")
    assert changed_since_published(load(made.card)[0]) is None
    made.items.write_bytes(made.items.read_bytes().replace(b'"hate":0', b'"hate":1', 1))
    fault = changed_since_published(load(made.card)[0])
    assert fault is not None
    assert "was changed after version 2" in str(fault)
    result = CliRunner().invoke(main, ["golden", "check", str(made.card)])
    assert result.exit_code == 1
    assert "was changed after version 2" in result.output


def test_a_log_of_another_set_is_refused(tmp_path):
    card = write_set(tmp_path)
    _decide(card, ("elsewhere", "hate", 1))
    golden, policy = load(card)
    with pytest.raises(HarnessError, match="version 1 does not have: elsewhere"):
        release(golden, policy, OPTIONS)


def test_a_new_policy_needs_its_stale_labels_reviewed(tmp_path):
    card = write_set(tmp_path)
    new = load_policy(write_policy(tmp_path, 2, "Attacks people or groups.", owner="bo")).value
    golden, policy = load(card)
    options = replace(OPTIONS, policy=new)
    with pytest.raises(HarnessError, match="12 of 12 labels that policy version 2 touches were not reviewed"):
        release(golden, policy, options)
    _decide(card, *((f"i{at}", "hate", 1) for at in range(12)), policy="demo v2")
    made = release(golden, policy, options)
    released, _ = load(made.card)
    assert released.card.policy.version == 2
    assert bool((released.labels()[:, 0] == 1).all())


def test_four_cells_need_both_runs(tmp_path):
    """One of the two was left out in silence."""
    card = write_set(tmp_path)
    path = write_policy(tmp_path, 2, "Attacks people or groups.")
    args = ["golden", "stale", str(card), "--new-policy", str(path), "--old-run", "latest"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 2
    assert "needs both: --old-run RUN and --new-run RUN" in result.output


def test_only_what_touches_a_label_makes_it_stale(tmp_path):
    card = write_set(tmp_path)
    path = write_policy(tmp_path, 2, "Attacks   people.", owner="somebody else")
    result = CliRunner().invoke(main, ["golden", "stale", str(card), "--new-policy", str(path)])
    assert result.exit_code == 0, result.output
    assert "Nothing that demo v2 changed touches a label" in result.output
    path = write_policy(tmp_path, 3, "Attacks people or groups.")
    queue = tmp_path / "queue.csv"
    result = CliRunner().invoke(main, ["golden", "stale", str(card), "--new-policy", str(path), "--queue", str(queue)])
    assert "Hate: definition changed" in result.output
    assert "12 labels may be stale" in result.output
    lines = queue.read_text().splitlines()
    assert lines[1].startswith("i1,hate")
    assert len(lines) == 13


def test_the_command_releases_and_prints_where(tmp_path):
    card = write_set(tmp_path)
    _decide(card, ("i1", "hate", 0))
    result = CliRunner().invoke(main, ["golden", "release", str(card), "--author", "lead", "--note", "week 47"])
    assert result.exit_code == 0, result.output
    assert "demo version 2: 1 label changed, 0 confirmed" in result.output
    result = CliRunner().invoke(main, ["golden", "release", str(card), "--author", "lead"])
    assert result.exit_code == 1
    assert "is there already" in result.output


def test_labels_accepted_unreviewed_under_a_new_policy_are_told_and_recorded(tmp_path):
    card = write_set(tmp_path)
    later = write_policy(tmp_path, 2, "Attacks people or groups.")
    words = ["golden", "release", str(card), "--new-policy", str(later), "--accept-stale"]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    record = json.loads((card.parent / "demo_v2.release.json").read_text())
    assert record["unreviewed"]
    assert {one["category"] for one in record["unreviewed"]} == {"hate"}
    said = f"Kept though not reviewed under the new policy: {len(record['unreviewed'])} labels"
    assert said in told.output
    assert f"{said} (hate" in (card.parent / "demo_v2.changelog.md").read_text()


def test_a_policy_that_is_not_later_or_whose_old_version_is_not_there_is_no_new_policy(tmp_path):
    card = write_set(tmp_path)
    later = write_policy(tmp_path, 2, "Attacks people or groups.")
    golden, policy = load(card)
    with pytest.raises(HarnessError, match="version 1 is not later"):
        release(golden, policy, replace(OPTIONS, policy=policy))
    with pytest.raises(HarnessError, match="is not in the folders around it, so nobody can tell"):
        release(golden, None, replace(OPTIONS, policy=load_policy(later).value))
