"""Records of the production view: what a day of traffic brings, by category and in all.

Decides the shape only; ``sections`` fills it, and the formats multiply by the traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.results import MetricResult


@dataclass(frozen=True, slots=True)
class ProductionRow:
    """One category of one candidate at production prevalence; rates are shares of all traffic."""

    candidate: str
    category: str
    name: str
    prevalence: float
    source: str
    precision: MetricResult
    flagged: MetricResult
    wrongly_flagged: MetricResult
    missed: MetricResult


@dataclass(frozen=True, slots=True)
class ProductionTotal:
    """All categories of one candidate together, as shares of all traffic; a flag counts once for each category."""

    candidate: str
    precision: MetricResult
    flagged: MetricResult
    wrongly_flagged: MetricResult
    missed: MetricResult


@dataclass(frozen=True, slots=True)
class Production:
    """The production view at a stated traffic and review time; ``unknown`` names categories without a prevalence."""

    items_per_day: float
    review_seconds: float
    rows: tuple[ProductionRow, ...]
    totals: tuple[ProductionTotal, ...] = ()
    unknown: tuple[str, ...] = ()
