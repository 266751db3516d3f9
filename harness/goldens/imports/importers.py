"""Formats that are known by name: one module of ``formats`` and one line of the table each, or an installed package's.

Decides what an importer is. It knows the columns it is recognised by, and either the plan of its table or how its
records become items; who made the format and under which licence the data usually comes is written into the card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from harness.errors import HarnessError
from harness.files.doors import Door
from harness.goldens.imports.account import Account
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.plan import Plan

_PACKAGE = "harness.goldens.imports.formats"


@dataclass(slots=True)
class Imported:
    """What an importer makes of a file.

    Attributes:
        items: Rows in the default form of a golden set, in order.
        slices: Slice -> dotted path of its values.
        rules: In words, what turned the file's values into labels.
        modalities: Modality -> dotted path of its parts.
        decisions: Candidate -> its recorded decisions, a row an item; complete once ``items`` is read.
    """

    items: Iterator[dict[str, Any]]
    categories: tuple[str, ...]
    slices: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    modalities: Mapping[str, str] = field(default_factory=dict)
    decisions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Reads(Protocol):
    """Makes items of the records of a file."""

    def __call__(self, foreign: Foreign, plan: Plan, account: Account) -> Imported:
        """``plan`` holds what the user said: categories under ``names``, meanings under ``values``."""


@dataclass(frozen=True, slots=True)
class Importer:
    """One known format.

    Args:
        title: What it is, for people.
        licence: Under which licence such data comes; empty where that is the exporter's to say.
        recognises: Whether a file of these columns, with a sample of their values, is of this format.
        plan: The plan of a table with fixed columns, as far as the user did not say otherwise.
        read: How records become items, where a table's plan cannot say it.
    """

    title: str
    source: str
    licence: str
    recognises: Callable[[Foreign, Mapping[str, Sequence[Any]]], bool]
    plan: Callable[[Mapping[str, Sequence[Any]]], Plan] | None = None
    read: Reads | None = None


def has_columns(*names: str) -> Callable[[Foreign, Mapping[str, Sequence[Any]]], bool]:
    """Recognises a table by columns it must have."""
    wanted = frozenset(names)
    return lambda foreign, samples: wanted <= samples.keys()


IMPORTERS: Final = Door(
    group="harness.importers",
    noun="import format",
    own={
        "harness": f"{_PACKAGE}.own_export:importer",
        "openai-moderation": f"{_PACKAGE}.openai_moderation:importer",
        "hatecheck": f"{_PACKAGE}.hatecheck:importer",
        "multilingual-hatecheck": f"{_PACKAGE}.multilingual_hatecheck:importer",
        "xstest": f"{_PACKAGE}.xstest:importer",
        "toxicchat": f"{_PACKAGE}.toxicchat:importer",
        "jigsaw": f"{_PACKAGE}.jigsaw:importer",
        "civil-comments": f"{_PACKAGE}.civil_comments:importer",
        "davidson": f"{_PACKAGE}.davidson:importer",
        "label-studio": f"{_PACKAGE}.label_studio:importer",
        "argilla": f"{_PACKAGE}.argilla:importer",
        "prodigy": f"{_PACKAGE}.prodigy:importer",
        "doccano": f"{_PACKAGE}.doccano:importer",
        "inspect": f"{_PACKAGE}.inspect_log:importer",
        "promptfoo": f"{_PACKAGE}.promptfoo:importer",
        "langfuse": f"{_PACKAGE}.langfuse:importer",
    },
)
"""Format -> its importer; other packages list theirs under the same entry point group."""


def importer_of(name: str) -> Importer:
    """The importer of a format; HarnessError names the known ones."""
    found, _ = IMPORTERS.load(name)
    if not isinstance(found, Importer):
        raise HarnessError(
            f"import format '{name}' is {type(found).__name__}, not an Importer",
            allowed="an object of harness.goldens.imports.importers.Importer",
            next_step="correct the package that lists it",
        )
    return found


def recognised(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> tuple[str, Importer] | None:
    """The first format, of the table and then of installed packages, that knows the file as its own."""
    for name in (*IMPORTERS, *IMPORTERS.installed()):
        importer = importer_of(name)
        if importer.recognises(foreign, samples):
            return name, importer
    return None


def file_stem(path: Path) -> str:
    """The name of a file without its endings."""
    return path.name.split(".")[0]
