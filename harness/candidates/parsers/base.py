"""What a parser is given, and what it gives back.

A parser reads one answer; whether the call failed or the model refused is decided before and after it (``chat``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.candidates.names import NameIndex
from harness.records import PromptHeader

Words = Mapping[str, Sequence[str]]
"""Spellings of every choice."""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token with the alternatives the model weighed: text and log probability."""

    text: str
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ParseContext:
    """What the answer is an answer to.

    Attributes:
        names: Names the answer may use; ``names.categories`` are the categories to decide.
        category: The category asked about when the prompt asks per category.
        tokens: Log probabilities, empty when the server gave none.
        is_cut_off: Whether the answer ended at the token limit.
        reasoning: Delimiters that models.yaml declares for this model, beside the known ones.
        decided_by_score: Categories for which a threshold decides over the score, whatever the answer lists.
    """

    header: PromptHeader
    names: NameIndex
    category: str | None = None
    tokens: Sequence[Token] = ()
    is_cut_off: bool = False
    reasoning: Sequence[tuple[str, str]] = ()
    decided_by_score: frozenset[str] = frozenset()

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories to decide."""
        return self.names.categories

    @property
    def only(self) -> str | None:
        """The category, when there is exactly one to decide."""
        return self.categories[0] if len(self.categories) == 1 else None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer says. A category asked about and not decided is None; the outcome is then not ``ok``."""

    outcome: Literal["ok", "unparsed", "abstained"]
    decisions: Mapping[str, int | None] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    rationale: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Parser:
    """A way to read answers.

    Attributes:
        parse: Answer text and context -> what it says; never raises on any text.
        version: Part of a candidate's fingerprint; goes up when an answer may be read differently.
        wants_logprobs: Whether scores come from the log probabilities of the answer's first token.
        needs_one_category: Whether an answer can only speak about one category.
    """

    parse: Callable[[str, ParseContext], Parsed]
    version: int | str = 1
    wants_logprobs: bool = False
    needs_one_category: bool = False
    needs_crosswalk: bool = False


def unparsed(reason: str) -> Parsed:
    """No verdict could be read; the reason never quotes the answer."""
    return Parsed("unparsed", reason=reason)


def decided(
    context: ParseContext,
    flagged: Sequence[str],
    *,
    scores: Mapping[str, float] | None = None,
    rationale: str | None = None,
) -> Parsed:
    """A full answer: 1 for the flagged categories, 0 for the others that were asked about."""
    decisions = {category: int(category in flagged) for category in context.categories}
    return Parsed("ok", decisions, scores or {}, rationale)
