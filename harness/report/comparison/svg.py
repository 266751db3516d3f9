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


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "start", **more: str) -> str:
    """Text of a drawing, escaped; ``more`` are other attributes."""
    return tag("text", escaped(content), x=x, y=y, class_=class_, text_anchor=anchor, **more)


def escaped(content: str) -> str:
    """Content of an element, escaped, without characters that act."""
    return str(escape(printable(content)))


def drawing(width: float, height: float, content: str, label: str | None = None, class_: str = "") -> Markup:
    """A drawing that says itself to those who do not see it, or is hidden from them where a text beside it does."""
    described = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    box = f"0 0 {width:g} {height:g}"
    return Markup(tag("svg", content, viewBox=box, width=width, height=height, class_=class_, **described))


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
            parts.append(text(pad + 2, y + 4, "n/a", "small muted"))
            continue
        parts.append(_whisker(result, pad, inner, y, class_, *scale))
    return drawing(width, height, "".join(parts), class_="whiskers")


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
    return "".join([*parts, tag("circle", cx=at(result.value), cy=y, r=4.0, class_=f"dot {class_}")])


def difference(result: MetricResult | None, limit: float, tone: str, width: float = 150) -> Markup:
    """A difference with its interval around a zero line; ``limit`` is the scale's end, shared by a table."""
    pad, height = 6.0, 22.0
    inner = width - 2 * pad
    parts = [
        tag("line", x1=pad, x2=width - pad, y1=height / 2, y2=height / 2, class_="grid"),
        tag("line", x1=width / 2, x2=width / 2, y1=1.0, y2=height - 1, class_="zero"),
    ]
    if result is None or math.isnan(result.value):
        parts.append(text(pad + 2, height / 2 - 2, "n/a", "small muted"))
    else:
        parts.append(_whisker(result, pad, inner, height / 2, tone, -limit, limit))
    return drawing(width, height, "".join(parts), class_="difference")


def _ends(results: Sequence[MetricResult | None]) -> list[float]:
    """Values of the results and ends of their intervals, as far as they are defined."""
    found = [end for one in results if one is not None for end in (one.low, one.high, one.value)]
    return [end for end in found if not math.isnan(end)]


def proportion_scale(results: Sequence[MetricResult | None]) -> tuple[float, float]:
    """Round ends that hold every interval of a table; dots need no zero, and the head of the column names the ends."""
    ends = _ends(results)
    if not ends:
        return 0.0, 1.0
    low = math.floor(10 * min(ends) + 1e-9) / 10
    return low, max(math.ceil(10 * max(ends) - 1e-9) / 10, low + 0.1)


def scale_limit(results: Sequence[MetricResult | None]) -> float:
    """A round end for a table's difference scale."""
    largest = max(map(abs, _ends(results)), default=0.1)
    return next((limit for limit in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if largest <= limit), 1.0)


# ------------------------------------------------------------------------------------------------------- charts


class _Frame:
    """A square plot of two proportions."""

    def __init__(self, width: float = 272, height: float = 236, right: float = 18.0) -> None:
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = 52.0, right, 10.0, 40.0

    def x(self, value: float) -> float:
        return self.left + (self.width - self.left - self.right) * value

    def y(self, value: float) -> float:
        return self.height - self.bottom - (self.height - self.top - self.bottom) * value

    def axes(self, x_name: str, y_name: str, x_ticks: Sequence[str] = ("0%", "50%", "100%")) -> str:
        across, up = (tuple(_short(of(end)) for end in (0.0, 1.0)) for of in (self.x, self.y))
        grid = "".join(
            f"M{_short(self.x(value))} {up[0]}V{up[1]}M{across[0]} {_short(self.y(value))}H{across[1]}"
            for value in (0.0, 0.25, 0.5, 0.75, 1.0)
        )
        parts = [tag("path", d=grid, class_="grid")]
        for value, tick in zip((0.0, 0.5, 1.0), x_ticks, strict=True):
            parts.append(text(self.x(value), self.y(0) + 17, tick, "small muted", "middle"))
            parts.append(text(self.x(0) - 5, self.y(value) + 4, f"{100 * value:.0f}%", "small muted", "end"))
        parts.append(text(self.x(0.5), self.height - 6, x_name, "small", "middle"))
        middle = self.y(0.5)
        parts.append(text(9.0, middle, y_name, "small", "middle", transform=f"rotate(-90 9 {middle:.1f})"))
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
        return "".join([*parts, tag("circle", cx=at_x, cy=at_y, r=4.5, class_=f"dot {class_}")])

    def point(self, x: float, y: MetricResult, class_: str) -> str:
        """A point whose x is known exactly."""
        return self.cross(MetricResult(x, math.nan, math.nan, 0), y, class_)

    def chart(self, parts: Sequence[str], label: str) -> Markup:
        """The plot with its parts."""
        return drawing(self.width, self.height, "".join(parts), label, "chart")


def precision_recall(name: str, curves: Sequence[Curve], classes: Mapping[str, str]) -> Markup:
    """Curves of every candidate and the points at which they work, with their intervals."""
    frame = _Frame()
    parts = [frame.axes("Recall", "Precision")]
    for curve in curves:
        if curve.points:
            points = " ".join(f"{frame.x(r):.1f},{frame.y(p):.1f}" for r, p in curve.points)
            parts.append(tag("polyline", points=points, class_=f"curve {classes[curve.candidate]}"))
    parts += [frame.cross(curve.recall, curve.precision, classes[curve.candidate]) for curve in curves]
    return frame.chart(parts, f"Precision against recall for {name}")


def reliability(name: str, calibrations: Sequence[Calibration], classes: Mapping[str, str]) -> Markup:
    """Mean stated score against the observed share, with Wilson bars; the diagonal is perfect."""
    frame = _Frame()
    parts = [
        frame.axes("Stated score", "Observed share"),
        tag("line", x1=frame.x(0), y1=frame.y(0), x2=frame.x(1), y2=frame.y(1), class_="zero"),
    ]
    for one in calibrations:
        parts += [frame.point(row.mean_score, row.observed, classes[one.candidate]) for row in one.bins]
    return frame.chart(parts, f"Calibration for {name}")


def stacked(counts: Mapping[str, int], classes: Mapping[str, str], width: float = 420) -> Markup:
    """One bar of counts; the text beside it names them."""
    total = sum(counts.values()) or 1
    parts, left = [], 0.0
    for name, n in counts.items():
        wide = width * n / total
        parts.append(tag("rect", x=left, y=1.0, width=max(wide, 1.5), height=16.0, class_=f"seg {classes[name]}"))
        left += wide
    return drawing(width, 18, "".join(parts), class_="stacked")


def latency_range(row: Economics, largest: float, class_: str, width: float = 240) -> Markup:
    """Median, 95th and 99th percentile on one scale."""
    known = {name: value for name in ("p50", "p95", "p99") if (value := row.latency_ms.get(name)) is not None}
    if not known or largest <= 0:
        return Markup("")
    ends = [6 + (width - 12) * value / largest for value in known.values()]
    parts = [
        tag("line", x1=6.0, x2=width - 6, y1=10.0, y2=10.0, class_="grid"),
        tag("line", x1=min(ends), x2=max(ends), y1=10.0, y2=10.0, class_=f"bar {class_}"),
    ]
    for name, end in zip(known, ends, strict=True):
        if name == "p50":
            parts.append(tag("circle", cx=end, cy=10.0, r=4.5, class_=f"dot {class_}"))
        else:
            parts.append(tag("line", x1=end, x2=end, y1=5.0, y2=15.0, class_=f"bar {class_}"))
    return drawing(width, 20, "".join(parts), class_="latency")


def cost_quality(rows: Sequence[Economics], classes: Mapping[str, str]) -> Markup:
    """Macro F1 with its interval against cost; only for two or more priced candidates."""
    found = ((row.candidate, row.cost_per_1000_usd, row.macro_f1) for row in rows)
    known = [(name, cost, f1) for name, cost, f1 in found if cost is not None and f1 and f1.is_defined]
    if len(known) < 2:
        return Markup("")
    frame = _Frame(420, 250, right=40.0)
    largest = max(cost for _, cost, _ in known) * 1.15 or 1.0
    ticks = [numbers.usd(largest * part) for part in (0, 0.5, 1)]
    parts = [frame.axes("Cost per 1,000 answered items", "Macro F1", ticks)]
    parts += [frame.point(cost / largest, f1, classes[name]) for name, cost, f1 in known]
    return frame.chart(parts, "Macro F1 against cost per 1,000 answered items")
