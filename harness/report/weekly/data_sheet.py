"""The figures of all weeks for a pivot table, one row per week, candidate, category, slice and metric; trend charts.

Decides what a row of the data sheet holds. Nothing in it is decided anew, and nothing is rounded.
"""

from __future__ import annotations

import math
from dataclasses import replace

from harness.report.parts.fields import Field, ends, field, fields, table
from harness.report.parts.xlsx import Chart, Column, Sheet, Value, number
from harness.report.weekly import titles
from harness.report.weekly.data import METRIC_NAMES, Point, Series, WeeklyData
from harness.report.weekly.drawings import trend_ticks
from harness.report.weekly.production_sheets import production_rows
from harness.report.weekly.sheet_data import Figure
from harness.report.weekly.weeks import weeks_between, weeks_until

MOST_LINES = 8
"""Categories that a native chart draws: what moved, then what is below its target; the sheet holds all."""
NEW_LABELS = "new labels"
"""Begins the empty row between two golden sets, whose values are not comparable."""


def data_sheet(data: WeeklyData) -> Sheet:
    """Tidy rows: each figure once."""
    names = titles.names_of(data)
    rows = {row.id: row for row in data.rows}
    moved = {
        (one.candidate, one.category, one.metric, point.week): _way(point)
        for one in data.series
        for point in one.points
        if point.has_moved
    }
    targets = {(row.id, metric): one.target for row in data.rows for metric, one in row.judgements.items()}

    def role(one: Figure) -> str:
        return "reported" if one.candidate == data.candidate else "control" if one.candidate == data.control else ""

    def severity_and_owner(one: Figure) -> tuple[str, str]:
        row = rows.get(one.category)
        return ("", "") if row is None else (row.severity, row.owner or "")

    def target(one: Figure) -> float | None:
        is_judged = not one.slice and one.candidate == data.candidate
        return targets.get((one.category, one.metric)) if is_judged else None

    def movement(one: Figure) -> str:
        return "" if one.slice else moved.get((one.candidate, one.category, one.metric, one.week), "")

    columns: tuple[Field[Figure], ...] = (
        field("Week", lambda one: one.week, width=10),
        field("Candidate", lambda one: one.candidate, width=18),
        field("Role", role, width=10),
        field("Category", lambda one: one.category, width=22),
        field("Name", lambda one: names.get(one.category, one.category), width=26),
        fields(("Severity", "Owner"), severity_and_owner),
        field("Slice", lambda one: one.slice or "all items", width=16),
        field("Slice value", lambda one: one.value_of_slice or "all items", width=22),
        field("Metric", lambda one: one.metric, width=12),
        ends(("Value", "95% low", "95% high"), lambda one: one.result, "rate"),
        field("Items", lambda one: one.result.n, "count", 9),
        field("Target", target, "share", 8),
        field("Moved", movement, width=8),
        field("Golden set", lambda one: one.golden, width=20),
        field("Run", lambda one: one.run_id, width=26),
    )
    found = table("Data", data.figures, columns)
    return replace(found, rows=[*found.rows, *production_rows(data.production)])


def _way(point: Point) -> str:
    if point.slide is not None:
        return "slid"
    return "up" if point.result.value > point.before else "down"


def trend_sheets(data: WeeklyData) -> list[Sheet]:
    """A week a row, a category a column, with a native chart; none before two weeks.

    A week without a run, and another golden set, break its lines; new versions are marked on its axis.
    """
    return [sheet for metric in METRIC_NAMES if (sheet := _trend(data, metric)) is not None]


def _trend(data: WeeklyData, metric: str) -> Sheet | None:
    names = titles.names_of(data)
    shown = [one for one in data.series if one.metric == metric and one.category in names]
    if len(data.weeks) < 2 or not shown:
        return None
    judged = {row.id: row.judgements.get(metric) for row in data.rows}

    def importance(one: Series) -> tuple[bool, bool, bool]:
        verdict = judged.get(one.category)
        is_flagged = [point.week for point in one.points if point.has_moved]
        return data.week not in is_flagged, not is_flagged, verdict is None or verdict.verdict != "missed"

    shown.sort(key=importance)
    first = (Column("Week", width=14), Column("Golden set", width=20), Column("New versions", "long", 44))
    columns = (*first, *(Column(names[one.category], "share", 14) for one in shown))
    values = [{point.week: point.result.value for point in one.points} for one in shown]
    golden = {point.week: point.golden.partition("@")[0] for one in shown for point in one.points}
    labels = {point.week: point.golden for one in shown for point in one.points}
    ticks = trend_ticks([(one, None) for one in shown[:MOST_LINES]])
    rows: list[tuple[Value, ...]] = []
    last = None
    for week in weeks_until(data.weeks[-1], weeks_between(data.weeks[0], data.weeks[-1]) + 1):
        if last is not None and labels.get(week, last) != last:
            rows.append((NEW_LABELS, *(None,) * (len(columns) - 1), None))  # an empty row breaks the lines of the chart
        last = labels.get(week, last)
        told = data.versions.get(week)
        mark = ticks[0] if told and week in golden else None
        cells = (number(one.get(week, math.nan)) for one in values)
        rows.append((week, golden.get(week, "no run"), told or "", *cells, mark))
    title = titles.trend_title(metric, shown, data.week, names)
    if len(shown) > MOST_LINES:
        title = f"{title} Drawn: {MOST_LINES} of {len(shown)}"
    n_drawn = min(len(shown), MOST_LINES)
    chart = Chart(
        title,
        "line",
        tuple(range(len(first), len(first) + n_drawn)),
        "0%",
        low=ticks[0],
        high=ticks[-1],
        marks=(len(columns),) if data.versions else (),
    )
    columns = (*columns, Column("New version (mark)", "share", 10))
    return Sheet(f"Trend {METRIC_NAMES[metric].lower()}", columns, rows, charts=(chart,))
