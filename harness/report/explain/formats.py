"""The reference of every file format, made from the records that the files are read into.

Decides which formats there are and how a field's type and default are written; what a field means stands in
``fields.toml``. ``harness explain formats`` prints it, ``docs/FORMATS.md`` is the same text.
"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, structs

from harness.candidates.kinds import KINDS
from harness.candidates.parsers import PARSERS
from harness.core.metric_table import metrics_on
from harness.core.operating_metrics import OPERATING_FORMS
from harness.environment import VARIABLES
from harness.errors import HarnessError
from harness.files.project import OWN_FILE, SETTINGS
from harness.files.schema import MARKS
from harness.records.candidates import Clause, Limits, Model, Price, PromptHeader, Reasoning, Rule, RuleSet
from harness.records.evals import CandidateSpec, CascadeStage, Check, Cost, Eval, Gate, Split
from harness.records.golden import FieldPaths, GoldenCard, Item, PolicyRef
from harness.records.policy import Category, Policy, Prevalence, Target

FORMATS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "policy": ("Policy: evals/policies/NAME.yaml", (Policy, Category, Prevalence, Target)),
    "card": ("Card of a golden set: golden_sets/NAME_vN.yaml", (GoldenCard, PolicyRef, FieldPaths)),
    "item": ("Item of a golden set: a row of NAME_vN.jsonl", (Item,)),
    "prompt": ("Prompt: evals/prompts/NAME.md", (PromptHeader,)),
    "rules": ("Rule set: evals/rules/NAME.yaml", (RuleSet, Rule, Clause)),
    "models": ("Models: evals/models.yaml, name -> model", (Model, Price, Limits, Reasoning)),
    "eval": ("Eval: evals/NAME.yaml", (Eval, CandidateSpec, CascadeStage, Split, Cost)),
    "gate": ("Gate: the field gate of an eval", (Gate, Check)),
}
"""Name -> title and the records of the file, the outermost first."""


@cache
def meanings() -> Mapping[str, Any]:
    """What each field means, by record; and the parts that are words."""
    return tomllib.loads((resources.files("harness.report.explain") / "fields.toml").read_text(encoding="utf-8"))


def document() -> str:
    """The whole reference as a page of its own."""
    head = (
        "# File formats\n\nMade from the schemas by `make docs`; `harness explain formats [NAME]` prints the same. "
        "Unknown fields are errors that name the nearest known one. Paths are relative to the file they stand in; "
        "every file is UTF-8."
    )
    return f"{head}\n\n{reference()}\n"


_OF_A_TABLE: dict[tuple[type, str], str] = {(Check, "metric"): ", ".join((*metrics_on("gate"), *OPERATING_FORMS))}
"""Fields whose values a table of the code lists."""


def reference(name: str | None = None) -> str:
    """The reference of one format, or of all, as Markdown.

    Raises:
        HarnessError: There is no such format.
    """
    names = [*FORMATS, *OTHERS]
    if name is not None and name not in names:
        raise HarnessError(
            f"no file format '{name}'", allowed=", ".join(names), next_step="see all: harness explain formats"
        )
    return "\n\n".join(_part(one) for one in names if name in (None, one))


def _part(name: str) -> str:
    if name in FORMATS:
        title, records = FORMATS[name]
        said = [_text("prompt")] if name == "prompt" else []
        return "\n\n".join([f"## {title}", *said, *(_record(one) for one in records)])
    title, body = OTHERS[name]
    return f"## {title}\n\n{body()}"


def _text(name: str) -> str:
    return str(meanings()["texts"][name]).strip()


def _answers() -> str:
    rows = tuple((f"`{one['example']}`", one["means"]) for one in meanings()["answers"])
    return f"{_named('Answer', PARSERS, meanings()['parsers'])}\n\n{_table(('JSON answer', 'What it says'), rows)}"


OTHERS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "kinds": ("Kinds of candidates: candidates in an eval", lambda: _named("Kind", KINDS, meanings()["kinds"])),
    "answers": ("Answers of a model: answer in a prompt", _answers),
    "classifier": ("Signature of a classifier", lambda: _text("classifier")),
    "recorded": ("Recorded decisions: evals/NAME.jsonl", lambda: _text("recorded")),
    "defaults": (
        f"Defaults of a project: {OWN_FILE}",
        lambda: _named("Field", SETTINGS, {one: setting.about for one, setting in SETTINGS.items()}),
    ),
    "environment": ("Environment variables", lambda: _named("Variable", VARIABLES, VARIABLES)),
}
"""What is no record: parts of the reference by name, each with its title."""


def _named(head: str, names: Any, words: Mapping[str, str]) -> str:
    return _table((head, "Meaning"), tuple((f"`{one}`", words.get(one, "")) for one in names))


def _record(record: type) -> str:
    words, hints = meanings()[record.__name__], get_type_hints(record, include_extras=True)
    rows = tuple(
        (
            f"`{one.name}`",
            _OF_A_TABLE.get((record, one.name)) or type_words(hints[one.name]),
            _default(one),
            words.get(one.name, ""),
        )
        for one in structs.fields(record)
    )
    return f"### {record.__name__}\n\n" + _table(("Field", "Type", "Default", "Meaning"), rows)


def _table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    """A table in Markdown that a terminal shows as well; every word in it is the project's own."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def type_words(hint: Any) -> str:
    """A type in the words of a reader of files.

    >>> type_words(tuple[str, ...]), type_words(Literal["a", "b"] | None), type_words(Mapping[str, float])
    ('list of text', 'a, b or null', 'name -> number')
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _bounded(type_words(arguments[0]), arguments[1:])
    if origin is Literal:
        return ", ".join(MARKS.get(one, str(one)) for one in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if one is type(None) else type_words(one) for one in arguments)
    if origin is tuple:
        return f"list of {type_words(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"{_key(arguments[0])} -> {type_words(arguments[1])}"
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}
    return plain.get(hint) or ("date" if hint.__name__ == "date" else str(hint.__name__))


def _key(hint: Any) -> str:
    return "name" if hint is str else type_words(hint)


def _bounded(words: str, bounds: tuple[Any, ...]) -> str:
    said = []
    for one in bounds:
        for sign, name in ((">", "gt"), (">=", "ge"), ("<", "lt"), ("<=", "le")):
            if (limit := getattr(one, name, None)) is not None:
                said.append(f"{sign} {limit:g}")
        if getattr(one, "min_length", None):
            said.append("not empty")
    return ", ".join([words, *said])


def _default(one: Any) -> str:
    if one.default is not NODEFAULT:
        value = one.default
    elif one.default_factory is not NODEFAULT:
        made = one.default_factory()
        return "none" if made in ({}, ()) else "as below"
    else:
        return "required"
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
