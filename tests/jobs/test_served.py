"""Which snapshots of a model gave the scores that a threshold is chosen on."""

import json
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from gating.stored import store_run

from harness.jobs.served import MOST_READ, _snapshot, served_by, snapshot_warnings
from harness.runner.cache import ResponseCache, Stored

KEYS = [f"{at:064x}" for at in range(3)]


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.sqlite"
    bodies = [{"model": "m-2026-05"}, {"model": "m-2026-05", "system_fingerprint": "fp_1"}, {"model": "m-2026-11"}]
    with ResponseCache(path, lambda: datetime(2026, 11, 1, tzinfo=UTC)) as cache:
        cache.put_now(
            (bytes.fromhex(key), Stored(200, json.dumps(body).encode(), 1.0), "m")
            for key, body in zip(KEYS, bodies, strict=True)
        )
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
    run = SimpleNamespace(texts=lambda *_: [[KEYS[0], KEYS[2]]], meta=stored.meta)
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
