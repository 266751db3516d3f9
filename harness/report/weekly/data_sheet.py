"""The figures of all weeks for a pivot table, one row per week, candidate, category, slice and metric; trend charts.

Decides what a row of the data sheet holds. Nothing in it is decided anew, and nothing is rounded.
"""

from __future__ import annotations

import math

from harness.report.parts.xlsx import Chart, Column, Sheet, Value, number, proportion
from harness.report.weekly import titles
from harness.report.weekly.data import METRIC_NAMES, Series, WeeklyData
from harness.report.weekly.drawings import trend_ticks
from harness.report.weekly.production_sheets import production_rows
from harness.report.weekly.sheet_data import Figure
from harness.report.weekly.weeks import weeks_between, weeks_until

MOST_LINES = 8
"""Categories that a native chart draws: what moved, then what is below its target; the sheet holds all."""


def data_sheet(data: WeeklyData) -> Sheet:
    """Tidy rows: each figure once."""
    columns = (
        Column("Week", width=10),
        Column("Candidate", width=18),
        Column("Role", width=10),
        Column("Category", width=22),
        Column("Name", width=26),
        Column("Severity", width=10),
        Column("Owner", width=20),
        Column("Slice", width=16),
        Column("Slice value", width=22),
        Column("Metric", width=12),
        Column("Value", "rate", 9),
        Column("95% low", "rate", 9),
        Column("95% high", "rate", 9),
        Column("Items", "count", 9),
        Column("Target", "share", 8),
        Column("Moved", width=8),
        Column("Golden set", width=20),
        Column("Run", width=26),
    )
    names = titles.names_of(data)
    rows = {row.id: row for row in data.rows}
    moved = {
        (one.candidate, one.category, one.metric, point.week): "up" if point.result.value > point.before else "down"
        for one in data.series
        for point in one.points
        if point.is_flagged
    }
    targets = {(row.id, metric): one.target for row in data.rows for metric, one in row.judgements.items()}

    def cells(one: Figure) -> tuple[Value, ...]:
        row = rows.get(one.category)
        is_whole = not one.slice
        return (
            one.week,
            one.candidate,
            "reported" if one.candidate == data.candidate else "control" if one.candidate == data.control else "",
            one.category,
            names.get(one.category, one.category),
            "" if row is None else row.severity,
            "" if row is None else row.owner or "",
            one.slice or "all items",
            one.value_of_slice or "all items",
            one.metric,
            *proportion(one.result),
            targets.get((one.category, one.metric)) if is_whole and one.candidate == data.candidate else None,
            moved.get((one.candidate, one.category, one.metric, one.week), "") if is_whole else "",
            one.golden,
            one.run_id,
        )

    return Sheet("Data", columns, [*(cells(one) for one in data.figures), *production_rows(data.production)])


def trend_sheets(data: WeeklyData) -> list[Sheet]:
    """A week a row, a category a column, with a native chart; a week without a run is a gap; none before two weeks."""
    return [sheet for metric in METRIC_NAMES if (sheet := _trend(data, metric)) is not None]


def _trend(data: WeeklyData, metric: str) -> Sheet | None:
    names = titles.names_of(data)
    shown = [one for one in data.series if one.metric == metric and one.category in names]
    if len(data.weeks) < 2 or not shown:
        return None
    judged = {row.id: row.judgements.get(metric) for row in data.rows}

    def importance(one: Series) -> tuple[bool, bool, bool]:
        verdict = judged.get(one.category)
        is_flagged = [point.week for point in one.points if point.is_flagged]
        return data.week not in is_flagged, not is_flagged, verdict is None or verdict.verdict != "missed"

    shown.sort(key=importance)
    columns = (Column("Week", width=10), *(Column(names[one.category], "share", 14) for one in shown))
    values = [{point.week: point.result.value for point in one.points} for one in shown]
    weeks = weeks_until(data.weeks[-1], weeks_between(data.weeks[0], data.weeks[-1]) + 1)
    rows = [(week, *(number(one.get(week, math.nan)) for one in values)) for week in weeks]
    ticks = trend_ticks([(one, None) for one in shown[:MOST_LINES]])
    title = titles.trend_title(metric, shown, data.week, names)
    if len(shown) > MOST_LINES:
        title = f"{title} Drawn: {MOST_LINES} of {len(shown)}"
    chart = Chart(title, "line", tuple(range(1, min(len(shown), MOST_LINES) + 1)), "0%", low=ticks[0], high=ticks[-1])
    return Sheet(f"Trend {METRIC_NAMES[metric].lower()}", columns, rows, charts=(chart,))
