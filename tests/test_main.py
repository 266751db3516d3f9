import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __main__ as start


def typed(monkeypatch, capsys, *words, **environment):
    """What a command line prints, and whether the commands were loaded for it."""
    for name in ("COLUMNS", "_HARNESS_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/harness", *words])
    loaded = []
    monkeypatch.setattr("harness.cli.main", lambda: loaded.append(1))
    start.main()
    return capsys.readouterr().out, bool(loaded)


@pytest.mark.parametrize(("columns", "name"), [("80", "80"), ("100", "100"), ("211", "100")])
def test_help_is_read_from_its_file(monkeypatch, capsys, columns, name):
    shown, is_loaded = typed(monkeypatch, capsys, "--help", COLUMNS=columns)
    assert shown.startswith("Usage: harness [OPTIONS] COMMAND")
    assert shown == Path(start.help_file(int(name))).read_text(encoding="utf-8")
    assert not is_loaded


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["--help"], {"COLUMNS": "93"}),
        (["--help"], {"_HARNESS_COMPLETE": "bash_complete"}),
        (["--help", "-q"], {}),
        ([], {}),
        (["run", "--help"], {}),
    ],
)
def test_all_else_is_left_to_the_command_line(monkeypatch, capsys, words, environment):
    assert typed(monkeypatch, capsys, *words, **environment) == ("", True)


def test_a_command_looks_for_no_cycles_at_its_end_and_lets_no_thread_spin(monkeypatch, capsys):
    hooks, before = [], gc.get_threshold()
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    monkeypatch.setattr("atexit.register", hooks.append)
    try:
        typed(monkeypatch, capsys, "run")
        assert gc.get_threshold()[0] == start.YOUNG_OBJECTS
    finally:
        gc.set_threshold(*before)
    assert hooks == [gc.freeze]
    assert os.environ["OPENBLAS_THREAD_TIMEOUT"] == "4"


def test_the_package_can_be_run_by_its_name():
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-m", "harness", "--help"], env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("Usage: python -m harness [OPTIONS] COMMAND")
    assert done.returncode == 0


def test_help_loads_neither_click_nor_a_command():
    code = (
        "import sys; sys.argv = ['harness', '--help']; from harness.__main__ import main; main(); "
        "assert not {'click', 'numpy', 'harness.cli'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True
    )
    assert done.stderr == ""
