"""Peak memory and processor time of what a team types, from 10,000 items to a million: two rule sets, five categories.

``HARNESS_TEST_SIZES=10000,100000,1000000`` names the sizes.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest

from harness.runs.layout import ITEMS_FILE
from tests.gating.stored import store_run

ROOT = Path(__file__).parents[2]
CATEGORIES = ("hate", "spam", "scam", "self_harm", "weapons")
MOST_MB = {"run": 400, "score": 1_000, "compare": 1_500}
"""Over a million items. What grows with them is ids, labels and decisions, not the texts."""
START = (
    "import atexit, sys\nfrom tests.peak import peak_megabytes\n"
    "atexit.register(lambda: print(f'peak={peak_megabytes():.0f}', file=sys.stderr))\n"
    "from harness.cli import main\nmain()"
)


def write_project(folder, n):
    rng = random.Random(0)
    listed = ", ".join(CATEGORIES)
    policy = "".join(f"  {one}: {{name: {one}, definition: d}}\n" for one in CATEGORIES)
    (folder / "policy.yaml").write_text(f"policy: p\nversion: 1\ncategories:\n{policy}")
    (folder / "card.yaml").write_text(
        f"golden_set: big\nversion: 1\npolicy: {{name: p, version: 1}}\nitems: items.jsonl\nlabels: [{listed}]\n"
        "slices: {language: meta.language}\n"
    )
    for name, words in (("one", ""), ("two", ", more_{}")):
        rules = "".join(
            f"  - {{id: r_{one}, category: {one}, words: [word_{one}{words.format(one)}]}}\n" for one in CATEGORIES
        )
        (folder / f"{name}.yaml").write_text(f"rule_set: {name}\nversion: 1\nrules:\n{rules}")
    (folder / "e.yaml").write_text(
        "eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nbaseline: one\n"
        "candidates:\n  one: {rules: one.yaml}\n  two: {rules: two.yaml}\n"
        "gate:\n  checks:\n    - {category: '*', metric: recall, margin: 0.05, tier: guarded}\n"
    )
    with (folder / "items.jsonl").open("wb") as file:
        for at in range(n):
            labels = {one: int(rng.random() < 0.01) for one in CATEGORIES}
            found = [
                f"{rng.choice(('word', 'word', 'word', 'more', 'miss'))}_{one}" for one in CATEGORIES if labels[one]
            ]
            text = " ".join([f"message {at} of somebody about something", *found])
            language = rng.choice(("en", "de", "tr"))
            file.write(orjson.dumps({"id": f"i-{at}", "text": text, "labels": labels, "meta": {"language": language}}))
            file.write(b"\n")


def measured(folder, *arguments, codes=(0,)):
    """Megabytes at the peak, and seconds of the processor."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "told").open("w+b") as told:
        command = [sys.executable, "-c", START, *arguments]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=told, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        said = told.read().decode()
    assert process.returncode in codes, said
    return int(re.findall(r"peak=(\d+)", said)[-1]), used.ru_utime + used.ru_stime


@pytest.mark.million
def test_score_of_a_million_items_in_twenty_categories(tmp_path):
    rng = np.random.default_rng(0)
    gold = (rng.random((1_000_000, 20), dtype=np.float32) < np.linspace(0.002, 0.05, 20)).astype(np.int8)
    flagged = rng.random(gold.shape, dtype=np.float32) < np.where(gold == 1, 0.9, 0.005)
    outcomes = {"v1": np.where(rng.random(1_000_000) < 0.002, "refused", "ok")}
    names = tuple(f"c{column:02d}" for column in range(20))
    store_run(tmp_path, gold, {"v1": flagged.astype(np.int8)}, categories=names, outcomes=outcomes)
    (run,) = (one.parent.name for one in tmp_path.glob("*/run.json"))
    megabytes, seconds = measured(tmp_path, "score", run, "--runs-dir", ".")
    print(f"score of 1,000,000 x 20: {seconds:.1f} s of the processor, {megabytes:,} MB")
    assert seconds < 10
    assert megabytes < 2_000


@pytest.mark.million
def test_memory_from_ten_thousand_items_to_a_million(tmp_path):
    sizes = [int(one) for one in os.environ.get("HARNESS_TEST_SIZES", "10000,100000,1000000").split(",")]
    figures = {}
    for n in sizes:
        folder = tmp_path / str(n)
        folder.mkdir()
        write_project(folder, n)
        here = ("--runs-dir", "runs")
        took = figures[n] = {"run": measured(folder, "run", "e.yaml", "--cache", "j.sqlite", *here)}
        (run,) = (one.parent.name for one in (folder / "runs").glob("*/run.json"))
        took["score"] = measured(folder, "score", run, *here)
        took["compare"] = measured(folder, "compare", run, *here)
        took["gate"] = measured(folder, "gate", run, "--candidate", "two", *here, codes=(0, 3, 4))
        took["report"] = measured(folder, "report", run, "--format", "html", "--out", "out", *here)
        for part in ("1/2", "2/2"):
            shard = ("run", "e.yaml", "--shard", part, "--cache", "j.sqlite", "--runs-dir", "parts")
            took["run --shard"] = measured(folder, *shard)
        took["runs merge"] = measured(folder, "runs", "merge", run, "--runs-dir", "parts")
        same = [(folder / home / run / ITEMS_FILE).read_bytes() for home in ("runs", "parts")]
        assert same[0] == same[1]
    for name in figures[sizes[0]]:
        print("|", name, "|", *(f"{figures[n][name][0]:,} MB, {figures[n][name][1]:.1f} s |" for n in sizes))
    assert all(took[name][0] < most for took in figures.values() for name, most in MOST_MB.items())
