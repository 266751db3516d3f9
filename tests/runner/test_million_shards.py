"""One million items through two processes: the bytes of one process, and what the second process costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[2]
WORDS = ("the", "of", "and", "casino", "scum", "hello", "world", "buy", "now", "please", "look", "friend", "going")
FILES = {
    "policy.yaml": (
        "policy: p\nversion: 1\ncategories:\n  hate: {name: Hate, definition: d}\n  spam: {name: Spam, definition: d}\n"
    ),
    "card.yaml": (
        "golden_set: big\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\nlabels: [hate, spam]\n"
    ),
    "rules.yaml": (
        "rule_set: r\nversion: 1\nrules:\n  - {id: r1, category: spam, words: [casino]}\n"
        "  - {id: r2, category: hate, words: [scum]}\n"
    ),
    "big.yaml": "eval: big\npolicy: policy.yaml\ngolden_set: card.yaml\ncandidates:\n  rules: {rules: rules.yaml}\n",
}


def write_project(folder, n):
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    with (folder / "items.jsonl").open("wb") as file:
        for at in range(n):
            text = " ".join(WORDS[(at * 7 + step * (at % 13 + 1)) % len(WORDS)] for step in range(12))
            labels = {"hate": int("scum" in text), "spam": int("casino" in text)}
            file.write(orjson.dumps({"id": f"i-{at}", "text": text, "labels": labels}) + b"\n")


def started(folder, *arguments):
    command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)


def cpu_seconds(process):
    with process.stdout as said:
        said.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.million
def test_a_million_items_through_two_processes(tmp_path):
    """Each process reads and checks the whole golden set, which is most of what two cost more than one.

    Rules cost as little as a candidate can, so that this is the dearest case: with a model's answers to read, the share
    of the reading falls.
    """
    n = int(os.environ.get("HARNESS_TEST_SHARD_ITEMS", "1000000"))
    write_project(tmp_path, n)
    alone = cpu_seconds(started(tmp_path, "run", "big.yaml", "--runs-dir", "one", "--cache", "one.sqlite"))
    shards = [
        started(tmp_path, "run", "big.yaml", "--shard", f"{part}/2", "--runs-dir", "two", "--cache", f"{part}.sqlite")
        for part in (1, 2)
    ]
    both = sum(cpu_seconds(one) for one in shards)
    (name,) = (one.name for one in (tmp_path / "one").iterdir() if not one.name.startswith("."))
    merging = cpu_seconds(started(tmp_path, "runs", "merge", name, "--runs-dir", "two"))
    for table in ("predictions.parquet", "items.parquet"):
        assert (tmp_path / "one" / name / table).read_bytes() == (tmp_path / "two" / name / table).read_bytes()
    print(f"one process {alone:.1f} s, two {both:.1f} s, merge {merging:.1f} s of CPU: {(both + merging) / alone:.2f}")
    assert n < 1_000_000 or (both + merging) / alone < 1.3
