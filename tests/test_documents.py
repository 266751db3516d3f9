"""ARCHITECTURE.md and the error tree name what is there, wholly."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import harness.errors
from harness.errors import HarnessError

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(harness(?:\.\w+)+(?::[\w.]+)?)`", ARCHITECTURE)))
QUESTIONS = re.findall(
    r"^\| (.+) \| (.+) \|$", ARCHITECTURE.split("## Where is X decided")[1].split("More owners")[0], re.M
)
GROUPS = {"harness.candidates", "harness.parsers", "harness.importers"}


@pytest.mark.parametrize("name", sorted(set(NAMED) - GROUPS))
def test_what_the_architecture_names_is_there(name):
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in filter(None, path.split(".")):
        found = getattr(found, part)


def test_each_of_the_twelve_questions_has_one_answer():
    rows = [(question, owner) for question, owner in QUESTIONS if owner.startswith("`harness")]
    assert len(rows) == 12
    assert all(len(re.findall("`", owner)) == 2 for _, owner in rows)
    assert len({owner for _, owner in rows}) == 12
    asked = " ".join(question for question, _ in rows)
    for subject in (
        "failed answer", "tried again", "provider's block", "run's id", "p-value", "exit code", "target is met",
        "default baseline", "CSV", "masking", "dev", "JSON answer",
    ):  # fmt: skip
        assert subject in asked


def test_the_house_lists_the_folders_in_the_order_of_the_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ", ARCHITECTURE.split("## Data flow")[0], re.M)
    assert [[*re.findall(r"\w+", row)] for row in rows] == [sorted(layer.split(" | ")) for layer in layers]


def test_the_error_tree_is_drawn_whole():
    drawn = re.findall(r"^ *(?:[├└│─ ]*)(\w+Error)\b", harness.errors.__doc__, re.M)

    def subclasses(one):
        for sub in one.__subclasses__():
            if sub.__module__.startswith("harness."):
                yield sub.__name__
                yield from subclasses(sub)

    for path in (ROOT / "harness").rglob("*.py"):
        if re.search(r"^class \w+\((HarnessError|\w*Error)\):", path.read_text(encoding="utf-8"), re.M):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert drawn == ["HarnessError", *subclasses(HarnessError)]
