"""The log of decisions: what it keeps through a kill, and which label follows from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from harness.errors import FileError
from harness.goldens.decisions import DecisionLog, new_decision, settle, standing


def _said(author, label, action="label", **more):
    return new_decision(action, author, "i1", "hate", label, policy="demo v1", **more)


def _outcome(*decisions):
    settled, still_open = settle(decisions)
    return [one.label for one in settled] or [one.why for one in still_open]


def test_one_reviewer_settles_a_label_when_one_is_asked_for():
    assert _outcome(_said("a", 1)) == [1]


def test_two_reviewers_settle_only_together():
    assert _outcome(_said("a", 1, reviewers=2)) == ["another reviewer is awaited"]
    assert _outcome(_said("a", 1, reviewers=2), _said("b", 1, reviewers=2)) == [1]
    assert _outcome(_said("a", 1, reviewers=2), _said("b", 0, reviewers=2)) == ["reviewers disagree"]
    assert _outcome(_said("a", 1, reviewers=2), _said("a", 1, reviewers=2)) == ["another reviewer is awaited"]


def test_an_adjudication_ends_a_disagreement_and_an_escalation():
    apart = [_said("a", 1), _said("b", 0)]
    assert _outcome(*apart, _said("lead", 0, "adjudicate")) == [0]
    assert _outcome(_said("a", None, "escalate")) == ["escalated"]
    assert _outcome(_said("a", None, "escalate"), _said("lead", None, "adjudicate")) == [None]


def test_the_last_word_of_a_reviewer_counts_and_a_skip_is_no_label():
    assert _outcome(_said("a", 1), _said("a", 0)) == [0]
    assert _outcome(_said("a", None, "skip")) == ["skipped"]


def test_an_undo_takes_back_and_can_be_taken_back():
    first = _said("a", 1)
    undo = _said("a", None, "undo", takes_back=first.id)
    again = _said("a", None, "undo", takes_back=undo.id)
    assert _outcome(first, undo) == []
    assert standing([first, undo, again]) == [first]


def test_a_line_that_was_cut_short_loses_only_itself(tmp_path):
    log = DecisionLog(tmp_path / "x.decisions.jsonl")
    log.append([_said("a", 1)])
    with open(log.path, "ab") as file:
        file.write(b'{"id": "zz", "time": "20')
    assert len(log.read()) == 1
    log.append([_said("b", 1)])
    assert [one.author for one in log.read()] == ["a", "b"]


@pytest.mark.parametrize("line", ['{"id": 1}', "[1]", '{"id":"a","time":"t","author":"a","action":"burn"}', "oops"])
def test_a_damaged_line_is_named_and_nothing_is_guessed(tmp_path, line):
    log = DecisionLog(tmp_path / "x.decisions.jsonl")
    log.append([_said("a", 1)])
    with open(log.path, "ab") as file:
        file.write(line.encode() + b"\n")
    with pytest.raises(FileError, match=r"jsonl:2: is no decision"):
        log.read()


def test_what_append_returned_for_survives_a_kill(tmp_path):
    """A process that is killed right after append returned must have kept every decision it announced."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom harness.goldens.decisions import DecisionLog, new_decision\n"
        "log = DecisionLog(Path(sys.argv[1]))\n"
        "for at in range(10**6):\n"
        "    log.append([new_decision('label', 'a', f'i{at}', 'hate', 1, policy='p v1')])\n"
        "    print(at, flush=True)\n"
    )
    path = tmp_path / "x.decisions.jsonl"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 25:
                os.kill(process.pid, signal.SIGKILL)
                break
        announced = [int(line), *(int(rest) for rest in process.stdout.read().split())]
    kept = [int(one.item[1:]) for one in DecisionLog(path).read()]
    assert kept[: announced[-1] + 1] == list(range(announced[-1] + 1))
    assert len(kept) - 1 - announced[-1] in (0, 1)
