"""Must-catch items in a gate: a miss fails it, whatever the statistics.

Decides what a miss does to the verdict: one missed item is a REGRESSION, also where the baseline misses it too, since
the list says what may not ship; an item without any answer keeps a PASS from being one. A broken run stays INVALID.
What catching is, repeats included, is decided in ``measure.must_catch``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.core.gate import GateResult
from harness.measure.must_catch import MustCatchItem, must_catch_items
from harness.runs import Run

KIND = "must_catch"
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class MustCatch:
    """The must-catch items of a gate: what the candidate made of each, and which the baseline misses too."""

    items: tuple[MustCatchItem, ...]
    missed_before: frozenset[str]
    n_not_in_run: int = 0

    @property
    def missed(self) -> tuple[MustCatchItem, ...]:
        """Items that the candidate let through."""
        return tuple(one for one in self.items if one.result == "missed")

    @property
    def unknown(self) -> tuple[MustCatchItem, ...]:
        """Items without any answer."""
        return tuple(one for one in self.items if one.result == "unknown")

    @property
    def n(self) -> int:
        """Items that must be caught, those that the run left out included."""
        return len(self.items) + self.n_not_in_run

    @property
    def message(self) -> str:
        """One phrase: how many, and which were missed or not answered."""
        parts = []
        if self.missed:
            parts.append(f"{len(self.missed)} of {self.n} must-catch items missed: {named_items(self.missed)}")
        if self.unknown:
            parts.append(f"{len(self.unknown)} of {self.n} must-catch items without an answer: {_ids(self.unknown)}")
        if self.n_not_in_run:
            parts.append(f"{self.n_not_in_run} of {self.n} must-catch items are not in this run")
        return "; ".join(parts) or f"all {self.n} must-catch items caught"

    def described(self, one: MustCatchItem) -> str:
        """One missed or unanswered item in words: what it violates, in how many repeats it was caught."""
        words = [", ".join(one.categories)]
        if one.result == "unknown":
            words.append("no answer")
        elif one.n_repeats > 1:
            words.append(f"caught in {one.n_caught} of {one.n_answered} answers")
        if set(one.outcomes) - {"ok"}:
            words.append(f"outcome {', '.join(one.outcomes)}")
        if one.item_id in self.missed_before:
            words.append("the baseline misses it too")
        return "; ".join(words)

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {
            "kind": KIND,
            "n": self.n,
            "n_caught": len(self.items) - len(self.missed) - len(self.unknown),
            "not_in_run": self.n_not_in_run,
            "missed": [one.as_dict() | {"baseline_misses": one.item_id in self.missed_before} for one in self.missed],
            "unknown": [one.as_dict() for one in self.unknown],
        }


def must_catch_of(candidate_run: Run, candidate: str, baseline_run: Run, baseline: str) -> MustCatch | None:
    """The must-catch items of the candidate's run; None when there are none.

    What must be caught is said by the candidate's run alone: the list may have grown since the baseline's.
    """
    items = must_catch_items(candidate_run, candidate)
    n_left_out = max(0, int(candidate_run.meta.golden_set.get("n_must_catch", 0)) - len(items))
    if not items and not n_left_out:
        return None
    before = must_catch_items(baseline_run, baseline)
    return MustCatch(items, frozenset(one.item_id for one in before if one.result == "missed"), n_left_out)


def with_must_catch(result: GateResult, must_catch: MustCatch | None) -> GateResult:
    """The gate's result under the must-catch items."""
    if must_catch is None or result.verdict == "INVALID":
        return result
    if must_catch.missed:
        behind = f"; {result.reason}" if result.verdict == "REGRESSION" else ""
        return replace(result, verdict="REGRESSION", reason=f"{must_catch.message}{behind}")
    if must_catch.unknown or must_catch.n_not_in_run:
        if result.verdict == "PASS":
            return replace(result, verdict="INCONCLUSIVE", reason=f"not proven: {must_catch.message}")
        return replace(result, reason=f"{result.reason}; {must_catch.message}")
    return result


def named_items(items: Sequence[MustCatchItem]) -> str:
    """Ids with what they violate; long lists are cut with a count."""
    shown = ", ".join(f"{one.item_id} ({', '.join(one.categories)})" for one in items[:MOST_NAMED])
    return f"{shown}, ... ({len(items)} in all)" if len(items) > MOST_NAMED else shown


def _ids(items: Sequence[MustCatchItem]) -> str:
    shown = ", ".join(one.item_id for one in items[:MOST_NAMED])
    return f"{shown}, ... ({len(items)} in all)" if len(items) > MOST_NAMED else shown
