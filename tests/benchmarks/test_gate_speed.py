"""A gate of 20 categories x 2 metrics on 100,000 items from stored runs, failed answers included."""

import time

import numpy as np
import pytest

from harness.gating import gate_runs
from harness.runs import open_run
from tests.gating.stored import store_run

N_ITEMS, N_CATEGORIES, MOST_S = 100_000, 20, 10.0


@pytest.mark.benchmark
@pytest.mark.slow
def test_gate_of_forty_checks_on_a_hundred_thousand_items(tmp_path):
    rng = np.random.default_rng(0)
    gold = (rng.random((N_ITEMS, N_CATEGORIES)) < np.linspace(0.002, 0.05, N_CATEGORIES)).astype(np.int8)
    before = np.where(gold == 1, rng.random(gold.shape) < 0.9, rng.random(gold.shape) < 0.005).astype(np.int8)
    is_changed = rng.random(gold.shape) < np.where(gold == 1, 0.03, 0.002)
    after = np.where(is_changed, 1 - before, before).astype(np.int8)
    checks = [
        {"category": "*", "metric": metric, "margin": 0.05, "floor": None, "tier": "guarded"}
        for metric in ("recall", "precision")
    ]
    names = tuple(f"c{column:02d}" for column in range(N_CATEGORIES))
    outcomes = {"v2": np.where(rng.random(N_ITEMS) < 0.002, "refused", "ok")}
    path = store_run(
        tmp_path, gold, {"v1": before, "v2": after}, categories=names, checks=checks, outcomes=outcomes
    ).path
    began = time.process_time()
    run = open_run(path)
    report = gate_runs(run["v2"], run["v1"])
    seconds = time.process_time() - began
    print(f"gate: {seconds:.1f} s for {len(report.checks)} checks on {N_ITEMS:,} items, three readings of failures")
    assert len(report.checks) == 41
    assert seconds < MOST_S
