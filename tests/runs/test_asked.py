"""Which run is the latest, and what was noted about one."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import HarnessError
from harness.runs.asked import ASKED_FILE, MOST_NOTE, asked_at, by_last_asked, mark_asked, read_note, write_note
from tests.gating.stored import store_run

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def runs(tmp_path):
    for name in "abc":
        store_run(tmp_path, [1, 0], {"v1": [1, 0], "v2": [0, 0]}, run_id=f"demo-{name * 12}")
    return tmp_path


def ids(runs):
    return [meta.run_id[5] for meta in by_last_asked(runs)]


def invoke(runs, *arguments):
    return CliRunner().invoke(main, [*arguments, "--runs-dir", str(runs)], catch_exceptions=False)


def test_latest_is_the_run_asked_for_last_also_when_it_was_complete_already(runs):
    """A run made earlier and asked for again was not the latest: score showed another one."""
    mark_asked(runs, "demo-" + "b" * 12, NOON)
    assert ids(runs)[-1] == "b"
    mark_asked(runs, "demo-" + "a" * 12, NOON + timedelta(microseconds=1))
    assert ids(runs)[-2:] == ["b", "a"]
    assert "Run demo-aaaa" in invoke(runs, "score", "latest").stdout
    assert "Run demo-bbbb" in invoke(runs, "score", "latest~1").stdout
    assert "Run demo-cccc" in invoke(runs, "score", "latest~2").stdout
    result = invoke(runs, "score", "latest~3")
    assert result.exit_code == 1
    assert "goes back 3 runs" in result.stderr
    assert "latest to latest~2" in result.stderr


@pytest.mark.parametrize("name", ["latest~", "latest~x", "latest~-1", "latest-1", "LATEST", "", "~1", "latest~9999999"])
def test_what_is_no_name_of_a_run_is_one_message(runs, name):
    result = invoke(runs, "score", name)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error:")


@pytest.mark.parametrize(
    "line", [b"{", b"[]\n", b'{"run_id": 1}\n', b'{"run_id": "x", "at": "never"}\n', b"\xff\xfe\n", b"null\n"]
)
def test_a_broken_line_is_passed_over(runs, line):
    (runs / ASKED_FILE).write_bytes(line + b"\n")
    mark_asked(runs, "demo-" + "a" * 12, NOON)
    assert ids(runs)[-1] == "a"


def test_what_was_asked_for_is_kept_short(runs):
    for n in range(6):
        (runs / ASKED_FILE).write_bytes(b'{"run_id": "x", "at": "2026-01-01T00:00:00+00:00"}\n' * 5_000)
        mark_asked(runs, f"r{n}", NOON)
    assert (runs / ASKED_FILE).stat().st_size < 200_000
    assert asked_at(runs)["r5"] == NOON


def test_a_runs_folder_that_is_not_there_or_elsewhere_remembers_nothing(tmp_path):
    mark_asked(tmp_path / "no" / "where", "x", NOON)
    mark_asked("memory://runs", "x", NOON)
    assert asked_at("memory://runs") == {}
    with pytest.raises(HarnessError, match="a local runs folder"):
        write_note("memory://runs", "x", "y")


def test_a_note_is_shown_wherever_runs_are_listed(runs):
    said = invoke(runs, "runs", "note", "demo-a", "two", "examples\nmore").stdout
    assert said == "demo-aaaaaaaaaaaa: two examples more\n"
    assert read_note(runs, "demo-" + "a" * 12) == "two examples more"
    assert "examples" in invoke(runs, "runs", "list").stdout
    assert "two examples more" in invoke(runs, "runs", "show", "demo-a").stdout
    listed = json.loads(invoke(runs, "runs", "list", "--json").stdout)
    assert [one["note"] for one in listed if one["run_id"].endswith("a")] == ["two examples more"]
    history = json.loads(invoke(runs, "history", listed[0]["eval_name"], "--json").stdout)["runs"]
    assert "two examples more" in [one["note"] for one in history]
    invoke(runs, "runs", "note", "demo-a", "")
    assert read_note(runs, "demo-" + "a" * 12) is None


@pytest.mark.parametrize("text", ["x" * (MOST_NOTE + 1)])
def test_a_note_that_is_too_long_is_refused(runs, text):
    assert invoke(runs, "runs", "note", "demo-a", text).exit_code == 1


@pytest.mark.parametrize("run_id", ["../x", "a/b", ".hidden", ""])
def test_a_note_stays_inside_the_runs_folder(runs, run_id):
    with pytest.raises(HarnessError):
        write_note(runs, run_id, "x")


def test_list_shows_the_headline_numbers_of_the_first_candidate(runs):
    table = invoke(runs, "runs", "list").stdout
    assert "100.0%" in table
    listed = json.loads(invoke(runs, "runs", "list", "--json").stdout)
    assert listed[0]["headline"]["candidate"] == "v1"
    assert listed[0]["headline"]["recall"]["value"] == 1.0
    (runs / ("demo-" + "a" * 12) / "predictions.parquet").write_bytes(b"x")
    broken = json.loads(invoke(runs, "runs", "list", "--json").stdout)
    assert len(broken) == 3
