"""Trend plots with matplotlib: one panel per category, intervals and control limits always drawn.

Decides layout; the style is the one of the comparison's plots. What moved this week comes first.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.comparison.plots import PlotFormat
from harness.report.parts.masking import printable, shorten
from harness.report.parts.plots import style
from harness.report.weekly.data import METRIC_NAMES, Series, WeeklyData
from harness.report.weekly.drawings import week_labels
from harness.report.weekly.weeks import weeks_between

MAX_PANELS = 24
BLUE, RED, GREEN, AMBER, GREY, INK = "#0072b2", "#d55e00", "#009e73", "#b07d00", "#8a93a0", "#3a4250"


def trend_plot(data: WeeklyData, metric: str, plot_format: PlotFormat = "png") -> bytes | None:
    """One metric of every category over the weeks; None when there are no two weeks to draw."""
    names = {row.id: row.name for row in data.rows}
    shown = [one for one in data.series if one.metric == metric and one.category in names]
    if len(data.weeks) < 2 or not shown:
        return None
    shown.sort(key=lambda one: not _moved(one, data.week))
    with style() as pyplot, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph the font lacks is drawn as a box
        figure = _figure(pyplot, data, metric, shown, names)
        try:
            buffer = io.BytesIO()
            unsaid = dict.fromkeys(("Software",) if plot_format == "png" else ("Date", "Creator"))
            figure.savefig(buffer, format=plot_format, metadata=unsaid, facecolor="white")
        finally:
            pyplot.close(figure)
    return buffer.getvalue()


def _moved(series: Series, week: str) -> bool:
    return any(point.week == week and point.has_moved for point in series.points)


def _figure(pyplot: Any, data: WeeklyData, metric: str, series: Sequence[Series], names: Mapping[str, str]) -> Any:
    shown = series[:MAX_PANELS]
    targets = {row.id: row.judgements[metric].target for row in data.rows if metric in row.judgements}
    n_columns = min(3, len(shown))
    n_rows = math.ceil(len(shown) / n_columns)
    size = (max(6.4, 3.6 * n_columns), 2.35 * n_rows + 1.35)
    figure, panels = pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
    ends = _shared_scale(shown, targets)
    for panel, one in zip(panels.flat, shown, strict=False):
        _panel(panel, data, one, names[one.category], targets.get(one.category))
        panel.set_ylim(*ends)
    for panel in panels.flat[len(shown) :]:
        panel.set_visible(False)
    n_more = len(series) - len(shown)
    rest = f"; {n_more} more categories are in the spreadsheet" if n_more else ""
    title = f"{METRIC_NAMES[metric]} of {shorten(printable(data.candidate), 40)} by week, {data.week}{rest}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    keys = (
        "Dots: 95% intervals. Grey: where noise alone would land. Ring: moved. Dashed: target. Dotted: new golden set."
    )
    keys += " Triangle: new version." if data.versions else ""
    figure.supxlabel(keys, fontsize=8.5, x=0.01, ha="left")
    return figure


def _shared_scale(shown: Sequence[Series], targets: Mapping[str, float]) -> tuple[float, float]:
    """Ends that hold every value, interval, limit and target: panels of one metric are read against each other."""
    found = [targets[one.category] for one in shown if one.category in targets]
    for one in shown:
        for point in one.points:
            if point.result.is_defined:
                found += [point.result.value, point.result.low, point.result.high, point.low, point.high]
    ends = [one for one in found if not math.isnan(one)]
    margin = 0.03 * (max(ends) - min(ends) or 1.0)
    return max(-0.02, min(ends) - margin), min(1.02, max(ends) + margin)


def _panel(panel: Any, data: WeeklyData, series: Series, name: str, target: float | None) -> None:
    at = {week: weeks_between(data.weeks[0], week) for week in data.weeks}
    if target is not None:
        panel.axhline(target, color=AMBER, linestyle=(0, (5, 3)), linewidth=1.2)
    known = [one for one in series.points if one.result.is_defined]
    for last, point in zip([None, *known], known, strict=False):
        x, value = at[point.week], point.result.value
        if not math.isnan(point.low):
            panel.fill_between([x - 0.45, x + 0.45], point.low, point.high, color=GREY, alpha=0.25, linewidth=0)
            panel.plot([x - 0.45, x + 0.45], [point.before] * 2, color=GREY, linewidth=0.9)
        if last is not None and last.golden != point.golden:
            panel.axvline((at[last.week] + x) / 2, color=GREY, linestyle=":", linewidth=1.1)
        elif last is not None and x - at[last.week] == 1:  # no line through a week that is missing
            panel.plot([at[last.week], x], [last.result.value, value], color=BLUE, linewidth=1.1)
        if point.week in data.versions:
            panel.plot([x], [0], "^", transform=panel.get_xaxis_transform(), color=INK, markersize=6, clip_on=False)
        if not math.isnan(point.result.low):
            panel.plot([x, x], [point.result.low, point.result.high], color=BLUE, linewidth=1.5)
        if point.has_moved:
            colour = RED if value < point.moved_from else GREEN
            panel.plot([x], [value], "o", markersize=12, fillstyle="none", color=colour, mew=1.8)
        panel.plot([x], [value], "o", markersize=4.5, color=BLUE)
    ticks = week_labels(data.weeks)
    panel.set_xticks([at[week] for week in ticks], [week[5:] for week in ticks], fontsize=8)
    panel.set_xlim(-0.7, max(at.values()) + 0.7)
    panel.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    panel.grid(axis="y")
    moved = " (moved)" if _moved(series, data.week) else ""
    panel.set_title(shorten(printable(name), 34) + moved, fontsize=10)
