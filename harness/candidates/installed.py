"""Candidates that another package brings.

Decides what such a candidate must have, and what its fingerprint says beside its own: which plugin made it, in which
version, with which options. What it decides is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.candidates.bases import stop_candidate
from harness.candidates.kinds import KINDS
from harness.errors import HarnessError
from harness.files.doors import Door, source_hash
from harness.files.kinds import GROUP, Kind, SpecCheck, kinds
from harness.files.text import quoted, with_article
from harness.records import CandidateSpec, Item
from harness.records.answers import Candidate, Decide

if TYPE_CHECKING:
    from harness.candidates.build import Builder

PARTS = ("id", "fingerprint", "categories", "needs_text", "models_used", "prepare", "decide")
"""What a candidate has: ``harness.records.answers.Candidate``."""


class InstalledCandidate:
    """A candidate of another package, with its origin in the fingerprint."""

    def __init__(self, candidate: Candidate, origin: Mapping[str, Any]) -> None:
        self._candidate = candidate
        self._origin = origin
        self.id = candidate.id
        self.categories = tuple(candidate.categories)
        self.needs_text = candidate.needs_text
        self.models_used = tuple(candidate.models_used)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """Everything that can change a decision, as JSON."""
        return {**self._candidate.fingerprint, **self._origin}

    def prepare(self, items: Sequence[Item]) -> None:
        """Let it prepare a chunk of items."""
        self._candidate.prepare(items)

    def stop_computing(self) -> None:
        """Let it end what it computes, where it can."""
        stop_candidate(self._candidate)

    def decide(self, item: Item) -> Decide:
        """Let it decide one item."""
        return self._candidate.decide(item)


def require_candidate(made: Any, candidate_id: str, plugin: str, categories: Sequence[str]) -> Candidate:
    """What a plugin made, when it is a candidate of that name over categories of the policy.

    Raises:
        HarnessError: A part is missing, the id is another, or a category is none of the policy's.
    """
    lacking = [part for part in PARTS if not hasattr(made, part)]
    found = None
    if lacking:
        found = f"returned a {type(made).__name__} without {', '.join(lacking)}"
    elif made.id != candidate_id:
        found = f"returned a candidate named '{made.id}'"
    elif unknown := [name for name in made.categories if name not in categories]:
        found = f"decides '{unknown[0]}', which the policy does not have"
    if found is not None:
        raise HarnessError(
            f"plugin '{plugin}' {found}",
            allowed=f"a candidate with {', '.join(PARTS)}: its id '{candidate_id}', its categories the policy's",
            next_step="correct the plugin, or tell its maker",
        )
    candidate: Candidate = made
    return candidate


def build_plugin(builder: Builder, candidate_id: str, spec: CandidateSpec) -> InstalledCandidate:
    """A candidate of another package: its entry point is called as the builders of the project's own kinds are."""
    name = spec.value
    build, version = PLUGINS.load(name, folder=builder.loaded.folder)
    if isinstance(build, Kind):
        build = build.build
    if not callable(build):
        raise HarnessError(
            f"plugin '{name}' is {with_article(type(build).__name__)}",
            allowed="a callable of (builder, candidate_id, spec)",
            next_step="name a function or a class",
        )
    candidate = require_candidate(build(builder, candidate_id, spec), candidate_id, name, builder.category_ids)
    source = source_hash(name, build) if ":" in name else ""
    origin = {"plugin": name, "version": version, "source": source, "options": dict(spec.options)}
    return InstalledCandidate(candidate, {key: value for key, value in origin.items() if value})


PLUGINS = Door(GROUP, "plugin", {}, hidden=KINDS)


def _check(check: SpecCheck) -> None:
    value = check.spec.value
    if value in kinds():
        check.add(
            ("plugin",),
            f"is {quoted(value)}, a kind of its own",
            "the name of an installed plugin",
            f"write '{value}: ...' in place of 'plugin: {value}'",
        )


PLUGIN = Kind(
    build_plugin,
    takes=frozenset(("model", "crosswalk", "thresholds", "options")),
    check=_check,
    models=lambda spec: [("model", spec.model)] if spec.model else [],
    imports=lambda loaded, spec: [("plugin", spec.value)] if ":" in spec.value else [],
)
