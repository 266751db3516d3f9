"""What the figures of a week are, and what of them is a finding: one record, from which every sentence is made."""

from __future__ import annotations

from dataclasses import dataclass

from harness.gating.findings import Cause, Finding
from harness.gating.findings.memory import Entry
from harness.report.weekly.before import Before
from harness.report.weekly.data import CategoryRow, Movement, Series
from harness.report.weekly.operating_data import OperatingRow
from harness.report.weekly.production import Production


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The week, judged.

    Attributes:
        names: Category id -> name.
        entries: The ledger.
        told: The ledger without what a wider line of it tells.
        cause: What may be blamed for what moved in this week alone; None without a run before.
    """

    names: dict[str, str]
    series: tuple[Series, ...]
    before: Before
    entries: tuple[Entry, ...]
    told: tuple[Entry, ...]
    rows: tuple[CategoryRow, ...]
    movements: tuple[Movement, ...]
    production: Production | None
    operating: tuple[OperatingRow, ...]
    cause: Cause | None
    findings: tuple[Finding, ...]
