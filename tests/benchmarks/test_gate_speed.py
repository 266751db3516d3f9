"""A gate of 20 categories x 2 metrics on 100,000 items from stored runs, failed answers included."""

import time

import numpy as np
import pytest

from harness.core.precision_margin import precision_margin_test
from harness.gating import gate_runs
from harness.runs import open_run
from tests.core.test_precision_size import as_defined, designs
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


@pytest.mark.benchmark
@pytest.mark.slow
def test_the_precision_test_takes_a_part_of_what_tables_of_their_own_take():
    """Taken in turns, so that both see the same machine; about .3 of it over 48 designs."""
    rng, took = np.random.default_rng(31), [0.0, 0.0]
    for q, n, margin in designs(31, 48):
        cells = rng.multinomial(n, q).astype(float)
        began = time.process_time()
        as_defined(cells, margin, rng, 10_000)
        between = time.process_time()
        precision_margin_test(cells, margin, rng=rng)
        took[0] += between - began
        took[1] += time.process_time() - between
    print(f"precision test: {took[1] / took[0]:.2f} of 10,000 tables for each null")
    assert took[1] < 0.4 * took[0]
