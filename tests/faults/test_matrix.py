"""Every row of the table of faults: what is seen, and what is kept."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from msgspec import structs

from harness.errors import HarnessError
from harness.files.golden.sets import load_golden
from harness.runner.cache import ResponseCache
from harness.runner.merge import find_shards, merge
from harness.runner.shards import Shard
from harness.runs import open_run
from tests.faults import server as fault
from tests.faults.doing import LIMITS, ROOT, child, go, journaled
from tests.faults.server import FaultServer, failure, reply
from tests.faults.table import FAULTS, PAGE, page
from tests.runner.runner_fakes import completion

PROVEN: Counter[str] = Counter()
ONE = " 13"
"""Ends the text of the item that the fault meets; others are answered before it."""


def proves(*names):
    def mark(test):
        PROVEN.update(names)
        return test

    return mark


def always(said):
    return lambda text, attempt: said if text.endswith(ONE) else None


def once(said):
    return lambda text, attempt: said if text.endswith(ONE) and attempt == 1 else None


# row, script, outcome of the item, words of its reason, calls made for it
ITEM_ROWS = [
    *(("400, 403, 413 or 422 for one item", always(failure(status, "cannot take this")), "rejected", f"HTTP {status}: cannot take this", 1)
      for status in (400, 403, 413, 422)),
    ("404 for one item", always(failure(404)), "error", "status 404", 1),
    ("401 once", once(failure(401)), "ok", "", 2),
    ("429 with Retry-After", once(failure(429, headers="retry-after: 1\r\n")), "ok", "", 2),
    *(("500, 502, 503 or 529 once", once(failure(status)), "ok", "", 2) for status in (500, 502, 503, 529)),
    *(("500, 502, 503 or 529 that stay", always(failure(status, "we are busy")), "error", f"status {status} after 2 attempts (the server says: we are busy)", 2)
      for status in (500, 502, 503, 529)),
    ("302", always(reply(302, b"", "location: http://127.0.0.1:1/\r\n")), "error", "302", 1),
    ("slow headers", always(fault.HANG), "error", "timeout", 2),
    ("slow body", always(fault.DRIP), "error", "timeout", 2),
    ("hang that ends", once(fault.HANG), "ok", "", 2),
    ("reset", always(fault.RESET), "error", "network", 2),
    ("truncated JSON", always(reply(200, completion("safe"))[:-20]), "error", "ended before its last byte", 2),
    ("invalid JSON", always(reply(200, b'{"choices": [,]}')), "error", "no JSON document", 2),
    ("wrong content type", always(reply(200, completion("safe")).replace(b"application/json", b"text/plain")), "ok", "", 1),
    ("HTML with 200", always(reply(200, b"<html>Sign in</html>")), "error", "a web page instead", 2),
    ("200 with an error inside", once(reply(200, b'{"error": {"code": 429, "message": "slow down"}}')), "ok", "", 2),
    ("200 with an error inside", always(reply(200, b'{"error": {"code": "content_filter", "message": "filtered"}}')), "blocked", "content filter", 1),
    ("gzip bomb", always(reply(200, fault.ENDLESS_ZIP, "content-encoding: gzip\r\n")), "error", "longer than 4 MB", 1),
    ("10 MB answer", always(reply(200, b" " * 10_000_000 + completion("safe"))), "error", "longer than 4 MB", 1),
]  # fmt: skip
PROVEN.update(row[0] for row in ITEM_ROWS)


@pytest.mark.parametrize(("name", "script", "outcome", "words", "calls"), ITEM_ROWS, ids=[row[0] for row in ITEM_ROWS])
def test_a_fault_of_one_item_leaves_the_others(tmp_path, name, script, outcome, words, calls):
    with FaultServer(script) as server:
        summary = go(tmp_path, server.url)
        (text,) = [text for text in server.attempts if text.endswith(ONE)]
        made = server.attempts[text]
    counts = Counter({"ok": 19}) + Counter({outcome: 1})
    assert summary.counts == {"v1": dict(counts)}
    assert summary.status == ("invalid" if outcome == "error" else "complete")
    (said,) = open_run(summary.path).texts("v1", "error")[13]
    assert words in (said or "")
    assert made == calls
    assert journaled(tmp_path) == counts["ok"]
    with FaultServer() as server:  # the same command, when the fault is gone
        again = go(tmp_path, server.url)
        assert again.is_reused or again.counts == {"v1": {"ok": 20}}
        assert again.is_reused is (outcome != "error")
        assert server.served == (outcome == "error")


@proves("invalid JSON", "HTML with 200")
@pytest.mark.parametrize("body", [b'{"choices": [,]}', b"<html>Sign in</html>"])
def test_what_may_be_paid_for_is_asked_twice_however_many_retries_there_are(tmp_path, body):
    with FaultServer(always(reply(200, body))) as server:
        go(tmp_path, server.url, limits=structs.replace(LIMITS, max_retries=5))
    assert max(server.attempts.values()) == 2


@proves("gzip bomb")
def test_a_bomb_takes_no_memory(tmp_path):
    with FaultServer(always(reply(200, fault.gigabyte_zip(), "content-encoding: gzip\r\n"))) as server:
        command = child("resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))", tmp_path, server.url)
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert "'error': 1, 'ok': 19" in done.stdout, done.stderr


@proves("400, 403, 413 or 422 for every item")
@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_refusal_of_every_item_ends_the_run(tmp_path, status):
    with FaultServer(lambda text, attempt: failure(status, "cannot take this")) as server:
        with pytest.raises(HarnessError, match="first 10 items all failed") as caught:
            go(tmp_path, server.url, 400)
        assert server.served in (10, 11)  # with the harmless text
    assert "cannot take this" in str(caught.value)


def ended(content, finish):
    document = orjson.loads(completion(content))
    document["choices"][0]["finish_reason"] = finish
    return reply(200, orjson.dumps(document))


@proves("every answer is empty, says nothing that can be read, or is blocked")
@pytest.mark.parametrize(
    ("said", "words", "n"),
    [
        (ended("", "stop"), "were all unparsed", 10),
        (ended("I like turtles", "stop"), "were all unparsed", 10),
        (ended("", "content_filter"), "were all blocked, and so was a harmless text", 11),
        (reply(400, b'{"error": {"code": "content_filter", "message": "filtered"}}'), "and so was a harmless text", 11),
    ],
)
def test_useless_answers_to_every_item_end_the_run(tmp_path, said, words, n):
    """Twenty to thirty items were paid for, and of blocks all."""
    with FaultServer(lambda text, attempt: said) as server:
        summary = go(tmp_path, server.url, 400)
    assert (summary.status, server.served, summary.calls) == ("incomplete", n, n)
    assert words in summary.reason


@proves("the provider blocks the first texts, and no harmless one")
def test_blocks_of_the_first_texts_end_no_run(tmp_path):
    blocked = ended("", "content_filter")
    first = {f"text number {n}" for n in range(30)}
    with FaultServer(lambda text, attempt: blocked if text in first else None) as server:
        summary = go(tmp_path, server.url, 100)
    assert (summary.status, summary.counts["v1"], server.served) == ("complete", {"blocked": 30, "ok": 70}, 101)


@proves("refusals of all that differ")
@pytest.mark.parametrize("n_answered", [0, 50])
def test_refusals_that_differ_end_the_run(tmp_path, n_answered):
    seen = [0]

    def script(text, attempt):
        seen[0] += 1
        gateway = failure(403, f"Your account may not do this. Request req_{seen[0]:x}XpQz, {text}")
        return (
            (failure(404, f"acme-1 is not served (at {text})") if seen[0] % 2 else gateway)
            if seen[0] > n_answered
            else None
        )

    with FaultServer(script) as server, pytest.raises(HarnessError, match="status 40"):
        go(tmp_path, server.url, 400)
    assert server.served <= n_answered + 40
    assert journaled(tmp_path) == n_answered


@proves("401 for every item")
def test_a_key_that_is_not_accepted_ends_the_run_at_once(tmp_path):
    with FaultServer(lambda text, attempt: failure(401, "bad key sk-key-of-the-tests")) as server:
        with pytest.raises(HarnessError, match="status 401") as caught:
            go(tmp_path, server.url, 400)
        assert server.served <= 10
    assert "sk-key" not in str(caught.value)


@proves("400 to 404 or a spent quota, from some item on")
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_access_that_ends_on_the_way_ends_the_run(tmp_path, status):
    n_answered = [0]

    def script(text, attempt):
        n_answered[0] += 1
        return failure(status, "it ended at noon") if n_answered[0] > 50 else None

    with FaultServer(script) as server, pytest.raises(HarnessError, match="it ended at noon"):
        go(tmp_path, server.url, 400)
    assert server.served <= 120
    assert journaled(tmp_path) == 50
    with FaultServer() as server:
        assert go(tmp_path, server.url, 400).counts == {"v1": {"ok": 400}}
        assert server.served == 350


@proves("403 for many texts in a row")
def test_texts_that_a_firewall_refuses_one_after_the_other_end_no_run(tmp_path):
    with FaultServer(lambda text, attempt: failure(403) if 50 <= int(text.split()[-1]) < 100 else None) as server:
        summary = go(tmp_path, server.url, 150)
        assert server.served <= 150 + 2
    assert (summary.status, summary.counts) == ("complete", {"v1": {"ok": 100, "rejected": 50}})


@proves("duplicate ids")
def test_duplicate_ids_are_named_before_anything_is_asked(tmp_path):
    row = '{"id": "a", "text": "x", "labels": {"hate": 1}}\n'
    (tmp_path / "s.jsonl").write_text(row + row)
    (tmp_path / "s.yaml").write_text(
        "golden_set: s\nversion: 1\npolicy: {name: p, version: 1}\nitems: s.jsonl\nlabels: [hate]\nsource: x\nlicence: x\n"
    )
    with pytest.raises(HarnessError, match=r"s\.jsonl:2: .*'a'.*line 1"):
        load_golden(tmp_path / "s.yaml", None)


@proves("clock jumps")
def test_a_clock_that_jumps_loses_nothing(tmp_path):
    start, seen = datetime(2026, 11, 23, tzinfo=UTC), [0]

    def now():
        seen[0] += 1
        return start + timedelta(hours=(-1) ** seen[0] * seen[0])

    later = failure(
        429, headers="retry-after: Mon, 23 Nov 2026 00:00:02 GMT\r\ndate: Mon, 23 Nov 2026 00:00:01 GMT\r\n"
    )
    script = lambda text, attempt: later if attempt == 1 and int(text.split()[-1]) % 3 == 0 else None  # noqa: E731
    with FaultServer(script) as server:
        summary = go(tmp_path, server.url, 60, more_run={"now": now})
        assert max(server.answered.values()) == 1
    assert (summary.status, summary.counts) == ("complete", {"v1": {"ok": 60}})


@proves("DNS")
def test_a_name_that_does_not_exist_ends_the_run(tmp_path):
    with pytest.raises(HarnessError, match="nothing answers there") as caught:
        go(tmp_path, "http://no-such-host.invalid/v1")
    assert "correct base_url in models.yaml" in str(caught.value)


@proves("TLS")
def test_a_server_that_speaks_no_tls_ends_the_run(tmp_path):
    with FaultServer() as server:
        with pytest.raises(HarnessError, match=r"(?i)ssl|network|certificate"):
            go(tmp_path, server.url.replace("http:", "https:"), 40)
        assert server.served == 0


def mounted(folder, options):
    """A small disk of its own, where the system lets us."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount a small disk here")


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    yield folder
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)


@proves("full disk under the runs")
def test_a_full_disk_under_the_runs_keeps_every_answer(tmp_path, disk):
    mounted(disk, "size=16k")
    with FaultServer() as server:
        with pytest.raises(HarnessError, match="No space left on device.*\n.*\n.*type the same command again"):
            go(tmp_path, server.url, 300, runs_dir=disk / "runs")
        asked = server.served
        assert journaled(tmp_path) == asked
        again = go(tmp_path, server.url, 300)
        assert again.counts == {"v1": {"ok": 300}}
        assert max(server.answered.values()) == 1


@proves("full disk under the runs")
def test_a_limit_on_files_is_named(tmp_path):
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    with FaultServer() as server:
        go(tmp_path, server.url, 300, runs_dir=tmp_path / "first")  # the journal is there already
        (tmp_path / "cache.sqlite-wal").unlink(missing_ok=True)
        done = subprocess.run(child(limit, tmp_path, server.url, 300), capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


@proves("full disk under the journal")
def test_a_full_disk_under_the_journal_is_named_and_keeps_what_was_committed(tmp_path, disk):
    mounted(disk, "size=160k")
    with FaultServer(latency_s=0.001) as server:
        with pytest.raises(HarnessError, match="response cache cannot be used: .*full"):
            go(tmp_path, server.url, 4000, cache_path=disk / "cache.sqlite")
        before = journaled(disk)
        assert 0 < before <= server.served
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    with FaultServer() as server:
        again = go(tmp_path, server.url, 4000, cache_path=disk / "cache.sqlite")
        assert again.counts == {"v1": {"ok": 4000}}
        assert server.served == 4000 - before


@proves("output without room")
def test_an_output_without_room_is_one_message(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    command = [
        *child("", tmp_path, "http://127.0.0.1:1")[:1],
        "-c",
        "from harness.cli import main; main()",
        "explain",
        "gate",
    ]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr.split("\n")[0]) == (1, "Error: the output: No space left on device")


@proves("read-only disk")
def test_a_read_only_disk_is_named_before_anything_is_asked(tmp_path, disk):
    mounted(disk, "size=1m,ro")
    with FaultServer() as server:
        with pytest.raises(HarnessError, match="(?i)read-only file system"):
            go(tmp_path, server.url, runs_dir=disk / "runs")
        with pytest.raises(HarnessError, match="response cache cannot be used"):
            go(tmp_path, server.url, cache_path=disk / "cache.sqlite")
        assert server.served == 0


@proves("corrupt cache")
@pytest.mark.parametrize("at", [0, 5000])
def test_a_corrupt_cache_is_named_and_left_alone(tmp_path, at):
    with FaultServer() as server:
        go(tmp_path, server.url, 200)
        path = tmp_path / "cache.sqlite"
        content = bytearray(path.read_bytes())
        content[at : at + 9000] = bytes(9000) if at == 0 else b"\xff" * 9000
        path.write_bytes(content)
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        with pytest.raises(HarnessError, match="move this file away|belongs to another program"):
            go(tmp_path, server.url, 300, runs_dir=tmp_path / "other")
        assert path.exists()


@proves("four runs on one cache")
def test_four_runs_on_one_cache_pay_once(tmp_path):
    with FaultServer(latency_s=0.005) as server:
        ended = []
        threads = [
            threading.Thread(target=lambda at=at: ended.append(go(tmp_path, server.url, 200, runs_dir=tmp_path / f"runs-{at}")))
            for at in range(4)
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [one.counts for one in ended] == [{"v1": {"ok": 200}}] * 4
        assert set(server.answered.values()) == {1}


def started(command, server, n):
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    while server.served < n:
        assert process.poll() is None
        time.sleep(0.002)
    return process


@proves("SIGTERM")
def test_sigterm_waits_for_what_is_paid_for(tmp_path):
    with FaultServer(latency_s=0.05) as server:
        process = started(child("", tmp_path, server.url, 2000), server, 40)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 5
        assert out.startswith("incomplete")
        assert journaled(tmp_path) == server.served
        (folder,) = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
        assert open_run(folder).meta.counts["v1"]["ok"] == server.served


@proves("SIGINT twice")
def test_the_second_sigint_waits_for_nothing(tmp_path):
    with FaultServer(lambda text, attempt: fault.HANG if int(text.split()[-1]) >= 40 else None) as server:
        process = started(child("", tmp_path, server.url, 2000), server, 44)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):  # the first one waits for the calls
            process.wait(0.5)
        while process.poll() is None:  # two that arrive at once count as one
            assert time.monotonic() - began < 15  # the calls have 20 s to go
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(6)
        out, _ = process.communicate()
    assert (process.returncode, out.split()[0]) == (5, "incomplete")
    assert journaled(tmp_path) == 40


@proves("kill -9")
def test_kill_9_loses_nothing_that_was_answered(tmp_path):
    with FaultServer(latency_s=0.01) as server:
        process = started(child("", tmp_path, server.url, 300), server, 120)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)
        summary = go(tmp_path, server.url, 300)
        assert (summary.status, summary.counts) == ("complete", {"v1": {"ok": 300}})
        assert server.served <= 300 + 8  # what was in flight


@proves("kill -9")
def test_kill_9_counts_as_spent_what_was_with_the_server_and_no_other_call(tmp_path):
    with FaultServer(latency_s=0.2) as server:
        process = started(child("", tmp_path, server.url, 1000, concurrency=32), server, 200)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)
        n_unanswered = server.served - journaled(tmp_path)
        with ResponseCache(tmp_path / "cache.sqlite", lambda: datetime.now(UTC)) as cache:
            cache.spent()  # buries the dead
            found = cache.transact(lambda database: database.execute("SELECT unknown_calls FROM ledger").fetchall())
        # those that stood ready were claimed too, and a place that has just come free may be before its answer is kept
        assert n_unanswered <= found[0][0] <= 2 * 32
    assert not list(tmp_path.glob("*.sent"))


@proves("kill -9 of a shard")
def test_a_killed_shard_is_missing_and_goes_on(tmp_path):
    part = "from functools import partial; from harness.runner.shards import Shard; go = partial(go, shard=Shard(1, 2))"
    with FaultServer(latency_s=0.01) as server:
        other = go(tmp_path, server.url, 300, shard=Shard(2, 2))
        process = started(child(part, tmp_path, server.url, 300), server, other.items + 60)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        runs = tmp_path / "runs"
        with pytest.raises(HarnessError, match="of its 2 shards 1 is missing: 1"):
            merge(find_shards([other.whole], runs), runs)
        assert go(tmp_path, server.url, 300, shard=Shard(1, 2)).status == "complete"
        merged = open_run(merge(find_shards([other.whole], runs), runs)).meta
        assert (merged.status, merged.counts) == ("complete", {"v1": {"ok": 300}})
        assert server.served <= 300 + 8  # what was in flight


@proves("no file descriptors")
def test_without_file_descriptors_nothing_is_lost(tmp_path):
    limit = "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))"
    with FaultServer(latency_s=0.05) as server:
        command = child(limit, tmp_path, server.url, 300, concurrency=128)
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1, 5)
        if done.returncode == 1:
            assert "ulimit -n" in done.stderr
        assert go(tmp_path, server.url, 300).counts == {"v1": {"ok": 300}}
        assert max(server.answered.values()) == 1


def test_every_row_is_proven_and_every_proof_has_its_row():
    assert set(PROVEN) == {one.name for one in FAULTS}
    assert len({one.name for one in FAULTS}) == len(FAULTS)


def test_the_page_of_the_docs_is_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: make docs"


# -------------------------------------------------------------------------------------------------------------- soak

RATE_LIMITS = (failure(429, headers="retry-after-ms: 2\r\n"), reply(200, b'{"error": {"code": 429}}'))
OTHERS = (
    failure(500), failure(503), fault.RESET, fault.CLOSE, reply(200, completion("safe"))[:-9], reply(200, b"{"),
    reply(200, b"<html>"), failure(413), failure(422), failure(400, "content filter: flagged by our content policy"),
    reply(200, completion("Let me think.")), reply(200, completion("")),
    reply(200, fault.gzip.compress(bytes(6_000_000)), "content-encoding: gzip\r\n"),
    reply(200, b'{"error": {"message": "overloaded", "code": 503}}'),
)  # fmt: skip


def kind_of(number, attempt):
    """What becomes of a call: one in seven meets a fault, one in 5,000 a rate limit, which holds up all others."""
    draw = random.Random(number * 1_000 + attempt).random()
    if draw < 0.0002:
        return RATE_LIMITS[number % 2]
    return OTHERS[int(draw * 100)] if draw < 0.01 * len(OTHERS) else None


def soak(tmp_path, n):
    """All faults mixed; every item has one row, no answer is paid for twice, and memory does not grow with the run."""
    asked = Counter()

    def script(text, attempt):
        number = int(text.split()[-1])
        asked[number] += 1
        return kind_of(number, attempt)

    limits = type(LIMITS)(concurrency=64, timeout_s=10, item_timeout_s=60, max_retries=3)
    with FaultServer(script) as server:
        summary = go(tmp_path, server.url, n, limits=limits, max_error_rate=0.9)
        counts = summary.counts["v1"]
        assert sum(counts.values()) == n
        stored = open_run(summary.path)
        assert len(set(stored.item_ids)) == n
        assert counts["ok"] == len([one for one in server.answered if server.answered[one]])
        assert max(server.answered.values()) == 1
        assert set(counts) == {"ok", "unparsed", "blocked", "rejected", "error"}
        assert len(asked) == n
        answered = dict(server.answered)
        again = go(tmp_path, server.url, n, limits=limits, max_error_rate=0.9)  # asks only what has no answer
        assert again.cached >= counts["ok"] + counts["unparsed"]
        assert all(server.answered[one] == 1 for one in answered)
    return counts


@pytest.mark.no_cover
@pytest.mark.faults
def test_a_soak_of_all_faults_loses_nothing(tmp_path):
    soak(tmp_path, 1_500)


@pytest.mark.slow
@pytest.mark.faults
def test_a_long_soak_of_all_faults_loses_nothing_and_stays_small(tmp_path):
    soak(tmp_path / "short", 20_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    soak(tmp_path / "long", 200_000)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 400  # server, golden set and bookkeeping of the test live in this process too
