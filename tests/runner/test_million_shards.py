"""One million items through two processes, and through Ray: the rows of one process, and what the others cost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from tests.faults.server import FaultServer

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
    "asked.md": (
        "---\nprompt: asked\nversion: 1\nanswer: label\nlabels: {safe: [], unsafe: [hate]}\n---\n"
        "# user\n{{ item.text }}\n"
    ),
    "asked.yaml": (
        "eval: asked\npolicy: policy.yaml\ngolden_set: card.yaml\nmodels: models.yaml\n"
        "candidates:\n  v1: {prompt: asked.md, model: m}\n"
    ),
    "big.yaml": "eval: big\npolicy: policy.yaml\ngolden_set: card.yaml\ncandidates:\n  rules: {rules: rules.yaml}\n",
}


MODELS = (
    "models:\n  m: {provider: openai, model: m, base_url: 'URL', api_key_env: KEY_OF_THE_TESTS, "
    "limits: {concurrency: 64}}\n"
)
N_ITEMS = int(os.environ.get("HARNESS_TEST_SHARD_ITEMS", "1000000"))
N_ASKED = int(os.environ.get("HARNESS_TEST_ASKED_ITEMS", "1000000"))
SAME = ("items.parquet", "predictions.parquet")
HOW_MUCH_MORE = 1.2
"""Processor time of all processes together, to that of one that does it alone."""
RULES_IN_TWO = 1.3
"""What one process does once: a start and the set read (1.3 s of 21), and the merge (1.5 s); 1.17 to 1.26 were seen."""
WITH_RAY, ASKED_WITH_RAY = 1.5, 1.5
"""Ray's own processes and the starts of workers take five to six seconds, whatever a run costs (1.40 was seen
beside rules), and each call some bookkeeping (1.40 of a million calls, when the desk was told of each by itself)."""


def write_project(folder, n):
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    with (folder / "items.jsonl").open("wb") as file:
        for at in range(n):
            text = " ".join(WORDS[(at * 7 + step * (at % 13 + 1)) % len(WORDS)] for step in range(12))
            labels = {"hate": int("scum" in text), "spam": int("casino" in text)}
            file.write(orjson.dumps({"id": f"i-{at}", "text": text, "labels": labels}) + b"\n")


def write_asked(folder, n):
    """Each text once, so that each is asked once."""
    write_project(folder, 0)
    with (folder / "items.jsonl").open("wb") as file:
        for at in range(n):
            row = {"id": f"i-{at}", "text": f"text number {at}", "labels": {"hate": at % 2, "spam": 0}}
            file.write(orjson.dumps(row) + b"\n")


def require_same_but_for_latencies(one, other):
    for table in SAME:
        files = (one / table, other / table)
        first, second = (pq.read_table(file).drop_columns(["latency_ms"] * ("pred" in table)) for file in files)
        assert first.equals(second)


def started(folder, *arguments, **variables):
    command = [sys.executable, "-m", "harness", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KEY_OF_THE_TESTS": "sk-key-of-the-tests", **variables}
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)


def cpu_seconds(process):
    with process.stdout as said:
        said.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def beside_another(folder, name, runs_dir):
    """Processor time of one process that does all, while a second does the same.

    The same work takes more of it where two cores are at it (1.2 times and more on a virtual machine), which is the
    doing neither of shards nor of Ray.
    """
    whole = [
        started(folder, "run", name, "--runs-dir", where, "--cache", f"{where}.sqlite")
        for where in (runs_dir, f"beside-{runs_dir}")
    ]
    return sum(map(cpu_seconds, whole)) / 2


def in_two(folder, name, runs_dir):
    """Processor time of two shards side by side, and of putting them together; and the run."""
    shards = [
        started(
            folder, "run", name, "--shard", f"{part}/2", "--runs-dir", runs_dir, "--cache", f"{runs_dir}-{part}.sqlite"
        )
        for part in (1, 2)
    ]
    both = sum(cpu_seconds(one) for one in shards)
    (run_id,) = {one.name.rpartition(".")[0] for one in (folder / runs_dir / "shards").glob("[!.]*")}
    merging = cpu_seconds(started(folder, "runs", "merge", run_id, "--runs-dir", runs_dir))
    return both, merging, folder / runs_dir / run_id


class Watched(threading.Thread):
    """Processor time of everything that a command starts, whoever its parent is by then: Ray leaves its daemons."""

    def __init__(self, token):
        super().__init__(daemon=True)
        self.mark = f"HARNESS_TEST_TOKEN={token}".encode()
        self.seen, self.names, self.is_over = {}, {}, threading.Event()

    def run(self):
        while not self.is_over.wait(0.2):
            self.look()

    def look(self):
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                began = (folder.name, fields[19])
                if began not in self.seen and self.mark not in (folder / "environ").read_bytes().split(b"\0"):
                    continue  # asked again: a child has its own environment only once it has begun its program
                self.seen[began] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                if name := (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                    self.names[began] = name

    def total(self):
        self.is_over.set()
        self.join()
        self.look()
        return sum(self.seen.values())


@pytest.mark.million
def test_a_million_items_through_two_processes(tmp_path):
    """Each process reads and checks the whole golden set, which with the merge is what two cost more than one.

    Rules cost as little as a candidate can, so that this is the dearest case: with a model's answers to read, the share
    of the reading falls.
    """
    write_project(tmp_path, N_ITEMS)
    turns = []
    for turn in "ab":
        one, two = f"one-{turn}", f"two-{turn}"
        alone = beside_another(tmp_path, "big.yaml", one)
        both, merging, merged = in_two(tmp_path, "big.yaml", two)
        turns.append((alone, both, merging))
        for table in SAME:
            assert (tmp_path / one / merged.name / table).read_bytes() == (merged / table).read_bytes()
    alone, both, merging = map(min, zip(*turns, strict=True))  # what else the machine does can only add to each
    print(f"one process {alone:.1f} s, two {both:.1f} s, merge {merging:.1f} s of CPU: {(both + merging) / alone:.2f}")
    print("turns:", turns)
    assert N_ITEMS < 1_000_000 or (both + merging) / alone < RULES_IN_TWO


def on_ray(folder, name):
    """Processor time of all processes of a run on Ray, those of Ray itself too; and the run."""
    watched = Watched(token := uuid.uuid4().hex)
    watched.start()
    command = ("run", name, "--engine", "ray", "--runs-dir", "ray", "--cache", "ray.sqlite")
    cpu_seconds(started(folder, *command, HARNESS_TEST_TOKEN=token))
    together = watched.total()
    for one, seconds in sorted(watched.seen.items(), key=lambda one: -one[1]):
        print(f"{seconds:6.2f} s", watched.names.get(one, "")[:100])
    (found,) = (one for one in (folder / "ray").iterdir() if (one / "run.json").exists())
    return together, found


@pytest.fixture(scope="module", autouse=True)
def _byte_code(tmp_path_factory):
    """Byte code as an installed package has it: no process that is measured compiles modules."""
    folder = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(folder / "byte_code"))
        write_project(folder, 100)
        in_two(folder, "big.yaml", "two")
        if find_spec("ray") is not None:
            on_ray(folder, "big.yaml")
        yield


def require_ray():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'moderation-harness[ray]'")
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc, where the processor time of every process stands")


@pytest.mark.million
def test_a_million_items_through_ray(tmp_path):
    """All processes of the cluster are counted, those of Ray itself too."""
    require_ray()
    write_project(tmp_path, N_ITEMS)
    alone = beside_another(tmp_path, "big.yaml", "one")
    together, run = on_ray(tmp_path, "big.yaml")
    for table in SAME:
        assert (tmp_path / "one" / run.name / table).read_bytes() == (run / table).read_bytes()
    print(f"one process {alone:.1f} s, Ray {together:.1f} s of CPU: {together / alone:.2f}")
    assert N_ITEMS < 1_000_000 or together / alone < WITH_RAY


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A project whose model answers at once, its run by one process, the server, and what a million calls take.

    They take one process more while a second does the same: server and processes share the cores, as two shards do.
    """
    folder = tmp_path_factory.mktemp("asked")
    write_asked(folder, N_ASKED)
    with FaultServer() as server:
        (folder / "models.yaml").write_text(MODELS.replace("URL", server.url))
        alone = cpu_seconds(started(folder, "run", "asked.yaml", "--runs-dir", "one", "--cache", "one.sqlite"))
        beside = beside_another(folder, "asked.yaml", "second")
        print(f"one process {alone:.1f} s of CPU, beside another {beside:.1f} s")
        (run,) = (one for one in (folder / "one").iterdir() if (one / "run.json").exists())
        yield folder, run, server, alone, beside


@pytest.mark.million
def test_asked_of_a_server_by_two_processes(asked):
    """The rows of one process but for their latencies: each of the three has asked for itself."""
    folder, run, server, alone, beside = asked
    before = server.served
    both, merging, merged = in_two(folder, "asked.yaml", "two")
    assert server.served == before + N_ASKED
    require_same_but_for_latencies(run, merged)
    together = both + merging
    ratios = f"{together / alone:.2f}, {together / beside:.2f} beside another"
    print(f"two {both:.1f} s, merge {merging:.1f} s of CPU: {ratios}")
    assert N_ASKED < 100_000 or together / beside < HOW_MUCH_MORE


@pytest.mark.million
def test_asked_of_a_server_through_ray(asked):
    """The use that Ray is for: each worker asks for itself, and all share one limit."""
    require_ray()
    folder, run, server, alone, beside = asked
    before = server.served
    together, found = on_ray(folder, "asked.yaml")
    assert server.served == before + N_ASKED
    require_same_but_for_latencies(run, found)
    print(f"Ray {together:.1f} s of CPU: {together / alone:.2f}, {together / beside:.2f} beside another")
    assert N_ASKED < 1_000_000 or together / beside < ASKED_WITH_RAY
