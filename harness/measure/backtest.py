"""What a candidate would have done to a pool, from a sample of it: flags before and after, flips, failures, cost.

Decides what each figure is a share of, and that rows without an answer leave and those of their stratum stand for them.
Where the recorded decisions of the whole pool are known, what was flagged before is exact, and what would be flagged is
that with the change added: figures that add up. The estimates are the core's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.design_changes import (
    simple_random_size,
    stand_ins,
    stratified_sizes,
    weighted_change,
    weighted_mean,
)
from harness.core.design_estimates import weighted_ratio
from harness.core.results import MetricResult
from harness.measure.decisions import Decisions, decisions, on_failure_of, outcome_code
from harness.records import MISSING
from harness.records.answers import MISSING_OUTCOMES, REJECTED
from harness.runs import Run

ANY = "any category"
NOT_NAMED = "the recorded decisions do not say for which category"
NO_ANSWER = "no item was answered"
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The sample of a pool as arrays, in the order of the run's items.

    Attributes:
        weight: 1/inclusion probability.
        probability: Inclusion probability.
        strata: Stratum code.
        names: Strata by code.
        populations: Items of each stratum.
        views: How often each item was seen; None where nobody says.
        before: Column (any category, or one) -> recorded decision: 1, 0, -1 none; empty without recorded decisions.
        before_share: Column -> exact share of the population that was flagged.
        before_share_views: The same by views.
        n_items: Items of the population that these speak of.
    """

    weight: NDArray[np.float64]
    probability: NDArray[np.float64]
    strata: NDArray[np.int64]
    names: tuple[str, ...]
    populations: NDArray[np.int64]
    views: NDArray[np.float64] | None
    before: Mapping[str, NDArray[np.int8]]
    before_share: Mapping[str, float]
    before_share_views: Mapping[str, float]
    n_items: int
    n_views: float | None


@dataclass(frozen=True, slots=True)
class Shift:
    """One category counted by items or by views: shares of the population before and after, and what moved."""

    before: MetricResult
    after: MetricResult
    change: MetricResult
    gained: MetricResult
    lost: MetricResult

    def as_dict(self, population: float) -> dict[str, Any]:
        """Plain data: every share, and the number that it makes of the population."""
        names = {
            "flagged_before": self.before,
            "flagged_after": self.after,
            "change": self.change,
            "newly_flagged": self.gained,
            "no_longer_flagged": self.lost,
        }
        return {name: {**one.as_dict(), "number": _scaled(one, population)} for name, one in names.items()}


def _scaled(one: MetricResult, population: float) -> dict[str, float | None] | None:
    if not one.is_defined:
        return None
    return {end: float(getattr(one, end) * population) for end in ("value", "low", "high")}


@dataclass(frozen=True, slots=True)
class Size:
    """What it takes to know the flag rate to plus or minus ``half_width``.

    Attributes:
        half_width: Half of the interval's width, as a share.
        simple: Items of a simple random sample.
        by_strata: Items by these strata, shared out as measured.
        like_this: Items by this very design.
        counts: By stratum, what ``by_strata`` is made of.
    """

    half_width: float
    simple: int
    by_strata: int
    like_this: int
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "half_width": self.half_width,
            "simple_random": self.simple,
            "by_strata": self.by_strata,
            "like_this_sample": self.like_this,
        }


@dataclass(frozen=True, slots=True)
class CandidateEffect:
    """What one candidate would have done.

    Attributes:
        items: Column -> shift by items; any category first.
        views: The same by views; empty where they are not known.
        failed: Share of items of which it gives no usable decision.
        on_failure: What production does then.
        cost_usd: Mean list price of an item; None where no answer has a price.
        n_unpriced: Answered rows whose price nobody knows.
        asks: Whether it asks a model, so that a missing price is not 0.
        worth: Simple random items that would show the flag rate as well as this sample does; None for undefined.
        decided: Column -> decision of each item of the sample.
    """

    candidate: str
    categories: tuple[str, ...]
    items: Mapping[str, Shift]
    views: Mapping[str, Shift]
    failed: MetricResult
    on_failure: str
    n_answered: int
    cost_usd: MetricResult | None
    n_unpriced: int
    asks: bool
    worth: float | None
    decided: Mapping[str, NDArray[np.int8]]


def any_of(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Decisions (n_items, n_categories) -> about any category: 1 if one is, -1 if none is known, else 0."""
    found = np.where((codes == 1).any(axis=1), 1, np.where((codes >= 0).any(axis=1), 0, MISSING))
    return found.astype(np.int8)


def decided_by(run: Run, candidate: str) -> tuple[dict[str, NDArray[np.int8]], Decisions]:
    """Column -> what a candidate decides about each item of a run; any category first."""
    read = decisions(run, candidate)
    first = read.y_pred[:, 0, :]
    covered = [at for at, is_covered in enumerate(read.is_covered) if is_covered]
    columns = {ANY: any_of(first[:, covered] if covered else first)}
    columns.update({run.categories[at]: first[:, at] for at in covered})
    return columns, read


def effect_of(
    run: Run, candidate: str, drawn: Drawn, baseline: str | None = None, *, asks: bool = True
) -> CandidateEffect:
    """What a candidate of a run over the sample would have done to the pool.

    Where nothing is recorded it is set against ``baseline``; ``asks`` says whether it asks a model, so that a missing
    price is not 0.
    """
    after, read = decided_by(run, candidate)
    rows = run.candidate(candidate)
    before: Mapping[str, NDArray[np.int8]] = drawn.before
    if not drawn.before and baseline is not None:
        before = decided_by(run, baseline)[0]
    by_items: dict[str, Shift] = {}
    by_views: dict[str, Shift] = {}
    for name, codes in after.items():
        by_items[name] = _shift(drawn, name, before, codes, None)
        if drawn.views is not None:
            by_views[name] = _shift(drawn, name, before, codes, drawn.views)
    is_answered = ~np.isin(rows.outcomes[:, 0], [outcome_code(one) for one in MISSING_OUTCOMES])
    weight, probability, _ = stand_ins(drawn.weight, drawn.probability, drawn.strata, is_answered)
    strata = drawn.strata[is_answered]
    failed = weighted_ratio(
        np.asarray(read.has_failed[is_answered, 0, :].any(axis=1)),
        np.ones(weight.size, dtype=bool),
        weight,
        probability=probability,
        strata=strata,
        reason=NO_ANSWER,
    )
    cost, n_unpriced = _cost(rows.cost_usd[:, 0], drawn, is_answered & (rows.outcomes[:, 0] != outcome_code(REJECTED)))
    flagged = by_items[ANY].after
    return CandidateEffect(
        candidate,
        tuple(name for name in after if name != ANY),
        by_items,
        by_views,
        failed,
        on_failure_of(run, candidate),
        int(is_answered.sum()),
        cost,
        n_unpriced,
        asks,
        _worth(flagged),
        after,
    )


def _cost(
    cost_usd: NDArray[np.float64], drawn: Drawn, is_answered: NDArray[np.bool_]
) -> tuple[MetricResult | None, int]:
    is_priced = is_answered & ~np.isnan(cost_usd)
    if not is_priced.any():
        return None, int(is_answered.sum())
    weight, probability, _ = stand_ins(drawn.weight, drawn.probability, drawn.strata, is_priced)
    mean = weighted_mean(cost_usd[is_priced], weight, probability=probability, strata=drawn.strata[is_priced])
    return mean, int((is_answered & ~is_priced).sum())


def _worth(flagged: MetricResult) -> float | None:
    """N of a simple random sample with an interval as wide: p(1 - p)·(2z/width)²."""
    width = flagged.high - flagged.low
    if not flagged.is_defined or width <= 0 or not 0 < flagged.value < 1:
        return None
    return flagged.value * (1 - flagged.value) * (2 * _Z / width) ** 2


def _shift(
    drawn: Drawn,
    name: str,
    before_by: Mapping[str, NDArray[np.int8]],
    after: NDArray[np.int8],
    views: NDArray[np.float64] | None,
) -> Shift:
    whole = before_by.get(ANY)
    before = before_by.get(name)
    in_domain = np.ones(after.size, dtype=bool)
    if drawn.before and whole is not None:  # rows without a recorded decision are no part of what is compared
        in_domain = (whole if before is None else before) >= 0
    known = in_domain & (after >= 0)
    if not drawn.before and before is not None:
        known &= before >= 0
    weight, probability, none = stand_ins(
        drawn.weight[in_domain], drawn.probability[in_domain], drawn.strata[in_domain], known[in_domain]
    )
    strata = drawn.strata[known]
    if views is not None:
        weight = weight * views[known]
    if none.size or not known.any():
        lost = ", ".join(drawn.names[at] for at in none[:2].tolist())
        nothing = MetricResult.undefined(f"no answer in {lost}" if lost else NO_ANSWER, n=int(known.sum()))
        exact = _exact(drawn, name, views is not None)
        return Shift(exact or nothing, nothing, nothing, nothing, nothing)

    def share(which: NDArray[np.bool_]) -> MetricResult:
        everything = np.ones(which.size, dtype=bool)
        return weighted_ratio(which, everything, weight, probability=probability, strata=strata, reason="no views")

    now = after[known] == 1
    if before is None:
        unknown = MetricResult.undefined(NOT_NAMED, n=int(known.sum()))
        fresh = share(now & (whole[known] == 0)) if whole is not None else unknown
        return Shift(unknown, share(now), unknown, fresh, unknown)
    then = before[known] == 1
    gained, lost_share = share(now & ~then), share(then & ~now)
    change = weighted_change(now & ~then, then & ~now, weight, probability=probability, strata=strata)
    exact = _exact(drawn, name, views is not None)
    if exact is None:
        return Shift(share(then), share(now), change, gained, lost_share)
    if not change.is_defined:
        return Shift(exact, change, change, gained, lost_share)
    value, low, high = (min(1.0, max(0.0, exact.value + end)) for end in (change.value, change.low, change.high))
    return Shift(exact, MetricResult(value, low, high, change.n), change, gained, lost_share)


def _exact(drawn: Drawn, name: str, is_views: bool) -> MetricResult | None:
    value = (drawn.before_share_views if is_views else drawn.before_share).get(name)
    return None if value is None else MetricResult(value, value, value, drawn.n_items)


def size_for(half_width: float, effect: CandidateEffect, drawn: Drawn) -> Size | None:
    """How many items show the flag rate to plus or minus ``half_width``, by what this sample measured.

    Within a stratum the spread is that of its flags with half an item added on either side, so that a stratum in which
    nothing was flagged is not taken to be without any.
    """
    flagged = effect.items[ANY].after
    if not flagged.is_defined:
        return None
    after = effect.decided[ANY]
    known = after >= 0
    n_strata = len(drawn.names)
    n = np.bincount(drawn.strata[known], minlength=n_strata)
    x = np.bincount(drawn.strata[known], weights=(after[known] == 1).astype(np.float64), minlength=n_strata)
    share = (x + 0.5) / (n + 1)
    drawn_of = np.bincount(drawn.strata, minlength=n_strata)
    spread = np.sqrt(share * (1 - share))
    counts = stratified_sizes(drawn.populations, spread, half_width, least=drawn_of)
    n_population = int(drawn.populations.sum())
    width = (flagged.high - flagged.low) / 2
    like = min(n_population, int(np.ceil(known.sum() * (width / half_width) ** 2)))
    return Size(
        half_width,
        simple_random_size(flagged.value, half_width, population=n_population),
        int(counts.sum()),
        like,
        dict(zip(drawn.names, counts.tolist(), strict=True)),
    )


def flips(
    effect: CandidateEffect, before: Mapping[str, Sequence[int] | NDArray[np.int8]]
) -> list[tuple[int, str, int]]:
    """Every flip of the sample: position, column, and the decision after; categories before the sum of them."""
    found: list[tuple[int, str, int]] = []
    for name, after in effect.decided.items():
        if name in before:
            then = np.asarray(before[name])
            flipped = np.flatnonzero((then >= 0) & (after >= 0) & (then != after)).tolist()
            found.extend((at, name, int(after[at])) for at in flipped)
    return found
