"""What a response may amount to, and what follows from it: its outcome, whether it is kept, whether to ask again.

Decides nothing about a response; that is done in ``endings`` (why an answer ended) and ``outcomes`` (all the rest).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from msgspec import Struct, field

from harness.candidates.said import Said, one_line, redacted
from harness.records.answers import Outcome

Kind = Literal[
    "answered", "cut_off", "tool", "unknown_end", "refused", "blocked",
    "unread", "too_long", "rejected", "retry", "daily", "quota", "set_up",
]  # fmt: skip
"""``answered``: finished. ``cut_off``: ended at a token limit. ``tool``: called a tool instead. ``unknown_end``: ended
for a reason nobody knows. ``refused``: the model, in a field of its own. ``blocked``: the provider's filter.
``unread``: the server could not read the model's answer as it was asked to (JSON mode).
``too_long``: this item does not fit. ``rejected``: this request was refused, for its item or for its set-up.
``retry``: passing. ``daily``: a limit that does not return within a run.
``quota``: the account has nothing left. ``set_up``: every call would fail alike."""

OUTCOME_OF: Mapping[Kind, Outcome] = {
    "answered": "ok",
    "cut_off": "ok",
    "tool": "unparsed",
    "unknown_end": "unparsed",
    "refused": "refused",
    "blocked": "blocked",
    "unread": "unparsed",
    "too_long": "rejected",
    "rejected": "rejected",
    "retry": "error",
    "daily": "error",
    "quota": "error",
    "set_up": "error",
}
JOURNALED: frozenset[Kind] = frozenset({"answered", "cut_off", "tool", "refused"})
"""What is kept as an answer: what the model itself said. Blocks, errors and unknown endings are asked again."""


class Meaning(Struct, frozen=True, dict=True):
    """What a response amounts to.

    Attributes:
        kind: One of ``Kind``.
        status: HTTP status; of the error inside where a 2xx carries one.
        said: What the server said; shown only through ``reason``.
    """

    kind: Kind
    status: int = 200
    said: Said = field(default_factory=Said)
    finish: str = ""

    @property
    def outcome(self) -> Outcome:
        """The outcome of a row whose answer cannot be read further; ``ok`` leaves it to the parser."""
        if 200 <= self.status < 300 and OUTCOME_OF[self.kind] == "rejected":
            return "error"  # a 2xx that holds nothing: no refusal of the item
        return OUTCOME_OF[self.kind]

    @property
    def is_retryable(self) -> bool:
        """Whether asking again may help."""
        return self.kind == "retry"

    @property
    def may_journal(self) -> bool:
        """Whether it is kept as an answer."""
        return self.kind in JOURNALED

    @cached_property
    def raw_reason(self) -> str:
        """Why, in one line, with the server's own words; not yet free of keys and item text."""
        if self.finish and 200 <= self.status < 300:
            return _WORDS[self.kind].format(f"finish_reason '{one_line(self.finish, 60)}'")
        codes = [code for code in self.said.codes if code != str(self.status) and code.lower() not in _EMPTY_CODES]
        named = [one_line(code, 60) for code in codes if code not in self.said.text][:3]
        words = f"HTTP {self.status}" + (f" ({', '.join(named)})" if named else "")
        if self.said.text:
            words += f": {one_line(self.said.text)}"
        return _WORDS[self.kind].format(words)

    def reason(self, *private: str) -> str:
        """Why, without keys, without what stands in the private texts too, without control characters."""
        return redacted(self.raw_reason, private)


_WORDS: Mapping[Kind, str] = {
    "answered": "{}",
    "cut_off": "cut off at the token limit ({})",
    "tool": "the model called a tool instead of answering ({})",
    "unknown_end": "the answer ended for a reason that is not known ({})",
    "refused": "the model refused ({})",
    "blocked": "the provider's content filter ({})",
    "unread": "the server could not read the model's answer ({})",
    "too_long": "the item is too long for the endpoint ({})",
    "rejected": "{}",
    "retry": "{}",
    "daily": "a limit of the day is reached ({})",
    "quota": "the quota is used up ({})",
    "set_up": "{}",
}
_EMPTY_CODES = frozenset({"error", "none", "null", "fail", "failed"})
