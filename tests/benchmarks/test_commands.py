"""What the daily commands cost beside those of an earlier commit: processor time and peak memory, taken in turns.

``HARNESS_TEST_COMMIT=eae7e00 python -m pytest tests/benchmarks/test_commands.py -m "" -s`` names the commit (default:
HEAD, so that what is not committed yet stands against it). Both codes run in this environment, each over runs that it
made itself, of the same files and answers.
"""

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path

import orjson
import pytest
from projects import MODELS, write_project
from stub_server import StubServer, completion

from tests.benchmarks.test_daily_loop import PROMPT

ROOT = Path(__file__).parent.parent.parent
N_ITEMS, N_WEEKS, TURNS = 500, 8, 5
MOST_TIME, MOST_MEMORY = 1.5, 1.3
"""Of what they were; the table is for reading, these are for accidents."""
BEGIN = """\
import resource, sys
sys.argv[0] = "harness"
try:
    from harness.__main__ import main
except ModuleNotFoundError:  # older commits
    from harness.cli import main
try:
    main()
finally:
    from tests.peak import peak_megabytes
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.__stderr__.write(f"\\n{used.ru_utime + used.ru_stime} {peak_megabytes()}")
"""
COMMANDS = {
    "--help": "--help",
    "check": "check eval.yaml",
    "run, from the journal": "run eval.yaml --candidate v1 --candidate v2 --cache journal.sqlite --runs-dir again",
    "score": "score latest",
    "compare": "compare latest --baseline v1 --candidate v2",
    "gate": "gate latest --baseline v1 --candidate v2",
    **{f"report, {one}": f"report latest --format {one}" for one in ("html", "md", "xlsx", "json")},
    "runs list": "runs list --runs-dir weeks",
    "weekly": "weekly --eval community --runs-dir weeks",
}
SPEC = """\
eval: community
policy: policy.yaml
golden_set: card.yaml
candidates:
  v1: {prompt: prompt.md, model: mini}
  v2: {prompt: v2.md, model: mini}
  rules: {rules: rules.yaml}
slices: [language]
gate:
  checks:
    - {category: "*", metric: recall, margin: 0.05}
"""

pytestmark = [pytest.mark.slow, pytest.mark.benchmark]


@pytest.fixture(scope="module")
def models():
    """A models file whose model answers at once, by the length of the text."""

    def answer(asked):
        return completion(("bad", "spam", "fine")[len(asked.texts[-1]) % 3 if "v2" in asked.texts[0] else -1])

    with StubServer(answer) as server:
        yield MODELS.replace("https://api.example.com", server.url)


def called(code, folder, command):
    """Processor seconds and peak megabytes of a command."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": f"{code}:{ROOT}", "OPENAI_API_KEY": "x", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN, *command.split()], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr
    seconds, megabytes = done.stderr.rsplit("\n", 1)[1].split()
    return float(seconds), float(megabytes)


def prepared(code, folder, models):
    """A project with one stored run, and with one in each of some weeks."""
    labels = [{"hate": int(n % 3 == 0), "hate/threatening": 0, "spam": int(n % 3 == 1)} for n in range(N_ITEMS)]
    items = "".join(
        json.dumps({"id": f"i{n}", "text": "word " * (n % 40 + 1) + str(n), "labels": one, "meta": {"lang": "en"}})
        + "\n"
        for n, one in enumerate(labels)
    )
    write_project(folder, items=items, prompt=PROMPT, eval=SPEC, models=models)
    (folder / "v2.md").write_text(PROMPT.replace("loop", "loop_2").replace("Answer", "v2: answer"))
    called(code, folder, COMMANDS["run, from the journal"].replace("again", "reports/runs"))
    (run,) = (path.parent for path in (folder / "reports/runs").glob("*/run.json"))
    for week in range(N_WEEKS):
        made = shutil.copytree(run, folder / "weeks" / f"community-{week:012}")
        facts = orjson.loads((made / "run.json").read_bytes())
        facts |= {"run_id": made.name, "created_at": f"2026-0{week + 1}-05T08:00:00Z"}
        (made / "run.json").write_bytes(orjson.dumps(facts))
    return folder


def test_commands_cost_what_they_did(tmp_path, models):
    commit = os.environ.get("HARNESS_TEST_COMMIT", "HEAD")
    packed = subprocess.run(["git", "archive", commit, "harness"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path / "code", filter="data")
    codes = {"then": tmp_path / "code", "now": ROOT}
    folders = {name: prepared(code, tmp_path / name, models) for name, code in codes.items()}
    print(f"\n{'':22}processor s: {commit[:8]:>9}{'now':>8}{'ratio':>7}   peak MB: then     now  ratio")
    dear = []
    for name, command in COMMANDS.items():
        found = {side: [] for side in codes}
        for turn in range(TURNS + 1):
            for side in sorted(codes, reverse=turn % 2 == 0):
                shutil.rmtree(folders[side] / "again", ignore_errors=True)
                found[side].append(called(codes[side], folders[side], command))
        time, memory = ([statistics.median(one[at] for one in found[side][1:]) for side in codes] for at in (0, 1))
        told = [*time, time[1] / time[0], *memory, memory[1] / memory[0]]
        print("{:22}{:22.3f}{:8.3f}{:7.2f}{:16.1f}{:8.1f}{:7.2f}".format(name, *told))
        dear += [name] * (told[2] > MOST_TIME or told[5] > MOST_MEMORY)
    assert dear == []
