"""Whole runs against a loopback server that fails in every way, and processes that are killed on the way."""

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from runner_fakes import Asking, FakeGolden, completion, make_request, verdict

from harness.errors import HarnessError
from harness.records import Limits
from harness.runner import ready_endpoint, run_eval
from harness.runs import open_run
from tests.faults.server import CLOSE, FaultServer, failure, reply

OUTCOMES = {"prose": "unparsed", "refuse": "refused", "empty": "unparsed"}


class Careful(Asking):
    """Reads refusals too."""

    def read(self, response):
        answer = super().read(response)
        return answer if answer.rationale != "I'm sorry" else type(answer)("refused")


SENT = {
    "429": failure(429, "later", "retry-after-ms: 5\r\n"),
    "500": failure(500, "later"),
    "drop": CLOSE,
    "truncate": reply(200, completion("safe"))[:-60],
    "prose": reply(200, completion("Let me think.")),
    "refuse": reply(200, completion("I'm sorry")),
    "empty": reply(200, completion("")),
}


class Drawing:
    """The script of a server where each fault has a share of 5%, drawn from text and attempt."""

    def __init__(self):
        self.last = {}

    def __call__(self, text, attempt):
        slot = hashlib.sha256(f"{text}/{attempt}".encode()).digest()[0] * 20 // 256
        self.last[text] = fault = [*SENT][slot] if slot < len(SENT) else None
        return SENT.get(fault)


async def no_wait(seconds):
    await asyncio.sleep(min(seconds, 0.001))


def go(home, url, n=400, concurrency=64, *, sleep=no_wait, **more):
    endpoint = ready_endpoint("m", url, "k", limits=Limits(concurrency=concurrency), identity="faulty")
    request = make_request(home, FakeGolden(n), [Careful()], endpoints={"m": endpoint}, **more)
    return run_eval(request, sleep=sleep, rng=random.Random(0))


def test_every_fault_at_once_loses_no_item(tmp_path):
    drawing = Drawing()
    with FaultServer(drawing) as server:
        summary = go(tmp_path, server.url)
        stored = open_run(summary.path)
        rows = stored.candidate("v1")
        expected = {"ok": 0, "unparsed": 0, "refused": 0}
        for fault in drawing.last.values():
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
        with FaultServer(Drawing()) as server:
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
    here = Path(__file__).parent
    command = [sys.executable, "-c", CHILD, str(here), str(home), url, str(n)]
    return subprocess.Popen(command, cwd=here.parents[1], start_new_session=True)


def kill_and_resume(tmp_path, n_kills, n=400):
    killed = []
    with FaultServer(latency_s=0.01) as server:
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
    with FaultServer() as server:
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
    with FaultServer(latency_s=0.01) as server:
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
    with FaultServer(latency_s=0.05) as server:
        child = start(tmp_path, server.url, 1000)
        while server.served < 50:
            time.sleep(0.002)
        try:
            with pytest.raises(HarnessError, match="is under way in another process"):
                go(tmp_path, server.url, n=1000)
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
