"""Pairs two candidates item by item: rows -> eight-cell tables -> core.

Decides which rows make a pair, what counts as fixed and broken, and the shape of a comparison. The tests are in
``core.paired``; whether a difference may ship is ``gate``'s business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.clusters import effective_counts
from harness.core.metric_table import LOWER_IS_BETTER, TESTED_METRICS
from harness.core.multiplicity import holm
from harness.core.paired import (
    CELL_NAMES,
    PAIRED_METRICS,
    RESAMPLED,
    PairedResult,
    compare_paired,
    paired_cells,
    support,
)
from harness.core.point_choice import Drawn, choice_share
from harness.core.repeats import repeated_metric
from harness.core.results import MetricResult, number_or_none
from harness.measure.averaged import macro_differences, ranking_differences
from harness.measure.comparable import require_same
from harness.measure.decisions import decisions, generator, outcome_counts
from harness.measure.money import Money, money_of
from harness.measure.pairs import CategoryPairs, Flips, Pairs, pair_runs
from harness.measure.people import People, people_of
from harness.measure.run_facts import golden_facts, latency_percentiles, signature_of
from harness.measure.weighted import UNWEIGHTED_DIFFERENCES, WEIGHTED_NOTE, weights_of
from harness.records import MISSING, GoldenFacts
from harness.runs import Run, StoredCandidate


@dataclass(frozen=True, slots=True)
class CategoryComparison:
    """Two candidates on one category.

    ``newly`` says what became of the items, by gold label and direction: ``caught`` and ``missed`` ones violate and
    move recall; ``wrongly_flagged`` and ``cleared`` ones do not violate and move precision and FPR. The first and last
    are ``fixed``, the two others ``broken``.
    """

    cells: Mapping[str, float]
    metrics: Mapping[str, PairedResult]
    p_holm: Mapping[str, float]
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    newly: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranking: PairedResult | None = None
    """Average precision, where both have scores."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        out: dict[str, Any] = {"cells": {name: _plain(value) for name, value in self.cells.items()}}
        for name, result in self.metrics.items():
            out[name] = {**paired_dict(result), "p_holm": number_or_none(self.p_holm.get(name, math.nan))}
        if self.ranking is not None:
            out["average_precision"] = paired_dict(self.ranking)
        newly = {name: list(ids) for name, ids in self.newly.items()}
        return {**out, "fixed": list(self.fixed), "broken": list(self.broken), "newly": newly}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two candidates: where it comes from and what it cost."""

    run_id: str
    candidate: str
    outcomes: Mapping[str, int]
    cost_usd: float | None
    latency_ms: Mapping[str, float | None]
    signature: str
    money: Money = field(default_factory=Money)
    people: People | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two candidates on the same items.

    ``pooled`` counts every decision of every category together, an item's decisions being one cluster. ``not_compared``
    names the categories that one of the two does not decide on, or has no answer for.
    """

    baseline: Side
    candidate: Side
    golden_set: GoldenFacts
    n_items: int
    family: str
    categories: Mapping[str, CategoryComparison]
    pooled: CategoryComparison | None = None
    not_compared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    macro: Mapping[str, PairedResult] = field(default_factory=dict)
    """Means over the categories, where they were asked for."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Category -> its name, where the policy gives one."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        sides = {"baseline": self.baseline, "candidate": self.candidate}
        return {
            "baseline": self.baseline.candidate,
            "candidate": self.candidate.candidate,
            "runs": {name: side.run_id for name, side in sides.items()},
            "golden_set": self.golden_set.as_dict(),
            "n_items": self.n_items,
            "family": self.family,
            "categories": {name: category.as_dict() for name, category in self.categories.items()},
            "pooled": None if self.pooled is None else self.pooled.as_dict(),
            "macro": {name: paired_dict(result) for name, result in self.macro.items()},
            "not_compared": list(self.not_compared),
            "notes": list(self.notes),
            "outcomes": {name: dict(side.outcomes) for name, side in sides.items()},
            "cost": {name: side.cost_usd for name, side in sides.items()},
            "money": {name: side.money.as_dict() for name, side in sides.items()},
            "latency": {name: dict(side.latency_ms) for name, side in sides.items()},
            **(
                {"people": {name: None if one.people is None else one.people.as_dict() for name, one in sides.items()}}
                if any(one.people for one in sides.values())
                else {}
            ),
            "signature": {name: side.signature for name, side in sides.items()},
        }

    def changed(self, metric: str, alpha: float = 0.05) -> tuple[list[str], list[str]]:
        """Categories proven better and proven worse on a metric, Holm-corrected over the comparison's family."""
        better: list[str] = []
        worse: list[str] = []
        for name, category in self.categories.items():
            if category.p_holm.get(metric, math.nan) <= alpha:
                rises = category.metrics[metric].difference.value > 0
                (better if rises == (metric not in LOWER_IS_BETTER) else worse).append(name)
        return better, worse


def compare(
    baseline: StoredCandidate,
    candidate: StoredCandidate,
    *,
    seed: int = 0,
    n_resamples: int = 10_000,
    with_averages: bool = False,
    with_pooled: bool = True,
) -> Comparison:
    """Compare two candidates of one run, or of two runs over the same items of the same golden set.

    ``with_averages`` adds macro averages, and average precision where both have scores; ``with_pooled`` all categories
    together.
    """
    run = baseline.run
    require_same(run, candidate.run)
    pairs = pair_runs(baseline, candidate)
    columns = (pairs.category(column) for column in range(len(pairs.categories)))
    paired = {one.name: one for one in columns if one.is_decided}
    flips, none = pairs.flips(), Flips((), ())
    categories = {}
    for name, one in paired.items():
        moved = flips.get(name, none)
        cells, metrics = compare_metrics(one, seed, n_resamples)
        categories[name] = CategoryComparison(cells, metrics, {}, moved.fixed, moved.broken, moved.newly)
    macro: dict[str, PairedResult] = {}
    if with_averages:
        macro = macro_differences(pairs, list(paired), seed)
        ranking = ranking_differences(baseline, candidate, pairs, seed)
        categories = {name: replace(one, ranking=ranking.get(name)) for name, one in categories.items()}
    not_compared = tuple(name for name in run.categories if name not in paired)
    names = candidate.run.meta.policy.names_of(run.categories)
    return Comparison(
        _side(baseline),
        _side(candidate),
        golden_facts(run),
        len(run.item_ids),
        f"Holm over {len(categories)} {'category' if len(categories) == 1 else 'categories'} x recall, precision, fpr",
        _holm_over(categories),
        None
        if len(paired) < 2 or not with_pooled
        else CategoryComparison(*compare_metrics(pooled(paired), seed, n_resamples), {}, (), ()),
        not_compared,
        (
            *_notes(run, [names.get(one, one) for one in not_compared]),
            *_people_notes(pairs, {"baseline": baseline.name, "candidate": candidate.name}),
        ),
        macro,
        names,
    )


def _notes(run: Run, not_compared: Sequence[str]) -> tuple[str, ...]:
    """What the numbers leave out."""
    notes = []
    if not_compared:
        notes.append(f"not compared, since one of the two has no decision there: {', '.join(not_compared)}")
    if weights_of(run) is not None:
        notes.append(f"{WEIGHTED_NOTE}; {UNWEIGHTED_DIFFERENCES}")
    return tuple(notes)


def _people_notes(pairs: Pairs, names: Mapping[str, str]) -> tuple[str, ...]:
    """Who leaves decisions to people, and that these count on neither side."""
    n_all = len(pairs.item_ids)
    sides = (("baseline", pairs.baseline), ("candidate", pairs.candidate))
    counted = {names[side]: int(one.is_sent.any(axis=1).sum()) for side, one in sides}
    return tuple(
        f"{name} leaves {n:,} of {n_all:,} items to a person: what nobody but a person decides counts on neither side, "
        "and the differences are those of the rest"
        for name, n in counted.items()
        if n
    )


def pooled(paired: Mapping[str, CategoryPairs]) -> CategoryPairs:
    """All categories as one: every decision counts, an item's decisions stay in its cluster."""
    parts = list(paired.values())
    codes = [np.arange(len(one.y_true)) if one.clusters is None else one.clusters for one in parts]
    return CategoryPairs(
        "pooled",
        np.concatenate([one.y_true for one in parts]),
        np.concatenate([one.a for one in parts]),
        np.concatenate([one.b for one in parts]),
        np.concatenate(codes),
        None if parts[0].weights is None else np.tile(parts[0].weights, len(parts)),
    )


def compare_metrics(
    pairs: CategoryPairs,
    seed: int,
    n_resamples: int,
    metrics: Sequence[str] = PAIRED_METRICS,
    *,
    drawn: tuple[Drawn, Drawn] | None = None,
) -> tuple[dict[str, float], dict[str, PairedResult]]:
    """Cells and results of one category; repeats of an item, and items of a cluster, count as what they are worth.

    ``drawn``: both at the thresholds that resampled items choose; what that choice costs is in the difference.
    """
    n_repeats = pairs.a.shape[1]
    is_paired = (pairs.a >= 0) & (pairs.b >= 0)
    a, b = np.where(is_paired, pairs.a, MISSING), np.where(is_paired, pairs.b, MISSING)
    is_plain = pairs.clusters is None and n_repeats == 1 and pairs.weights is None and drawn is None
    rows = np.repeat(pairs.y_true, n_repeats), a.ravel(), b.ravel()
    cells = paired_cells(*rows) / n_repeats
    worth = None if is_plain else _worth_of(pairs, *rows)  # of plain rows, the cells say it all
    n_excluded = len(pairs.y_true) - round(float(cells.sum()))
    results = {}
    for metric in metrics:
        effective = cells if worth is None else worth(metric)
        if drawn is not None:
            effective = effective * (1 - choice_share(metric, effective, *drawn))
        rng = generator(seed, f"{pairs.name}|{metric}") if metric in RESAMPLED else None
        result = compare_paired(effective, metric, rng=rng, n_resamples=n_resamples, n_excluded=n_excluded)
        if not is_plain:
            result = result._replace(
                baseline=side_metric(metric, pairs, a, n_excluded), candidate=side_metric(metric, pairs, b, n_excluded)
            )
        n = round(float(cells[support(metric)].sum()))
        results[metric] = result._replace(difference=replace(result.difference, n=n))
    return dict(zip(CELL_NAMES, (float(value) for value in cells), strict=True)), results


def _worth_of(
    pairs: CategoryPairs, gold: NDArray[Any], a: NDArray[Any], b: NDArray[Any]
) -> Callable[[str], NDArray[Any]]:
    """What the cells of these rows are worth for a metric: those of a cluster, or of an item, say much the same."""
    n_repeats, codes = pairs.a.shape[1], pairs.clusters
    if codes is None and n_repeats > 1:  # the repeats of an item are one cluster
        codes = np.arange(len(pairs.y_true))
    by_row = None if codes is None else np.repeat(codes, n_repeats)
    by_weight = None if pairs.weights is None else np.repeat(pairs.weights, n_repeats)
    return lambda metric: effective_counts(metric, gold, a, b, by_row, sample_weight=by_weight, confidence=0.95).cells


def side_metric(metric: str, pairs: CategoryPairs, decided: NDArray[Any], n_excluded: int) -> MetricResult:
    """A metric of one of two systems, from its decisions (n, n_repeats); counts are items."""
    found = repeated_metric(metric, pairs.y_true, decided, clusters=pairs.clusters, sample_weight=pairs.weights)
    return replace(found, n=round(found.n / decided.shape[1]), n_excluded=n_excluded)


def _holm_over(categories: Mapping[str, CategoryComparison]) -> dict[str, CategoryComparison]:
    tested = [
        (name, metric, category.metrics[metric].p_value)
        for name, category in categories.items()
        for metric in TESTED_METRICS
        if not math.isnan(category.metrics[metric].p_value)
    ]
    adjusted = holm(np.array([p for *_, p in tested])) if tested else np.array([])
    by_category: dict[str, dict[str, float]] = {name: {} for name in categories}
    for (name, metric, _), p in zip(tested, adjusted, strict=True):
        by_category[name][metric] = float(p)
    return {name: replace(one, p_holm=by_category[name]) for name, one in categories.items()}


def _side(one: StoredCandidate) -> Side:
    rows, read = one.rows, decisions(*one)
    return Side(
        one.run_id,
        one.name,
        outcome_counts(rows),
        rows.total_cost_usd,
        latency_percentiles(rows),
        signature_of(*one),
        money_of(rows, read),
        people_of(read, one.run.categories, one.run.clusters),
    )


def paired_dict(result: PairedResult) -> dict[str, Any]:
    """A paired result in the shape of ``harness compare --json``."""
    return {
        "baseline": result.baseline.as_dict(),
        "candidate": result.candidate.as_dict(),
        "difference": result.difference.as_dict(),
        "p_value": number_or_none(result.p_value),
    }


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value
