"""What a pass over the whole pool counted: exact numbers, and where the list of flips lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.report.parts import numbers
from harness.report.parts.tables import Table, with_names

FIELDS = ("decided", "flagged_before", "flagged_after", "newly_flagged", "no_longer_flagged")


@dataclass(slots=True)
class Counts:
    """Counts of one column of one candidate, by items and by views."""

    items: Counter[str] = field(default_factory=Counter)
    views: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, views: float) -> None:
        """Count one item."""
        self.items[name] += 1
        self.views[name] = self.views.get(name, 0.0) + views


@dataclass(slots=True)
class FullPass:
    """A pass over the whole pool, as far as it came.

    Attributes:
        counts: Candidate -> column -> counts; only items that both sides decide.
        n_unanswered: Candidate -> items without an answer.
        cost_usd: What this execution is known to have spent; ``earlier_cost_usd`` what those before it have.
        reason: Why it stopped before the end; None when it did not.
        names: Category -> its name, where the policy gives one.
    """

    before: str
    flips_path: str
    has_views: bool
    counts: dict[str, dict[str, Counts]] = field(default_factory=dict)
    n_items: int = 0
    n_unanswered: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, int] = field(default_factory=dict)
    cost_usd: float = 0.0
    unknown_calls: int = 0
    earlier_cost_usd: float = 0.0
    earlier_unknown_calls: int = 0
    reason: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        candidates: Mapping[str, Any] = {
            name: {column: _plain(one, has_views=self.has_views) for column, one in columns.items()}
            for name, columns in self.counts.items()
        }
        return {
            "before": self.before,
            "items": self.n_items,
            "left_out": self.left_out,
            "candidates": candidates,
            "unanswered": dict(self.n_unanswered),
            "flips": self.flips_path,
            "cost_usd": None if not self.cost_usd and self.unknown_calls else self.cost_usd,
            "unknown_calls": self.unknown_calls,
            "earlier_cost_usd": self.earlier_cost_usd,
            "reason": self.reason,
        }


def _plain(one: Counts, *, has_views: bool) -> dict[str, Any]:
    found = asdict(one)
    items = {name: int(found["items"].get(name, 0)) for name in FIELDS}
    return {"items": items, "views": {name: found["views"].get(name, 0.0) for name in FIELDS} if has_views else None}


def full_tables(found: FullPass) -> list[Table]:
    """One table a candidate, and what was left out."""
    names = ("Items", "Flagged before", "Flagged after", "Newly flagged", "No longer flagged")
    result = []
    for candidate, columns in found.counts.items():
        for unit in ("items", "views") if found.has_views else ("items",):
            rows = tuple(
                (column, *(numbers.count(getattr(one, unit).get(name, 0)) for name in FIELDS))
                for column, one in columns.items()
            )
            heads = names if unit == "items" else ("Views", *names[1:])
            title = f"{candidate} against {found.before}: {unit}"
            table = Table(title, ("Category", *heads), rows, (), frozenset(heads))
            result.append(with_names(table, found.names))
    facts = [("Items listed", numbers.count(found.n_items))]
    facts += [(f"Left out, {reason}", numbers.count(n)) for reason, n in found.left_out.items()]
    facts += [(f"Without an answer, {name}", numbers.count(n)) for name, n in found.n_unanswered.items()]
    facts.append(("Spent", numbers.usd_spent(found.cost_usd, found.unknown_calls)))
    if found.earlier_cost_usd or found.earlier_unknown_calls:
        n_unknown = found.unknown_calls + found.earlier_unknown_calls
        total = numbers.usd_spent(found.cost_usd + found.earlier_cost_usd, n_unknown)
        facts.append(("Spent, earlier executions included", total))
    if found.reason is not None:
        command = "with a higher bound it" if found.reason == "budget" else "the same command"
        facts.append(("Stopped", f"{found.reason}: {command} goes on where it stopped; all answers are kept"))
    result.append(Table("The pass", ("Figure", "Value"), tuple(facts), (), frozenset({"Value"})))
    return result
