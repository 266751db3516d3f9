"""Old to new, one line a category, worst first: the chart at the head of the categories.

Decides which categories it draws: those that moved or lean; the rest is named in one line. Its title is its finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.report.comparison import svg
from harness.report.comparison.change_signs import SIGNS, TONES
from harness.report.comparison.data import METRIC_NAMES, CategoryRow, Measure, Pair
from harness.report.parts import numbers
from harness.report.parts.masking import shorten
from harness.report.parts.words import enumerated

METRICS = ("recall", "precision")
MOST_LINES, NAME_WIDTH = 30, 32


@dataclass(frozen=True, slots=True)
class Dumbbell:
    """One chart: its finding as a title, its drawings for a wide screen and for a phone, and what it leaves out."""

    title: str
    drawing: Markup
    left_out: str


def dumbbells(pair: Pair) -> list[Dumbbell]:
    """Recall and precision of one comparison; a metric in which nothing moved has no drawing, only its title."""
    return [one for one in (_dumbbell(pair, metric) for metric in METRICS) if one is not None]


def _dumbbell(pair: Pair, metric: str) -> Dumbbell | None:
    measured = [(row, row.measures[metric]) for row in pair.rows if metric in row.measures]
    if not measured:
        return None
    moved = sorted(
        ((row, one) for row, one in measured if one.change in SIGNS),
        key=lambda found: found[1].difference.value if found[1].difference else 0.0,
    )
    shown = moved if len(moved) <= MOST_LINES else [*moved[: MOST_LINES // 2], *moved[-(MOST_LINES // 2) :]]
    still = [row.name for row, one in measured if one.change not in SIGNS]
    left = f"No change that can be told: {enumerated(still, 12)}." if still else ""
    if len(shown) < len(moved):
        left = f"{len(moved) - len(shown)} that moved less are in the table. {left}"
    title = finding_title(metric, [one for _, one in measured])
    both = (_drawn(shown, metric, is_narrow=is_narrow) for is_narrow in (False, True)) if shown else ()
    return Dumbbell(title, Markup("").join(both), left)


def finding_title(metric: str, measured: Sequence[Measure]) -> str:
    """``Recall: 2 worse (1 proven), 3 better (3 proven)``."""
    parts = []
    for word, proven, maybe in (("worse", "worse", "leans_worse"), ("better", "better", "leans_better")):
        n_proven = sum(one.change == proven for one in measured)
        n = n_proven + sum(one.change == maybe for one in measured)
        parts += [f"{n} {word} ({n_proven} proven)"] if n else []
    return f"{METRIC_NAMES[metric]}: {', '.join(parts) or 'no category moved as far as this golden set can tell'}"


def _drawn(rows: list[tuple[CategoryRow, Measure]], metric: str, *, is_narrow: bool) -> Markup:
    """Names stand before their lines, or above them where the width is a phone's."""
    low, high = svg.proportion_scale([result for _, one in rows for result in (one.baseline, one.candidate)])
    targets = [row.targets[metric].target for row, _ in rows if metric in row.targets]
    low = min([low, *(math.floor(10 * one) / 10 for one in targets)])
    high = max([high, *(math.ceil(10 * one) / 10 for one in targets)])
    names = [shorten(row.name, NAME_WIDTH) for row, _ in rows]
    left, right, step, width = 16.0 + 7.0 * max(map(len, names)), 74.0, 24.0, 540.0
    if is_narrow:
        left, step, width = 18.0, 42.0, 320.0
    height = step * len(rows) + 30

    def x(value: float) -> float:
        return left + (width - left - right) * (value - low) / (high - low)

    n_ticks = round((high - low) / 0.1)
    parts = []
    for tick in range(0, n_ticks + 1, 1 if n_ticks <= 5 else 2):
        at = x(low + 0.1 * tick)
        parts.append(svg.tag("line", x1=at, x2=at, y1=2.0, y2=height - 24, class_="grid"))
        parts.append(svg.text(at, height - 8, f"{100 * low + 10 * tick:.0f}%", "small muted", "middle"))
    for line, (row, one) in enumerate(rows):
        y = step * (line + (0.75 if is_narrow else 0.5)) + 4
        place = (2.0, y - 13, names[line], "", "start") if is_narrow else (left - 10, y + 4, names[line], "", "end")
        parts.append(svg.text(*place))
        parts.append(_line(row, one, metric, x, y, width - right))
    said = "; ".join(f"{row.name} {_values(one)}" for row, one in rows)
    label, class_ = f"{METRIC_NAMES[metric]}, old to new: {said}", f"dumbbell {'narrow' if is_narrow else 'wide'}"
    return svg.drawing(width, height, "".join(parts), label, class_)


def _line(row: CategoryRow, one: Measure, metric: str, x: Callable[[float], float], y: float, end: float) -> str:
    assert one.baseline is not None
    before, after, tone = x(one.baseline.value), x(one.candidate.value), TONES[one.change]
    target = row.targets.get(metric)
    asked = f", target {numbers.share(target.target, 0)}" if target else ""
    title = svg.tag("title", svg.escaped(f"{row.name}: {_values(one)}{asked}"))
    parts = [svg.tag("line", x1=before, x2=after, y1=y, y2=y, class_=f"bar t-{tone}")]
    if target is not None:
        at = x(target.target)
        parts.append(svg.tag("line", x1=at, x2=at, y1=y - 9, y2=y + 9, class_="target"))
    parts.append(svg.tag("circle", cx=before, cy=y, r=4.0, class_="dot arm0"))
    parts.append(svg.tag("circle", cx=after, cy=y, r=4.5, class_=f"dot t-{tone}"))
    said = f"{SIGNS[one.change]} {numbers.points(one.difference.value)}" if one.difference else ""
    parts.append(svg.text(end + 12, y + 4, said, f"said-{tone}"))
    return svg.tag("g", title + "".join(parts))


def _values(one: Measure) -> str:
    """``84.1% to 89.8% (+5.7 points)``."""
    before = numbers.share(one.baseline.value) if one.baseline else "n/a"
    change = f" ({numbers.points(one.difference.value)} points)" if one.difference else ""
    return f"{before} to {numbers.share(one.candidate.value)}{change}"
