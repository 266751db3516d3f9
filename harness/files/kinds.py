"""What a kind of candidate is: the interface that every kind fills in, and the door it comes in by.

Decides nothing about any kind. The table of the kinds is ``harness.candidates.kinds``, named here by its path since
this folder may not import it; ``evals`` reads an eval by it, ``candidates`` checks and builds by it, and a run takes
the names of its input files from it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import HarnessError
from harness.files.decode import require_names
from harness.files.doors import Door
from harness.files.schema import Loc
from harness.files.text import shortened
from harness.files.yaml import Document, read_yaml
from harness.records import CandidateSpec, GoldenCard, Loaded, Model, Policy

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval, Shelf
    from harness.records.answers import Candidate

GROUP = "harness.candidates"
TABLE = "harness.candidates.kinds"

Takes = Literal["model", "crosswalk", "thresholds", "options"]


@dataclass(frozen=True, slots=True)
class SpecCheck:
    """One candidate of an eval under check, and where what is found is put."""

    document: Document
    name: str
    spec: CandidateSpec
    candidates: Mapping[str, CandidateSpec]
    errors: list[Any]

    def add(self, tail: Loc, found: str, allowed: str, next_step: str) -> None:
        """A fault at a place of this candidate; an empty tail is the candidate itself."""
        place = ("candidates", self.name, *tail)
        self.errors.append(self.document.error(place, found, allowed=allowed, next_step=next_step))

    def require(self, tail: Loc, names: Sequence[str], known: Sequence[str], *, noun: str, where: str) -> None:
        """A fault for each name that is not known."""
        place = ("candidates", self.name, *tail)
        self.errors.extend(self.document.errors(require_names(place, names, known, noun=noun, where=where)))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something a run accepts, or that cannot be told here."""

    path: Path
    line: int | None
    found: str
    next_step: str


def not_decided(loaded: LoadedEval, candidate_id: str, found: str) -> Doubt:
    """A doubt about a candidate that does not have all the categories."""
    hint = "these are not decided and not counted for it; map them in the crosswalk where it has one after all"
    line = read_yaml(loaded.eval.path, what="eval").line(("candidates", candidate_id))
    return Doubt(loaded.eval.path, line, f"candidate '{shortened(candidate_id)}': {found}", hint)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """The file that a candidate of a kind names.

    Attributes:
        read: How it is read, once for all that name it.
        fits: What does not fit between it and a policy (and the card of the golden set).
        version: Its name and version, when a run keeps a copy of it among its inputs.
    """

    what: str
    read: Callable[[Shelf, Path], Any]
    fits: Callable[[Any, Policy, GoldenCard | None], Sequence[HarnessError]] = lambda file, policy, card: ()
    version: Callable[[Loaded[Any]], tuple[str, int | None]] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of candidate.

    Attributes:
        build: Makes the candidate: (builder, candidate id, spec) -> candidate.
        value: Type of what stands under the kind's name in an eval.
        takes: Which of the fields that kinds share it takes.
        fields: Fields of its own beside the value, with their types; they become the spec's ``options``.
        file: The file that its value names; None when it names none.
        check: Faults of one candidate of this kind, beyond types.
        check_policy: Faults of it against the policy, beyond categories of thresholds and names of crosswalks.
        uses: Other candidates of the eval that it asks.
        models: Places in the spec that name a model of the models file, each with the name.
        check_models: Faults of it against the models file, beyond names that are not there.
        doubts: What a run would accept of a candidate that was built, and a person may not have meant.
        imports: Code of a user that building it imports: what it is, and its path.
    """

    build: Callable[[Any, str, CandidateSpec], Candidate]
    value: Any = str
    takes: frozenset[Takes] = frozenset()
    fields: Mapping[str, Any] = field(default_factory=dict)
    file: NamedFile | None = None
    check: Callable[[SpecCheck], None] = lambda check: None
    check_policy: Callable[[SpecCheck, Policy], None] = lambda check, policy: None
    check_models: Callable[[SpecCheck, Mapping[str, Model]], None] = lambda check, models: None
    uses: Callable[[CandidateSpec], Sequence[str]] = lambda spec: ()
    models: Callable[[CandidateSpec], Sequence[tuple[str, str]]] = lambda spec: ()
    doubts: Callable[[LoadedEval, Any], Sequence[Doubt]] = lambda loaded, candidate: ()
    imports: Callable[[LoadedEval, CandidateSpec], Sequence[tuple[str, str]]] = lambda loaded, spec: ()


@functools.cache
def kinds() -> Door:
    """The door of kinds, with the project's table."""
    found: Door = importlib.import_module(TABLE).KINDS
    return found


def kind_of(spec: CandidateSpec) -> Kind:
    """The kind of a candidate; only a kind that is asked for is imported."""
    return kind_named(spec.kind)


def kind_named(name: str) -> Kind:
    """A kind by the name of its field."""
    found, _ = kinds().load(name)
    if not isinstance(found, Kind):
        raise HarnessError(
            f"candidate kind '{name}' is a {type(found).__name__}",
            allowed="a harness.files.kinds.Kind, or an option of 'plugin:' for a callable",
            next_step=f"write 'plugin: {name}'",
        )
    return found


def takers(field_name: Takes) -> list[str]:
    """Names of the kinds that take a shared field, for messages."""
    return [name for name in kinds() if field_name in kind_named(name).takes]
