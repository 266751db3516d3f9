"""The rows of batches in the table of faults, each proven over a socket, kill -9 of a process included.

More about the same (money, other protocols, every step of the protocol cut off) is in tests/runner/test_runner_batch.py.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import orjson
import pytest

from harness.errors import HarnessError
from tests.faults.doing import ROOT, child, go
from tests.faults.table import BATCH_FAULTS
from tests.runner.batch_server import BatchServer
from tests.runner.runner_fakes import completion

PROVEN: set[str] = set()
QUICKLY = (
    "from functools import partial; import harness.runner.batch.fill as fill; go = partial(go, is_batch=True); "
    "fill.FIRST_LOOK_S = fill.LONGEST_LOOK_S = 0.02"
)


def proves(name):
    PROVEN.add(name)
    return lambda test: test


def number(text):
    return int(text.split()[-1])


def paid_once(server, n=20):
    return len(server.billed) == n and max(server.billed.values()) == 1


@proves("batch: expired in part")
def test_what_expired_is_asked_again(tmp_path):
    with BatchServer(ends=["expired", "expired"]) as server:
        server.script = lambda text: "batch_expired" if number(text) > 15 and len(server.batches) < 3 else ""
        first = go(tmp_path, server.url, is_batch=True)
        assert (first.status, first.counts["v1"]) == ("invalid", {"error": 4, "ok": 16})
        assert "batch_expired" in next(iter(first.error_reasons["v1"]))
        assert go(tmp_path, server.url, is_batch=True).status == "complete"
    assert (server.sizes, paid_once(server)) == ([20, 4, 4], True)


@proves("batch: 429 or 5xx for some requests")
def test_passing_troubles_of_single_requests_are_asked_again(tmp_path):
    trouble = {5: (429, {"error": {"message": "slow down"}}), 6: (503, {"error": {"message": "overloaded"}})}
    with BatchServer() as server:
        server.script = lambda text: trouble.get(number(text), "") if len(server.batches) < 3 else ""
        first = go(tmp_path, server.url, is_batch=True)
        assert (first.status, first.counts["v1"]) == ("invalid", {"error": 2, "ok": 18})
        assert any("slow down" in reason for reason in first.error_reasons["v1"])
        assert go(tmp_path, server.url, is_batch=True).status == "complete"
    assert (server.sizes, paid_once(server)) == ([20, 2, 2], True)


@proves("batch: cancelled at the server")
def test_what_a_cancelled_batch_left_is_asked_by_the_same_command(tmp_path):
    with BatchServer(lambda text: "batch_cancelled" if number(text) > 5 else "", ends=["cancelled"]) as server:
        first = go(tmp_path, server.url, is_batch=True)
        assert (first.status, first.counts["v1"]) == ("invalid", {"error": 14, "ok": 6})
        server.script = lambda text: ""
        assert go(tmp_path, server.url, is_batch=True).status == "complete"
    assert (server.sizes, paid_once(server)) == ([20, 14], True)


@proves("batch: refused at validation")
def test_a_refused_batch_ends_the_run_or_is_made_smaller(tmp_path):
    with BatchServer(ends=["failed", "failed"]) as server:
        server.errors = [{"code": "invalid_request", "line": 3, "message": "unknown parameter"}]
        with pytest.raises(HarnessError, match="was refused: line 3: unknown parameter"):
            go(tmp_path, server.url, is_batch=True)
        server.errors = [{"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit reached"}]
        assert go(tmp_path, server.url, is_batch=True).status == "complete"
    assert (server.sizes, paid_once(server)) == ([20, 20, 10, 10], True)


@proves("batch: lines in any order, doubled, foreign or broken")
def test_odd_lines_change_nothing(tmp_path):
    with BatchServer() as server:
        foreign = {"custom_id": "ab" * 32, "response": {"status_code": 200, "body": orjson.loads(completion("unsafe"))}}
        server.odd_lines = [b"{", b"null", orjson.dumps(foreign)] * 2
        assert go(tmp_path, server.url, is_batch=True).counts == {"v1": {"ok": 20}}


@proves("batch: 400, 413 or a block for one request")
def test_a_refusal_of_one_request_is_its_own(tmp_path):
    refused = {3: (413, {"error": {"message": "too long"}}), 4: (400, {"error": {"code": "content_filter"}})}
    with BatchServer(lambda text: refused.get(number(text), "")) as server:
        assert go(tmp_path, server.url, is_batch=True).counts["v1"] == {"blocked": 1, "ok": 18, "rejected": 1}


@proves("batch: the answer to its making is lost")
def test_a_batch_is_looked_for_before_another_is_made(tmp_path):
    with BatchServer() as server:
        server.loses_answers = 1
        assert go(tmp_path, server.url, is_batch=True).status == "complete"
    assert (server.sizes, paid_once(server)) == ([20], True)


@proves("batch: gone from the server")
def test_a_batch_that_is_gone_is_asked_anew(tmp_path):
    with BatchServer(held=True) as server:
        process = waiting(tmp_path, server, 20)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        server.is_held = False
        server.batches["another"] = server.batches.pop("batch_1")
        summary = go(tmp_path, server.url, is_batch=True)
        assert (summary.status, summary.unknown_calls, server.sizes) == ("complete", 20, [20, 20])


def waiting(home, server, n):
    """A process whose batch is under way."""
    command = child(QUICKLY, home, server.url, n)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    while not sum(server.looks.values()):
        assert process.poll() is None
        time.sleep(0.005)
    return process


@proves("batch: Ctrl-C")
@proves("batch: open at the server, and the run is asked live")
def test_ctrl_c_leaves_the_batch_at_the_server(tmp_path):
    with BatchServer(held=True) as server:
        process = waiting(tmp_path, server, 20)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, "incomplete" in out) == (5, True)
        n_requests = server.n_requests
        with pytest.raises(HarnessError, match=r"20 requests of this run .* in 1 open batch \(batch_1\): asked live"):
            go(tmp_path, server.url)
        assert server.n_requests == n_requests
        server.is_held = False
        assert go(tmp_path, server.url, is_batch=True).counts == {"v1": {"ok": 20}}
    assert (server.sizes, paid_once(server)) == ([20], True)


@proves("batch: kill -9 at any point")
@pytest.mark.parametrize("n_kills", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_random_kills_lose_nothing_and_pay_nothing_twice(tmp_path, n_kills):
    rng = random.Random(n_kills)
    with BatchServer(delay_s=0.03, held=True) as server:
        for _ in range(n_kills):
            command = child(QUICKLY, tmp_path, server.url, 20)
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
            n_before, until = server.n_requests, rng.randrange(1, 7)
            while server.n_requests < n_before + until and process.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.uniform(0.0, 0.06))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        server.is_held = False
        assert go(tmp_path, server.url, is_batch=True).counts == {"v1": {"ok": 20}}
    assert (server.sizes, paid_once(server)) == ([20], True)


def test_every_row_is_proven():
    assert {one.name for one in BATCH_FAULTS} == PROVEN
