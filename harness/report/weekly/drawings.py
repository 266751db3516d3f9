"""Drawings of the weekly page, as SVG text: trends with control limits, amounts, and values against targets.

Decides geometry; colours are classes of the style sheet. Everything drawn is also in a table or a sentence as text.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from harness.core.results import MetricResult
from harness.report.comparison.svg import drawing, escaped, proportion_scale, tag, text
from harness.report.parts import numbers
from harness.report.parts.words import plural
from harness.report.weekly.data import Point, Series
from harness.report.weekly.scales import round_ticks
from harness.report.weekly.sentences import weeks_phrase
from harness.report.weekly.weeks import weeks_between

WIDTH, HEIGHT = 340.0, 178.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 48.0, 12.0, 26.0
MOST_LABELS = 6


def trend(
    series: Series,
    weeks: Sequence[str],
    target: float | None,
    ticks: Sequence[float],
    label: str,
    versions: Mapping[str, str],
) -> Markup:
    """One metric over the weeks: dots with 95% intervals, control limits shaded, flags ringed, target dashed.

    ``ticks`` are those of all panels beside it, so that heights can be compared; ``versions`` say in which weeks what
    decides, or what it is measured by, became another version: they are marked on the axis.
    """
    return _Trend(series, weeks, target, ticks, versions).draw(label)


def trend_ticks(shown: Sequence[tuple[Series, float | None]]) -> list[float]:
    """Round ticks of one scale that holds every panel: its intervals, control limits and targets."""
    ends = [target for _, target in shown if target is not None]
    for series, _ in shown:
        for one in series.points:
            ends += [one.result.low, one.result.high, one.result.value, one.low, one.high]
    known = [one for one in ends if not math.isnan(one)]
    return round_ticks(max(0.0, min(known)), min(1.0, max(known)), cap=1.0) if known else [0.0, 0.5, 1.0]


def week_labels(weeks: Sequence[str]) -> list[str]:
    """The weeks that an axis names: the last one, and back from it."""
    return list(weeks[:: -max(1, math.ceil(len(weeks) / MOST_LABELS))])


def point_words(one: Point, version: str = "") -> str:
    """What the read-out says of a week; ``version`` is what became another one in it."""
    said = f"{one.week}: {numbers.share_with_interval(one.result)}, n {numbers.count(one.result.n)}"
    if not math.isnan(one.before):
        said += f"; {numbers.share(one.before)} {weeks_phrase(one.weeks_before)}"
        said += f", noise alone would land between {numbers.share(one.low)} and {numbers.share(one.high)}"
    moved = "; moved" if one.is_flagged else ""
    if one.slide is not None:
        moved = f"; slid since {one.slide.since}, from {numbers.share(one.slide.before)}"
    return said + moved + (f"; new: {version}" if version else "")


class _Trend:
    def __init__(
        self,
        series: Series,
        weeks: Sequence[str],
        target: float | None,
        ticks: Sequence[float],
        versions: Mapping[str, str],
    ) -> None:
        self.versions = versions
        self.series, self.weeks, self.target, self.ticks = series, weeks, target, ticks
        self.n_weeks = max(1, weeks_between(weeks[0], weeks[-1]))
        self.low, self.high = ticks[0], ticks[-1]

    def x(self, week: str) -> float:
        inner = WIDTH - LEFT - RIGHT - 20
        return LEFT + 10 + inner * weeks_between(self.weeks[0], week) / self.n_weeks

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def draw(self, label: str) -> Markup:
        parts = [*self._axes(), *self._limits()]
        parts += self._line(self.series.points, "curve arm1")
        parts += self._labels()
        parts += [part for one in self.series.points for part in self._point(one)]
        return drawing(WIDTH, HEIGHT, "".join(parts), label, "trend")

    def _labels(self) -> list[str]:
        """The last value and the target, beside what they name, and apart from each other."""
        last = next((one for one in reversed(self.series.points) if one.result.is_defined), None)
        parts = []
        at = None if last is None else self.y(last.result.value)
        if self.target is not None:
            y = self.y(self.target)
            parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="target"))
            shift = 0.0 if at is None or abs(at - y) > 11 else 11.0 if y >= at else -11.0
            place = y + shift + 3.5 if at is None or abs(at - y) > 11 else at + shift + 3.5
            parts.append(text(WIDTH - RIGHT + 4, place, f"goal {numbers.share(self.target, 0)}", "aim"))
        if last is not None and at is not None:
            parts.append(text(WIDTH - RIGHT + 4, at + 4, numbers.share(last.result.value), "here"))
        return parts

    def _axes(self) -> list[str]:
        parts = []
        for value in self.ticks:
            y = self.y(value)
            parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
            parts.append(text(LEFT - 5, y + 4, f"{round(100 * value, 1):g}%", "small muted", "end"))
        named = week_labels(self.weeks)
        return parts + [text(self.x(week), HEIGHT - 8, week[5:], "small muted", "middle") for week in named]

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
        """A line through the weeks, broken where the golden set changes or a week is missing."""
        known = [one for one in points if one.result.is_defined]
        runs: list[list[Point]] = []
        for one in known:
            if not runs or runs[-1][-1].golden != one.golden or weeks_between(runs[-1][-1].week, one.week) > 1:
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
        for before, after in itertools.pairwise(known):
            x = (self.x(before.week) + self.x(after.week)) / 2
            if before.golden != after.golden:
                parts.append(tag("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="break"))
        return parts

    def _point(self, one: Point) -> list[str]:
        if not one.result.is_defined:
            return []
        x, y = self.x(one.week), self.y(one.result.value)
        words = point_words(one, self.versions.get(one.week, ""))
        parts = [tag("title", escaped(words))]
        half = min(14.0, (WIDTH - LEFT - RIGHT - 20) / self.n_weeks / 2)
        parts.append(tag("rect", x=x - half, y=TOP, width=2 * half, height=HEIGHT - TOP - BOTTOM, class_="hit"))
        if not math.isnan(one.result.low):
            parts.append(
                tag("line", x1=x, x2=x, y1=self.y(one.result.low), y2=self.y(one.result.high), class_="bar arm1")
            )
        if one.week in self.versions:
            foot = HEIGHT - BOTTOM
            parts.append(tag("path", d=f"M{x - 4.5:.1f},{foot:.1f} h9 l-4.5,-8 z", class_="version"))
        if one.has_moved:
            worse = one.result.value < one.moved_from
            parts.append(tag("circle", cx=x, cy=y, r=8.0, class_=f"ring {'bad' if worse else 'good'}"))
        parts.append(tag("circle", cx=x, cy=y, r=3.5, class_="dot arm1"))
        return [tag("g", "".join(parts), class_="pt", data_say=words)]


@dataclass(frozen=True, slots=True)
class Reading:
    """One week of a plain line: its value, its interval where it has one, how it is written, and whether it moved."""

    week: str
    value: float
    words: str
    low: float = math.nan
    high: float = math.nan
    moved: Literal["", "good", "bad"] = ""


def line_chart(
    readings: Sequence[Reading], weeks: Sequence[str], words: Callable[[float], str], label: str, *, cap: float | None
) -> Markup:
    """Amounts over the weeks, from zero, the last one labelled; ``words`` writes a tick."""
    ends = [end for one in readings for end in (one.value, one.high) if not math.isnan(end)]
    ticks = round_ticks(0.0, max([*ends, 1e-9]), cap=cap)
    n_weeks, top = max(1, weeks_between(weeks[0], weeks[-1])), ticks[-1] or 1.0
    left = 62.0

    def x(week: str) -> float:
        return left + 10 + (WIDTH - left - RIGHT - 32) * weeks_between(weeks[0], week) / n_weeks

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, top) / top

    parts = []
    for value in ticks:
        parts.append(tag("line", x1=left, x2=WIDTH - RIGHT - 12, y1=y(value), y2=y(value), class_="grid"))
        parts.append(text(left - 5, y(value) + 4, words(value), "small muted", "end"))
    parts += [text(x(week), HEIGHT - 8, week[5:], "small muted", "middle") for week in week_labels(weeks)]
    for joined in _without_gaps(readings):
        points = " ".join(f"{x(one.week):.1f},{y(one.value):.1f}" for one in joined)
        parts.append(tag("polyline", points=points, class_="curve arm1"))
    for one in readings:
        inside = [tag("title", escaped(f"{one.week}: {one.words}"))]
        inside.append(tag("rect", x=x(one.week) - 10, y=TOP, width=20.0, height=HEIGHT - TOP - BOTTOM, class_="hit"))
        if not math.isnan(one.low):
            inside.append(tag("line", x1=x(one.week), x2=x(one.week), y1=y(one.low), y2=y(one.high), class_="bar arm1"))
        if one.moved:
            inside.append(tag("circle", cx=x(one.week), cy=y(one.value), r=8.0, class_=f"ring {one.moved}"))
        inside.append(tag("circle", cx=x(one.week), cy=y(one.value), r=3.5, class_="dot arm1"))
        parts.append(tag("g", "".join(inside), class_="pt", data_say=f"{one.week}: {one.words}"))
    last = readings[-1]
    parts.append(text(WIDTH - RIGHT - 8, y(last.value) + 4, words(last.value), "here"))
    return drawing(WIDTH, HEIGHT, "".join(parts), label, "trend")


def _without_gaps(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Runs of weeks that follow each other: a line is drawn through no week that is missing."""
    runs: list[list[Reading]] = []
    for one in readings:
        if not runs or weeks_between(runs[-1][-1].week, one.week) > 1:
            runs.append([])
        runs[-1].append(one)
    return [one for one in runs if len(one) > 1]


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
    flags = [one.week for one in series.points if one.has_moved]
    moved = f"; moved in {', '.join(flags)}" if flags else "; no movement flagged"
    return f"{metric} of {name} over {plural(len(defined), 'week')}{value}{moved}"
