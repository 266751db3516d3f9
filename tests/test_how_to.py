"""The how-tos of docs/how-to are run as they stand: files written, lines entered, commands typed, words compared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = {"object-storage", "ray", "optimise"}
"""Pages about machines and models that are not here; what they say is held by tests of their own."""
HOW_TOS = [one for one in sorted((ROOT / "docs" / "how-to").glob("*.md")) if one.stem not in GUIDES]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)
SHELL = """\
harness() { "$PYTHON" -c 'from harness.cli import main; main()' "$@"; }
pip() { "$PYTHON" -m pip --disable-pip-version-check "$@"; }
python() { "$PYTHON" "$@"; }
"""


def blocks(path):
    """(language, file, text) of every block, in order."""
    return [match.groups() for match in BLOCK.finditer(path.read_text(encoding="utf-8"))]


def entered(text, patch):
    """The text with the lines of the patch that begin with + behind those that begin with a blank."""
    context = "".join(f"{line[1:]}\n" for line in patch.splitlines() if line[:1] == " ")
    assert text.count(context) == 1, f"the how-to names a place that is not there once:\n{context}"
    return text.replace(context, "".join(f"{line[1:]}\n" for line in patch.splitlines()))


def commands(text):
    """(command, what it prints) of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, wanted = part.partition("\n")
        while command.endswith("\\"):
            more, _, wanted = wanted.partition("\n")
            command = f"{command[:-1]} {more.removeprefix('> ')}"
        yield command, wanted


def is_as_told(wanted, printed):
    """Whether what was printed is what the how-to says; ``...`` stands for anything or nothing, a gap for any gap."""
    told = " ".join(printed.split())
    first, *rest = (" ".join(part.split()) for part in wanted.split("..."))
    if not rest:
        return told == first
    if not told.startswith(first) or not told.endswith(rest[-1]):
        return False
    at = len(first)
    for part in rest:
        at = told.find(part, at) + len(part)
        if at < len(part):
            return False
    return True


@pytest.fixture
def house(tmp_path):
    """A copy of the package, compiled as it is, and of the shipped evals, as somebody has who cloned the project."""
    for folder in ("harness", "evals", "golden_sets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


OF_THE_CALLER = {"CI", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}
LONG = {"kind", "metric", "parser", "section"}
"""Executed by the slow suite; importer and package show every way of one file and one line each time."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(one, id=one.stem, marks=[pytest.mark.slow] if one.stem in LONG else []) for one in HOW_TOS],
)
def test_how_to_holds(path, house):
    if "pip install" in path.read_text(encoding="utf-8"):
        pytest.importorskip("pip", reason="the how-to installs a package")
        pytest.importorskip("hatchling", reason="the how-to builds a package")
    python_path = os.pathsep.join([str(house), str(house / "site"), os.environ.get("PYTHONPATH", "")])
    environment = {
        **{name: value for name, value in os.environ.items() if name not in OF_THE_CALLER},
        "PYTHON": sys.executable, "PYTHONPATH": python_path, "COLUMNS": "250",
        "HARNESS_CACHE": str(house / "journal.sqlite"),
    }  # fmt: skip
    for language, file, text in blocks(path):
        target = house / (file or "")
        if language == "console":
            for command, wanted in commands(text):
                done = subprocess.run(
                    ["bash", "-c", SHELL + command], cwd=house, env=environment, text=True, encoding="utf-8",
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                )  # fmt: skip
                assert is_as_told(wanted, done.stdout), f"$ {command}\nwanted:\n{wanted}\nprinted:\n{done.stdout}"
        elif language == "diff":
            target.write_text(entered(target.read_text(encoding="utf-8"), text), encoding="utf-8")
        elif file:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def test_what_is_told_is_compared():
    assert is_as_told("a ... c\n...\n", "a  b c\nd\n")
    assert is_as_told("a ... b", "a b")
    assert not is_as_told("a b", "a b c")
    assert not is_as_told("... c", "a b")


def test_each_door_has_its_how_to():
    assert {path.stem for path in HOW_TOS} == {"metric", "parser", "kind", "section", "importer", "package"}


@pytest.mark.parametrize("path", [one for one in HOW_TOS if one.stem != "package"], ids=lambda path: path.stem)
def test_a_door_is_one_file_and_one_line(path):
    """Inside the package; an eval or a golden set that uses what is new is the user's own."""
    changes = [(language, file, text) for language, file, text in blocks(path) if (file or "").startswith("harness/")]
    assert [language for language, *_ in changes] == ["python", "diff"]
    assert sum(line.startswith("+") for line in changes[1][2].splitlines()) == 1
