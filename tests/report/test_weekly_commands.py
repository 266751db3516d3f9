"""The commands that a weekly report prints: as they stand they run where the report was asked for."""

import dataclasses
import json
import shlex

import openpyxl
import pytest
from click.testing import CliRunner
from stories import Story, caught, half
from weekly_cases import History

from harness.cli import main
from harness.cli.weekly import command as weekly_command
from harness.report.weekly.commands import Asked

GOLD = half(200, 200)


def run(*arguments):
    done = CliRunner().invoke(main, list(map(str, arguments)), env={"CI": "", "SOURCE_DATE_EPOCH": "1795424400"})
    assert done.exit_code == 0, f"{arguments}: {done.output}"
    return done.stdout


@pytest.fixture
def story(tmp_path):
    """A fall that is open a week later, in a folder of runs that no command looks into by itself."""
    story = Story(tmp_path / "a team's", {"hate": GOLD}, {"language": ["de", "en"] * 200})
    for week, n in ((44, 190), (45, 190), (46, 100), (47, 100)):
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{week}")
    return story


def test_every_command_of_a_report_over_other_runs_runs_as_it_stands(story, tmp_path, monkeypatch):
    """They named no folder of runs, and so ended with "no complete run of eval"."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    card = story.folder / "g1.yaml"
    asked = ("weekly", "--eval", "story", "--runs-dir", story.runs, "--golden", card, "--traffic", 250_000)
    run(*asked, "--weeks", 6, "--out", out, "--format", "html,md,xlsx,json", "--text", "none")
    data = json.loads((out / "weekly.json").read_text(encoding="utf-8"))
    commands = [*data["engineering"]["commands"].values(), data["reproduce"]]
    assert len(commands) == 6
    for one in commands:
        run(*shlex.split(one.replace("ITEM", "i0001"))[1:])
    for flag in (f"--golden {shlex.quote(str(card))}", "--traffic 250000", "--weeks 6", "--text none"):
        assert flag in data["reproduce"]
    again = json.loads(run(*shlex.split(data["reproduce"])[1:], "--json"))
    for part in ("candidate_note", "headline", "weeks", "operations", "findings", "ledger"):
        assert again[part] == data[part]
    for name in ("weekly.md", "weekly.html"):
        assert "--runs-dir" in (out / name).read_text(encoding="utf-8")
    sheet = openpyxl.load_workbook(out / "weekly.xlsx")["Ask items"]
    first = [cell.value for cell in sheet[sheet.max_row]][-1]
    run(*shlex.split(first)[1:])
    (answer,) = [one["answer"] for one in data["asks"] if "not recovered" in one["text"]]
    said = answer.removeprefix("harness ").removesuffix('"..."')
    run(*shlex.split(said), "until the new prompt", "--by", "ana")
    assert "not recovered" not in run(*asked)


def test_the_first_week_prints_no_command_for_an_earlier_one(tmp_path):
    """It named 2026-W40, whenever the first week was."""
    history = History(tmp_path)
    history.week("2026-W43", {"main": 90})
    shown = CliRunner().invoke(weekly_command, ["--eval", "small", "--runs-dir", str(history.runs), "--json"])
    data = json.loads(shown.stdout)
    assert "An earlier week" not in data["engineering"]["commands"]
    assert "2026-W40" not in shown.stdout


def test_an_answer_for_a_past_week_names_the_week(story):
    data = json.loads(run("weekly", "--eval", "story", "--runs-dir", story.runs, "--week", "2026-W47", "--json"))
    assert data["ack"].startswith("harness weekly ack --eval story --week 2026-W47 --runs-dir ")


def test_a_password_in_the_address_of_the_runs_is_no_part_of_a_command():
    shown = Asked("s3://me:secret@team/runs").command("runs", "list")
    assert "secret" not in shown


def test_a_series_that_the_project_declares_needs_no_word(tmp_path):
    assert Asked().ack_production == " --production FILE"
    assert dataclasses.replace(Asked(), production="").ack_production == ""
    assert Asked(production="p q.csv").ack_production == " --production 'p q.csv'"
