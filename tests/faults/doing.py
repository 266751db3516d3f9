"""Whole runs over real sockets for the fault tests: in this process, or in a child that is limited or killed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import textwrap
from pathlib import Path

from harness.candidates.responses import read_document
from harness.records import Limits
from harness.records.answers import Answer
from harness.runner import ready_endpoint, run_eval
from tests.runner.runner_fakes import Asking, FakeGolden, make_request

LIMITS = Limits(concurrency=8, timeout_s=1.5, item_timeout_s=60, max_retries=1)
ROOT = Path(__file__).parents[2]


class Reading(Asking):
    """Reads failures as the shipped candidates do."""

    def read(self, response):
        document = read_document(response)
        return document if isinstance(document, Answer) else super().read(response)


async def short(seconds):
    await asyncio.sleep(min(seconds, 0.001))


def go(home, url, n=20, *, limits=LIMITS, sleep=short, key="sk-key-of-the-tests", more_run=None, **more):
    """A run of one candidate over n items."""
    endpoint = ready_endpoint("m", url, key, limits=limits, identity="faulty")
    request = make_request(home, FakeGolden(n), [Reading()], endpoints={"m": endpoint}, **more)
    return run_eval(request, sleep=sleep, rng=random.Random(0), **(more_run or {}))


def journaled(home):
    """Answers in the journal."""
    database = sqlite3.connect(f"file:{home / 'cache.sqlite'}?mode=ro", uri=True)
    try:
        return database.execute("SELECT count(*) FROM responses").fetchone()[0]
    finally:
        database.close()


def child(before, home, url, n=20, concurrency=8):
    """The command line of a child that makes the run, with exit codes and words as the command line has them."""
    code = f"""
        import asyncio, resource, sys
        from pathlib import Path
        from harness.errors import HarnessError
        from harness.records import Limits
        from tests.faults.doing import go
        limits = Limits(concurrency={concurrency}, timeout_s=20, item_timeout_s=60, max_retries=1)
        home = Path({str(home)!r})
        {before}
        try:
            summary = go(home, {url!r}, {n}, limits=limits, sleep=asyncio.sleep)
        except HarnessError as error:
            sys.exit("Error: " + str(error))
        print(summary.status, summary.counts)
        sys.exit(0 if summary.status == "complete" else 5)
    """
    return [sys.executable, "-c", textwrap.dedent(code)]
