"""Operating points as the page and the spreadsheet show them: the finding above, a table, a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from harness.core.results import MetricResult
from harness.report.parts import numbers
from harness.report.parts.fields import Field, ends, field, table
from harness.report.parts.words import enumerated
from harness.report.parts.xlsx import Sheet, number
from harness.report.points import WHERE, threshold_note, threshold_words
from harness.report.weekly.data import WeeklyData
from harness.report.weekly.kept import NOT_MEASURED
from harness.report.weekly.operating_data import OperatingRow, OperatingWeek, why_within

_CHOSEN_ON = {"dev": "dev part", "folds": "other fifths"}


def operating_title(rows: Sequence[OperatingRow]) -> str:
    """What moved since the run before, and where no threshold reaches what is asked."""
    said = []
    for verb, found in (
        ("Fell", [one for one in rows if one.is_worse]),
        ("Rose", [one for one in rows if one.is_moved and not one.is_worse]),
    ):
        if found:
            names = enumerated([f"{one.title.lower()} of {one.name}" for one in found], 4)
            said.append(f"{verb}: {names}.")
    missed = [one for one in rows if one.now.choice.is_chosen and not one.now.choice.is_reached]
    if missed:
        said.append(f"No threshold reaches {enumerated([f'{one.title.lower()} in {one.name}' for one in missed], 4)}.")
    if any(not math.isnan(one.p_holm) for one in rows) and not any(one.is_moved for one in rows):
        said.append("None of them moved by more than chance explains.")
    return " ".join(said) or "Where each category stands at the same operating point."


def operating_notes(rows: Sequence[OperatingRow]) -> list[str]:
    """On which items thresholds are chosen, and which differences are tested."""
    found = [WHERE[one] for one in dict.fromkeys(row.now.choice.chosen_on for row in rows)]
    if any(math.isnan(one.p_holm) and one.difference is not None for one in rows):
        found.append("Differences without a test are for reading: a gate asks by a check, over a declared split.")
    return found


def operating_change(one: OperatingRow) -> tuple[str, str, str] | None:
    """Against the run before: points, class, words; None without one."""
    if one.difference is None:
        return None
    said = numbers.points_with_interval(one.difference)
    if math.isnan(one.p_holm):
        return said, "c-same", f"since {one.since}, not tested"
    if not one.is_moved:
        return said, "c-same", f"since {one.since}, within chance{why_within(one)}"
    words = f"since {one.since}, p {numbers.p_value(one.p_holm)}"
    return (said, "c-worse", f"▼ moved {words}") if one.is_worse else (said, "c-better", f"▲ moved {words}")


def threshold_of(one: OperatingRow) -> tuple[str, str]:
    """The threshold, and what to know of it."""
    return threshold_words(one.now.choice), threshold_note(one.now.choice)


def operating_sheets(data: WeeklyData) -> list[Sheet]:
    """One row per operating point, category and week; the difference stands in the newest."""
    if not data.operating:
        return []
    columns: tuple[Field[_Week], ...] = (
        field("Week", lambda one: one.at.week, width=10),
        field("Category", lambda one: one.row.category, width=22),
        field("Name", lambda one: one.row.name, width=26),
        field("Severity", lambda one: one.row.severity, width=10),
        field("Owner", lambda one: one.row.owner or "", width=20),
        field("Metric", lambda one: one.row.metric, width=22),
        ends(("Value", "95% low", "95% high"), lambda one: one.at.score.value, "rate"),
        field("Items", lambda one: one.at.score.value.n, "count", 8),
        field("Held, kept", lambda one: number(one.at.score.held.value), "rate", 9),
        field("Threshold", lambda one: threshold_words(one.at.score.choice), width=20),
        field("Chosen on", lambda one: _CHOSEN_ON[one.at.score.choice.chosen_on], width=10),
        field("Since", lambda one: one.row.since or "" if one.is_now else "", width=10),
        field("Difference, points", lambda one: number(100 * one.difference.value), "points", 10),
        field("low", lambda one: number(100 * one.difference.low), "points", 8),
        field("high", lambda one: number(100 * one.difference.high), "points", 8),
        field("p, Holm", lambda one: number(one.row.p_holm) if one.is_now else None, "p_value", 9),
        field("Moved", lambda one: _way(one.row) if one.is_now else "", width=8),
        field("Note", lambda one: one.at.score.reason or threshold_note(one.at.score.choice), "long", 60),
        field("Golden set", lambda one: one.at.golden, width=20),
        field("Run", lambda one: one.at.run_id, width=26),
    )
    return [table("Operating points", [_Week(row, at) for row in data.operating for at in row.weeks], columns)]


class _Week(NamedTuple):
    """One week of an operating point."""

    row: OperatingRow
    at: OperatingWeek

    @property
    def is_now(self) -> bool:
        return self.at is self.row.weeks[-1]

    @property
    def difference(self) -> MetricResult:
        return self.row.difference if self.is_now and self.row.difference is not None else NOT_MEASURED


def _way(one: OperatingRow) -> str:
    return "" if not one.is_moved else "down" if one.is_worse else "up"
