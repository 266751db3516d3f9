"""Plots of a comparison report with matplotlib: one style, intervals always drawn, the same bytes for the same data.

Decides which results a picture shows; how they look is in ``plot_parts``. matplotlib is imported when the first plot
is made.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.measure.slices import SMALL_CELL
from harness.report.comparison.change_signs import TONES
from harness.report.comparison.data import (
    METRIC_NAMES,
    CategoryRow,
    Measure,
    Pair,
    ReportData,
    ScoredCategory,
    SliceRow,
)
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
_TONES = {"good": "#009e73", "bad": "#d55e00", "neutral": "#5b6470"}


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
            metadata = dict.fromkeys(("Software",) if plot_format == "png" else ("Date", "Creator"))
            figure.savefig(buffer, format=plot_format, metadata=metadata, bbox_inches="tight", facecolor="white")
        finally:
            pyplot.close(figure)
    return buffer.getvalue()


def _warn(figure: Any, data: ReportData) -> None:
    """What a reader must know first, above the picture: it travels without its report."""
    for position, one in enumerate(data.banners):
        text = shorten(printable(f"{one.word}: {one.sentence}"), 110)
        figure.text(0.01, 1.02 + 0.05 * position, text, fontsize=9, fontweight="bold", color="#a83f00", in_layout=False)


# ------------------------------------------------------------------------------------------------------- the plots


def _categories(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Both values of every category as dots with intervals."""
    baseline, pairs = data.pairs[0].baseline, _drawn_pairs(data)
    rows, left = _drawn_rows(data, pairs, metric)
    shown = {} if baseline is None else {baseline: [_Dot(row.measures[metric].baseline) for row in rows]}
    for pair in pairs:
        shown[pair.candidate] = [_Dot(one.candidate if one else None) for one in _measured(pair, rows, metric)]
    figure, axes = _row_axes(pyplot, len(rows), len(shown))
    _draw_rows(axes, data, rows, metric, shown)
    percent_axis(axes.xaxis)
    figure_legend(figure, data, f"{_title(data, metric)}; 95% intervals{left}", list(shown))
    return figure


def _differences(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Paired differences of every candidate as a forest: one by tone, several by candidate."""
    first, pairs = _compared(data), _drawn_pairs(data)
    rows, left = _drawn_rows(data, pairs, metric)
    is_alone = len(pairs) == 1
    figure, axes = _row_axes(pyplot, len(rows), len(pairs))
    axes.axvline(0, color=INK, linewidth=1)
    shown = {
        pair.candidate: [_difference_dot(one, has_tone=is_alone) for one in _measured(pair, rows, metric)]
        for pair in pairs
    }
    _draw_rows(axes, data, rows, metric, shown)
    end = max(map(abs, axes.get_xlim()))
    axes.set_xlim(-end, end)
    axes.xaxis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):+g}" if abs(value) > 1e-9 else "0")
    side = "better is left" if metric == "fpr" else "better is right"
    who = f"{first.candidate} minus {first.baseline}" if is_alone else f"against {first.baseline}"
    axes.set_xlabel(f"Difference in points, {who} ({side}); filled: proven")
    figure_legend(figure, data, f"{_title(data, metric)}; 95% intervals{left}", [] if is_alone else list(shown))
    return figure


class _Dot(NamedTuple):
    """A dot with its interval, in the colour of its candidate where it has none of its own."""

    result: MetricResult | None
    colour: str | None = None
    is_filled: bool = True


def _difference_dot(one: Measure | None, *, has_tone: bool) -> _Dot:
    if one is None:
        return _Dot(None, is_filled=False)
    colour = _TONES[TONES.get(one.change, "neutral")] if has_tone else None
    return _Dot(one.difference, colour, one.change in ("better", "worse"))


def _measured(pair: Pair, rows: Sequence[CategoryRow], metric: str) -> list[Measure | None]:
    """The metric of one comparison in each of these categories; not all comparisons need to have all."""
    by_id = {row.id: row.measures.get(metric) for row in pair.rows}
    return [by_id.get(row.id) for row in rows]


def _row_axes(pyplot: Any, n_rows: int, n_dots: int) -> Any:
    """A figure with room for so many dots in each row."""
    return pyplot.subplots(figsize=(8, 1.2 + n_rows * max(0.42, 0.2 * n_dots)), layout="constrained")


def _draw_rows(
    axes: Any, data: ReportData, rows: Sequence[CategoryRow], metric: str, shown: Mapping[str, Sequence[_Dot]]
) -> None:
    """A row for each category, and in it a dot for each candidate."""
    step, order = row_step(len(shown)), colour_numbers(data)
    for number, (name, dots) in enumerate(shown.items()):
        for position, (result, colour, is_filled) in enumerate(dots):
            y, label = position + (number - (len(shown) - 1) / 2) * step, None if position else name
            draw_dot(axes, result, y, order[name], label=label, colour=colour, is_filled=is_filled)
    labels = [f"{label_text(row.name)}  (n {row.measures[metric].n:,})" for row in rows]
    category_axis(axes, labels, is_banded=len(shown) > 2)


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
    return [found[one] for one, _ in data.categories if one in kept], left + _left_words(data, drawn_candidates(data))


def _left_words(data: ReportData, names: Sequence[str]) -> str:
    n_left = len(data.candidates) - len(names)
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
    found = {(one.name, curve.candidate): curve.average_precision for one in scored for curve in one.curves}
    words = ("Precision against recall", "lowest average precision")
    figure, title, left = _score_panels(pyplot, data, scored, found, words, 1, _draw_curves)
    foot = f"dots: where each candidate works, with 95% intervals{left}"
    figure_legend(figure, data, f"{title}; {foot}", drawn_candidates(data))
    return figure


def _draw_curves(panel: Any, one: ScoredCategory, order: Mapping[str, int]) -> None:
    for curve in (found for found in one.curves if found.candidate in order):
        number = order[curve.candidate]
        if curve.points:
            points = zip(*curve.points, strict=True)
            panel.plot(*points, color=COLOURS[number], linestyle=LINES[number], linewidth=1.4)
        draw_cross(panel, curve.recall, curve.precision, number)
    square_panel(panel, one.name, "Recall", "Precision")


def _reliability(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Stated score against observed share, one panel per category."""
    scored = [one for one in data.scored if one.calibration]
    if not scored:
        raise HarnessError("no candidate of this run gives scores in [0, 1]", next_step="plot another kind")
    found = {(one.name, each.candidate): each.brier for one in scored for each in one.calibration}
    words = ("Calibration", "largest Brier score")
    figure, title, left = _score_panels(pyplot, data, scored, found, words, -1, _draw_calibration)
    foot = f"95% intervals; on the dotted line a score means what it says{left}"
    calibrated = {candidate for _, candidate in found}
    figure_legend(figure, data, f"{title}; {foot}", [name for name in drawn_candidates(data) if name in calibrated])
    return figure


def _draw_calibration(panel: Any, one: ScoredCategory, order: Mapping[str, int]) -> None:
    panel.plot([0, 1], [0, 1], color="#8a93a0", linestyle=":", linewidth=1)
    for calibration in (found for found in one.calibration if found.candidate in order):
        for row in calibration.bins:
            stated = MetricResult(row.mean_score, math.nan, math.nan, 0)
            draw_cross(panel, stated, row.observed, order[calibration.candidate])
    square_panel(panel, one.name, "Stated score", "Observed share")


def _score_panels(
    pyplot: Any,
    data: ReportData,
    scored: Sequence[ScoredCategory],
    found: Mapping[tuple[str, str], MetricResult | None],
    words: tuple[str, str],
    sign: int,
    draw: Callable[[Any, ScoredCategory, Mapping[str, int]], None],
) -> tuple[Any, str, str]:
    """A panel for each category, of many the worst by what was found; the figure, its title and what it leaves out.

    The title is ``Calibration: largest Brier score of v2 in Hate (0.210)``; the worst is lowest times the sign.
    """
    names = drawn_candidates(data)
    order = {name: number for name, number in colour_numbers(data).items() if name in names}
    known = {at: one.value for at, one in found.items() if one is not None and one.is_defined and at[1] in order}
    kept, left = _panels([one.name for one in scored], known, sign)
    figure, panels = panel_grid(pyplot, len(kept))
    for panel, one in zip(panels, (one for one in scored if one.name in kept), strict=False):
        draw(panel, one, order)
    head, what = words
    if known:
        category, candidate = at = min(known, key=lambda at: sign * known[at])
        who = f" of {label_text(candidate)}" if len(names) > 1 else ""
        head = f"{head}: {what}{who} in {label_text(category)} ({score(known[at])})"
    return figure, head, left + _left_words(data, names)


def _panels(categories: Sequence[str], known: Mapping[tuple[str, str], float], sign: int) -> tuple[set[str], str]:
    """The categories of one picture, those with the lowest value (times the sign), and in words what it leaves out."""
    lowest = {name: min((sign * value for at, value in known.items() if at[0] == name), default=math.inf)
              for name in categories}  # fmt: skip
    kept = set(sorted(categories, key=lowest.__getitem__)[:MOST_PANELS])
    n = len(categories)
    return kept, f"; the {MOST_PANELS} worst of {n} categories" if n > MOST_PANELS else ""


def _slices(pyplot: Any, data: ReportData, metric: str) -> Any:
    """One heat map per slice and candidate, the baseline first; cells of few items are grey."""
    if metric not in ("recall", "fpr"):
        raise HarnessError(f"slices are not plotted for {metric}", allowed="recall, fpr")
    names = sorted(drawn_candidates(data), key=lambda name: name != data.baseline)
    names = names[: max(2, MOST_SLICE_ROWS // max(1, sum(len(table.rows) for table in data.slices)))]
    maps = _slice_maps(data, metric, names)
    if not maps:
        raise HarnessError("this run has no slices", next_step="declare slices in the card and in the eval")
    defined = [
        (category, f"{label_text(name)}, {label_text(row.value)}", one)
        for name, rows in maps
        for row, found in rows
        for category, one in found.items()
        if one.is_defined
    ]
    shown = {category for category, _, _ in defined}
    values = {(category, where): one.value for category, where, one in defined if one.n >= SMALL_CELL}
    sign = -1 if metric in LOWER_IS_BETTER else 1
    drawn, fewer = _panels([one for one, _ in data.categories if one in shown], values, sign)
    figure = _heat_maps(pyplot, maps, [one for one in data.categories if one[0] in drawn], metric)
    head = METRIC_NAMES[metric] + (f" of {label_text(names[0])}" if len(names) == 1 else "") + " by slice"
    if values:
        category, where = at = min(values, key=lambda at: sign * values[at])
        named = f"{label_text(dict(data.categories)[category])}, {where}"
        head += f": {'lowest' if sign > 0 else 'highest'} in {named} ({share(values[at], 0)})"
    left = fewer + _left_words(data, names)
    figure_legend(figure, data, f"{head}; 95% intervals, grey: fewer than {SMALL_CELL} items{left}", [])
    return figure


_Map = tuple[str, list[tuple[SliceRow, Mapping[str, MetricResult]]]]
"""The title of a heat map, and its rows with what each category has there."""


def _slice_maps(data: ReportData, metric: str, names: Sequence[str]) -> list[_Map]:
    """Of each slice and candidate the values in which some category has a result."""
    maps = []
    for table in data.slices:
        for candidate in names:
            rows = [(row, row.results.get(metric, {}).get(candidate, {})) for row in table.rows]
            kept = [(row, found) for row, found in rows if any(one.is_defined for one in found.values())]
            if kept:
                maps.append((f"{table.name}: {candidate}" if len(names) > 1 else table.name, kept))
    return maps


def _heat_maps(pyplot: Any, maps: Sequence[_Map], categories: Sequence[tuple[str, str]], metric: str) -> Any:
    """A figure of heat maps below one another, whose columns are named above the first."""
    heights = [len(rows) + 1.6 for _, rows in maps]
    size = (max(7.0, 2.4 + 0.95 * len(categories)), 0.44 * sum(heights) + 1.6)
    shape: Any = {"figsize": size, "height_ratios": heights, "layout": "constrained", "squeeze": False}
    figure, panels = pyplot.subplots(len(maps), 1, **shape)
    colours = pyplot.get_cmap("Blues" if metric == "recall" else "Oranges")
    for number, (panel, (name, rows)) in enumerate(zip(panels[:, 0], maps, strict=True)):
        for y, (_, found) in enumerate(rows):
            for x, (category, _) in enumerate(categories):
                draw_cell(panel, x, y, found.get(category), colours)
        panel.set_xlim(-0.5, len(categories) - 0.5)
        panel.set_ylim(len(rows) - 0.5, -0.5)
        panel.set_yticks(range(len(rows)), [f"{label_text(row.value)} ({row.n_items:,})" for row, _ in rows])
        heads = [wrapped(text) if number == 0 else "" for _, text in categories]
        panel.set_xticks(range(len(heads)), heads, fontsize=7.5)
        panel.xaxis.tick_top()
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_title(label_text(name), fontsize=9.5)
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
