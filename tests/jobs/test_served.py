"""Which snapshots of a model gave the scores that a threshold is chosen on."""

import json
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from gating.stored import store_run

from harness.jobs.served import MOST_READ, _snapshot, served_by, snapshot_warnings
from harness.runner.answers import Stored
from harness.runner.cache import ResponseCache
from tests.runner.runner_fakes import keep

KEYS = [f"{at:064x}" for at in range(3)]


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.sqlite"
    bodies = [{"model": "m-2026-05"}, {"model": "m-2026-05", "system_fingerprint": "fp_1"}, {"model": "m-2026-11"}]
    with ResponseCache(path, lambda: datetime(2026, 11, 1, tzinfo=UTC)) as cache:
        entries = (Stored(200, json.dumps(body).encode(), 1.0) for body in bodies)
        keep(cache, [(bytes.fromhex(key), one, "m") for key, one in zip(KEYS, entries, strict=True)])
    return path


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"model": "gpt-x-2026-05", "system_fingerprint": "fp_9"}', "gpt-x-2026-05 fp_9"),
        (b'{"model": "gpt-x", "system_fingerprint": null}', "gpt-x"),
        (b'{"modelVersion": "gemini-x-001"}', "gemini-x-001"),
        (b'{"model": 7}', None),
        (b'{"model": "a\\u001b[31m"}', None),
        (b"[]", None),
        (b"<html>", None),
        (b"", None),
        (b"[" * 100_000, None),
    ],
)
def test_a_snapshot_is_read_from_any_answer(body, name):
    assert _snapshot(body) == name


def test_the_responses_of_one_candidate_are_counted(journal):
    run = SimpleNamespace(texts=lambda *_: [[KEYS[0], f"{KEYS[1]} {KEYS[2]}"], [None], ["no key"], ["ff" * 32]])
    assert served_by(run, "v1", journal) == Counter({"m-2026-05": 1, "m-2026-05 fp_1": 1})
    assert served_by(run, "v1", journal.parent / "none.sqlite") == Counter()
    many = SimpleNamespace(texts=lambda *_: [[f"{at:064x}"] for at in range(5 * MOST_READ)])
    assert served_by(many, "v1", journal).total() <= 3


def test_several_snapshots_in_one_run_are_named(journal, tmp_path):
    gold = np.tile([0, 1], 10)
    stored = store_run(tmp_path / "runs", gold, {"v1": gold})
    asked = SimpleNamespace(is_cached=np.zeros((1, 2), dtype=bool))
    run = SimpleNamespace(texts=lambda *_: [[KEYS[0], KEYS[2]]], meta=stored.meta, candidate=lambda _: asked)
    (warning,) = snapshot_warnings(run, "v1", str(tmp_path / "runs"), journal)
    assert "2 snapshots of its model (m-2026-05 in 1, m-2026-11 in 1 of 2 responses looked at)" in warning


def test_a_later_run_by_another_snapshot_is_named(journal, tmp_path):
    gold = np.tile([0, 1], 10)
    runs = [
        store_run(tmp_path / "runs", gold, {"v1": gold}, run_id=f"demo-00000000000{at}", error_text=KEYS[at])
        for at in (0, 2)
    ]
    found = [snapshot_warnings(run, "v1", str(tmp_path / "runs"), journal) for run in runs]
    (warning,) = [one for several in found for one in several]
    assert "was answered by m-2026-" in warning
    assert "Choose on the latest run" in warning


def test_what_cannot_be_seen_is_said(journal, tmp_path):
    """Without the journal, and where every answer was an old one, nothing was said at all."""
    gold = np.tile([0, 1], 10)
    run = store_run(tmp_path / "runs", gold, {"v1": gold}, error_text=KEYS[0])
    runs_dir = str(tmp_path / "runs")
    assert snapshot_warnings(run, "v1", runs_dir, journal) == []
    (missing,) = snapshot_warnings(run, "v1", runs_dir, tmp_path / "none.sqlite")
    assert "none.sqlite is not there. Name the journal of that run: --cache FILE" in missing
    with ResponseCache(tmp_path / "other.sqlite", lambda: datetime(2026, 11, 1, tzinfo=UTC)):
        pass
    (other,) = snapshot_warnings(run, "v1", runs_dir, tmp_path / "other.sqlite")
    assert "has none of the responses looked at" in other
    old = SimpleNamespace(is_cached=np.ones((20, 1), dtype=bool))
    again = SimpleNamespace(texts=run.texts, meta=run.meta, candidate=lambda _: old)
    (told,) = snapshot_warnings(again, "v1", runs_dir, journal)
    assert "came from the journal" in told
    nobody = store_run(tmp_path / "rules", gold, {"v1": gold})
    assert snapshot_warnings(nobody, "v1", str(tmp_path / "rules"), tmp_path / "none.sqlite") == []
