"""Production's samples on the page: a chart for each overall figure, with gaps where a week has none, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from markupsafe import Markup

from harness.core.production_table import PRODUCTION_FIGURES
from harness.report.parts import numbers
from harness.report.parts.words import capital
from harness.report.weekly.drawings import Reading, line_chart
from harness.report.weekly.production import Production, ProductionPoint, ProductionSeries
from harness.report.weekly.titles import production_title


def production_charts(production: Production) -> list[tuple[str, Markup]]:
    """Finding and chart of each overall figure that two weeks hold; by items only what is not known by views."""
    found = []
    by_views = {one.figure for one in production.overall}
    for one in production.overall:
        if PRODUCTION_FIGURES[one.figure].same_by_views in by_views:
            continue  # the table has it
        readings = [_reading(point) for point in one.points if point.result.is_defined]
        if len(readings) > 1:
            title = production_finding(one)
            said = "; ".join(f"{reading.week} {reading.words}" for reading in readings)
            gaps = f" No sample in {', '.join(production.missing)}." if production.missing else ""
            label = f"{title}. {said}.{gaps}"
            found.append((title, line_chart(readings, production.weeks, _percent, label, cap=1.0)))
    return found


def production_finding(one: ProductionSeries) -> str:
    """``Violation leakage by views: rose to 31.0% in W47``."""
    known = [point for point in one.points if point.result.is_defined]
    words = capital(PRODUCTION_FIGURES[one.figure].words)
    if not known:
        return f"{words}: undefined"
    last = known[-1]
    now = numbers.rate(last.result.value, last.result.value or last.result.high)
    moved = next((point for point in reversed(known) if point.is_moved), None)
    if moved is None:
        return f"{words}: {now} in {last.week[5:]}"
    then = numbers.rate(moved.result.value, moved.result.value or moved.result.high)
    said = f"{words}: {_verb(moved)} to {then} in {moved.week[5:]}"
    return said if moved is last else f"{said}, {now} in {last.week[5:]}"


def _verb(point: ProductionPoint) -> str:
    return "rose" if point.difference is not None and point.difference.value > 0 else "fell"


def _reading(point: ProductionPoint) -> Reading:
    words = f"{numbers.rate_with_interval(point.result)}, {numbers.count(point.result.n)} labelled items"
    if point.before is not None:
        words += f"; {numbers.rate(point.before.value)} in {point.since}"
    moved: Literal["", "good", "bad"] = ""
    if point.is_moved and point.difference is not None:
        moved = "bad" if point.difference.value > 0 else "good"
        words += "; moved"
    return Reading(point.week, point.result.value, words, point.result.low, point.result.high, moved)


def _percent(value: float) -> str:
    return f"{100 * value:.3g}%"


class ProductionView:
    """What the template reads of production's samples."""

    def __init__(self, production: Production) -> None:
        self.title = production_title(production)
        self.charts = production_charts(production)
        self.overall = production.overall
        others = dict.fromkeys(one.category for one in production.series if one.category != self.overall[0].category)
        self.categories = [[one for one in production.series if one.category == category] for category in others]
        self.for_operations = [
            (PRODUCTION_FIGURES[one.figure].words, numbers.rate_with_interval(point.result))
            for one in self.overall
            if (point := one.at(production.newest)) is not None and point.result.is_defined
        ]
        self.newest = production.newest

    @staticmethod
    def words(one: ProductionSeries) -> str:
        """What a figure is called."""
        return capital(PRODUCTION_FIGURES[one.figure].words)

    @staticmethod
    def meaning(one: ProductionSeries) -> str:
        """What it is a share of."""
        return PRODUCTION_FIGURES[one.figure].meaning

    @staticmethod
    def has_stated(found: Sequence[ProductionSeries]) -> bool:
        """Whether the policy states a prevalence of it."""
        return any(one.stated is not None for one in found)

    def stated(self, one: ProductionSeries) -> tuple[str, bool]:
        """The policy's prevalence, and whether the newest sample's interval leaves it out."""
        assert one.stated is not None
        point = one.at(self.newest)
        is_outside = point is not None and not point.result.low <= one.stated <= point.result.high
        return numbers.rate(one.stated), is_outside and point is not None and point.result.is_defined

    def moved(self, found: Sequence[ProductionSeries]) -> str:
        """What of a category moved in the newest sample."""
        points = [(PRODUCTION_FIGURES[one.figure].words, one.at(self.newest)) for one in found]
        return "; ".join(f"{words} {_verb(point)}" for words, point in points if point is not None and point.is_moved)
