"""The rows of journals on an object store in the table of faults, over a store of fsspec's own in memory.

More about the same is in tests/runner/test_stored_journal.py; a server that speaks S3 is in tests/runs/test_object_store.py.
"""

from __future__ import annotations

import io
import os
import signal
import threading
import time

import pytest

from harness.errors import HarnessError
from harness.runner.stored import copies, journal_path
from harness.runner.stored.parts import read_part
from tests.faults.doing import child, go
from tests.faults.server import FaultServer
from tests.faults.table import STORE_FAULTS
from tests.faults.test_matrix import started

fsspec = pytest.importorskip("fsspec")
ADDRESS = "memory://team/answers"
PROVEN: set[str] = set()
DONE = {"v1": {"ok": 20}}


def proves(name):
    PROVEN.add(name)
    return lambda test: test


@pytest.fixture
def store():
    """An empty store."""
    found = fsspec.filesystem("memory")
    yield found
    if found.exists("/team"):
        found.rm("/team", recursive=True)


@pytest.fixture
def machine(tmp_path, monkeypatch, store):
    """The folder of a machine, and its copy of the journal."""

    def on(name):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        (tmp_path / name).mkdir(exist_ok=True)
        return tmp_path / name, journal_path(ADDRESS)

    return on


def parts(store):
    return store.ls("/team/answers", detail=False) if store.exists("/team/answers") else []


def answers(store):
    """The keys in all parts."""
    read = [read_part(io.BytesIO(store.cat_file(name)))[0] for name in parts(store)]
    return [row[0] for batches in read for rows in batches for row in rows]


def shut(error):
    def call(*_, **__):
        raise error

    return call


@proves("store: unreachable, or no such bucket, at the beginning")
@pytest.mark.parametrize(
    "error",
    [OSError("no route to host"), PermissionError("Access Denied"), FileNotFoundError("The specified bucket does not exist")],
)  # fmt: skip
def test_a_store_that_is_shut_is_named_before_anything_is_asked(machine, store, monkeypatch, error):
    home, path = machine("one")
    monkeypatch.setattr(type(store), "ls", shut(error))
    with FaultServer() as server:
        with pytest.raises(HarnessError, match=f"{ADDRESS}: cannot be reached: {error}") as caught:
            go(home, server.url, cache_path=path)
        assert server.served == 0
    assert caught.value.next_step


@proves("store: lost on the way")
@proves("store: the right to write is lost")
@pytest.mark.parametrize(
    "error", [OSError("timed out"), PermissionError("Access Denied"), FileNotFoundError("no bucket")]
)
@pytest.mark.parametrize("every_s", [0.0, 60.0])
def test_a_store_that_shuts_on_the_way_costs_a_warning(machine, store, monkeypatch, error, every_s):
    home, path = machine("one")
    monkeypatch.setattr(copies, "EVERY_S", every_s)

    def script(text, attempt):
        if text.endswith(" 5"):
            for name in ("put_file", "ls", "cat_ranges"):
                monkeypatch.setattr(type(store), name, shut(error))

    with FaultServer(script) as server:
        summary = go(home, server.url, cache_path=path)
    assert (summary.status, summary.counts) == ("complete", DONE)
    assert f"what was answered could not be put to {ADDRESS}" in summary.warning
    assert str(error) in summary.warning
    monkeypatch.undo()
    home, path = machine("one")
    with FaultServer() as server:
        assert go(home, server.url, cache_path=path, runs_dir=home / "again").warning is None
        assert len(answers(store)) == 20
        home, path = machine("two")
        assert go(home, server.url, cache_path=path).counts == DONE
        assert server.served == 0


@proves("store: a part is damaged")
def test_a_damaged_part_is_named_and_no_answer_of_it_is_used(machine, store):
    """One wrong bit anywhere in a part: half of them made other answers, and nobody was told."""
    home, path = machine("one")
    with FaultServer() as server:
        go(home, server.url, cache_path=path)
    (name,) = parts(store)
    whole = store.cat_file(name)
    n_named = 0
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        try:
            batches, accounts = read_part(io.BytesIO(bytes(damaged)))
            rows = [row for rows in batches for row in rows]
        except ValueError:
            n_named += 1
        else:  # a bit that stands for nothing
            right, right_accounts = read_part(io.BytesIO(whole))
            assert (rows, accounts) == ([row for rows in right for row in rows], right_accounts)
    assert n_named > len(whole) / 7 / 4
    store.pipe_file(name, whole[: len(whole) // 2])
    home, path = machine("two")
    with FaultServer() as server:
        with pytest.raises(HarnessError, match=rf"{name.rsplit('/', 1)[-1]}: is no part of a journal") as caught:
            go(home, server.url, cache_path=path)
        assert "move it away" in caught.value.next_step
        assert server.served == 0
        store.rm(name)
        assert go(home, server.url, cache_path=path).counts == DONE


def test_a_part_that_is_damaged_on_the_way_hinders_no_put(machine, store, monkeypatch):
    """Small parts are packed after a put; one that cannot be read ended the command in a traceback."""
    monkeypatch.setattr("harness.runner.stored.store.MOST_SMALL", 0)
    home, path = machine("one")

    def script(text, attempt):
        store.pipe_file("/team/answers/20260101T000000-damaged.parquet", b"PAR1 cut")

    with FaultServer(script) as server:
        summary = go(home, server.url, cache_path=path)
    assert (summary.status, summary.warning) == ("complete", None)
    assert len(parts(store)) == 2


@proves("store: two machines at one time")
def test_two_machines_at_one_time_lose_nothing_and_keep_each_answer_once(machine, store, monkeypatch):
    monkeypatch.setattr(copies, "EVERY_S", 0.0)
    places = [machine(name) for name in ("one", "two")]
    ended = []
    with FaultServer(latency_s=0.005) as server:
        threads = [
            threading.Thread(
                target=lambda home=home, path=path: ended.append(go(home, server.url, 200, cache_path=path))
            )
            for home, path in places
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [(one.counts, one.warning) for one in ended] == [({"v1": {"ok": 200}}, None)] * 2
        assert max(server.answered.values()) <= 2
        asked = server.served
        home, path = machine("three")
        assert go(home, server.url, 200, cache_path=path).counts == {"v1": {"ok": 200}}
        assert server.served == asked
    assert len(set(answers(store))) == 200


@proves("store: kill -9 of a run")
def test_what_a_killed_run_was_answered_is_put_by_the_next(machine, store):
    home, path = machine("one")
    before = f"from functools import partial; go = partial(go, cache_path=Path({str(path)!r}))"
    with FaultServer(latency_s=0.01) as server:
        process = started(child(before, home, server.url, 300), server, 120)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)
        assert go(home, server.url, 300, cache_path=path).counts == {"v1": {"ok": 300}}
        assert server.served <= 300 + 8  # what was in flight
    assert len(answers(store)) == 300


def test_every_row_is_proven():
    assert {one.name for one in STORE_FAULTS} == PROVEN
