"""The production view: what a day of traffic brings, by category and in all.

Decides the arithmetic, for the comparison and the weekly report alike; the formats multiply by the traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.results import MetricResult
from harness.measure.score import CategoryScore
from harness.records.runs import CategoryFacts

ITEMS_PER_DAY = 1_000_000.0
REVIEW_SECONDS = 30.0


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
    """The production view at a stated traffic and review time.

    Attributes:
        unknown: Names of categories without a stated prevalence.
        unmeasured: Those that have one, but nothing to measure recall or over-blocking by.
    """

    items_per_day: float
    review_seconds: float
    rows: tuple[ProductionRow, ...]
    totals: tuple[ProductionTotal, ...] = ()
    unknown: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()

    @property
    def gaps(self) -> str:
        """Which categories are in no figure, and why; empty where all are."""
        said = {
            "the policy states no prevalence": self.unknown,
            "recall or over-blocking is not measured": self.unmeasured,
        }
        return "; ".join(f"Not known, since {why}: {', '.join(names)}" for why, names in said.items() if names)

    @property
    def hours(self) -> float:
        """Reviewer hours a day when every item is flagged."""
        return reviewer_hours(self.items_per_day, self.review_seconds)


def reviewer_hours(items_per_day: float, review_seconds: float) -> float:
    """Hours a day that reviewers need for so many flagged items.

    >>> reviewer_hours(1800, 20)
    10.0
    """
    return items_per_day * review_seconds / 3600


def production_row(
    candidate: str, category: str, name: str, facts: CategoryFacts, scored: CategoryScore
) -> ProductionRow | None:
    """One category at its stated prevalence; None without one, or where recall or over-blocking is undefined."""
    stated = facts.prevalence
    recall, fpr = scored.metrics.get("recall"), scored.metrics.get("fpr")
    precision = scored.metrics.get("precision_at_prevalence")
    if stated is None or recall is None or fpr is None or precision is None:
        return None
    if not (recall.is_defined and fpr.is_defined):
        return None
    share = stated.value
    return ProductionRow(
        candidate=candidate,
        category=category,
        name=name,
        prevalence=share,
        source=f"{stated.source}, {stated.date.isoformat()}",
        precision=precision,
        flagged=_combined(share, recall, 1 - share, fpr),
        wrongly_flagged=_combined(0.0, recall, 1 - share, fpr),
        missed=MetricResult(share * (1 - recall.value), share * (1 - recall.high), share * (1 - recall.low), recall.n),
    )


def production_total(rows: Sequence[ProductionRow]) -> ProductionTotal | None:
    """The sum over categories; its ends join those of every category, which is cautious."""
    if not rows:
        return None

    def summed(name: str) -> MetricResult:
        parts: list[MetricResult] = [getattr(row, name) for row in rows]
        value, low, high = (sum(getattr(one, end) for one in parts) for end in ("value", "low", "high"))
        return MetricResult(value, low, high, sum(one.n for one in parts))

    flagged, wrong = summed("flagged"), summed("wrongly_flagged")
    if flagged.value <= 0:
        precision = MetricResult.undefined("nothing flagged")
    else:  # ends of the categories' own intervals, weighted by their flags
        shares = [row.flagged.value / flagged.value for row in rows]
        low, high = (
            sum(share * (end if end == end else 0.0) for share, end in zip(shares, ends, strict=True))
            for ends in ([row.precision.low for row in rows], [row.precision.high for row in rows])
        )
        precision = MetricResult(1 - wrong.value / flagged.value, low, high, flagged.n)
    return ProductionTotal(rows[0].candidate, precision, flagged, wrong, summed("missed"))


def _combined(a: float, one: MetricResult, b: float, other: MetricResult) -> MetricResult:
    """Weighted sum; its ends join the ends of both intervals, which is cautious."""
    return MetricResult(
        a * one.value + b * other.value, a * one.low + b * other.low, a * one.high + b * other.high, one.n + other.n
    )
