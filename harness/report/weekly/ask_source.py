"""What asks are made of, and the order they stand in.

Decides the ranks: what nothing is known of, falls of this week, falls still open, targets missed, labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from harness.gating.findings.memory import Entry, Figure
from harness.report.weekly import commands
from harness.report.weekly.changes import OWN_KINDS
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import Ask, CandidateRow, CategoryRow, GoldenHealth
from harness.report.weekly.findings import still_open
from harness.report.weekly.items import AskItems
from harness.report.weekly.judged import Judged
from harness.report.weekly.operations import Operations

NO_OWNER = "no owner named in the policy"
GOLDEN_OWNER = "golden-set owner"
SILENT, MOVED, OPEN_SINCE, BELOW, LATER = -10, 0, 5, 10, 25
"""Ranks: what nothing is known of, falls of this week, falls still open, targets missed, and from where on it may take
four weeks; the severity is added."""
_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True)
class AskSource:
    """What asks are made of; ``contradicted`` are items with a label that every candidate contradicts."""

    weekly: WeeklySource
    judged: Judged
    health: GoldenHealth
    candidates: tuple[CandidateRow, ...]
    operations: Operations
    contradicted: tuple[str, ...]

    @cached_property
    def by_id(self) -> dict[str, CategoryRow]:
        """Category -> its row of the week."""
        return {row.id: row for row in self.judged.rows}

    @cached_property
    def items(self) -> AskItems:
        """The items behind figures."""
        return AskItems(self.weekly.run, self.weekly.candidate, self.judged.before.paired)

    @cached_property
    def still_open(self) -> list[Entry]:
        """Falls of the weeks before that nobody repaired or answers for."""
        return still_open(self.judged.told, self.judged.findings, self.weekly.week)

    @property
    def has_own_change(self) -> bool:
        """Whether anything changed that is ours."""
        return any(one.kind in OWN_KINDS for one in self.judged.before.changes)

    def owner(self, category: str | None) -> str:
        """Who answers for a category."""
        row = self.by_id.get(category or "")
        return NO_OWNER if row is None or not row.owner else row.owner

    @cached_property
    def _of_figure(self) -> dict[Figure, Entry]:
        return {one.figure: one for one in self.judged.entries if one.is_open}

    def answer(self, *figures: Figure) -> str:
        """The command that answers for those of the figures that are open; empty where none is."""
        found = [self._of_figure[one] for one in figures if one in self._of_figure]
        return commands.answer(self.weekly, found) if found else ""

    def severity(self, category: str | None) -> int:
        """0 for a critical category to 3; 2 where the policy names none."""
        row = self.by_id.get(category or "")
        return _SEVERITY.get(row.severity if row else "", 2)

    def about_fall(self, figure: Figure, text: str, items: Iterable[str] = (), since: str | None = None) -> Ask:
        """An ask of a category's owner about a figure that got worse this week, each of its items once."""
        category, rank = figure[0], MOVED + self.severity(figure[0])
        behind = tuple(dict.fromkeys(items))
        owner, answer = self.owner(category), self.answer(figure)
        return Ask(rank, owner, text, category, since=since, items=behind, answer=answer)
