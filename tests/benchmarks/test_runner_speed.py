"""What a run costs beside the least a Python client can do: ratios to a floor measured in the same repetition.

Needs the bench folder (MODERATION_BENCH, else ../shared/bench) and the environment its ``setup.sh base`` makes in
BENCH_TMP. Run with ``make benchmarks``; the figures are printed.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = Path(os.environ.get("MODERATION_BENCH") or ROOT.parent / "shared" / "bench")
BENCH_TMP = Path(os.environ.get("BENCH_TMP") or Path(tempfile.gettempdir()) / "modbench")
FLOOR_PYTHON = BENCH_TMP / "base" / "bin" / "python"
AS_THE_COMMAND = """\
from harness.__main__ import for_one_task
for_one_task()
from tests.benchmarks.column import main
main()
"""
REPETITIONS = 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.benchmark,
    pytest.mark.skipif(
        not (BENCH / "stub_server.py").exists(), reason=f"no bench folder at {BENCH} (MODERATION_BENCH)"
    ),
    pytest.mark.skipif(
        not FLOOR_PYTHON.exists(), reason=f"no {FLOOR_PYTHON}: run 'bash setup.sh base' in the bench folder (BENCH_TMP)"
    ),
]


class Stub:
    """The bench's server, as a process of its own."""

    def __init__(self, *flags):
        command = [str(FLOOR_PYTHON), str(BENCH / "stub_server.py"), "--port", "0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = re.search(r"http://\S+?:\d+", self.process.stdout.readline()).group(0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def stats(self):
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
            return json.load(answer)


def measure(command, environment):
    """Wall and CPU time of a process as the kernel counts them, and the peak memory that it tells of itself.

    The kernel's own figure of a child begins with what this process had when it started it.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read().decode()
        assert process.returncode == 0, said[-2000:]
    wall_s = time.perf_counter() - began
    told = json.loads(said.splitlines()[-1])
    return {"wall_s": wall_s, "cpu_s": used.ru_utime + used.ru_stime, "rss_mb": told.get("peak_mb")}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Measures the floor or a run: bench(which, n, c, *stub flags, out=folder)."""
    home = tmp_path_factory.mktemp("bench")

    def go(which, n, c, *flags, out=None):
        data = BENCH_TMP / "data" / f"speed{n}.jsonl"
        if not data.exists():
            data.parent.mkdir(exist_ok=True)
            subprocess.run([str(FLOOR_PYTHON), str(BENCH / "make_golden.py"), str(n), str(data)], check=True)
        commands = {
            "floor": [str(FLOOR_PYTHON), str(BENCH / "floors" / "client.py"), "aiohttp"],
            "run": [sys.executable, "-c", AS_THE_COMMAND],
        }
        own = out or Path(tempfile.mkdtemp(dir=home))
        with Stub(*flags) as stub:
            settings = {
                "BENCH_BASE_URL": f"{stub.url}/v1",
                "BENCH_DATA": str(data),
                "BENCH_N": str(n),
                "BENCH_C": str(c),
                "BENCH_OUT": str(own),
                "PYTHONPATH": str(ROOT),
                "PYTHONPYCACHEPREFIX": str(home / "pyc"),  # an installed package is compiled too
            }
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
            used = measure(commands[which], environment | settings)
            return used | stub.stats()

    go("run", 20, 4)
    return go


def show(name, figures):
    told = ", ".join(f"{key} {value:.3g}" for key, value in figures.items())
    sys.stderr.write(f"\n{name}: {told}\n")


def test_overhead_of_10_000_calls(bench):
    pairs = [(bench("floor", 10_000, 256), bench("run", 10_000, 256)) for _ in range(REPETITIONS)]
    cpu = statistics.median(run["cpu_s"] / floor["cpu_s"] for floor, run in pairs)
    wall = statistics.median(run["wall_s"] / floor["wall_s"] for floor, run in pairs)
    rss_mb = max(run["rss_mb"] for _, run in pairs)
    show("10,000 items, C=256, 0 ms", {"CPU x": cpu, "wall x": wall, "RSS MB": rss_mb, "CPU s": pairs[0][1]["cpu_s"]})
    assert all(run["requests"] == 10_000 for _, run in pairs)
    assert cpu <= 1.6
    assert rss_mb < 125


def test_latency_is_hidden_by_concurrency(bench):
    pairs = [
        (bench("floor", 2000, 64, "--latency-ms", "50"), bench("run", 2000, 64, "--latency-ms", "50"))
        for _ in range(REPETITIONS)
    ]
    bound_s = 2000 / 64 * 0.05
    floor_span, span = (min(pair[which]["span_s"] for pair in pairs) / bound_s for which in (0, 1))
    ratio = statistics.median(run["span_s"] / floor["span_s"] for floor, run in pairs)
    show("2,000 items, C=64, 50 ms", {"span / bound": span, "span / floor's": ratio, "floor's / bound": floor_span})
    assert ratio <= 1.15
    if floor_span <= 1.06:  # a machine busy with other things lets nobody come near the bound
        assert span <= 1.15


def test_a_rerun_from_the_journal(bench, tmp_path):
    bench("run", 10_000, 256, out=tmp_path)
    reruns = []
    for _ in range(REPETITIONS):
        shutil.rmtree(tmp_path / "runs")
        reruns.append(bench("run", 10_000, 256, out=tmp_path))
    wall_s, cpu_s = (min(rerun[which] for rerun in reruns) for which in ("wall_s", "cpu_s"))
    show("10,000 items from the journal", {"wall s": wall_s, "CPU s": cpu_s, "RSS MB": reruns[0]["rss_mb"]})
    assert all(rerun["requests"] == 0 for rerun in reruns)
    assert cpu_s < 1.0  # the time that passes says what else the machine does


def test_a_real_rate_limit(bench):
    done = bench("run", 300, 64, "--rpm", "1200", "--burst", "20")
    ideal_s = (300 - 20) / 20
    show("300 items at 20 a second", {"span / ideal": done["span_s"] / ideal_s, "429s": done["rate_limited_429"]})
    assert done["ok"] == 300
    assert done["span_s"] <= 1.1 * ideal_s
    assert done["rate_limited_429"] <= 30


def test_every_fault_at_once(bench):
    shares = {"429": 0.05, "500": 0.02, "drop": 0.01, "truncate": 0.01, "badjson": 0.01}
    flags = [text for name, share in shares.items() for text in (f"--p-{name}", str(share))]
    done = bench("run", 500, 64, "--latency-ms", "20", "--retry-after", "0.2", *flags)
    show("500 items, 10 % faults", {"requests / items": done["requests"] / 500})
    assert done["distinct_bodies"] == done["ok"] == 500
    assert done["requests"] <= 1.15 * 500
