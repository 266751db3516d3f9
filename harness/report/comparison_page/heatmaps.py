"""Cells of the page's heat maps: confusion between categories, and slices.

Decides which cells have too few items to be coloured, and how values become shades.
"""

from __future__ import annotations

import math

from markupsafe import Markup

from harness.core.results import MetricResult
from harness.report import numbers
from harness.report.comparison_page import svg
from harness.report.comparison_page.data import SliceRow, SliceTable

FEW = 20
"""Cells with fewer items are hatched instead of coloured."""


def confusion_cell(cell: int, n: int, is_diagonal: bool) -> Markup:
    """Count and share of a row; rows of few items are hatched."""
    if not cell:
        return Markup('<td class="none">·</td>')
    classes = [] if n < FEW else [f"h{_level(cell / n)}", "hg" if is_diagonal else "hb"]
    classes += ["few"] * (n < FEW) + ["diag"] * is_diagonal
    return Markup('<td class="{}">{}<small>{}</small></td>').format(
        " ".join(classes), numbers.count(cell), numbers.share(cell / n if n else None, 0)
    )


def slice_rows(table: SliceTable, metric: str, candidate: str) -> list[SliceRow]:
    """Values of a slice for which the metric is defined in some category."""
    return [
        row
        for row in table.rows
        if any(one.is_defined for one in row.results.get(metric, {}).get(candidate, {}).values())
    ]


def slice_scale(table: SliceTable, metric: str, candidate: str) -> tuple[float, float]:
    """Ends of a heat map's colours: round values around those of cells with enough items."""
    values = [
        MetricResult(one.value, one.value, one.value, one.n)
        for row in table.rows
        for one in row.results.get(metric, {}).get(candidate, {}).values()
        if one.n >= FEW
    ]
    return svg.proportion_scale(values)


def slice_cell(row: SliceRow, metric: str, candidate: str, category: str, scale: tuple[float, float]) -> Markup:
    """Value, interval and support; few items are hatched."""
    result = row.results.get(metric, {}).get(candidate, {}).get(category)
    if result is None or math.isnan(result.value):
        return Markup('<td class="none"><span class="vh">no data</span>·</td>')
    level = f"h{_level((result.value - scale[0]) / (scale[1] - scale[0]))}"
    class_ = "few" if result.n < FEW else f"{level} {'hb' if metric == 'fpr' else 'hg'}"
    return Markup('<td class="{}">{}<small>{}–{}</small><small>n {}</small></td>').format(
        class_,
        numbers.share(result.value, 0),
        f"{100 * result.low:.0f}",
        f"{100 * result.high:.0f}",
        numbers.count(result.n),
    )


def _level(share: float) -> int:
    return min(9, max(0, math.ceil(9 * share)))
