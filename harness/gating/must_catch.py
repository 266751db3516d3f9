"""Must-catch items in a gate: a miss fails it, whatever the statistics.

Decides what a miss does to the verdict: one missed item is a REGRESSION, also where the baseline misses it too, since
the list says what may not ship; an item without any answer keeps a PASS from being one. A broken run stays INVALID.
What catching is, repeats included, is decided in ``measure.must_catch``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.core.gate import GateResult
from harness.core.statements import Statement, StatementKind
from harness.measure.must_catch import MustCatchItem, must_catch_items
from harness.runs import StoredCandidate

KIND = "must_catch"


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
    def to_person(self) -> tuple[MustCatchItem, ...]:
        """Items that are left to a person."""
        return tuple(one for one in self.items if one.result == "person")

    @property
    def n(self) -> int:
        """Items that must be caught, those that the run left out included."""
        return len(self.items) + self.n_not_in_run

    def statement(self, kind: StatementKind) -> Statement:
        """How many there are, and which were missed or not answered."""
        facts = {
            "n": self.n,
            "missed": [
                {"item": one.item_id, "categories": list(one.categories), "names": list(one.names)}
                for one in self.missed
            ],
            "unknown": [one.item_id for one in self.unknown],
            "not_in_run": self.n_not_in_run,
        }
        return Statement(kind, facts=facts)

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {
            "kind": KIND,
            "n": self.n,
            "n_caught": len(self.items) - len(self.missed) - len(self.unknown) - len(self.to_person),
            "to_person": [one.item_id for one in self.to_person],
            "not_in_run": self.n_not_in_run,
            "missed": [one.as_dict() | {"baseline_misses": one.item_id in self.missed_before} for one in self.missed],
            "unknown": [one.as_dict() for one in self.unknown],
        }


def must_catch_of(candidate: StoredCandidate, baseline: StoredCandidate) -> MustCatch | None:
    """The must-catch items of the candidate's run; None when there are none.

    What must be caught is said by the candidate's run alone: the list may have grown since the baseline's.
    """
    items = must_catch_items(*candidate)
    n_left_out = max(0, (candidate.run.meta.golden_set.n_must_catch or 0) - len(items))
    if not items and not n_left_out:
        return None
    before = must_catch_items(*baseline)
    return MustCatch(items, frozenset(one.item_id for one in before if one.result == "missed"), n_left_out)


def with_must_catch(result: GateResult, must_catch: MustCatch | None) -> GateResult:
    """The gate's result under the must-catch items."""
    if must_catch is None or result.verdict == "INVALID":
        return result
    said = must_catch.statement("must_catch")
    if must_catch.missed:
        behind = result.reasons if result.verdict == "REGRESSION" else ()
        return replace(result, verdict="REGRESSION", reasons=(said, *behind))
    if must_catch.unknown or must_catch.n_not_in_run:
        if result.verdict == "PASS":
            unproven = must_catch.statement("must_catch_not_proven")
            return replace(result, verdict="INCONCLUSIVE", reasons=(unproven,))
        return replace(result, reasons=(*result.reasons, said))
    return result
