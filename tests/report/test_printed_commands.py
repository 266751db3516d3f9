"""Commands that commands print: each runs as it stands, where it was printed, whatever the folders are called."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from stories import Story, caught, half

from harness.cli import main

PRINTED = re.compile(r"harness (?:score|report|runs|run) (?:[^\n`'()]|'[^'\n]*')+")
RUNS = "mes données/تشغيل 데이터"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with blanks and other scripts in its name, and runs that lie where no command looks by itself."""
    home = tmp_path / "데이터 مجلد's"
    gold = half(60, 60)
    story = Story(home, {"hate": gold})
    story.run({"v1": {"hate": gold}, "v2": {"hate": caught(gold, 40)}})
    (home / RUNS).parent.mkdir()
    story.runs.rename(home / RUNS)
    monkeypatch.chdir(home)
    return home


def harness(line):
    return CliRunner().invoke(main, shlex.split(line)[1:])


@pytest.mark.parametrize(
    "line",
    [
        "harness run eval.yaml",
        "harness score nothing",
        "harness score latest~7",
        "harness score eval.yaml",
        "harness history nothing",
        "harness gate latest --candidate v2 --baseline nothing",
        "harness weekly --eval nothing",
    ],
)
def test_a_printed_command_runs_as_it_stands(elsewhere, line):
    """They named the run without the folder that holds it, and paths with blanks without quotes."""
    done = harness(f"{line} --runs-dir {shlex.quote(RUNS)}")
    said = done.output + (getattr(done.exception, "next_step", None) or "")
    commands = [one.strip() for one in PRINTED.findall(said)]
    assert commands, said
    for command in commands:
        assert "--runs-dir" in command
        again = harness(command)
        assert again.exit_code in (0, 3, 4), (command, again.output)


def test_the_command_in_a_report_makes_it_again(elsewhere):
    """In Markdown and spreadsheet marks that nobody sees stood around words from right to left: no shell takes them."""
    run = next(Path(RUNS).glob("story-*"))
    asked = f"harness report {run.name} --runs-dir {shlex.quote(RUNS)} --at recall@precision=0.5"
    assert harness(f"{asked} --format md,json,xlsx --out one").exit_code == 0
    (command,) = json.loads(Path("one/report.json").read_text(encoding="utf-8"))["reproduce"]
    assert f"- `{command}`" in Path("one/report.md").read_text(encoding="utf-8")
    about = load_workbook("one/report.xlsx")["About"]
    assert command in [row[1] for row in about.iter_rows(values_only=True)]
    assert harness(f"{command} --format json --out two").exit_code == 0
    one, two = (json.loads(Path(f"{name}/report.json").read_text(encoding="utf-8")) for name in ("one", "two"))
    assert one | {"generated_at": ""} == two | {"generated_at": ""}


def test_a_candidate_that_was_written_is_run_among_the_runs_it_came_from(elsewhere):
    gold = half(60, 60)
    rng = np.random.default_rng(3)
    scores = np.clip(0.5 * gold + rng.normal(0.25, 0.15, len(gold)), 0, 1)
    story = Story(elsewhere, {"hate": gold})
    story.run({"v2": {"hate": caught(gold, 40)}}, scores={"v2": {"hate": scores}})
    story.runs.rename("others")
    written = harness(
        "harness thresholds latest --goal 'precision>=0.5' --write tuned --eval eval.yaml --runs-dir others"
    )
    assert written.exit_code == 0, (written.output, written.exception)
    (command,) = PRINTED.findall(written.output)
    assert "--runs-dir others" in command
    assert harness(command.strip()).exit_code == 0
    assert harness("harness score latest --runs-dir others").exit_code == 0
