"""Plots of a comparison report with matplotlib: one style, intervals always drawn, the same bytes for the same data.

Decides how results look in a picture; what is drawn comes from ``ReportData``. matplotlib is imported when the first
plot is made.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.report.comparison_page.data import METRIC_NAMES, Pair, ReportData
from harness.report.masking import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

PlotFormat = Literal["png", "svg"]
FORMATS: tuple[PlotFormat, ...] = ("png", "svg")
COLOURS = ("#5b6470", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe-Ito, after a grey for the baseline; line styles repeat the distinction without colour."""
LINES = ("--", "-", "-.", ":", "-", "--", "-.", ":")
MARKERS = ("o", "o", "s", "D", "^", "v", "P", "X")
FEW = 20
_INK, _GRID = "#1b2027", "#d9dee5"
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#8a93a0",
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "text.color": _INK,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
    "svg.hashsalt": "moderation-harness",
    "svg.fonttype": "path",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 3.2,
    "path.simplify": False,
}


def plot(data: ReportData, kind: str, plot_format: PlotFormat = "png", *, metric: str = "recall") -> bytes:
    """Draw one plot.

    Args:
        data: The report.
        kind: A name in ``PLOTS``.
        plot_format: png or svg.
        metric: For the plots that show one metric.

    Raises:
        HarnessError: There is no such plot, or the report has no data for it.
    """
    if kind not in PLOTS:
        raise HarnessError(f"no plot '{kind}'", allowed=", ".join(PLOTS))
    with style() as pyplot:
        figure = PLOTS[kind](pyplot, data, metric)
        try:
            _warn(figure, data)
            buffer = io.BytesIO()
            metadata: Mapping[str, Any] = (
                {"Software": None} if plot_format == "png" else {"Date": None, "Creator": None}
            )
            figure.savefig(buffer, format=plot_format, metadata=metadata, bbox_inches="tight", facecolor="white")
        finally:
            pyplot.close(figure)
    return buffer.getvalue()


def _warn(figure: Any, data: ReportData) -> None:
    """What a reader must know first, above the picture: it travels without its report."""
    for position, one in enumerate(data.banners):
        height = 1.02 + 0.05 * position
        text = shorten(printable(f"{one.word}: {one.sentence}"), 110)
        figure.text(0.01, height, text, fontsize=9, fontweight="bold", color="#a83f00", in_layout=False)


@contextmanager
def style() -> Iterator[Any]:
    """Pyplot in the style of all pictures, without touching anybody's settings."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **_STYLE}):
        yield pyplot


# ------------------------------------------------------------------------------------------------------- the plots


def _categories(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Both values of every category as dots with intervals."""
    first = data.pairs[0]
    rows = [row for row in first.rows if metric in row.measures]
    shown: list[tuple[str, list[MetricResult | None]]] = []
    if first.baseline is not None:
        shown.append((first.baseline, [row.measures[metric].baseline for row in rows]))
    for pair in data.pairs:
        by_id = {row.id: row.measures.get(metric) for row in pair.rows}
        shown.append((pair.candidate, [one.candidate if (one := by_id.get(row.id)) else None for row in rows]))
    step = max(0.16, min(0.3, 0.7 / len(shown)))
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + len(rows) * max(0.42, 0.2 * len(shown))), layout="constrained")
    offset = 0 if first.baseline is not None else 1
    for number, (name, results) in enumerate(shown):
        for position, result in enumerate(results):
            y = position + (number - (len(shown) - 1) / 2) * step
            _dot(axes, result, y, number + offset, label=name if position == 0 else None)
    labels = [f"{_label(row.name)}  (n {row.measures[metric].candidate.n:,})" for row in rows]
    _category_axis(axes, labels)
    _percent(axes.xaxis)
    axes.set_title(f"{METRIC_NAMES[metric]} with 95% intervals")
    _legend(axes, [name for name, _ in shown], offset)
    return figure


def _differences(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Paired differences of the first comparison as a forest."""
    pair = _compared(data)
    rows = [row for row in pair.rows if metric in row.measures]
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.42 * len(rows)), layout="constrained")
    axes.axvline(0, color=_INK, linewidth=1)
    colours = {"better": "#009e73", "leans_better": "#009e73", "worse": "#d55e00", "leans_worse": "#d55e00"}
    for position, row in enumerate(rows):
        one = row.measures[metric]
        is_proven = one.change in ("better", "worse")
        _dot(axes, one.difference, position, 1, colour=colours.get(one.change, "#5b6470"), is_filled=is_proven)
    _category_axis(axes, [_label(row.name) for row in rows])
    ends = [abs(end) for end in axes.get_xlim()]
    axes.set_xlim(-max(ends), max(ends))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}" if abs(value) > 1e-9 else "0")
    side = "better is left" if metric == "fpr" else "better is right"
    axes.set_xlabel(f"Difference in points, {pair.candidate} minus {pair.baseline} ({side}); filled: proven")
    axes.set_title(f"{METRIC_NAMES[metric]}: paired difference with 95% interval")
    return figure


def _curves(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Precision against recall, one panel per category, with the points at which the candidates work."""
    scored = [one for one in data.scored if any(curve.points for curve in one.curves)]
    if not scored:
        raise HarnessError("no candidate of this run gives scores", next_step="plot another kind")
    figure, panels = _grid(pyplot, len(scored))
    order = _order(data)
    for panel, one in zip(panels, scored, strict=False):
        for curve in one.curves:
            number = order[curve.candidate]
            if curve.points:
                panel.plot(
                    *zip(*curve.points, strict=True), color=COLOURS[number], linestyle=LINES[number], linewidth=1.4
                )
            _cross(panel, curve.recall, curve.precision, number)
        _square(panel, one.name, "Recall", "Precision")
    _figure_legend(figure, data, "Precision against recall; dots: where each candidate works, with 95% intervals")
    return figure


def _reliability(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Stated score against observed share, one panel per category."""
    scored = [one for one in data.scored if one.calibration]
    if not scored:
        raise HarnessError("no candidate of this run gives scores in [0, 1]", next_step="plot another kind")
    figure, panels = _grid(pyplot, len(scored))
    order = _order(data)
    for panel, one in zip(panels, scored, strict=False):
        panel.plot([0, 1], [0, 1], color="#8a93a0", linestyle=":", linewidth=1)
        for calibration in one.calibration:
            for row in calibration.bins:
                stated = MetricResult(row.mean_score, math.nan, math.nan, 0)
                _cross(panel, stated, row.observed, order[calibration.candidate])
        _square(panel, one.name, "Stated score", "Observed share")
    _figure_legend(figure, data, "Calibration with 95% intervals; on the dotted line a score means what it says")
    return figure


def _slices(pyplot: Any, data: ReportData, metric: str) -> Any:
    """One heat map per slice, of the first compared candidate; cells of few items are grey."""
    if metric not in ("recall", "fpr"):
        raise HarnessError(f"slices are not plotted for {metric}", allowed="recall, fpr")
    candidate = data.pairs[0].candidate
    tables = []
    for table in data.slices:
        rows = [(row, row.results.get(metric, {}).get(candidate, {})) for row in table.rows]
        kept = [(row, found) for row, found in rows if any(one.is_defined for one in found.values())]
        if kept:
            tables.append((table.name, kept))
    if not tables:
        raise HarnessError("this run has no slices", next_step="declare slices in the card and in the eval")
    heights = [len(rows) + 1.6 for _, rows in tables]
    width = 2.4 + 0.95 * len(data.categories)
    figure, panels = pyplot.subplots(
        len(tables),
        1,
        figsize=(max(7.0, width), 0.44 * sum(heights) + 1.6),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    colours = pyplot.get_cmap("Blues" if metric == "recall" else "Oranges")
    for number, (panel, (name, rows)) in enumerate(zip(panels[:, 0], tables, strict=True)):
        for y, (_, found) in enumerate(rows):
            for x, (category, _) in enumerate(data.categories):
                _cell(panel, x, y, found.get(category), colours)
        panel.set_xlim(-0.5, len(data.categories) - 0.5)
        panel.set_ylim(len(rows) - 0.5, -0.5)
        panel.set_yticks(range(len(rows)), [f"{_label(row.value)} ({row.n_items:,})" for row, _ in rows])
        names = [_wrapped(text) for _, text in data.categories]
        panel.set_xticks(range(len(names)), names if number == 0 else [""] * len(names), fontsize=7.5)
        panel.xaxis.tick_top()
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_title(_label(name), fontsize=9.5)
    figure.suptitle(
        f"{METRIC_NAMES[metric]} of {_label(candidate)} by slice, with 95% intervals; grey: fewer than {FEW} items",
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    return figure


PLOTS: dict[str, Callable[[Any, ReportData, str], Any]] = {
    "categories": _categories,
    "differences": _differences,
    "curves": _curves,
    "reliability": _reliability,
    "slices": _slices,
}


# ------------------------------------------------------------------------------------------------------ the parts


def _compared(data: ReportData) -> Pair:
    if data.pairs[0].baseline is None:
        raise HarnessError("one candidate alone has no differences", next_step="choose a run with two candidates")
    return data.pairs[0]


def _order(data: ReportData) -> dict[str, int]:
    names = sorted(data.candidates, key=lambda name: name != data.baseline)
    return {name: (number + (data.baseline is None)) % len(COLOURS) for number, name in enumerate(names)}


def _label(text: str, width: int = 44) -> str:
    return shorten(printable(text), width)


def _wrapped(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(_label(text), 13)[:4])


def _dot(
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
    filled = colour if is_filled and number != 0 else "white"
    axes.plot(
        [result.value],
        [y],
        MARKERS[number % len(MARKERS)],
        color=colour,
        markerfacecolor=filled,
        markersize=6,
        label=label,
    )


def _cross(axes: Any, x: MetricResult, y: MetricResult, number: int) -> None:
    """A point with its intervals in both directions."""
    if math.isnan(x.value) or math.isnan(y.value):
        return
    colour = COLOURS[number]
    if not math.isnan(x.low):
        axes.plot([x.low, x.high], [y.value, y.value], color=colour, linewidth=1.3)
    if not math.isnan(y.low):
        axes.plot([x.value, x.value], [y.low, y.high], color=colour, linewidth=1.3)
    axes.plot(
        [x.value],
        [y.value],
        MARKERS[number],
        color=colour,
        markerfacecolor="white" if number == 0 else colour,
        markersize=5,
    )


def _category_axis(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def _percent(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")


def _square(panel: Any, name: str, x_name: str, y_name: str) -> None:
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    panel.set_aspect("equal")
    panel.grid()
    _percent(panel.xaxis)
    _percent(panel.yaxis)
    panel.set_xlabel(x_name)
    panel.set_ylabel(y_name)
    panel.set_title(_wrapped_title(name), fontsize=9)


def _wrapped_title(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(_label(text), 26))


def _grid(pyplot: Any, n: int) -> tuple[Any, list[Any]]:
    columns = min(n, 4)
    rows = -(-n // columns)
    figure, panels = pyplot.subplots(
        rows, columns, figsize=(max(2.6 * columns, 6.0), 2.7 * rows + 0.7), layout="constrained", squeeze=False
    )
    flat = list(panels.flat)
    for panel in flat[n:]:
        panel.set_visible(False)
    return figure, flat


def _legend(axes: Any, names: Sequence[str], offset: int) -> None:
    handles = [_handle(number + offset, name) for number, name in enumerate(names)]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.06), ncols=min(len(names), 4))


def _handle(number: int, name: str) -> Any:
    from matplotlib.lines import Line2D

    number %= len(COLOURS)
    return Line2D(
        [],
        [],
        color=COLOURS[number],
        marker=MARKERS[number],
        linestyle=LINES[number],
        markerfacecolor="white" if number == 0 else COLOURS[number],
        label=_label(name, 30),
    )


def _figure_legend(figure: Any, data: ReportData, title: str) -> None:
    order = _order(data)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", wrap=True)
    figure.legend(handles=[_handle(order[name], name) for name in order], loc="outside lower left", ncols=4)


def _cell(panel: Any, x: int, y: int, result: MetricResult | None, colours: Any) -> None:
    from matplotlib.patches import Rectangle

    if result is None or math.isnan(result.value):
        panel.text(x, y, "·", ha="center", va="center", color="#8a93a0")
        return
    is_few = result.n < FEW
    colour = "#eef1f5" if is_few else colours(0.08 + 0.55 * result.value)
    panel.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour, edgecolor="white"))
    ink = "#6b7480" if is_few else _INK
    panel.text(x, y - 0.14, f"{100 * result.value:.0f}%", ha="center", va="center", fontsize=8.5, color=ink)
    ends = f"{100 * result.low:.0f}–{100 * result.high:.0f} · n {result.n:,}"
    panel.text(x, y + 0.24, ends, ha="center", va="center", fontsize=6.4, color=ink)
