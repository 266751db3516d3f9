"""Operating points as the page and the spreadsheet show them: the finding above, a table, a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.report.parts import numbers
from harness.report.parts.words import enumerated
from harness.report.parts.xlsx import Column, Sheet, Value, number, proportion
from harness.report.points import WHERE, threshold_note, threshold_words
from harness.report.weekly.data import WeeklyData
from harness.report.weekly.operating_data import OperatingRow, why_within


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
    columns = (
        Column("Week", width=10),
        Column("Category", width=22),
        Column("Name", width=26),
        Column("Severity", width=10),
        Column("Owner", width=20),
        Column("Metric", width=22),
        Column("Value", "rate", 9),
        Column("95% low", "rate", 9),
        Column("95% high", "rate", 9),
        Column("Items", "count", 8),
        Column("Held, kept", "rate", 9),
        Column("Threshold", width=20),
        Column("Chosen on", width=10),
        Column("Since", width=10),
        Column("Difference, points", "points", 10),
        Column("low", "points", 8),
        Column("high", "points", 8),
        Column("p, Holm", "p_value", 9),
        Column("Moved", width=8),
        Column("Note", "long", 60),
        Column("Golden set", width=20),
        Column("Run", width=26),
    )
    return [Sheet("Operating points", columns, [row for one in data.operating for row in _rows(one)])]


def _rows(one: OperatingRow) -> list[tuple[Value, ...]]:
    found: list[tuple[Value, ...]] = []
    for at in one.weeks:
        is_now = at is one.weeks[-1]
        difference = one.difference if is_now else None
        choice = at.score.choice
        found.append(
            (
                at.week,
                one.category,
                one.name,
                one.severity,
                one.owner or "",
                one.metric,
                *proportion(at.score.value),
                number(at.score.held.value),
                threshold_words(choice),
                {"dev": "dev part", "folds": "other fifths"}[choice.chosen_on],
                one.since or "" if is_now else "",
                *(
                    None if difference is None else number(100 * end)
                    for end in (
                        (math.nan,) * 3 if difference is None else (difference.value, difference.low, difference.high)
                    )
                ),
                number(one.p_holm) if is_now else None,
                ("down" if one.is_worse else "up") if is_now and one.is_moved else "",
                at.score.reason or threshold_note(choice),
                at.golden,
                at.run_id,
            )
        )
    return found
