"""Plots of a comparison report with matplotlib: one style, intervals always drawn, the same bytes for the same data.

Decides which results a picture shows; how they look is in ``plot_parts``. matplotlib is imported when the first plot
is made.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.measure.slices import SMALL_CELL
from harness.report.comparison.data import METRIC_NAMES, CategoryRow, Pair, ReportData
from harness.report.comparison.dumbbell import finding_title
from harness.report.comparison.frontier_plot import draw_frontier
from harness.report.comparison.many import colour_numbers, drawn_candidates
from harness.report.parts.masking import printable, shorten
from harness.report.parts.numbers import score, share
from harness.report.parts.plots import (
    COLOURS,
    INK,
    LINES,
    category_axis,
    draw_cell,
    draw_cross,
    draw_dot,
    figure_legend,
    label_text,
    panel_grid,
    percent_axis,
    row_step,
    square_panel,
    style,
    wrapped,
)
from harness.report.parts.words import plural

PlotFormat = Literal["png", "svg"]
FORMATS: tuple[PlotFormat, ...] = ("png", "svg")
MOST_SLICE_ROWS = 600
"""Rows of one picture of slices; a longer one is more pixels than a viewer opens."""
MOST_DOTS, MOST_ROWS, MOST_PANELS = 160, 40, 20
"""Dots, categories and panels of one picture; of more categories those are drawn that moved most, or lie worst."""


def plot(data: ReportData, kind: str, plot_format: PlotFormat = "png", *, metric: str = "recall") -> bytes:
    """Draw one plot.

    ``kind`` is a name in ``PLOTS``.

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


# ------------------------------------------------------------------------------------------------------- the plots


def _categories(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Both values of every category as dots with intervals."""
    first, pairs, order = data.pairs[0], _drawn_pairs(data), colour_numbers(data)
    rows, left = _drawn_rows(data, pairs, metric)
    shown: list[tuple[str, list[MetricResult | None]]] = []
    if first.baseline is not None:
        shown.append((first.baseline, [row.measures[metric].baseline for row in rows]))
    for pair in pairs:
        by_id = {row.id: row.measures.get(metric) for row in pair.rows}
        shown.append((pair.candidate, [one.candidate if (one := by_id.get(row.id)) else None for row in rows]))
    step = row_step(len(shown))
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + len(rows) * max(0.42, 0.2 * len(shown))), layout="constrained")
    for number, (name, results) in enumerate(shown):
        for position, result in enumerate(results):
            y = position + (number - (len(shown) - 1) / 2) * step
            draw_dot(axes, result, y, order[name], label=name if position == 0 else None)
    labels = [f"{label_text(row.name)}  (n {row.measures[metric].n:,})" for row in rows]
    category_axis(axes, labels, is_banded=len(shown) > 2)
    percent_axis(axes.xaxis)
    figure_legend(figure, data, f"{_title(data, metric)}; 95% intervals{left}", [name for name, _ in shown])
    return figure


def _differences(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Paired differences of every candidate as a forest: one by tone, several by candidate."""
    first = _compared(data)
    pairs, order = _drawn_pairs(data), colour_numbers(data)
    rows, left = _drawn_rows(data, pairs, metric)
    n_pairs = len(pairs)
    height = 1.2 + len(rows) * max(0.42, 0.2 * n_pairs)
    figure, axes = pyplot.subplots(figsize=(8, height), layout="constrained")
    axes.axvline(0, color=INK, linewidth=1)
    tones = {"better": "#009e73", "leans_better": "#009e73", "worse": "#d55e00", "leans_worse": "#d55e00"}
    step = row_step(n_pairs)
    for number, pair in enumerate(pairs):
        by_id = {row.id: row.measures.get(metric) for row in pair.rows}
        for position, row in enumerate(rows):
            one = by_id.get(row.id)
            draw_dot(
                axes,
                None if one is None else one.difference,
                position + (number - (n_pairs - 1) / 2) * step,
                order[pair.candidate],
                label=pair.candidate if position == 0 else None,
                colour=tones.get(one.change, "#5b6470") if n_pairs == 1 and one is not None else None,
                is_filled=one is not None and one.change in ("better", "worse"),
            )
    category_axis(
        axes, [f"{label_text(row.name)}  (n {row.measures[metric].n:,})" for row in rows], is_banded=n_pairs > 2
    )
    ends = [abs(end) for end in axes.get_xlim()]
    axes.set_xlim(-max(ends), max(ends))
    axes.xaxis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):+g}" if abs(value) > 1e-9 else "0")
    side = "better is left" if metric == "fpr" else "better is right"
    who = f"{first.candidate} minus {first.baseline}" if n_pairs == 1 else f"against {first.baseline}"
    axes.set_xlabel(f"Difference in points, {who} ({side}); filled: proven")
    names = [pair.candidate for pair in pairs] if n_pairs > 1 else []
    figure_legend(figure, data, f"{_title(data, metric)}; 95% intervals{left}", names)
    return figure


def _drawn_pairs(data: ReportData) -> list[Pair]:
    """The comparisons that have a colour of their own."""
    names = drawn_candidates(data)
    return [pair for pair in data.pairs if pair.candidate in names]


def _drawn_rows(data: ReportData, pairs: Sequence[Pair], metric: str) -> tuple[list[CategoryRow], str]:
    """Categories of one picture in the order of the policy, and in words what it leaves out."""
    found = {row.id: row for pair in reversed(pairs) for row in pair.rows if metric in row.measures}

    def weight(category: str) -> float:
        measured = [one for pair in pairs for row in pair.rows if row.id == category and (one := row.measures[metric])]
        moved = [abs(one.difference.value) for one in measured if one.difference and one.difference.is_defined]
        sign = 1 if metric in LOWER_IS_BETTER else -1
        return max(
            moved or [sign * one.candidate.value for one in measured if one.candidate.is_defined], default=-math.inf
        )

    most = max(10, min(MOST_ROWS, MOST_DOTS // (len(pairs) + 1)))
    kept = sorted(found, key=weight, reverse=True)[:most]
    left = f"; {most} of {len(found)} categories" if len(found) > most else ""
    return [found[one] for one, _ in data.categories if one in kept], left + _left_words(data)


def _left_words(data: ReportData) -> str:
    n_left = len(data.candidates) - len(drawn_candidates(data))
    return f"; {plural(n_left, 'more candidate')} in the report" if n_left else ""


def _title(data: ReportData, metric: str) -> str:
    """What the picture shows: of one comparison how many categories moved, of several who is worse and who better."""
    measured = {pair.candidate: [row.measures[metric] for row in pair.rows if metric in row.measures]
                for pair in data.pairs}  # fmt: skip
    if data.pairs[0].baseline is None:
        return _lowest(data, metric)
    if len(measured) == 1:
        return finding_title(metric, next(iter(measured.values())))
    parts = []
    for word, changes in (("worse", ("worse", "leans_worse")), ("better", ("better", "leans_better"))):
        names = [name for name, found in measured.items() if any(one.change in changes for one in found)]
        parts += [f"{len(names)} {word} in some category"] if names else []
    return f"{METRIC_NAMES[metric]} of {len(measured)} candidates: {', '.join(parts) or 'no change that can be told'}"


def _lowest(data: ReportData, metric: str) -> str:
    """Of candidates with nothing to compare: where the metric is worst."""
    found = [
        (one.candidate.value, row.name)
        for pair in data.pairs
        for row in pair.rows
        if (one := row.measures.get(metric)) is not None and one.candidate.is_defined
    ]
    if not found:
        return METRIC_NAMES[metric]
    value, name = (max if metric in LOWER_IS_BETTER else min)(found)
    word = "highest" if metric in LOWER_IS_BETTER else "lowest"
    return f"{METRIC_NAMES[metric]}: {word} in {label_text(name)} ({share(value, 0)})"


def _curves(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Precision against recall, one panel per category, with the points at which the candidates work."""
    scored = [one for one in data.scored if any(curve.points for curve in one.curves)]
    if not scored:
        raise HarnessError("no candidate of this run gives scores", next_step="plot another kind")
    order, names = colour_numbers(data), drawn_candidates(data)
    found = {(one.name, curve.candidate): curve.average_precision for one in scored for curve in one.curves}
    known = _known(found, names)
    kept, left = _panels([one.name for one in scored], known, 1)
    figure, panels = panel_grid(pyplot, len(kept))
    for panel, one in zip(panels, (one for one in scored if one.name in kept), strict=False):
        for curve in (found for found in one.curves if found.candidate in names):
            number = order[curve.candidate]
            if curve.points:
                panel.plot(
                    *zip(*curve.points, strict=True), color=COLOURS[number], linestyle=LINES[number], linewidth=1.4
                )
            draw_cross(panel, curve.recall, curve.precision, number)
        square_panel(panel, one.name, "Recall", "Precision")
    title = _worst("Precision against recall", "lowest average precision", known, names, min)
    foot = f"dots: where each candidate works, with 95% intervals{left}{_left_words(data)}"
    figure_legend(figure, data, f"{title}; {foot}", names)
    return figure


def _reliability(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Stated score against observed share, one panel per category."""
    scored = [one for one in data.scored if one.calibration]
    if not scored:
        raise HarnessError("no candidate of this run gives scores in [0, 1]", next_step="plot another kind")
    order, names = colour_numbers(data), drawn_candidates(data)
    found = {(one.name, each.candidate): each.brier for one in scored for each in one.calibration}
    known = _known(found, names)
    kept, left = _panels([one.name for one in scored], known, -1)
    figure, panels = panel_grid(pyplot, len(kept))
    for panel, one in zip(panels, (one for one in scored if one.name in kept), strict=False):
        panel.plot([0, 1], [0, 1], color="#8a93a0", linestyle=":", linewidth=1)
        for calibration in (found for found in one.calibration if found.candidate in names):
            for row in calibration.bins:
                stated = MetricResult(row.mean_score, math.nan, math.nan, 0)
                draw_cross(panel, stated, row.observed, order[calibration.candidate])
        square_panel(panel, one.name, "Stated score", "Observed share")
    title = _worst("Calibration", "largest Brier score", known, names, max)
    foot = f"95% intervals; on the dotted line a score means what it says{left}{_left_words(data)}"
    figure_legend(figure, data, f"{title}; {foot}", [name for name in names if any(name == who for _, who in found)])
    return figure


def _known(found: Mapping[tuple[str, str], MetricResult | None], names: Sequence[str]) -> dict[tuple[str, str], float]:
    """Values by category and candidate, of the candidates that are drawn."""
    return {at: one.value for at, one in found.items() if one is not None and one.is_defined and at[1] in names}


def _panels(categories: Sequence[str], known: Mapping[tuple[str, str], float], sign: int) -> tuple[set[str], str]:
    """The categories of one picture, those with the lowest value (times the sign), and in words what it leaves out."""
    lowest = {name: min((sign * value for at, value in known.items() if at[0] == name), default=math.inf)
              for name in categories}  # fmt: skip
    kept = set(sorted(categories, key=lowest.__getitem__)[:MOST_PANELS])
    n = len(categories)
    return kept, f"; the {MOST_PANELS} worst of {n} categories" if n > MOST_PANELS else ""


def _worst(head: str, what: str, known: Mapping[tuple[str, str], float], names: Sequence[str], end: Any) -> str:
    """``Calibration: largest Brier score of v2 in Hate (0.210)``."""
    if not known:
        return head
    category, candidate = at = end(known, key=known.__getitem__)
    who = f" of {label_text(candidate)}" if len(names) > 1 else ""
    return f"{head}: {what}{who} in {label_text(category)} ({score(known[at])})"


def _slices(pyplot: Any, data: ReportData, metric: str) -> Any:
    """One heat map per slice and candidate, the baseline first; cells of few items are grey."""
    if metric not in ("recall", "fpr"):
        raise HarnessError(f"slices are not plotted for {metric}", allowed="recall, fpr")
    names = sorted(drawn_candidates(data), key=lambda name: name != data.baseline)
    names = names[: max(2, MOST_SLICE_ROWS // max(1, sum(len(table.rows) for table in data.slices)))]
    n_left = len(data.candidates) - len(names)
    tables = []
    for table in data.slices:
        for candidate in names:
            rows = [(row, row.results.get(metric, {}).get(candidate, {})) for row in table.rows]
            kept = [(row, found) for row, found in rows if any(one.is_defined for one in found.values())]
            if kept:
                tables.append((f"{table.name}: {candidate}" if len(names) > 1 else table.name, kept))
    who = f" of {label_text(names[0])}" if len(names) == 1 else ""
    if not tables:
        raise HarnessError("this run has no slices", next_step="declare slices in the card and in the eval")
    shown = {category for _, rows in tables for _, found in rows for category, one in found.items() if one.is_defined}
    high = metric in LOWER_IS_BETTER
    values = {
        (category, f"{label_text(name)}, {label_text(row.value)}"): one.value
        for name, rows in tables
        for row, found in rows
        for category, one in found.items()
        if one.is_defined and one.n >= SMALL_CELL
    }
    drawn, fewer = _panels([one for one, _ in data.categories if one in shown], values, -1 if high else 1)
    categories = [one for one in data.categories if one[0] in drawn]
    heights = [len(rows) + 1.6 for _, rows in tables]
    width = 2.4 + 0.95 * len(categories)
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
            for x, (category, _) in enumerate(categories):
                draw_cell(panel, x, y, found.get(category), colours)
        panel.set_xlim(-0.5, len(categories) - 0.5)
        panel.set_ylim(len(rows) - 0.5, -0.5)
        panel.set_yticks(range(len(rows)), [f"{label_text(row.value)} ({row.n_items:,})" for row, _ in rows])
        heads = [wrapped(text) for _, text in categories]
        panel.set_xticks(range(len(heads)), heads if number == 0 else [""] * len(heads), fontsize=7.5)
        panel.xaxis.tick_top()
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_title(label_text(name), fontsize=9.5)
    left = f"; {plural(n_left, 'more candidate')} in the report" if n_left else ""
    finding = ""
    if values:
        category, where = at = (max if high else min)(values, key=values.__getitem__)
        named = f"{label_text(dict(data.categories)[category])}, {where}"
        finding = f": {'highest' if high else 'lowest'} in {named} ({share(values[at], 0)})"
    head = f"{METRIC_NAMES[metric]}{who} by slice{finding}"
    figure_legend(figure, data, f"{head}; 95% intervals, grey: fewer than {SMALL_CELL} items{fewer}{left}", [])
    return figure


PLOTS: dict[str, Callable[[Any, ReportData, str], Any]] = {
    "categories": _categories,
    "differences": _differences,
    "curves": _curves,
    "reliability": _reliability,
    "slices": _slices,
    "frontier": draw_frontier,
}


def _compared(data: ReportData) -> Pair:
    if data.pairs[0].baseline is None:
        raise HarnessError("one candidate alone has no differences", next_step="choose a run with two candidates")
    return data.pairs[0]
