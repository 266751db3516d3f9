"""Items that no candidate may miss: which of them one candidate caught, missed, or never answered.

Decides what catching is. An item is caught when the candidate flags at least one of the categories that its gold says
it violates; with repeats, when it does so in more than half of those that gave an answer, so that one flake neither
sinks nor saves an item. A failed answer counts as the decision that production would take (``on_failure``), since that
is what the item would have met. An item without any answer was not missed: nobody can tell. One that is left to a
person in such a category was not let through. Every item of the run counts, the dev part too: nothing is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.measure.decisions import decisions
from harness.records import MISSING
from harness.runs import ALL_OUTCOMES, Run

Catch = Literal["caught", "missed", "unknown", "person"]


@dataclass(frozen=True, slots=True)
class MustCatchItem:
    """One item that must be caught, and what the candidate made of it.

    Attributes:
        n_caught: Repeats in which at least one of them was flagged.
        n_answered: Repeats that gave a decision, the fallback of a failed answer included.
        outcomes: Distinct outcomes of the repeats, in their order.
    """

    item_id: str
    categories: tuple[str, ...]
    names: tuple[str, ...]
    result: Catch
    n_caught: int
    n_answered: int
    n_repeats: int
    outcomes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {
            "item": self.item_id,
            "categories": list(self.categories),
            "result": self.result,
            "caught": self.n_caught,
            "answered": self.n_answered,
            "repeats": self.n_repeats,
            "outcomes": list(self.outcomes),
        }


def must_catch_items(run: Run, candidate: str) -> tuple[MustCatchItem, ...]:
    """Every must-catch item of a run as one candidate decided it, in the order of the set."""
    whole = run if run.part == "all" else run.of_part("all")
    positions = np.flatnonzero(whole.must_catch)
    if not positions.size:
        return ()
    read = decisions(whole, candidate)
    outcomes = whole.candidate(candidate).outcomes
    ids = whole.item_ids
    found = []
    for at in positions.tolist():
        violated = whole.y_true[at] == 1
        categories = tuple(one for one, is_one in zip(whole.categories, violated.tolist(), strict=True) if is_one)
        decided = read.y_pred[at][:, violated]
        is_answered = (decided != MISSING).any(axis=1)
        n_caught, n_answered = int((decided == 1).any(axis=1).sum()), int(is_answered.sum())
        sent = np.zeros_like(is_answered) if read.to_person is None else read.to_person[at][:, violated].any(axis=1)
        n_seen = n_caught + int((sent & ~(decided == 1).any(axis=1)).sum())
        n_met = int((is_answered | sent).sum())
        said = [str(ALL_OUTCOMES[code]) for code in outcomes[at].tolist()]
        found.append(
            MustCatchItem(
                ids[at],
                categories,
                tuple(map(run.meta.policy.category_name, categories)),
                "unknown" if not n_met else "missed" if 2 * n_seen <= n_met else "caught" if n_caught else "person",
                n_caught,
                n_answered,
                len(said),
                tuple(dict.fromkeys(said)),
            )
        )
    return tuple(found)
