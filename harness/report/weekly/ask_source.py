"""What asks are made of, and the order they stand in.

Decides the ranks: what nothing is known of, falls of this week, falls still open, targets missed, labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.gating.findings import Finding
from harness.gating.findings.memory import Entry, Figure
from harness.report.weekly.data import CandidateRow, CategoryRow, GoldenHealth, Movement
from harness.report.weekly.operations import Operations
from harness.runs import RunMeta

NO_OWNER = "no owner named in the policy"
GOLDEN_OWNER = "golden-set owner"
SILENT, MOVED, OPEN_SINCE, BELOW, LATER = -10, 0, 5, 10, 25
"""Ranks: what nothing is known of, falls of this week, falls still open, targets missed, and from where on it may take
four weeks; the severity is added."""
_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True)
class AskSource:
    """What asks are made of.

    Attributes:
        command: The command that answers for open findings.
        names: Category id -> name.
        findings: All findings of the week; those of slices become asks here.
        still_open: Falls of the weeks before that nobody repaired or answers for.
        open: The same, with those of this week.
        errors: Category, metric, slice -> items behind its errors now.
        newly: Category, metric, slice -> items newly wrong.
        contradicted: Items with a label that every candidate contradicts.
        list_runs: The command that says what is wrong with them.
    """

    week: str
    command: Callable[[Sequence[Entry]], str]
    rows: Sequence[CategoryRow]
    names: Mapping[str, str]
    movements: Sequence[Movement]
    findings: Sequence[Finding]
    health: GoldenHealth
    candidates: Sequence[CandidateRow]
    operations: Operations
    unusable: Sequence[RunMeta]
    max_error_rate: float
    has_own_change: bool
    still_open: Sequence[Entry]
    errors: Callable[[str | None, str, tuple[str, str] | None], tuple[str, ...]]
    newly: Callable[[str, str, tuple[str, str] | None], tuple[str, ...]]
    contradicted: Callable[[], tuple[str, ...]]
    n_damaged: int = 0
    list_runs: str = "harness runs list"
    open: Sequence[Entry] = ()

    @cached_property
    def by_id(self) -> dict[str, CategoryRow]:
        """Category -> its row of the week."""
        return {row.id: row for row in self.rows}

    def owner(self, category: str | None) -> str:
        """Who answers for a category."""
        row = self.by_id.get(category or "")
        return NO_OWNER if row is None or not row.owner else row.owner

    @cached_property
    def _of_figure(self) -> dict[Figure, Entry]:
        return {one.figure: one for one in self.open}

    def answer(self, *figures: Figure) -> str:
        """The command that answers for those of the figures that are open; empty where none is."""
        found = [self._of_figure[one] for one in figures if one in self._of_figure]
        return self.command(found) if found else ""

    def severity(self, category: str | None) -> int:
        """0 for a critical category to 3; 2 where the policy names none."""
        row = self.by_id.get(category or "")
        return _SEVERITY.get(row.severity if row else "", 2)
