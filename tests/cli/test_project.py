"""Any sub-folder, declared defaults, completion: what a person types all day."""

import json
import os
import shutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from harness.cli import COMMANDS, main
from harness.cli.project import ELSEWHERE, NESTED, OPTIONS
from harness.errors import FileError
from harness.files.project import SETTINGS, find_project


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team") / "project"
    assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    copy = tmp_path / "project"
    shutil.copytree(made, copy)
    (copy / "notes" / "deep").mkdir(parents=True)
    for name in ("CI", "HARNESS_RUNS_DIR", "HARNESS_TEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache.sqlite"))
    monkeypatch.chdir(copy / "notes" / "deep")
    return copy


def invoke(*arguments):
    here = os.getcwd()
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert os.getcwd() == here
    return result


RUN = ("run", "team", "--candidate", "rules", "--candidate", "rules_v2")


def test_every_command_finds_the_project_from_a_sub_folder_and_says_which(project):
    """Defaults such as reports/runs counted from wherever one stood."""
    result = invoke(*RUN)
    assert result.exit_code == 0
    assert f"Project: {project}" in result.stderr
    assert list((project / "reports" / "runs").glob("team-*/run.json"))
    for command in (
        ("check",),
        ("score", "latest"),
        ("compare", "latest", "--baseline", "rules", "--candidate", "rules_v2"),
        ("runs", "list"),
        ("runs", "show", "latest"),
        ("history", "team"),
        ("golden", "check", "../../golden_sets/team_v1.yaml"),
        ("golden", "check", "golden_sets/team_v1.yaml"),
        ("gate", "--plan", "../../evals/team.yaml"),
    ):
        assert invoke(*command).exit_code in (0, 4), command
    assert list((project / "notes" / "deep").iterdir()) == []


def test_in_the_project_s_own_folder_nothing_is_said(project, monkeypatch):
    monkeypatch.chdir(project)
    assert invoke("runs", "list").stderr == ""


def test_paths_count_from_where_they_are_typed(project):
    invoke(*RUN)
    out = invoke(
        "report", "latest", "--baseline", "rules", "--candidate", "rules_v2", "--format", "json", "--out", "mine"
    )
    assert out.exit_code == 0, out.output
    assert list((project / "notes" / "deep" / "mine").iterdir())
    assert not (project / "mine").exists()
    invoke(*RUN, "--runs-dir", "here")
    assert list((project / "notes" / "deep" / "here").glob("team-*"))
    run_id = next((project / "notes" / "deep" / "here").glob("team-*"))
    assert invoke("score", f"here/{run_id.name}").exit_code == 0


def test_a_file_of_chosen_items_counts_from_where_it_is_typed(project):
    rows = next((project / "golden_sets").glob("*.jsonl")).read_text(encoding="utf-8").splitlines()
    for path in (project / "notes" / "deep" / "ids.txt", project / "more.txt"):
        path.write_text(f"{json.loads(rows[0])['id']}\n")
    assert invoke(*RUN).exit_code == 0
    for name in ("@ids.txt", "@../../more.txt", "@more.txt"):
        result = invoke("score", "latest", "--only", name)
        assert result.exit_code == 0, result.output
        assert "1 of" in result.output
    assert "is not there" in invoke("score", "latest", "--only", "@nowhere.txt").output


@pytest.mark.parametrize("typed", ["team", "team.yaml", "evals/team.yaml", "../../evals/team.yaml"])
def test_an_eval_is_found_by_name_or_path(project, typed):
    assert invoke("run", typed, "--candidate", "rules", "--dry-run").exit_code == 0


def test_an_eval_that_is_not_there_is_named_with_its_neighbours(project):
    for typed in ("../../evals/taem.yaml", "taem", "taem.yaml"):
        result = invoke("run", typed)
        assert result.exit_code == 1
        assert "did you mean evals/team.yaml?" in result.stderr


@pytest.mark.parametrize("file", ["harness.toml", "pyproject.toml"])
def test_declared_defaults_count_after_flag_and_environment(project, monkeypatch, file):
    head = "[tool.harness]\n" if file == "pyproject.toml" else ""
    (project / file).write_text(f'{head}runs_dir = "declared"\ntext = "none"\ncandidate = "rules_v2"\n')
    invoke(*RUN)
    (run,) = (project / "declared").glob("team-*")
    shown = {row["topic"]: row for row in [json.loads(invoke("explain", "defaults", "--json").stdout)]}["defaults"]
    assert shown["in_effect"]["runs_dir"] == {"value": "declared", "from": file}
    assert shown["in_effect"]["cache"]["from"] == "HARNESS_CACHE (environment)"
    assert "default: declared" in " ".join(invoke("score", "--help").stdout.split())
    assert "rules_v2" in invoke("compare", "latest", "--baseline", "rules").stdout
    monkeypatch.setenv("HARNESS_RUNS_DIR", str(project / "environment"))
    invoke(*RUN)
    assert (project / "environment" / run.name).is_dir()
    invoke(*RUN, "--runs-dir", str(project / "flag"))
    assert (project / "flag" / run.name).is_dir()
    verbose = invoke("-v", "runs", "list")
    assert f"Default: text = none ({project / file})" in verbose.stderr
    assert "Took 0." in verbose.stderr


def test_harness_toml_goes_before_pyproject(project):
    (project / "pyproject.toml").write_text('[tool.harness]\nruns_dir = "b"\n')
    (project / "harness.toml").write_text('runs_dir = "a"\n')
    assert find_project(project / "notes").defaults == {"runs_dir": "a"}


def test_a_log_of_ci_shows_no_more_text_than_it_may(project, monkeypatch):
    (project / "harness.toml").write_text('text = "full"\n')
    monkeypatch.setenv("CI", "true")
    found = json.loads(invoke("explain", "defaults", "--json").stdout)["in_effect"]["text"]
    assert found == {"value": "none", "from": "CI is set"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            'rns_dir = "x"',
            "field 'rns_dir' is not a known default\n  allowed: runs_dir, cache, text, production, can",
        ),
        ('rns_dir = "x"', "did you mean 'runs_dir'?"),
        ("text = 3", "field 'text' is 3\n  allowed: one of masked, full, none"),
        ('text = "Full"', "field 'text' is 'Full'"),
        ('runs_dir = ""', "field 'runs_dir' is an empty string"),
        ('candidate = ["v1"]', "field 'candidate' is a list of 1"),
        ("text = ", "is not TOML"),
        ("a" * 300, "is not TOML"),
        ("\x00", "NUL byte"),
        ("[runs_dir]", "field 'runs_dir' is an empty mapping"),
    ],
)
def test_a_wrong_declaration_is_one_message(project, text, found):
    (project / "harness.toml").write_text(text)
    result = invoke("runs", "list")
    assert result.exit_code == 1
    assert found in result.stderr


def test_the_page_about_files_is_shown_whatever_is_declared(project):
    """``explain formats``, which says how to mend the file, ended with the file's own mistake."""
    (project / "harness.toml").write_text('text = "Full"')
    assert "`text`" in invoke("explain", "formats", "defaults").stdout
    assert invoke("explain", "gate").exit_code == 0
    assert "field 'text' is 'Full'" in invoke("explain", "defaults").stderr


@pytest.mark.parametrize("text", ["", "[tool.ruff]\n", "[tool]\nother = 1\n", "# harness\n[tool.x]\n"])
def test_another_tool_s_pyproject_declares_nothing(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    found = find_project(tmp_path)
    assert found is None or found.root != tmp_path
    (tmp_path / "pyproject.toml").write_text("[tool]\nharness = 3\n")
    with pytest.raises(FileError, match="allowed: a table"):
        find_project(tmp_path)


def test_quiet_leaves_the_result_alone(project):
    loud, quiet = invoke(*RUN), invoke(*RUN, "-q")
    assert quiet.stderr == ""
    assert quiet.stdout.split(":")[0] == loud.stdout.split(":")[0]
    assert invoke("-q", "score", "latest").stderr == ""
    assert "no run 'x'" in invoke("-q", "score", "x").stderr


def test_tables_of_names_are_complete():
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        inner = set(command.list_commands(context)) if isinstance(command, click.Group) else set()
        assert inner <= set(NESTED.get(name, ())), name
    assert set(OPTIONS) == set(SETTINGS)
    assert set(COMMANDS) >= ELSEWHERE


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("scroe", "score"),
        ("runs lst", "list"),
        ("golden chek", "check"),
        ("baseline st", "set"),
        ("run --limt 3", "--limit"),
    ],
)
def test_a_mistyped_command_or_option_names_the_nearest(project, typed, near):
    result = invoke(*typed.split())
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr
    assert f"'{near}'" in result.stderr


# ------------------------------------------------------------------------------------------------------- completion


def complete(*words):
    """What bash would offer, by the protocol of the script itself."""
    environment = {
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_HARNESS_COMPLETE": "bash_complete",
    }
    result = CliRunner().invoke(main, [], prog_name="harness", env=environment)
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


def test_names_are_completed(project):
    invoke(*RUN)
    (run,) = (project / "reports" / "runs").glob("team-*")
    assert complete("harness", "sc") == ["score"]
    assert complete("harness", "score", "te") == [run.name]
    assert complete("harness", "score", "lat") == ["latest", "latest~1"]
    assert complete("harness", "run", "../../evals/t") == ["../../evals/team.yaml"]
    assert complete("harness", "history", "") == ["team"]
    assert complete("harness", "run", "../../evals/team.yaml", "--candidate", "rules_") == ["rules_v2"]
    assert complete("harness", "compare", run.name, "--candidate", "") == ["rules", "rules_v2"]
    assert complete("harness", "run", "nowhere.yaml", "--candidate", "") == []
    assert "--limit" in complete("harness", "run", "--l")
    assert complete("harness", "golden", "che") == ["check"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_every_shell(shell):
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_HARNESS_COMPLETE" in result.stdout
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_a_run_and_an_eval_with_the_script(project, tmp_path):
    invoke(*RUN)
    (run,) = (project / "reports" / "runs").glob("team-*")
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout
    (tmp_path / "completion.bash").write_text(script)
    asks = f"""
        source {tmp_path}/completion.bash
        for words in "score te" "run ../../evals/te"; do
            COMP_WORDS=(harness $words); COMP_CWORD=2; COMPREPLY=()
            _harness_completion harness
            echo "${{COMPREPLY[@]}}"
        done
    """
    folder = os.path.dirname(sys.executable)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    if shutil.which("harness", path=environment["PATH"]) is None:
        pytest.skip("harness is not on the path of this interpreter")
    done = subprocess.run(["bash", "-c", asks], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [run.name, "../../evals/team.yaml"], done.stderr
