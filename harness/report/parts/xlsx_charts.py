"""Native charts of spreadsheets: lines and bars over a sheet's own cells, so that a reader can change both.

Decides size, place and axes. A chart refers to cells by their place; no text of a user enters a reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.report.parts.masking import printable, shorten

if TYPE_CHECKING:
    from harness.report.parts.xlsx import Chart, Sheet

WIDTH, HEIGHT = 22.0, 9.5
"""In centimetres."""
ROWS_APART = 21
SCREEN_WIDTH = 240
"""Characters side by side that a screen may show: nobody looks for a chart behind sixty columns."""
TITLE_WIDTH = 110
MARK = "3A4250"
COLOURS = ("0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9", "5B6470", "000000")


def add_charts(page: Any, sheet: Sheet, head: int, n_rows: int) -> None:
    """Draw a sheet's charts right of its table, or under a wide one; ``head`` is the row of the column heads."""
    from openpyxl.utils import get_column_letter

    is_wide = sheet.width > SCREEN_WIDTH
    column, first = ("B", head + n_rows + 2) if is_wide else (get_column_letter(len(sheet.columns) + 2), head)
    for number, chart in enumerate(sheet.charts):
        shown = min(n_rows, chart.rows or n_rows)
        page.add_chart(_chart(page, chart, head, shown), f"{column}{first + ROWS_APART * number}")


def _chart(page: Any, chart: Chart, head: int, n_rows: int) -> Any:
    from openpyxl.chart import BarChart, LineChart, Reference

    made = LineChart() if chart.kind == "line" else BarChart()
    for position in (*chart.columns, *chart.marks):
        values = Reference(page, min_col=position + 1, min_row=head, max_row=head + n_rows)
        made.add_data(values, titles_from_data=True)
    made.set_categories(Reference(page, min_col=1, min_row=head + 1, max_row=head + n_rows))
    made.title = shorten(printable(chart.title), TITLE_WIDTH)
    made.title.overlay = False
    _small(made.title)
    made.width, made.height, made.style = WIDTH, HEIGHT, 2
    made.x_axis.delete = made.y_axis.delete = False
    made.y_axis.number_format, made.y_axis.scaling.min, made.y_axis.scaling.max = (
        chart.number_format,
        chart.low,
        chart.high,
    )
    made.legend.position = "b"
    made.display_blanks = "gap"  # no line through a row that is empty
    for number, series in enumerate(made.series):
        colour = COLOURS[number % len(COLOURS)]
        if chart.kind == "line":
            series.smooth = False  # of every one: a single curved series curves them all in some programs
        if number >= len(chart.columns):
            series.graphicalProperties.line.noFill = True
            series.marker.symbol, series.marker.size = "triangle", 9
            series.marker.graphicalProperties.solidFill = MARK
        elif chart.kind == "line":
            series.graphicalProperties.line.solidFill = colour
            series.graphicalProperties.line.width = 19_050  # 1.5 points
            series.marker.symbol, series.marker.size = ("circle", "square", "diamond", "triangle")[number // 8 % 4], 5
            series.marker.graphicalProperties.solidFill = colour
        else:
            series.graphicalProperties.solidFill = colour
    return made


def _small(title: Any) -> None:
    """A title that is a sentence needs a smaller letter than a word."""
    from openpyxl.drawing.text import CharacterProperties

    for paragraph in title.tx.rich.p:
        for run in paragraph.r or ():
            run.rPr = CharacterProperties(sz=1100, b=True)
