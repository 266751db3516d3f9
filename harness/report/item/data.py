"""One item of a run, whole: what people said of it, what was sent about it, what came back and how that was read.

Texts are already as ``--text`` wants them; nothing here decides what is shown. ``as_dict`` is the shape of ``--json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.report.item.media import Media
from harness.report.parts.masking import TextMode

KeyCheck = Literal["same", "another", "unknown"]
CHECK_WORDS: Mapping[KeyCheck, str] = {
    "same": "what was sent: its key is the journal's",
    "another": "not what was sent: the key of the stored answer is another one",
    "unknown": "could not be checked",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer.

    Attributes:
        key: Key of the answer in the journal, as the run's row has it.
        messages: Role and content of each message, where the body holds messages.
        content: What else of the body speaks of the item (``input`` of a moderation endpoint).
        check: Whether the reproduced body has the key of the stored answer.
        why: Why the check came out so, where that is not plain.
        status: HTTP status of the answer; None when the journal does not hold it.
        latency_ms: How long the answer took when it was first given.
    """

    key: str | None
    model: str | None = None
    route: str | None = None
    messages: tuple[tuple[str, str], ...] = ()
    content: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    check: KeyCheck = "unknown"
    why: str = ""
    status: int | None = None
    raw: str | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One repeat: the row as the run holds it, and the calls behind it.

    Attributes:
        reason: Why the answer is not usable, or is a missing one; None where it is.
        counts_as: What a failed answer counts as, in words; empty where nothing failed.
        fallback: Category -> the decision that stands in, where the answer gives none.
        reread: What this version makes of the stored answers, where that is something else; empty for the same.
    """

    repeat: int
    outcome: str
    decisions: Mapping[str, int | None]
    scores: Mapping[str, float]
    reason: str | None
    rationale: str | None
    latency_ms: float | None
    cost_usd: float | None
    tokens: Mapping[str, int]
    is_cached: bool
    counts_as: str = ""
    fallback: Mapping[str, int] = field(default_factory=dict)
    reread: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that applies; the first per category decides."""

    rule: str
    category: str
    decision: int
    is_deciding: bool


@dataclass(frozen=True, slots=True)
class CandidateSheet:
    """What one candidate made of the item; ``note`` says why something cannot be reproduced."""

    name: str
    description: str
    parser: str | None
    readings: tuple[Reading, ...]
    rules: tuple[RuleHit, ...] | None = None
    note: str = ""

    @property
    def flags_by_repeat(self) -> list[tuple[str, ...]]:
        """Flagged categories of every repeat."""
        return [tuple(name for name, value in one.decisions.items() if value == 1) for one in self.readings]


@dataclass(frozen=True, slots=True)
class ItemSheet:
    """The item with everything a run and its journal know of it.

    Attributes:
        labels: Category -> 1, 0 or None (nobody labelled it).
        votes: One mapping for each annotator: name and what they said.
        definitions: Category -> name and definition under the policy of the run.
    """

    run_id: str
    eval_name: str
    golden_set: str
    policy: str
    item_id: str
    text: str | None
    text_mode: TextMode
    labels: Mapping[str, int | None]
    votes: tuple[Mapping[str, Any], ...]
    slices: Mapping[str, tuple[str, ...]]
    group: str | None
    weight: float
    is_must_catch: bool
    definitions: Mapping[str, tuple[str, str]]
    candidates: tuple[CandidateSheet, ...]
    notes: tuple[str, ...] = ()
    media: Media = field(default_factory=Media)

    @property
    def in_play(self) -> list[str]:
        """Categories that apply, or that somebody flagged or voted for; all of them when that is none."""
        flagged = {name for one in self.candidates for flags in one.flags_by_repeat for name in flags}
        voted = {name for vote in self.votes for name, said in _said(vote).items() if said == 1}
        found = [name for name, gold in self.labels.items() if gold == 1 or name in flagged or name in voted]
        return found or list(self.labels)

    def name_of(self, category: str) -> str:
        """The category's name for readers."""
        return self.definitions.get(category, (category, ""))[0]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness show --json``."""
        defined = self.definitions.items()
        return {
            "run_id": self.run_id,
            "eval": self.eval_name,
            "golden_set": self.golden_set,
            "policy": self.policy,
            "item": {
                "id": self.item_id,
                "text": self.text,
                "text_mode": self.text_mode,
                **self.media.as_dict(),
                "labels": dict(self.labels),
                "votes": [dict(one) for one in self.votes],
                "slices": {name: list(values) for name, values in self.slices.items()},
                "group": self.group,
                "weight": self.weight,
                "must_catch": self.is_must_catch,
                "definitions": {one: {"name": name, "definition": text} for one, (name, text) in defined},
            },
            "candidates": {one.name: _candidate(one) for one in self.candidates},
            "notes": list(self.notes),
        }


def _said(vote: Mapping[str, Any]) -> Mapping[str, Any]:
    found = vote.get("labels")
    return found if isinstance(found, Mapping) else {}


def votes_of(sheet: ItemSheet, category: str) -> list[tuple[str, int | None]]:
    """Who said what of one category; those who were silent are left out."""
    said = ((str(vote.get("annotator", "somebody")), _said(vote)) for vote in sheet.votes)
    return [(who, labels[category]) for who, labels in said if category in labels]


def _candidate(one: CandidateSheet) -> dict[str, Any]:
    readings = [_reading(reading) for reading in one.readings]
    return {
        **readings[0],
        "description": one.description,
        "parser": one.parser,
        "rules": None if one.rules is None else [asdict(hit) for hit in one.rules],
        "note": one.note or None,
        "repeats": readings[1:],
    }


def _reading(one: Reading) -> dict[str, Any]:
    return {
        "outcome": one.outcome,
        "reason": one.reason,
        "decisions": dict(one.decisions),
        "scores": dict(one.scores),
        "rationale": one.rationale,
        "latency_ms": one.latency_ms,
        "cost_usd": one.cost_usd,
        "tokens": dict(one.tokens),
        "cached": one.is_cached,
        "counts_as": one.counts_as or None,
        "fallback": dict(one.fallback),
        "reread": one.reread or None,
        "requests": [_call(call) for call in one.calls],
    }


def _call(one: Call) -> dict[str, Any]:
    said: dict[str, Any] = {"messages": [{"role": role, "content": content} for role, content in one.messages]}
    if one.content is not None:
        said = {"input": one.content}
    return {
        "model": one.model,
        "route": one.route,
        **said,
        "params": dict(one.params),
        "response_key": one.key,
        "check": one.check,
        "why": one.why or None,
        "status": one.status,
        "raw": one.raw,
        "latency_ms": one.latency_ms,
    }
