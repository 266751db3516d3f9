"""What a command costs that has nothing to do: help, and a run that is complete; beside the start of Python itself."""

import os
import resource
import statistics
import subprocess
import sys

import pytest
from projects import write_project

REPETITIONS = 7
BEGIN = "import sys; sys.argv[0] = 'harness'; from harness.__main__ import main; main()"

pytestmark = [pytest.mark.slow, pytest.mark.benchmark]


def processor_s(environment, *command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_what_needs_nothing_loads_nothing(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"COLUMNS": "100", "PYTHONPYCACHEPREFIX": str(tmp_path / "pyc")}
    folder = write_project(tmp_path / "p")
    run = ["run", str(folder / "eval.yaml"), "--candidate", "rules", "--runs-dir", str(tmp_path / "runs")]
    commands = {
        "python -c pass": ["-c", "pass"],
        "import click": ["-c", "import click"],
        "harness --help": ["-c", BEGIN, "--help"],
        "harness run, complete": ["-c", BEGIN, *run],
    }
    for name in ("run", *commands):  # compiles, and stores the run; its files must have been there for some seconds
        processor_s(environment, *commands.get(name, ["-c", BEGIN, *run]))
    turns = [
        {name: processor_s(environment, *command) for name, command in commands.items()} for _ in range(REPETITIONS)
    ]
    median = {name: statistics.median(turn[name] for turn in turns) for name in commands}
    for name, seconds in median.items():
        print(f"\n{name}: {seconds:.3f} s of processor time")
    assert median["harness --help"] < 0.8 * median["import click"]
    assert median["harness run, complete"] < 4 * median["import click"]
