"""Several runs on one journal, killed owners, a locked file, a lost write-ahead file, and the ledger."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest
from runner_fakes import NOW, PRICE, FakeGolden, FakeTransport, keep, make_request, run

from harness.errors import HarnessError
from harness.runner import run_eval
from harness.runner.answers import Stored
from harness.runner.cache import ResponseCache
from harness.runner.claims import NOTHING_SPENT, Spent, Wanted
from harness.runner.marks import Marks, path_of
from harness.runner.transport import RawResponse

KEY = b"k" * 32


def opened(tmp_path, run_name="r"):
    return ResponseCache(tmp_path / "c.sqlite", lambda: NOW, run_name)


def killed(cache):
    """What another process sees once this one is gone."""
    cache._marks.close()
    cache._beat_at = time.time()


async def claimed(cache, key=KEY, usd=0.5, timeout_s=2.0):
    return await asyncio.wait_for(cache.claim(Wanted(key, usd, 100)), timeout_s)


async def test_one_request_is_asked_by_one_run(tmp_path):
    with opened(tmp_path) as one, opened(tmp_path) as two:
        assert await claimed(one) is None
        waiting = asyncio.ensure_future(claimed(two, timeout_s=5.0))
        await asyncio.sleep(0.1)
        assert "1 answers that another run is asking for" in two.held()
        await one.put(KEY, Stored(200, b"{}", 1.0), "m")
        assert await waiting == Stored(200, b"{}", 1.0)


async def test_a_request_given_up_by_one_run_is_asked_by_the_next(tmp_path):
    with opened(tmp_path) as one, opened(tmp_path) as two:
        assert await claimed(one) is None
        waiting = asyncio.ensure_future(claimed(two, timeout_s=5.0))
        await asyncio.sleep(0.05)
        one.release(KEY)
        assert await waiting is None


async def test_an_answer_that_came_between_look_up_and_claim_is_found(tmp_path):
    with opened(tmp_path) as one, opened(tmp_path) as two:
        await claimed(two, b"x" * 32)
        keep(one, [(KEY, Stored(200, b"{}", 1.0), "m")])
        assert await claimed(two) == Stored(200, b"{}", 1.0)


async def test_an_answer_that_came_before_an_earlier_claim_is_found(tmp_path):
    """An answer that came before the claim of another key was asked for and paid again: two of 120, in four runs."""
    with opened(tmp_path) as one, opened(tmp_path) as two:
        assert two.get_many([KEY]) == {}
        keep(one, [(KEY, Stored(200, b"{}", 1.0), "m")])
        await claimed(two, b"x" * 32)  # sees the other run's write, but does not look for this key
        assert await claimed(two) == Stored(200, b"{}", 1.0)


async def test_claims_of_a_killed_run_are_free_and_may_have_cost_money(tmp_path):
    with opened(tmp_path, "r") as one:
        await claimed(one)
        one.sent(KEY)
        killed(one)
        with opened(tmp_path, "r") as two:
            assert two.spent() == Spent(0.0, 0.5, 0, 100, 1)
            assert await claimed(two) is None


async def test_a_killed_run_has_spent_on_nothing_but_what_was_with_the_server(tmp_path):
    """All its claims counted: twice as many as were under way, since those that stand ready are claimed too."""
    ready, answered, refused, again, sent = (bytes([n]) * 32 for n in range(1, 6))
    with opened(tmp_path) as one:
        for key in (ready, answered, refused, again, sent):
            await claimed(one, key)
        for key in (answered, refused, again, sent):
            one.sent(key)
        one.ended(answered)
        await one.put(answered, Stored(200, b"{}", 1.0), "m")  # its claim ends with the next ones that are made
        one.book(Spent(usd=0.25, tokens=7))
        one.ended(refused)
        one.ended(again)
        one.sent(again)  # before the outcome of its first call was committed
        one.flush()
        killed(one)
        with opened(tmp_path) as two:
            assert two.spent() == Spent(0.25, 1.0, 7, 200, 2)
            assert [await claimed(two, key) for key in (ready, refused, again, sent)] == [None] * 4
            assert list(tmp_path.glob("*.sent")) == [path_of(two.path, two._owner)]
    assert list(tmp_path.glob("*.sent")) == []


async def test_any_number_of_calls_is_marked(tmp_path):
    keys = [n.to_bytes(32) for n in range(1, 301)]
    with opened(tmp_path) as one:
        await asyncio.gather(*(claimed(one, key) for key in keys))
        for key in keys:
            one.sent(key)
        for key in keys[:100]:
            one.ended(key)
        killed(one)
        with opened(tmp_path) as two:
            assert two.spent().unknown_calls == 200


@pytest.mark.parametrize("reason", ["another machine's", "gone", "cut off", "from before the machine was restarted"])
async def test_where_nobody_can_tell_what_was_sent_all_claims_count(tmp_path, reason):
    with opened(tmp_path) as one:
        await claimed(one)
        await claimed(one, b"x" * 32)
        one.sent(KEY)
        killed(one)
        if reason == "gone":
            path_of(one.path, one._owner).unlink()
            one._database.execute("UPDATE owners SET beat = beat - 61")
        elif reason == "cut off":
            os.truncate(path_of(one.path, one._owner), 100)
        elif reason == "another machine's":
            one._database.execute("UPDATE owners SET host = 'elsewhere', beat = 0")
        else:
            one._database.execute("UPDATE owners SET beat = ?", (time.time() - time.monotonic() - 5.0,))
        with opened(tmp_path) as two:
            assert two.spent() == Spent(0.0, 1.0, 0, 200, 2)


async def test_many_killed_owners_are_struck_out_in_one_pass_over_the_claims(tmp_path):
    """Each took five passes over the claims of all: 3,000 of them locked the journal for five minutes."""
    said = []
    with opened(tmp_path) as cache:
        await claimed(cache)
        database = cache._database
        for number in range(50):
            database.execute("INSERT INTO owners VALUES (?, 'elsewhere', 1, 0)", (f"o{number}",))
            database.execute("INSERT INTO claims VALUES (?, ?, 'r', 0.5, 100)", (number.to_bytes(32), f"o{number}"))
        database.set_trace_callback(said.append)
        assert cache.spent() == Spent(0.0, 25.5, 0, 5100, 51)
        database.set_trace_callback(None)
    assert sum("FROM claims" in one and "key = " not in one for one in said) == 2  # the pass, and what is left


@pytest.mark.parametrize("column", ["pid = 999999999", f"host = '{socket.gethostname()}'"])
async def test_an_owner_lives_whatever_its_process_and_machine_are_called(tmp_path, column):
    """In containers of one host name, or beside a machine of the same name, a living run's calls were made again."""
    with opened(tmp_path) as one, opened(tmp_path) as two:
        await claimed(one)
        one._database.execute(f"UPDATE owners SET {column}")
        with pytest.raises(TimeoutError):
            await claimed(two, timeout_s=0.1)
        assert two.spent().unknown_calls == 1  # it may have ended: no bound counts on its living


async def test_a_journal_behind_a_link_keeps_all_that_is_beside_it_beside_the_file(tmp_path):
    """Killed under one name and gone on with under the other, all claims counted, and the marks stayed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "c.sqlite").symlink_to(tmp_path / "real" / "file.sqlite")
    with opened(tmp_path) as one:
        await claimed(one)
        await claimed(one, b"x" * 32)
        one.sent(KEY)
        killed(one)
        with ResponseCache(tmp_path / "real" / "file.sqlite", lambda: NOW, "r") as two:
            assert two.spent().unknown_calls == 1
        with opened(tmp_path) as three:
            assert three.warning is None
    assert not list(tmp_path.rglob("*.sent"))


def test_marks_without_room_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.runner.marks.mmap.mmap", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(HarnessError, match="make room"):
        Marks(tmp_path / "c.sqlite", "o")
    assert not list(tmp_path.iterdir())


async def test_claims_wait_for_company_while_calls_stand_ready(tmp_path):
    """Every claim and every answer was a transaction of its own where calls came one by one."""
    with opened(tmp_path) as cache:
        await claimed(cache)
        n_before = cache._database.total_changes
        waiting = [asyncio.ensure_future(cache.claim(Wanted(bytes([n]) * 32, 0.0, 0), 4)) for n in range(3)]
        await cache.put(KEY, Stored(200, b"{}", 1.0), "m")
        assert cache._database.total_changes == n_before + 1  # the answer, at once
        assert not any(one.done() for one in waiting)
        assert await claimed(cache, b"x" * 32) is None  # nobody stands ready: all of them, and the answered claim's end
        assert await asyncio.gather(*waiting) == [None] * 3
        assert cache._database.total_changes == n_before + 1 + 4 + 1
        alone = cache.claim(Wanted(b"y" * 32, 0.0, 0), 4)
        assert await asyncio.wait_for(alone, 2.0) is None  # though no other comes


async def test_a_stop_turns_away_who_waits_for_others(tmp_path):
    with opened(tmp_path) as one, opened(tmp_path) as two:
        await claimed(one)
        waiting = asyncio.ensure_future(claimed(two))
        await asyncio.sleep(0.05)
        two.turn_away(InterruptedError())
        with pytest.raises(InterruptedError):
            await waiting


async def test_the_ledger_adds_up_over_executions(tmp_path):
    with opened(tmp_path) as one:
        assert one.spent() == NOTHING_SPENT
        one.book(Spent(1.0, 0.0, 10, 0, 0))
        one.book(Spent(0.0, 0.25, 0, 7, 1))
    with opened(tmp_path) as two, opened(tmp_path, "other") as other:
        assert two.spent() == Spent(1.0, 0.25, 10, 7, 1)
        assert other.spent() == NOTHING_SPENT


async def test_a_locked_journal_does_not_hold_up_the_loop(tmp_path):
    """It froze everything for two minutes, Ctrl-C included."""
    with opened(tmp_path) as cache:
        await claimed(cache, b"x" * 32)
        other = sqlite3.connect(cache.path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        kept = cache.put(KEY, Stored(200, b"{}", 1.0), "m")
        turns, began = 0, time.monotonic()
        while time.monotonic() - began < 0.6:
            await asyncio.sleep(0.01)
            turns += 1
        assert not kept.done()
        assert turns > 15
        other.execute("COMMIT")
        other.close()
        await asyncio.wait_for(kept, 5.0)
        assert cache.get_many([KEY])


async def test_a_journal_locked_for_good_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.runner.cache.BUSY_S", 0.2)
    with opened(tmp_path) as cache:
        other = sqlite3.connect(cache.path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HarnessError, match="wait until the other process is done"):
            await cache.put(KEY, Stored(200, b"{}", 1.0), "m")
        other.close()
    assert not list(tmp_path.glob("*.sent"))


def test_a_lost_write_ahead_file_is_said(tmp_path):
    async def fill():
        cache = opened(tmp_path)
        await cache.claim(Wanted(KEY, 0.0, 0))
        await cache.put(KEY, Stored(200, b"{}", 1.0), "m")
        cache._marks.close()
        cache._database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return cache

    killed = asyncio.run(fill())
    with opened(tmp_path) as cache:
        assert cache.warning is None
    killed._database.close()
    with opened(tmp_path) as cache:
        cache._database.execute("INSERT INTO owners VALUES ('o', 'elsewhere', 1, 0)")
        cache._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cache._database.close()
        cache._beat_at, cache._database = None, sqlite3.connect(":memory:")
    for name in ("c.sqlite-wal", "c.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with opened(tmp_path) as cache:
        assert "c.sqlite-wal beside it is gone" in cache.warning


def test_a_new_journal_is_its_owners_alone(tmp_path):
    with opened(tmp_path) as cache:
        assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600


class Slow(FakeTransport):
    """Counts calls of several threads."""

    asked: list = []  # noqa: RUF012
    lock = threading.Lock()

    async def post(self, endpoint, route, body, timeout_s):
        with self.lock:
            self.asked.append(body)
        return await super().post(endpoint, route, body, timeout_s)


def test_four_runs_on_one_journal_in_different_folders_pay_once(tmp_path):
    """Of 1,000 answers 968 were paid for twice, and with four runs 2,927 times too often."""
    Slow.asked.clear()
    summaries = []

    def go(number):
        request = make_request(tmp_path, FakeGolden(120), runs_dir=tmp_path / f"runs{number}")
        summaries.append(run_eval(request, transport=Slow(), now=lambda: datetime.now(UTC)))

    threads = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [summary.counts for summary in summaries] == [{"v1": {"ok": 120}}] * 4
    assert len(Slow.asked) == len(set(Slow.asked)) == 120


def test_an_answer_that_poisons_the_journal_is_read_again_without_harm(tmp_path):
    """A token count beyond 2**63 made every rerun a traceback."""
    import orjson

    document = {
        "choices": [{"message": {"content": "safe"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2**63, "completion_tokens": 1},
    }
    body = orjson.dumps(document)
    for _ in range(2):
        request = make_request(tmp_path, max_error_rate=0.0, wave=None, price=PRICE)
        summary = run(request, FakeTransport(lambda text, attempt: RawResponse(200, {}, body, document)))
        assert summary.counts == {"v1": {"ok": 20}}
        import shutil

        shutil.rmtree(summary.path)


SCRIPT = """
import sys, asyncio
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from runner_fakes import FakeGolden, FakeTransport, make_request
from harness.records import Limits
from harness.runner import run_eval
request = make_request(Path(sys.argv[1]), FakeGolden(200), limits=Limits(concurrency=8, timeout_s=20.0))
print("ready", flush=True)
summary = run_eval(request, transport=FakeTransport(latency_s=1.5), stream=sys.stderr)
print(summary.status, summary.counts, summary.calls)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_one_signal_keeps_what_is_under_way(tmp_path, name):
    here = os.path.dirname(__file__)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), "x", here],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    journal = tmp_path / "cache.sqlite"
    deadline = time.monotonic() + 30
    n_open = 0
    while n_open == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
        if journal.exists():
            other = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
            with contextlib.suppress(sqlite3.OperationalError):
                n_open = other.execute("SELECT count(*) FROM claims").fetchone()[0]
            other.close()
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=30)
    assert out.startswith("incomplete"), err
    n_calls = int(out.split()[-1])
    database = sqlite3.connect(journal)
    assert database.execute("SELECT count(*) FROM responses").fetchone() == (n_calls,)
    assert database.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    database.close()
    assert "calls are under way and are waited for" in err
