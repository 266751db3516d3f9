"""Charts of cost, latency and failures over the weeks; each is titled with its finding."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from harness.report.parts import numbers
from harness.report.weekly.data import Engineering, WeekCosts
from harness.report.weekly.drawings import Reading, line_chart
from harness.report.weekly.titles import cost_titles


def cost_charts(engineering: Engineering, weeks: Sequence[str]) -> list[tuple[str, Markup]]:
    """Title and chart of what was measured in two weeks at least."""
    found = []
    for field, title in cost_titles(engineering):
        readings = [one for week in engineering.costs if (one := _reading(field, week)) is not None]
        if len(readings) > 1:
            words = {"cost_per_1000_usd": _dollars, "latency_p95": _time}.get(field, _percent)
            cap = 1.0 if field == "failure_rate" else None
            said = "; ".join(f"{one.week} {one.words}" for one in readings)
            found.append((title, line_chart(readings, weeks, words, f"{title}. {said}", cap=cap)))
    return found


def _reading(field: str, one: WeekCosts) -> Reading | None:
    if field == "failure_rate":
        rate = one.failure_rate
        return Reading(one.week, rate.value, numbers.share_with_interval(rate, 2), rate.low, rate.high)
    value = getattr(one, field)
    words = numbers.usd if field == "cost_per_1000_usd" else numbers.milliseconds
    return None if value is None else Reading(one.week, value, words(value))


def _dollars(value: float) -> str:
    return f"${value:.3g}"


def _time(value: float) -> str:
    return numbers.milliseconds(value) if value else "0"


def _percent(value: float) -> str:
    return f"{round(100 * value, 2):g}%"
