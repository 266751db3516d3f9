"""Parts of the pictures: the style, colours and markers, dots with intervals, axes, legends, cells.

Decides how results look in a picture; which results are drawn is in ``plots``. matplotlib is imported when it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.core.results import MetricResult
from harness.measure.slices import SMALL_CELL
from harness.report.comparison.data import ReportData
from harness.report.comparison.many import colour_numbers
from harness.report.parts.isolation import isolated_text
from harness.report.parts.masking import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

COLOURS = ("#5b6470", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe-Ito, after a grey for the baseline; line styles repeat the distinction without colour."""
LINES = ("--", "-", "-.", ":", "-", "--", "-.", ":")
MARKERS = ("o", "o", "s", "D", "^", "v", "P", "X")
INK, _GRID = "#1b2027", "#d9dee5"
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#8a93a0",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
    "svg.hashsalt": "moderation-harness",
    "svg.fonttype": "path",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 3.2,
    "path.simplify": False,
}


@contextmanager
def style() -> Iterator[Any]:
    """Pyplot in the style of all pictures, without touching anybody's settings."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **_STYLE}):
        yield pyplot


def label_text(text: str, width: int = 44) -> str:
    """A name as a picture may hold it: printable and short."""
    return shorten(printable(text), width)


def wrapped(text: str) -> str:
    """A name on up to four short lines."""
    import textwrap

    return "\n".join(textwrap.wrap(label_text(text), 13)[:4])


def draw_dot(
    axes: Any,
    result: MetricResult | None,
    y: float,
    number: int,
    *,
    label: str | None = None,
    colour: str | None = None,
    is_filled: bool = True,
) -> None:
    """A dot with its interval; an undefined value says so."""
    colour = colour or COLOURS[number % len(COLOURS)]
    if result is None or math.isnan(result.value):
        axes.text(0.01, y, "n/a", transform=axes.get_yaxis_transform(), va="center", fontsize=7.5, color="#565f6b")
        return
    if not math.isnan(result.low):
        axes.plot([result.low, result.high], [y, y], color=colour, linewidth=1.6, marker="|", markersize=6)
    mark, filled = MARKERS[number % len(MARKERS)], colour if is_filled and number != 0 else "white"
    axes.plot([result.value], [y], mark, color=colour, markerfacecolor=filled, markersize=6, label=label)


def draw_cross(axes: Any, x: MetricResult, y: MetricResult, number: int) -> None:
    """A point with its intervals in both directions."""
    if math.isnan(x.value) or math.isnan(y.value):
        return
    colour = COLOURS[number]
    if not math.isnan(x.low):
        axes.plot([x.low, x.high], [y.value, y.value], color=colour, linewidth=1.3)
    if not math.isnan(y.low):
        axes.plot([x.value, x.value], [y.low, y.high], color=colour, linewidth=1.3)
    filled = "white" if number == 0 else colour
    axes.plot([x.value], [y.value], MARKERS[number], color=colour, markerfacecolor=filled, markersize=5)


def row_step(n: int) -> float:
    """How far apart n dots of one row of height 1 stand, so that none lies in the next row."""
    return min(0.3, 0.8 / n)


def category_axis(axes: Any, labels: Sequence[str], *, is_banded: bool = False) -> None:
    """One row per label, the first on top; bands tell rows of many dots apart."""
    for row in range(1, len(labels) if is_banded else 0, 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f3f5f8", zorder=0, linewidth=0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def percent_axis(axis: Any) -> None:
    """Ticks as per cent, none rounded."""
    axis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):g}%")


def square_panel(panel: Any, name: str, x_name: str, y_name: str) -> None:
    """A unit square with both axes in per cent."""
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel=x_name, ylabel=y_name)
    panel.grid()
    percent_axis(panel.xaxis)
    percent_axis(panel.yaxis)
    panel.set_title(wrapped_title(name), fontsize=9)


def wrapped_title(text: str) -> str:
    """A title on lines that fit a panel."""
    import textwrap

    return "\n".join(textwrap.wrap(label_text(text), 26))


def panel_grid(pyplot: Any, n: int) -> tuple[Any, list[Any]]:
    """A figure of up to four panels a row; those left over are hidden."""
    columns = min(n, 4)
    rows = -(-n // columns)
    size = (max(2.6 * columns, 6.0), 2.7 * rows + 0.7)
    figure, panels = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    flat = list(panels.flat)
    for panel in flat[n:]:
        panel.set_visible(False)
    return figure, flat


def legend_handle(number: int, name: str) -> Any:
    """Line and mark of one candidate."""
    from matplotlib.lines import Line2D

    number %= len(COLOURS)
    colour, label = COLOURS[number], label_text(name, 30)
    made = Line2D([], [], color=colour, marker=MARKERS[number], linestyle=LINES[number], label=label)
    made.set_markerfacecolor("white" if number == 0 else colour)
    return made


def figure_legend(figure: Any, data: ReportData, title: str, names: Sequence[str]) -> None:
    """Title above, on as many lines as it needs, and the marks of these candidates below the figure."""
    import textwrap

    order = colour_numbers(data)
    apart = isolated_text(title, [name for _, name in data.categories])
    lines = textwrap.wrap(apart, int(12.5 * figure.get_figwidth()))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11, fontweight="bold")
    if names:
        handles = [legend_handle(order[name], name) for name in names]
        figure.legend(handles=handles, loc="outside lower left", ncols=min(4, max(1, int(figure.get_figwidth() / 2))))


def draw_cell(panel: Any, x: int, y: int, result: MetricResult | None, colours: Any) -> None:
    """A heat-map cell with value, interval and support; grey with few items."""
    from matplotlib.patches import Rectangle

    if result is None or math.isnan(result.value):
        panel.text(x, y, "·", ha="center", va="center", color="#8a93a0")
        return
    is_few = result.n < SMALL_CELL
    colour = "#eef1f5" if is_few else colours(0.08 + 0.55 * result.value)
    panel.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour, edgecolor="white"))
    ink = "#6b7480" if is_few else INK
    panel.text(x, y - 0.14, f"{100 * result.value:.0f}%", ha="center", va="center", fontsize=8.5, color=ink)
    ends = f"{100 * result.low:.0f}–{100 * result.high:.0f} · n {result.n:,}"
    panel.text(x, y + 0.24, ends, ha="center", va="center", fontsize=6.4, color=ink)
