"""Whole runs against a loopback server that fails in every way, and processes that are killed on the way."""

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from runner_fakes import Asking, FakeGolden, completion, make_request, verdict

from harness.errors import HarnessError
from harness.records import Limits
from harness.runner import ready_endpoint, run_eval
from harness.runs import open_run

FAULTS = ("429", "500", "drop", "truncate", "prose", "refuse", "empty")
OUTCOMES = {"prose": "unparsed", "refuse": "refused", "empty": "unparsed"}


class Careful(Asking):
    """Reads refusals too."""

    def read(self, response):
        answer = super().read(response)
        return answer if answer.rationale != "I'm sorry" else type(answer)("refused")


class FaultyServer(threading.Thread):
    """Answers chat requests; ``share`` of each fault, drawn from body and attempt."""

    def __init__(self, share=0.0, latency_s=0.0):
        super().__init__(daemon=True)
        self.share, self.latency_s = share, latency_s
        self.served, self.attempts, self.drawn = 0, {}, {}
        self.ready = threading.Event()

    def fault(self, text, attempt):
        draw = hashlib.sha256(f"{text}/{attempt}".encode()).digest()[0] / 256
        slot = int(draw / self.share) if self.share else len(FAULTS)
        return FAULTS[slot] if slot < len(FAULTS) else None

    def run(self):
        asyncio.run(self.main())

    async def main(self):
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=512)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self.ready.set()
        await self.ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(
                    next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line)
                )
                text = orjson.loads(await reader.readexactly(length))["messages"][-1]["content"]
                self.served += 1
                attempt = self.attempts[text] = self.attempts.get(text, 0) + 1
                await asyncio.sleep(self.latency_s)
                fault = self.fault(text, attempt)
                self.drawn[text] = fault
                if fault == "drop":
                    break
                content = {"prose": "Let me think.", "refuse": "I'm sorry", "empty": ""}.get(fault, verdict(text))
                status, body = "200 OK", completion(content)
                if fault in {"429", "500"}:
                    status, body = f"{fault} Fault", b'{"error": {"message": "later"}}'
                extra = "retry-after-ms: 5\r\n" if fault == "429" else ""
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode())
                if fault == "truncate":
                    writer.write(body[: len(body) // 2])
                    break
                writer.write(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def __enter__(self):
        self.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.join(10)


async def no_wait(seconds):
    await asyncio.sleep(min(seconds, 0.001))


def go(home, url, n=400, concurrency=64, *, sleep=no_wait, **more):
    endpoint = ready_endpoint("m", url, "k", limits=Limits(concurrency=concurrency), identity="faulty")
    request = make_request(home, FakeGolden(n), [Careful()], endpoints={"m": endpoint}, **more)
    return run_eval(request, sleep=sleep, rng=random.Random(0))


def test_every_fault_at_once_loses_no_item(tmp_path):
    with FaultyServer(0.05) as server:
        summary = go(tmp_path, server.url)
        stored = open_run(summary.path)
        rows = stored.candidate("v1")
        expected = {"ok": 0, "unparsed": 0, "refused": 0}
        for fault in server.drawn.values():
            expected[OUTCOMES.get(fault, "ok")] += 1
        assert summary.counts["v1"] == expected
        assert summary.errors == 0
        assert summary.calls == server.served
        assert server.served < 400 * 1.4
        is_ok = rows.outcomes[:, 0] == 0
        told = [int(verdict(f"text number {index}") == "unsafe") for index in range(400)]
        assert (rows.y_pred[:, 0, 0][is_ok] == [one for one, ok in zip(told, is_ok, strict=True) if ok]).all()
        served = server.served
        again = go(tmp_path, server.url)
        assert again.is_reused
        assert server.served == served


def test_faults_do_not_move_what_is_stored(tmp_path):
    tables = []
    for name, concurrency in (("one", 1), ("many", 128)):
        with FaultyServer(0.05) as server:
            summary = go(tmp_path / name, server.url, n=150, concurrency=concurrency)
        read = pq.read_table(f"{summary.path}/predictions.parquet")
        tables.append(read.drop_columns(["latency_ms", "cached"]))
    assert tables[0].equals(tables[1])


CHILD = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_runner_faults import go
go(Path(sys.argv[2]), sys.argv[3], n=int(sys.argv[4]), concurrency=16, sleep=asyncio.sleep)
"""


def start(home, url, n):
    here = str(Path(__file__).parent)
    return subprocess.Popen([sys.executable, "-c", CHILD, here, str(home), url, str(n)], start_new_session=True)


def kill_and_resume(tmp_path, n_kills, n=400):
    killed = []
    with FaultyServer(0.0, latency_s=0.01) as server:
        for number in range(n_kills):
            goal = (number + 1) * n // (n_kills + 1)
            child = start(tmp_path, server.url, n)
            while server.served < goal and child.poll() is None:
                time.sleep(0.002)
            killed.append(child.poll() is None)
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            time.sleep(0.05)
        summary = go(tmp_path, server.url, n=n, concurrency=16)
        served = server.served
    with FaultyServer() as server:
        unbroken = go(tmp_path / "unbroken", server.url, n=n, concurrency=16)
    assert all(killed)
    assert (summary.status, summary.counts, summary.run_id) == ("complete", unbroken.counts, unbroken.run_id)
    assert served <= n + 16 * n_kills  # at most what was in flight is paid for twice
    drop = ["latency_ms", "cached"]
    read = [pq.read_table(f"{one.path}/predictions.parquet").drop_columns(drop) for one in (summary, unbroken)]
    assert read[0].equals(read[1])
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()] == [summary.run_id]


def test_a_killed_run_pays_for_nothing_twice(tmp_path):
    kill_and_resume(tmp_path, 2)


@pytest.mark.slow
@pytest.mark.faults
def test_a_run_killed_ten_times_pays_for_nothing_twice(tmp_path):
    kill_and_resume(tmp_path, 10, n=1500)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order(tmp_path, number):
    with FaultyServer(0.0, latency_s=0.01) as server:
        child = start(tmp_path, server.url, 2000)
        while server.served < 100:
            time.sleep(0.002)
        child.send_signal(number)
        assert child.wait(20) == 0
        served = server.served
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    stored = open_run(folder)
    assert (stored.meta.status, stored.meta.reason) == ("incomplete", "interrupted")
    assert sum(stored.meta.counts["v1"].values()) == 2000
    assert stored.meta.counts["v1"]["ok"] == served
    assert len(stored.item_ids) == 2000


def test_two_processes_do_not_write_one_run(tmp_path):
    with FaultyServer(0.0, latency_s=0.05) as server:
        child = start(tmp_path, server.url, 1000)
        while server.served < 50:
            time.sleep(0.002)
        try:
            with pytest.raises(HarnessError, match="is under way in another process"):
                go(tmp_path, server.url, n=1000)
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
