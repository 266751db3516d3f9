"""Sheets of production's samples: every figure by week, a trend with gaps, and the rows of the data sheet."""

from __future__ import annotations

import math

from harness.core.production_table import PRODUCTION_FIGURES
from harness.report.parts.words import capital
from harness.report.parts.xlsx import Chart, Column, Sheet, Value, number, proportion
from harness.report.weekly.acknowledged import PRODUCTION
from harness.report.weekly.data import WeeklyData
from harness.report.weekly.production import Production
from harness.report.weekly.titles import production_title

_SHORT = {
    "violating_items": "Items that violate",
    "violating_views": "Views that violate",
    "leakage_items": "Leakage, items",
    "leakage_views": "Leakage, views",
    "violating_views_left_up": "Violating views left up",
    "overkill_items": "Overkill, items",
    "overkill_views": "Overkill, views",
    "wrong_removals": "Wrong removals",
}


_DRAWN = (
    ("violating_views_left_up", "violating_views", "violating_items"),
    ("leakage_views", "leakage_items"),
    ("overkill_views", "overkill_items"),
    ("wrong_removals",),
)
"""Figures that share a chart, and so a scale."""


def production_sheets(data: WeeklyData) -> list[Sheet]:
    """The figures, and the overall ones drawn; no sheet without a sample."""
    if data.production is None:
        return []
    found = [_figures(data.production)]
    return [*found, _trend(data.production)] if len(data.production.weeks) > 1 else found


def _figures(production: Production) -> Sheet:
    columns = (
        Column("Week", width=10),
        Column("Date", width=11),
        Column("Category", width=24),
        Column("Figure", width=24),
        Column("Share of what", width=54),
        Column("Value", "rate", 9),
        Column("95% low", "rate", 9),
        Column("95% high", "rate", 9),
        Column("Labelled items", "count", 10),
        Column("Violating", "count", 10),
        Column("Compared with", width=11),
        Column("Change, points", "number", 10),
        Column("low", "number", 9),
        Column("high", "number", 9),
        Column("q", "p_value", 8),
        Column("Moved", width=8),
        Column("Policy states", "rate", 10),
        Column("Sample", width=22),
        Column("How", width=20),
        Column("Why undefined", width=30),
    )
    rows: list[tuple[Value, ...]] = []
    for one in production.series:
        for point in one.points:
            change = point.difference
            ends = (math.nan,) * 3 if change is None else (change.value, change.low, change.high)
            rows.append(
                (
                    point.week,
                    point.date,
                    one.name,
                    _SHORT[one.figure],
                    PRODUCTION_FIGURES[one.figure].meaning,
                    *proportion(point.result),
                    point.n_violating,
                    point.since or "",
                    *(number(100 * end) for end in ends),
                    number(point.q_value),
                    "" if not point.is_moved else "up" if ends[0] > 0 else "down",
                    one.stated,
                    point.golden,
                    point.method,
                    "" if point.result.is_defined else point.result.reason or "undefined",
                )
            )
    rows += [(week, "", "no sample", *[None] * 17) for week in production.missing]
    rows.sort(key=lambda row: str(row[0]))
    return Sheet(
        "Production", columns, rows, title=production_title(production), marks=(("up", "bad"), ("down", "good"))
    )


def _trend(production: Production) -> Sheet:
    """A week a row, a figure a column; a week without a sample stays empty, and its line breaks."""
    shown = [one for one in production.overall if any(point.result.is_defined for point in one.points)]
    columns = (Column("Week", width=10), *(Column(_SHORT[one.figure], "rate", 14) for one in shown))
    rows = []
    for week in production.weeks:
        points = [one.at(week) for one in shown]
        rows.append((week, *(None if one is None else number(one.result.value) for one in points)))
    charts = []
    for part in _DRAWN:
        places = tuple(at for at, one in enumerate(shown, 1) if one.figure in part)
        if places:
            title = f"{capital(shown[0].name)}: {', '.join(_SHORT[shown[at - 1].figure].lower() for at in places)}"
            charts.append(Chart(title, "line", places, "0.0##%", low=0.0))
    return Sheet("Trend production", columns, rows, charts=tuple(charts))


def production_rows(production: Production | None) -> list[tuple[Value, ...]]:
    """The figures as rows of the data sheet."""
    if production is None:
        return []
    return [
        (
            point.week,
            PRODUCTION,
            "measured",
            one.category,
            one.name,
            one.severity,
            one.owner or "",
            "all items",
            "all items",
            one.figure,
            *proportion(point.result),
            None,
            "" if not point.is_moved or point.difference is None else "up" if point.difference.value > 0 else "down",
            point.golden,
            "",
        )
        for one in production.series
        for point in one.points
    ]
