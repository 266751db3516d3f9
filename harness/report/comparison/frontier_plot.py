"""The picture of cost against quality: candidates with their intervals, and the line of those that nobody beats."""

from __future__ import annotations

from typing import Any

from harness.errors import HarnessError
from harness.report.comparison.data import METRIC_NAMES, ReportData
from harness.report.comparison.frontier import METRICS, FrontierPoint, cost_words
from harness.report.comparison.many import colour_numbers
from harness.report.parts.plots import COLOURS, INK, MARKERS, label_text, percent_axis

MOST_NAMED = 8
"""Candidates up to which each has its name; of more, names would lie on one another."""
_WIDE = 20.0
"""From this ratio of the dearest to the cheapest on, costs stand on a logarithmic axis."""


def draw_frontier(pyplot: Any, data: ReportData, metric: str) -> Any:
    """Every candidate whose cost is known, at its cost and quality; the others are named underneath."""
    if metric not in METRICS:
        raise HarnessError(f"cost is not set against {metric}", allowed=", ".join(METRICS))
    placed = [one for one in data.frontier if one.cost_per_1000_usd is not None and one.quality[metric].is_defined]
    if not placed and any(one.cost_per_1000_usd is not None for one in data.frontier):
        raise HarnessError(
            f"{METRIC_NAMES[metric]} of all categories together is defined for no candidate of known cost"
        )
    if not placed:
        raise HarnessError(
            "no candidate of this run has a known cost",
            allowed="candidates with a price in models.yaml, or that make no calls",
            next_step="add prices to models.yaml and score the run again, or say what an hour costs: --review-usd",
        )
    left = [one for one in data.frontier if one not in placed]
    figure, axes = pyplot.subplots(figsize=(8, 4.6), layout="constrained")
    order = colour_numbers(data)
    has_room = len(placed) <= MOST_NAMED
    named = {
        one.candidate for one in placed if has_room or one.is_on_frontier(metric) or one.candidate == data.baseline
    }
    for one in placed:
        _draw(axes, one, metric, order[one.candidate], is_named=one.candidate in named)
    costs = sorted(_cost(one) for one in placed)
    positive = [cost for cost in costs if cost > 0]
    if positive and max(positive) / min(positive) >= _WIDE:
        axes.set_xscale("symlog" if costs[0] == 0 else "log", **({"linthresh": positive[0]} if costs[0] == 0 else {}))
    front = sorted((one for one in placed if one.is_on_frontier(metric)), key=_cost)
    ends = [_cost(one) for one in front], [one.quality[metric].value for one in front]
    axes.step(*ends, where="post", color=INK, linewidth=1, linestyle=":", zorder=0)
    axes.set_xlim(left=0 if costs[0] == 0 else None, right=None if positive else 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:,.4g}")
    if not positive:
        axes.set_xticks([0.0])
    percent_axis(axes.yaxis)
    axes.set_xlabel("Cost per 1,000 items" + ("; not placed: " + _unplaced(left) if left else ""))
    axes.set_ylabel(f"{METRIC_NAMES[metric]}, all categories together")
    grey = f"; grey: {len(placed) - len(named)} that are beaten" if len(named) < len(placed) else ""
    axes.set_title(f"Cost against {METRIC_NAMES[metric]} with 95% intervals; dotted: beaten by none{grey}")
    return figure


def _draw(axes: Any, one: FrontierPoint, metric: str, number: int, *, is_named: bool) -> None:
    result, cost = one.quality[metric], _cost(one)
    colour = COLOURS[number % len(COLOURS)] if is_named else "#a9b0ba"
    axes.plot([cost, cost], [result.low, result.high], color=colour, linewidth=1.6, marker="_", markersize=8)
    filled, mark = colour if one.is_on_frontier(metric) else "white", MARKERS[number % len(MARKERS)]
    axes.plot([cost], [result.value], mark, color=colour, markerfacecolor=filled, markersize=7, clip_on=False)
    if is_named:
        at, name = (cost, result.value), label_text(one.candidate, 24)
        axes.annotate(name, at, xytext=(7, 5), textcoords="offset points", fontsize=8.5)


def _cost(one: FrontierPoint) -> float:
    return one.cost_per_1000_usd or 0.0


def _unplaced(left: list[FrontierPoint]) -> str:
    return "; ".join(f"{label_text(one.candidate, 24)} ({cost_words(one)})" for one in left[:4])
