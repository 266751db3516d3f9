import dataclasses
import json
import os
from datetime import UTC, datetime

import pytest

from harness.gating.log import MOST_CANDIDATES, GateEntry, Look, earlier_looks, log_path, record_gate

NOW = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "sets" / "demo_v1.yaml"
    path.parent.mkdir()
    path.write_text("golden_set: demo\n")
    return path


GATED = GateEntry("demo-000000000001", "v2", {"prompt": "a"}, "INCONCLUSIVE", "3f9a", 200)


def gated(**changes):
    return dataclasses.replace(GATED, **changes)


def lines(card):
    return [json.loads(line) for line in log_path(card).read_text(encoding="utf-8").splitlines()]


def test_first_candidate_is_written_down(card):
    reuse = record_gate(card, GATED, now=NOW)
    assert (reuse.n_candidates, reuse.warning) == (1, None)
    assert log_path(card).name == "demo_v1.gates.jsonl"
    (entry,) = lines(card)
    assert entry["time"] == "2026-11-03T12:30:00+00:00"
    assert (entry["run_id"], entry["candidate"], entry["verdict"]) == ("demo-000000000001", "v2", "INCONCLUSIVE")
    assert entry["items"] == 200


def test_the_same_candidate_counts_once_whatever_its_name_and_run(card):
    record_gate(card, GATED, now=NOW)
    assert record_gate(card, GATED, now=NOW).n_candidates == 1
    assert len(lines(card)) == 1
    assert record_gate(card, gated(run_id="other", candidate="v9"), now=NOW).n_candidates == 1
    assert len(lines(card)) == 2


def test_above_ten_candidates_the_set_should_be_refreshed(card):
    tried = [gated(fingerprint={"prompt": number}) for number in range(MOST_CANDIDATES + 1)]
    counts = [record_gate(card, one, now=NOW) for one in tried]
    assert counts[-2].warning is None
    assert counts[-1].n_candidates == 11
    assert "refresh the set" in counts[-1].warning


def test_log_only_grows(card):
    record_gate(card, gated(fingerprint={"prompt": 1}), now=NOW)
    before = log_path(card).read_bytes()
    record_gate(card, gated(fingerprint={"prompt": 2}), now=NOW)
    assert log_path(card).read_bytes().startswith(before)


def test_a_broken_run_is_not_a_look(card):
    reuse = record_gate(card, gated(verdict="INVALID"), now=NOW)
    assert reuse.n_candidates == 0
    assert not log_path(card).exists()


def test_a_folder_that_cannot_be_written_is_a_warning(card, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("harness.gating.log._append", refuse)
    reuse = record_gate(card, gated(fingerprint={"prompt": 1}), now=NOW)
    assert reuse.n_candidates == 1
    assert "cannot be written (Permission denied)" in reuse.warning


def test_a_card_that_is_elsewhere_is_a_warning(tmp_path):
    assert "not at hand" in record_gate(tmp_path / "gone.yaml", GATED, now=NOW).warning
    assert "not at hand" in record_gate(None, GATED, now=NOW).warning


def test_damaged_lines_are_counted_and_a_cut_line_is_ended(card):
    log_path(card).write_bytes(b'{"signature": "aaaa"}\nnot json\n[]\n{"signature": "cut')
    reuse = record_gate(card, gated(fingerprint={"prompt": 1}), now=NOW)
    assert reuse.n_candidates == 2
    assert "3 lines cannot be read" in reuse.warning
    assert json.loads(log_path(card).read_text().splitlines()[-1])["candidate"] == "v2"


def test_hostile_names_stay_on_their_line(card):
    record_gate(card, gated(candidate='v\n{"signature": "x"}\ud800'), now=NOW)
    assert len(lines(card)) == 1


def looks(card, *, run_id="demo-000000000002", n_items=400, fingerprint=GATED.fingerprint):
    return earlier_looks(card, "demo", fingerprint, run_id, n_items)


def test_a_gate_on_fewer_items_was_a_look(card):
    record_gate(card, GATED, now=NOW)
    assert looks(card) == [Look("demo-000000000001", 200, "INCONCLUSIVE", False)]


def test_the_same_data_are_no_further_look(card):
    record_gate(card, GATED, now=NOW)
    assert looks(card, n_items=200) == []
    assert looks(card, run_id=GATED.run_id) == []


def test_another_candidate_has_had_no_look(card):
    record_gate(card, GATED, now=NOW)
    assert looks(card, fingerprint={"prompt": "b"}) == []


def test_a_sequential_run_over_all_items_was_a_look(card):
    record_gate(card, gated(is_sequential=True, n_items=400), now=NOW)
    assert looks(card) == [Look("demo-000000000001", 400, "INCONCLUSIVE", True)]


def test_looks_at_an_earlier_version_of_the_set_count(card):
    record_gate(card, GATED, now=NOW)
    enlarged = card.with_name("demo_v2.yaml")
    enlarged.write_text("golden_set: demo\n")
    assert len(looks(enlarged)) == 1
    other = card.with_name("demo2_v1.yaml")
    other.write_text("golden_set: demo2\n")
    assert earlier_looks(other, "demo2", GATED.fingerprint, "x", 400) == []


def test_a_log_without_numbers_of_items_tells_no_look(card):
    """Logs written before items were counted."""
    log_path(card).write_text('{"signature": "0", "run_id": "x"}\n')
    assert looks(card) == []
    assert looks(None) == []
