"""Drawings of the weekly page, as SVG text: trends with control limits, amounts, and values against targets.

Decides geometry; colours are classes of the style sheet. Everything drawn is also in a table or a sentence as text.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

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
    return _Trend(weeks, ticks, series=series, target=target, versions=versions).draw(label)


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


def _across(y: float, left: float, right: float, class_: str) -> str:
    return tag("line", x1=left, x2=right, y1=y, y2=y, class_=class_)


def _upright(x: float, low: float, high: float, class_: str) -> str:
    return tag("line", x1=x, x2=x, y1=low, y2=high, class_=class_)


Week = TypeVar("Week")


def _unbroken(weeks: Iterable[Week], is_apart: Callable[[Week, Week], bool]) -> list[list[Week]]:
    """Runs of two weeks at least that belong together: a line is drawn through each."""
    runs: list[list[Week]] = []
    for one in weeks:
        if not runs or is_apart(runs[-1][-1], one):
            runs.append([])
        runs[-1].append(one)
    return [one for one in runs if len(one) > 1]


@dataclass
class _Panel:
    """Weeks from left to right over a scale of round ticks."""

    weeks: Sequence[str]
    ticks: Sequence[float]
    left: float = LEFT
    end: float = WIDTH - RIGHT

    @property
    def n_weeks(self) -> int:
        return max(1, weeks_between(self.weeks[0], self.weeks[-1]))

    def x(self, week: str) -> float:
        return self.left + 10 + (self.end - self.left - 20) * weeks_between(self.weeks[0], week) / self.n_weeks

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1] or 1.0
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (min(max(value, low), high) - low) / (high - low)

    def axes(self, words: Callable[[float], str]) -> list[str]:
        parts = []
        for value in self.ticks:
            parts.append(_across(self.y(value), self.left, self.end, "grid"))
            parts.append(text(self.left - 5, self.y(value) + 4, words(value), "small muted", "end"))
        named = week_labels(self.weeks)
        return parts + [text(self.x(week), HEIGHT - 8, week[5:], "small muted", "middle") for week in named]

    def curve(self, values: Iterable[tuple[str, float]]) -> str:
        points = " ".join(f"{self.x(week):.1f},{self.y(value):.1f}" for week, value in values)
        return tag("polyline", points=points, class_="curve arm1")

    def mark(self, one: Reading, half: float, said: str, extra: str = "") -> str:
        """One week: what the pointer hits, its interval, a ring where it moved, and its dot."""
        x, y = self.x(one.week), self.y(one.value)
        height = HEIGHT - TOP - BOTTOM
        parts = [tag("title", escaped(said))]
        parts.append(tag("rect", x=x - half, y=TOP, width=2 * half, height=height, class_="hit"))
        if not math.isnan(one.low):
            parts.append(_upright(x, self.y(one.low), self.y(one.high), "bar arm1"))
        parts.append(extra)
        if one.moved:
            parts.append(tag("circle", cx=x, cy=y, r=8.0, class_=f"ring {one.moved}"))
        parts.append(tag("circle", cx=x, cy=y, r=3.5, class_="dot arm1"))
        return tag("g", "".join(parts), class_="pt", data_say=said)


@dataclass(kw_only=True)
class _Trend(_Panel):
    series: Series
    target: float | None
    versions: Mapping[str, str]

    @property
    def half(self) -> float:
        """Half of what belongs to a week."""
        return min(14.0, (WIDTH - LEFT - RIGHT - 20) / self.n_weeks / 2)

    def draw(self, label: str) -> Markup:
        known = [one for one in self.series.points if one.result.is_defined]
        parts = [*self.axes(lambda value: f"{round(100 * value, 1):g}%"), *self._limits(), *self._line(known)]
        parts += [*self._labels(known), *map(self._point, known)]
        return drawing(WIDTH, HEIGHT, "".join(parts), label, "trend")

    def _labels(self, known: Sequence[Point]) -> list[str]:
        """The last value and the target, beside what they name, and apart from each other."""
        parts = []
        value = known[-1].result.value if known else math.nan
        at = self.y(value) if known else math.inf
        if self.target is not None:
            y = self.y(self.target)
            place = y if abs(at - y) > 11 else at + (11.0 if y >= at else -11.0)
            parts.append(_across(y, LEFT, WIDTH - RIGHT, "target"))
            parts.append(text(WIDTH - RIGHT + 4, place + 3.5, f"goal {numbers.share(self.target, 0)}", "aim"))
        return [*parts, *([text(WIDTH - RIGHT + 4, at + 4, numbers.share(value), "here")] if known else [])]

    def _limits(self) -> list[str]:
        parts = []
        for one in self.series.points:
            if math.isnan(one.low) or math.isnan(one.before):
                continue
            left, top, height = self.x(one.week) - self.half, self.y(one.high), self.y(one.low) - self.y(one.high)
            parts.append(tag("rect", x=left, y=top, width=2 * self.half, height=max(1.0, height), class_="limits"))
            parts.append(_across(self.y(one.before), left, self.x(one.week) + self.half, "centre"))
        return parts

    def _line(self, known: Sequence[Point]) -> list[str]:
        """A line through the weeks, broken where the golden set changes or a week is missing."""
        runs = _unbroken(
            known, lambda one, other: one.golden != other.golden or weeks_between(one.week, other.week) > 1
        )
        parts = [self.curve((one.week, one.result.value) for one in run) for run in runs]
        for before, after in itertools.pairwise(known):
            if before.golden != after.golden:
                parts.append(_upright((self.x(before.week) + self.x(after.week)) / 2, TOP, HEIGHT - BOTTOM, "break"))
        return parts

    def _point(self, one: Point) -> str:
        moved: Literal["", "good", "bad"] = ""
        if one.has_moved:
            moved = "bad" if one.result.value < one.moved_from else "good"
        said = point_words(one, self.versions.get(one.week, ""))
        d = f"M{self.x(one.week) - 4.5:.1f},{HEIGHT - BOTTOM:.1f} h9 l-4.5,-8 z"
        version = tag("path", d=d, class_="version") if one.week in self.versions else ""
        reading = Reading(one.week, one.result.value, said, one.result.low, one.result.high, moved)
        return self.mark(reading, self.half, said, version)


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
    panel = _Panel(weeks, round_ticks(0.0, max([*ends, 1e-9]), cap=cap), 62.0, WIDTH - RIGHT - 12)
    runs = _unbroken(readings, lambda one, other: weeks_between(one.week, other.week) > 1)
    parts = panel.axes(words) + [panel.curve((one.week, one.value) for one in run) for run in runs]
    parts += [panel.mark(one, 10.0, f"{one.week}: {one.words}") for one in readings]
    last = readings[-1].value
    parts.append(text(WIDTH - RIGHT - 8, panel.y(last) + 4, words(last), "here"))
    return drawing(WIDTH, HEIGHT, "".join(parts), label, "trend")


def against_target(result: MetricResult, target: float | None, scale: tuple[float, float]) -> Markup:
    """A value with its interval, and the target as a mark on the same scale."""
    width, height, pad = 170.0, 24.0, 6.0
    low, high = scale

    def at(value: float) -> float:
        return pad + (width - 2 * pad) * (min(max(value, low), high) - low) / (high - low)

    parts = [_upright(at(low + part * (high - low)), 2.0, 22.0, "grid") for part in (0.0, 0.5, 1.0)]
    if result.is_defined:
        if not math.isnan(result.low):
            parts.append(_across(12.0, at(result.low), at(result.high), "bar arm1"))
            parts += [_upright(at(end), 9.0, 15.0, "bar arm1") for end in (result.low, result.high)]
        parts.append(tag("circle", cx=at(result.value), cy=12.0, r=4.0, class_="dot arm1"))
    if target is not None:
        parts.append(_upright(at(target), 1.0, 23.0, "goal"))
    return drawing(width, height, "".join(parts), "", "whiskers")


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
