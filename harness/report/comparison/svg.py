"""Small drawings for the page, as SVG text: intervals, differences, curves, bars.

Decides geometry; colours are classes of the style sheet, so that light, dark and print share one drawing. Everything
drawn is also in the table beside it as text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from harness.core.results import MetricResult
from harness.report.comparison.data import Calibration, Curve, Economics
from harness.report.parts import numbers
from harness.report.parts.masking import printable

ARM_CLASSES = tuple(f"arm{index}" for index in range(8))


def tag(name: str, content: str = "", /, **attributes: object) -> str:
    """One element; attribute values are escaped, underscores in names become hyphens."""
    parts = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{parts}>{content}</{name}>" if content else f"<{name}{parts}/>"


def _short(value: object) -> str:
    """A value of an attribute; numbers to a tenth of a pixel."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return printable(str(value))


def _svg(width: float, height: float, content: str, label: str | None = None, class_: str = "") -> Markup:
    described = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return Markup(
        tag("svg", content, viewBox=f"0 0 {width:g} {height:g}", width=width, height=height, class_=class_, **described)
    )


def _text(x: float, y: float, content: str, class_: str = "", anchor: str = "start") -> str:
    return tag("text", str(escape(printable(content))), x=x, y=y, class_=class_, text_anchor=anchor)


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "start") -> str:
    """Text of a drawing, escaped."""
    return _text(x, y, content, class_, anchor)


def escaped(content: str) -> str:
    """Content of an element, escaped, without characters that act."""
    return str(escape(printable(content)))


def drawing(width: float, height: float, content: str, label: str, class_: str = "") -> Markup:
    """A drawing that says itself to those who do not see it."""
    return _svg(width, height, content, label, class_)


def whiskers(
    results: Sequence[tuple[MetricResult | None, str]], scale: tuple[float, float] = (0, 1), width: float = 210
) -> Markup:
    """One dot with its interval per line, on a scale that a table shares."""
    pad, step = 6.0, 15.0
    height = step * len(results) + 6
    inner = width - 2 * pad
    grid = "".join(f"M{_short(pad + inner * part)} 1V{_short(height - 1)}" for part in (0, 0.25, 0.5, 0.75, 1))
    parts = [tag("path", d=grid, class_="grid")]
    for line, (result, class_) in enumerate(results):
        if result is None:
            continue
        y = 3 + step * (line + 0.5)
        if math.isnan(result.value):
            parts.append(_text(pad + 2, y + 4, "n/a", "small muted"))
            continue
        parts.append(_whisker(result, pad, inner, y, class_, *scale))
    return _svg(width, height, "".join(parts), class_="whiskers")


def _whisker(
    result: MetricResult, pad: float, inner: float, y: float, class_: str, lo: float = 0, hi: float = 1
) -> str:
    def at(value: float) -> float:
        return pad + inner * (min(max(value, lo), hi) - lo) / (hi - lo)

    parts = []
    if not (math.isnan(result.low) or math.isnan(result.high)):
        left, right = _short(at(result.low)), _short(at(result.high))
        ends = "".join(f"M{end} {_short(y - 3)}v6" for end in (left, right))
        parts.append(tag("path", d=f"M{left} {_short(y)}H{right}{ends}", class_=f"bar {class_}"))
    parts.append(tag("circle", cx=at(result.value), cy=y, r=4.0, class_=f"dot {class_}"))
    return "".join(parts)


def difference(result: MetricResult | None, limit: float, tone: str, width: float = 150) -> Markup:
    """A difference with its interval around a zero line; ``limit`` is the scale's end, shared by a table."""
    pad, height = 6.0, 22.0
    inner = width - 2 * pad
    parts = [
        tag("line", x1=pad, x2=width - pad, y1=height / 2, y2=height / 2, class_="grid"),
        tag("line", x1=width / 2, x2=width / 2, y1=1.0, y2=height - 1, class_="zero"),
    ]
    if result is None or math.isnan(result.value):
        parts.append(_text(pad + 2, height / 2 - 2, "n/a", "small muted"))
    else:
        parts.append(_whisker(result, pad, inner, height / 2, tone, -limit, limit))
    return _svg(width, height, "".join(parts), class_="difference")


def proportion_scale(results: Sequence[MetricResult | None]) -> tuple[float, float]:
    """Round ends that hold every interval of a table; dots need no zero, and the head of the column names the ends."""
    ends = [
        end
        for result in results
        if result is not None
        for end in (result.low, result.high, result.value)
        if not math.isnan(end)
    ]
    if not ends:
        return 0.0, 1.0
    low = math.floor(10 * min(ends) + 1e-9) / 10
    return low, max(math.ceil(10 * max(ends) - 1e-9) / 10, low + 0.1)


def scale_limit(results: Sequence[MetricResult | None]) -> float:
    """A round end for a table's difference scale."""
    ends = [
        abs(end)
        for result in results
        if result is not None
        for end in (result.low, result.high, result.value)
        if not math.isnan(end)
    ]
    largest = max(ends, default=0.1)
    return next((limit for limit in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if largest <= limit), 1.0)


# ------------------------------------------------------------------------------------------------------- charts


class _Frame:
    """A square plot of two proportions."""

    def __init__(self, width: float = 272, height: float = 236) -> None:
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = 52.0, 18.0, 10.0, 40.0

    def x(self, value: float) -> float:
        return self.left + (self.width - self.left - self.right) * value

    def y(self, value: float) -> float:
        return self.height - self.bottom - (self.height - self.top - self.bottom) * value

    def axes(self, x_name: str, y_name: str, x_ticks: Sequence[str] = ("0%", "50%", "100%")) -> str:
        parts = []
        across, up = (tuple(_short(of(end)) for end in (0.0, 1.0)) for of in (self.x, self.y))
        grid = "".join(
            f"M{_short(self.x(value))} {up[0]}V{up[1]}M{across[0]} {_short(self.y(value))}H{across[1]}"
            for value in (0.0, 0.25, 0.5, 0.75, 1.0)
        )
        parts.append(tag("path", d=grid, class_="grid"))
        for value, tick in zip((0.0, 0.5, 1.0), x_ticks, strict=True):
            parts.append(_text(self.x(value), self.y(0) + 17, tick, "small muted", "middle"))
            parts.append(_text(self.x(0) - 5, self.y(value) + 4, f"{100 * value:.0f}%", "small muted", "end"))
        parts.append(_text(self.x(0.5), self.height - 6, x_name, "small", "middle"))
        middle = self.y(0.5)
        parts.append(
            tag(
                "text",
                str(escape(y_name)),
                x=9.0,
                y=middle,
                class_="small",
                text_anchor="middle",
                transform=f"rotate(-90 9 {middle:.1f})",
            )
        )
        return "".join(parts)

    def cross(self, x: MetricResult, y: MetricResult, class_: str) -> str:
        """A point with both its intervals; nothing when either is undefined."""
        if math.isnan(x.value) or math.isnan(y.value):
            return ""
        parts = []
        at_x, at_y = self.x(x.value), self.y(y.value)
        if not math.isnan(x.low):
            parts.append(tag("line", x1=self.x(x.low), x2=self.x(x.high), y1=at_y, y2=at_y, class_=f"bar {class_}"))
        if not math.isnan(y.low):
            parts.append(tag("line", x1=at_x, x2=at_x, y1=self.y(y.low), y2=self.y(y.high), class_=f"bar {class_}"))
        parts.append(tag("circle", cx=self.x(x.value), cy=self.y(y.value), r=4.5, class_=f"dot {class_}"))
        return "".join(parts)


def precision_recall(name: str, curves: Sequence[Curve], classes: Mapping[str, str]) -> Markup:
    """Curves of every candidate and the points at which they work, with their intervals."""
    frame = _Frame()
    parts = [frame.axes("Recall", "Precision")]
    for curve in curves:
        if curve.points:
            points = " ".join(f"{frame.x(r):.1f},{frame.y(p):.1f}" for r, p in curve.points)
            parts.append(tag("polyline", points=points, class_=f"curve {classes[curve.candidate]}"))
    parts += [frame.cross(curve.recall, curve.precision, classes[curve.candidate]) for curve in curves]
    return _svg(frame.width, frame.height, "".join(parts), f"Precision against recall for {name}", "chart")


def reliability(name: str, calibrations: Sequence[Calibration], classes: Mapping[str, str]) -> Markup:
    """Mean stated score against the observed share, with Wilson bars; the diagonal is perfect."""
    frame = _Frame()
    parts = [
        frame.axes("Stated score", "Observed share"),
        tag("line", x1=frame.x(0), y1=frame.y(0), x2=frame.x(1), y2=frame.y(1), class_="zero"),
    ]
    for one in calibrations:
        for row in one.bins:
            x = MetricResult(row.mean_score, math.nan, math.nan, 0)
            parts.append(frame.cross(x, row.observed, classes[one.candidate]))
    return _svg(frame.width, frame.height, "".join(parts), f"Calibration for {name}", "chart")


def stacked(counts: Mapping[str, int], classes: Mapping[str, str], width: float = 420) -> Markup:
    """One bar of counts; the text beside it names them."""
    total = sum(counts.values())
    parts = []
    left = 0.0
    for name, n in counts.items():
        wide = width * n / total if total else 0.0
        parts.append(tag("rect", x=left, y=1.0, width=max(wide, 1.5), height=16.0, class_=f"seg {classes[name]}"))
        left += wide
    return _svg(width, 18, "".join(parts), class_="stacked")


def latency_range(row: Economics, largest: float, class_: str, width: float = 240) -> Markup:
    """Median, 95th and 99th percentile on one scale."""
    known = {name: value for name in ("p50", "p95", "p99") if (value := row.latency_ms.get(name)) is not None}
    if not known or largest <= 0:
        return Markup("")

    def at(value: float) -> float:
        return 6 + (width - 12) * value / largest

    ends = [at(value) for value in known.values()]
    parts = [
        tag("line", x1=6.0, x2=width - 6, y1=10.0, y2=10.0, class_="grid"),
        tag("line", x1=min(ends), x2=max(ends), y1=10.0, y2=10.0, class_=f"bar {class_}"),
    ]
    for name, value in known.items():
        if name == "p50":
            parts.append(tag("circle", cx=at(value), cy=10.0, r=4.5, class_=f"dot {class_}"))
        else:
            parts.append(tag("line", x1=at(value), x2=at(value), y1=5.0, y2=15.0, class_=f"bar {class_}"))
    return _svg(width, 20, "".join(parts), class_="latency")


def cost_quality(rows: Sequence[Economics], classes: Mapping[str, str]) -> Markup:
    """Macro F1 with its interval against cost; only for two or more priced candidates."""
    known = [row for row in rows if row.cost_per_1000_usd is not None and row.macro_f1 and row.macro_f1.is_defined]
    if len(known) < 2:
        return Markup("")
    frame = _Frame(420, 250)
    frame.right = 40.0
    largest = max(row.cost_per_1000_usd or 0.0 for row in known) * 1.15 or 1.0
    ticks = [numbers.usd(largest * part) for part in (0, 0.5, 1)]
    parts = [frame.axes("Cost per 1,000 answered items", "Macro F1", ticks)]
    for row in known:
        assert row.macro_f1 is not None
        x = MetricResult((row.cost_per_1000_usd or 0.0) / largest, math.nan, math.nan, 0)
        parts.append(frame.cross(x, row.macro_f1, classes[row.candidate]))
    return _svg(frame.width, frame.height, "".join(parts), "Macro F1 against cost per 1,000 answered items", "chart")
