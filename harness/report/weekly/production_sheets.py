"""Sheets of production's samples: every figure by week, a trend with gaps, and the rows of the data sheet."""

from __future__ import annotations

from dataclasses import replace

from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.report.parts.fields import Field, ends, field, fields, table
from harness.report.parts.words import capital
from harness.report.parts.xlsx import Chart, Column, Sheet, Value, number, proportion
from harness.report.weekly.acknowledged import PRODUCTION
from harness.report.weekly.data import WeeklyData
from harness.report.weekly.production import Production, ProductionPoint, ProductionSeries
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
    def change(of: tuple[ProductionSeries, ProductionPoint]) -> list[Value]:
        difference = of[1].difference or MetricResult.undefined("")
        return [number(100 * end) for end in (difference.value, difference.low, difference.high)]

    columns: tuple[Field[tuple[ProductionSeries, ProductionPoint]], ...] = (
        field("Week", lambda of: of[1].week, width=10),
        field("Date", lambda of: of[1].date, width=11),
        field("Category", lambda of: of[0].name, width=24),
        field("Figure", lambda of: _SHORT[of[0].figure], width=24),
        field("Share of what", lambda of: PRODUCTION_FIGURES[of[0].figure].meaning, width=54),
        ends(("Value", "95% low", "95% high"), lambda of: of[1].result, "rate"),
        field("Labelled items", lambda of: of[1].result.n, "count", 10),
        field("Violating", lambda of: of[1].n_violating, "count", 10),
        field("Compared with", lambda of: of[1].since or "", width=11),
        fields(("Change, points", "low", "high"), change, "number", 10),
        field("q", lambda of: number(of[1].q_value), "p_value", 8),
        field("Moved", lambda of: _moved(of[1]), width=8),
        field("Policy states", lambda of: of[0].stated, "rate", 10),
        field("Sample", lambda of: of[1].golden, width=22),
        field("How", lambda of: of[1].method, width=20),
        field(
            "Why undefined", lambda of: "" if of[1].result.is_defined else of[1].result.reason or "undefined", width=30
        ),
    )
    found = table("Production", [(one, point) for one in production.series for point in one.points], columns)
    gaps = [(week, "", "no sample", *[None] * (len(found.columns) - 3)) for week in production.missing]
    rows = sorted([*found.rows, *gaps], key=lambda row: str(row[0]))
    return replace(found, rows=rows, title=production_title(production), marks=(("up", "bad"), ("down", "good")))


def _moved(point: ProductionPoint) -> str:
    if not point.is_moved or point.difference is None:
        return ""
    return "up" if point.difference.value > 0 else "down"


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
            _moved(point),
            point.golden,
            "",
        )
        for one in production.series
        for point in one.points
    ]
