"""Whatever is typed for an argument of any command: one message and an exit code of the table, never a traceback."""

import os
import shutil

import click
import pytest
from click.testing import CliRunner

from harness.cli import COMMANDS, main

EXIT_CODES = {0, 1, 2, 3, 4, 5}
ENDLESS = {"view", "review", "quickstart", "completion", "init"}
"""Commands that serve, or write a folder of their own: their odd inputs are tried where they are tested."""


def _commands():
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        if name in ENDLESS:
            continue
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                yield (name, inner), command.get_command(context, inner)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (name,), command


ALL = dict(_commands())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with two runs, and odd things beside it."""
    folder = tmp_path_factory.mktemp("odd") / "project"
    runner = CliRunner()
    assert runner.invoke(main, ["init", str(folder)]).exit_code == 0
    here = os.getcwd()
    os.chdir(folder)
    try:
        for names in (["rules", "rules_v2"], ["rules"]):
            chosen = [part for name in names for part in ("--candidate", name)]
            cache = ["--cache", str(folder / "cache.sqlite")]
            assert runner.invoke(main, ["run", "team", *chosen, *cache]).exit_code == 0
    finally:
        os.chdir(here)
    (folder / "empty").write_bytes(b"")
    (folder / "empty.yaml").write_bytes(b"")
    (folder / "binary.yaml").write_bytes(bytes(range(256)) * 8)
    (folder / "list.yaml").write_text("- a\n- b\n")
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    copy = tmp_path / "project"
    shutil.copytree(made, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("HARNESS_CACHE", str(copy / "cache.sqlite"))
    for name in ("CI", "HARNESS_RUNS_DIR", "HARNESS_TEXT", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return copy


ODD = (
    *("", "nowhere", "nowhere.yaml", ".", "empty", "empty.yaml", "binary.yaml", "list.yaml", "latest", "latest~99"),
    *("team", "team-", "../..", "x" * 400, "a\nb", "\u202edcba", "-1", "1e400", "s3:/x", "nope://x", "file:///nowhere"),
)
GOOD = {
    "eval_path": "evals/team.yaml",
    "run_name": "latest",
    "eval_name": "team",
    "card_path": "golden_sets/team_v1.yaml",
    "old_path": "golden_sets/team_v1.yaml",
    "new_path": "golden_sets/team_v1.yaml",
}


def _invoke(arguments):
    result = CliRunner().invoke(main, arguments)
    told = f"harness {' '.join(map(repr, arguments))} -> {result.exit_code}\n{result.output[-500:]}"
    assert result.exception is None or isinstance(result.exception, SystemExit), f"{told}\n{result.exception!r}"
    assert result.exit_code in EXIT_CODES, told
    assert "Traceback" not in result.output, told
    if result.exit_code in (1, 2):
        assert "Error:" in result.stderr, told
    return result


def _required(command, instead=None, value=None):
    """Good values for the arguments, with one of them replaced."""
    given = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            if parameter.name == instead:
                given += ["--", value] if value.startswith("-") else [value]
            elif parameter.required or parameter.name in GOOD:
                given.append(GOOD.get(parameter.name, "x"))
    return given


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_odd_arguments_are_one_message(project, path):
    command = ALL[path]
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            for value in ODD:
                if value == "team" and path[0] in ("run", "ci"):
                    continue  # names the eval, which asks the embedded model where that is installed
                _invoke([*path, *_required(command, parameter.name, value)])


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    command = ALL[path]
    assert command.help
    assert command.help[0].isupper()
    assert "Example" in command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help or parameter.name == "output", f"{path} {parameter.name}"
