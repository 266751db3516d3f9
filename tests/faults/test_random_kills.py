"""Runs killed at random, over and over: nothing that was answered is lost, and nothing is paid for twice beyond what was
in flight.

``HARNESS_TEST_KILLS`` makes the long form longer. Batches have theirs in ``test_batch_matrix``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from harness.runner.merge import find_shards, merge
from harness.runner.shards import Shard
from harness.runs import open_run
from tests.faults.doing import ROOT, child, go, journaled
from tests.faults.server import FaultServer

N_ITEMS, CONCURRENCY = 1_500, 8


def killed_at_random(command, server, rng, most_new):
    """Start a process and kill it, with all that it has started, after some more calls or while it starts."""
    before, until = server.served, rng.randrange(0, most_new)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    while server.served < before + until and process.poll() is None:
        time.sleep(0.002)
    time.sleep(rng.uniform(0.0, 0.05))
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    "n_kills", [2, pytest.param(int(os.environ.get("HARNESS_TEST_KILLS", "50")), marks=pytest.mark.slow)]
)
def test_shards_killed_at_random_lose_nothing_and_pay_nothing_twice(tmp_path, n_kills):
    rng = random.Random(n_kills)
    homes = {part: tmp_path / f"machine{part}" for part in (1, 2)}
    with FaultServer(latency_s=0.01) as server:
        for _ in range(n_kills):
            part = rng.choice((1, 2))
            homes[part].mkdir(exist_ok=True)
            shard = f"from functools import partial; from harness.runner.shards import Shard; go = partial(go, shard=Shard({part}, 2))"
            command = child(shard, homes[part], server.url, N_ITEMS, CONCURRENCY)
            killed_at_random(command, server, rng, max(2, 2 * N_ITEMS // n_kills))
        served = server.served
        journals = sum(journaled(home) for home in homes.values() if (home / "cache.sqlite").exists())
        summaries = [go(homes[part], server.url, N_ITEMS, shard=Shard(part, 2)) for part in (1, 2)]
        in_flight = n_kills * CONCURRENCY
        print(f"{n_kills} kills: {server.served:,} calls for {N_ITEMS:,} items, {server.served - N_ITEMS} again")
        assert served - journals <= in_flight
        assert server.served - N_ITEMS <= in_flight
        assert len(server.attempts) == N_ITEMS
    runs = tmp_path / "runs"
    merged = open_run(merge(find_shards([one.path for one in summaries], runs), runs)).meta
    assert (merged.status, merged.counts) == ("complete", {"v1": {"ok": N_ITEMS}})
