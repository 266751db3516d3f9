"""Drawings of the weekly page, as SVG text: trends with control limits, and values against targets.

Decides geometry; colours are classes of the style sheet. Everything drawn is also in a table or a sentence as text.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from harness.core.results import MetricResult
from harness.report.comparison.svg import proportion_scale, tag
from harness.report.parts import numbers
from harness.report.parts.masking import printable
from harness.report.parts.words import plural
from harness.report.weekly.data import Point, Series
from harness.report.weekly.weeks import weeks_between

WIDTH, HEIGHT = 340.0, 178.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 10.0, 10.0, 26.0


def trend(
    series: Series, weeks: Sequence[str], target: float | None, scale: tuple[float, float] | None, label: str
) -> Markup:
    """One metric over the weeks: dots with 95% intervals, control limits shaded, flags ringed, target dashed.

    ``scale`` is that of all panels beside it, so that heights can be compared; None for a panel on its own.
    """
    chart = _Trend(series, weeks, target, None)
    if scale is not None:
        chart.low, chart.high = scale
    return chart.draw(label)


def trend_scale(shown: Sequence[tuple[Series, float | None]], weeks: Sequence[str]) -> tuple[float, float] | None:
    """One scale that holds every panel; None without any."""
    charts = [_Trend(series, weeks, target, None) for series, target in shown]
    return (min(one.low for one in charts), max(one.high for one in charts)) if charts else None


class _Trend:
    def __init__(self, series: Series, weeks: Sequence[str], target: float | None, control: Series | None) -> None:
        self.series, self.weeks, self.target, self.control = series, weeks, target, control
        self.n_weeks = max(1, weeks_between(weeks[0], weeks[-1]))
        shown = [point.result for point in series.points if point.result.is_defined]
        if control is not None:
            shown += [point.result for point in control.points if point.result.is_defined]
        ends = [end for point in series.points for end in (point.low, point.high) if not math.isnan(end)]
        marks = [MetricResult(value, math.nan, math.nan, 0) for value in [*ends, target] if value is not None]
        self.low, self.high = proportion_scale([*shown, *marks])

    def x(self, week: str) -> float:
        inner = WIDTH - LEFT - RIGHT - 20
        return LEFT + 10 + inner * weeks_between(self.weeks[0], week) / self.n_weeks

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def draw(self, label: str) -> Markup:
        parts = [*self._axes(), *self._limits()]
        if self.target is not None:
            y = self.y(self.target)
            parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="target"))
        if self.control is not None:
            parts += self._line(self.control.points, "ghost")
            parts += [
                tag("circle", cx=self.x(one.week), cy=self.y(one.result.value), r=2.0, class_="ghostdot")
                for one in self.control.points
                if one.result.is_defined
            ]
        parts += self._line(self.series.points, "curve arm1")
        parts += [part for one in self.series.points for part in self._point(one)]
        described = {"role": "img", "aria_label": label}
        return Markup(
            tag(
                "svg",
                "".join(parts),
                viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
                width=WIDTH,
                height=HEIGHT,
                class_="trend",
                **described,
            )
        )

    def _axes(self) -> list[str]:
        parts = []
        for part in (0.0, 0.5, 1.0):
            value = self.low + part * (self.high - self.low)
            y = self.y(value)
            parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
            parts.append(_text(LEFT - 5, y + 4, f"{100 * value:.0f}%", "small muted", "end"))
        step = max(1, math.ceil(len(self.weeks) / 6))
        for position, week in enumerate(reversed(self.weeks)):
            if position % step == 0:
                parts.append(_text(self.x(week), HEIGHT - 8, week[5:], "small muted", "middle"))
        return parts

    def _limits(self) -> list[str]:
        half = min(14.0, (WIDTH - LEFT - RIGHT - 20) / self.n_weeks / 2)
        parts = []
        for one in self.series.points:
            if math.isnan(one.low) or math.isnan(one.before):
                continue
            x, top, bottom = self.x(one.week), self.y(one.high), self.y(one.low)
            parts.append(tag("rect", x=x - half, y=top, width=2 * half, height=max(1.0, bottom - top), class_="limits"))
            y = self.y(one.before)
            parts.append(tag("line", x1=x - half, x2=x + half, y1=y, y2=y, class_="centre"))
        return parts

    def _line(self, points: Sequence[Point], class_: str) -> list[str]:
        """A line through the weeks, broken where the golden set changes."""
        runs: list[list[Point]] = []
        for one in points:
            if not one.result.is_defined:
                continue
            if not runs or runs[-1][-1].golden != one.golden:
                runs.append([])
            runs[-1].append(one)
        parts = [
            tag(
                "polyline",
                points=" ".join(f"{self.x(one.week):.1f},{self.y(one.result.value):.1f}" for one in run),
                class_=class_,
            )
            for run in runs
            if len(run) > 1
        ]
        for before, after in itertools.pairwise(runs):
            x = (self.x(before[-1].week) + self.x(after[0].week)) / 2
            if class_ != "ghost":
                parts.append(tag("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="break"))
        return parts

    def _point(self, one: Point) -> list[str]:
        if not one.result.is_defined:
            return []
        x, y = self.x(one.week), self.y(one.result.value)
        parts = []
        if not math.isnan(one.result.low):
            parts.append(
                tag("line", x1=x, x2=x, y1=self.y(one.result.low), y2=self.y(one.result.high), class_="bar arm1")
            )
        if one.is_flagged:
            worse = one.result.value < one.before
            parts.append(tag("circle", cx=x, cy=y, r=8.0, class_=f"ring {'bad' if worse else 'good'}"))
        parts.append(tag("circle", cx=x, cy=y, r=3.5, class_="dot arm1"))
        return parts


def against_target(result: MetricResult, target: float | None, scale: tuple[float, float]) -> Markup:
    """A value with its interval, and the target as a mark on the same scale."""
    width, height, pad = 170.0, 24.0, 6.0
    low, high = scale

    def at(value: float) -> float:
        return pad + (width - 2 * pad) * (min(max(value, low), high) - low) / (high - low)

    parts = [
        tag("line", x1=at(low + part * (high - low)), x2=at(low + part * (high - low)), y1=2.0, y2=22.0, class_="grid")
        for part in (0.0, 0.5, 1.0)
    ]
    if result.is_defined:
        if not math.isnan(result.low):
            parts.append(tag("line", x1=at(result.low), x2=at(result.high), y1=12.0, y2=12.0, class_="bar arm1"))
            parts += [
                tag("line", x1=at(end), x2=at(end), y1=9.0, y2=15.0, class_="bar arm1")
                for end in (result.low, result.high)
            ]
        parts.append(tag("circle", cx=at(result.value), cy=12.0, r=4.0, class_="dot arm1"))
    if target is not None:
        parts.append(tag("line", x1=at(target), x2=at(target), y1=1.0, y2=23.0, class_="goal"))
    content = "".join(parts)
    return Markup(
        tag(
            "svg",
            content,
            viewBox=f"0 0 {width:g} {height:g}",
            width=width,
            height=height,
            class_="whiskers",
            aria_hidden="true",
        )
    )


def table_scale(results: Sequence[MetricResult], targets: Sequence[float]) -> tuple[float, float]:
    """Round ends that hold every interval and target of a table."""
    marks = [MetricResult(value, math.nan, math.nan, 0) for value in targets]
    return proportion_scale([*results, *marks])


def trend_label(name: str, metric: str, series: Series) -> str:
    """What a chart shows, for readers who do not see it."""
    defined = [one for one in series.points if one.result.is_defined]
    last = defined[-1] if defined else None
    value = "" if last is None else f"; {last.week}: {numbers.share_with_interval(last.result)}"
    flags = [one.week for one in series.points if one.is_flagged]
    moved = f"; moved in {', '.join(flags)}" if flags else "; no movement flagged"
    return f"{metric} of {name} over {plural(len(defined), 'week')}{value}{moved}"


def _text(x: float, y: float, content: str, class_: str, anchor: str) -> str:
    return tag("text", str(escape(printable(content))), x=x, y=y, class_=class_, text_anchor=anchor)
