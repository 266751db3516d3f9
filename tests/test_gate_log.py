import dataclasses
import json
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from harness.gate_log import MOST_CANDIDATES, log_path, record_gate
from harness.gating import gate_runs
from tests.gating.stored import decided, store_run

GOLD = np.array([1] * 100 + [0] * 100)
NOW = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "sets" / "demo_v1.yaml"
    path.parent.mkdir()
    path.write_text("golden_set: demo\n")
    return path


@pytest.fixture
def report(tmp_path):
    run = store_run(tmp_path / "runs", GOLD, {"v1": decided(GOLD), "v2": decided(GOLD)})
    return gate_runs(run, "v2", run, "v1")


def lines(card):
    return [json.loads(line) for line in log_path(card).read_text(encoding="utf-8").splitlines()]


def test_first_candidate_is_written_down(card, report):
    reuse = record_gate(card, report, {"prompt": "a"}, now=NOW)
    assert (reuse.n_candidates, reuse.warning) == (1, None)
    assert log_path(card).name == "demo_v1.gates.jsonl"
    (entry,) = lines(card)
    assert entry["time"] == "2026-11-03T12:30:00+00:00"
    assert (entry["run_id"], entry["candidate"], entry["verdict"]) == (report.candidate.run_id, "v2", report.verdict)


def test_the_same_candidate_counts_once_whatever_its_name_and_run(card, report):
    record_gate(card, report, {"prompt": "a"}, now=NOW)
    assert record_gate(card, report, {"prompt": "a"}, now=NOW).n_candidates == 1
    assert len(lines(card)) == 1
    renamed = dataclasses.replace(
        report, candidate=dataclasses.replace(report.candidate, run_id="other", candidate="v9")
    )
    assert record_gate(card, renamed, {"prompt": "a"}, now=NOW).n_candidates == 1
    assert len(lines(card)) == 2


def test_above_ten_candidates_the_set_should_be_refreshed(card, report):
    counts = [record_gate(card, report, {"prompt": number}, now=NOW) for number in range(MOST_CANDIDATES + 1)]
    assert counts[-2].warning is None
    assert counts[-1].n_candidates == 11
    assert "refresh the set" in counts[-1].warning


def test_log_only_grows(card, report):
    record_gate(card, report, {"prompt": 1}, now=NOW)
    before = log_path(card).read_bytes()
    record_gate(card, report, {"prompt": 2}, now=NOW)
    assert log_path(card).read_bytes().startswith(before)


def test_a_broken_run_is_not_a_look(card, report):
    reuse = record_gate(card, dataclasses.replace(report, verdict="INVALID"), {"prompt": 1}, now=NOW)
    assert reuse.n_candidates == 0
    assert not log_path(card).exists()


def test_a_folder_that_cannot_be_written_is_a_warning(card, report, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("harness.gate_log._append", refuse)
    reuse = record_gate(card, report, {"prompt": 1}, now=NOW)
    assert reuse.n_candidates == 1
    assert "cannot be written (Permission denied)" in reuse.warning


def test_a_card_that_is_elsewhere_is_a_warning(tmp_path, report):
    assert "not at hand" in record_gate(tmp_path / "gone.yaml", report, {}, now=NOW).warning
    assert "not at hand" in record_gate(None, report, {}, now=NOW).warning


def test_damaged_lines_are_counted_and_a_cut_line_is_ended(card, report):
    log_path(card).write_bytes(b'{"signature": "aaaa"}\nnot json\n[]\n{"signature": "cut')
    reuse = record_gate(card, report, {"prompt": 1}, now=NOW)
    assert reuse.n_candidates == 2
    assert "3 lines cannot be read" in reuse.warning
    assert json.loads(log_path(card).read_text().splitlines()[-1])["candidate"] == "v2"


def test_hostile_names_stay_on_their_line(card, report):
    nasty = dataclasses.replace(
        report, candidate=dataclasses.replace(report.candidate, candidate='v\n{"signature": "x"}\ud800')
    )
    record_gate(card, nasty, {"prompt": 1}, now=NOW)
    assert len(lines(card)) == 1
