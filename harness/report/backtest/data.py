"""What a back-test found, before it is worded, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.results import MetricResult
from harness.goldens.pool_sample import Sample
from harness.measure.backtest import ANY, CandidateEffect, Drawn, Size
from harness.report.comparison.workload import reviewer_hours


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What a sample says of a pool.

    Attributes:
        before: What the candidates are set against: the recorded decisions, or a candidate.
        allocation: How the sample was shared out over the strata.
        pilot: Items of the pilot that chose its size; None where nobody asked for a precision.
        sizes: Candidate -> what a precision takes; None where it is undefined.
        decided_before: Column -> decision of each item of the sample before.
        names: Category -> its name, where the policy gives one.
    """

    eval_name: str
    before: str
    text: str
    sample: Sample
    seed: int
    allocation: str
    pilot: int | None
    run_id: str
    path: str
    status: str
    spent: Mapping[str, Any]
    drawn: Drawn
    effects: tuple[CandidateEffect, ...]
    sizes: Mapping[str, Size | None]
    decided_before: Mapping[str, Sequence[int]]
    files: tuple[str, ...]
    notes: tuple[str, ...]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Period:
    """What a pool stands for.

    Attributes:
        days: Days of traffic that it holds; None where nobody said.
        review_seconds: Seconds that a reviewer needs for one flagged item.
    """

    days: float | None
    review_seconds: float

    @property
    def unit(self) -> str:
        """What numbers are given for."""
        return "in the pool" if self.days is None else "a day"

    def per(self, population: float) -> float:
        """Items or views of the unit."""
        return population if self.days is None else population / self.days

    def hours(self, share: MetricResult, population: float) -> MetricResult:
        """Reviewer hours of the unit for a share of the items; a change keeps its sign."""
        if not share.is_defined:
            return share
        n = self.per(population)
        value, low, high = (
            reviewer_hours(end * n, self.review_seconds) for end in (share.value, share.low, share.high)
        )
        return MetricResult(value, low, high, share.n)


def document(found: Backtest, period: Period) -> dict[str, Any]:
    """Plain data of ``harness backtest --json``."""
    sample, drawn = found.sample, found.drawn
    return {
        "eval": found.eval_name,
        "run_id": found.run_id,
        "path": found.path,
        "status": found.status,
        "pool": {
            "files": list(found.files),
            "rows": sample.n_rows,
            "items": sample.population,
            "views": sample.views,
            "left_out": dict(sample.left_out.counts),
            "days": period.days,
            "compared_items": drawn.n_items,
            "compared_views": drawn.n_views,
        },
        "sample": {
            "items": len(sample.items),
            "pilot": found.pilot,
            "seed": found.seed,
            "by": list(sample.names),
            "allocation": found.allocation,
            "strata": [one.as_dict() for one in sample.strata],
        },
        "before": found.before,
        "candidates": {one.candidate: _candidate(found, one, period) for one in found.effects},
        "spent": dict(found.spent),
        "notes": list(found.notes),
    }


def _candidate(found: Backtest, one: CandidateEffect, period: Period) -> dict[str, Any]:
    drawn, size = found.drawn, found.sizes.get(one.candidate)
    shift = one.items[ANY]
    cost = one.cost_usd
    hours = {
        name: period.hours(share, drawn.n_items).as_dict()
        for name, share in (("before", shift.before), ("after", shift.after), ("change", shift.change))
    }
    return {
        "decides_on": list(one.categories),
        "answered": one.n_answered,
        "categories": {
            name: {
                "items": item.as_dict(drawn.n_items),
                "views": one.views[name].as_dict(drawn.n_views) if name in one.views and drawn.n_views else None,
            }
            for name, item in one.items.items()
        },
        "no_decision": {**one.failed.as_dict(), "on_failure": one.on_failure},
        "reviewer_hours": {"unit": period.unit, **hours},
        "cost": {
            "per_1000_items_usd": None if cost is None else cost.value * 1_000,
            "full_pass_usd": full_pass(one, found.sample.population),
            "answers_without_a_price": one.n_unpriced,
            "asks_a_model": one.asks,
        },
        "precision": {
            "worth_simple_random_items": one.worth,
            "needed": None if size is None else size.as_dict(),
        },
    }


def full_pass(one: CandidateEffect, population: int) -> dict[str, float] | None:
    """What it costs to put every item of the pool to a candidate, in dollars; None where nobody knows a price."""
    if not one.asks:
        return {"value": 0.0, "low": 0.0, "high": 0.0}
    if one.cost_usd is None or not one.cost_usd.is_defined:
        return None
    cost = one.cost_usd
    return {"value": cost.value * population, "low": cost.low * population, "high": cost.high * population}
