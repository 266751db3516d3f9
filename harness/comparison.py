"""Pairs two candidates item by item: rows -> eight-cell tables -> core.

Decides which rows make a pair, what counts as fixed and broken, and the shape of a comparison. The tests are in
``core.paired``; whether a difference may ship is ``gate``'s business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.clusters import effective_counts
from harness.core.multiplicity import holm
from harness.core.paired import CELL_NAMES, PAIRED_METRICS, PairedResult, compare_paired, paired_cells
from harness.decisions import decisions, generator, outcome_counts
from harness.errors import HarnessError
from harness.runs import Run
from harness.scoring import latency_percentiles, signature_of


@dataclass(frozen=True, slots=True)
class CategoryComparison:
    """Two candidates on one category."""

    cells: Mapping[str, float]
    metrics: Mapping[str, PairedResult]
    p_holm: Mapping[str, float]
    fixed: tuple[str, ...]
    broken: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        out: dict[str, Any] = {"cells": {name: _plain(value) for name, value in self.cells.items()}}
        for name, result in self.metrics.items():
            out[name] = {
                "baseline": result.baseline.as_dict(),
                "candidate": result.candidate.as_dict(),
                "difference": result.difference.as_dict(),
                "p_value": _number(result.p_value),
                "p_holm": _number(self.p_holm.get(name, math.nan)),
            }
        return {**out, "fixed": list(self.fixed), "broken": list(self.broken)}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two candidates: where it comes from and what it cost."""

    run_id: str
    candidate: str
    outcomes: Mapping[str, int]
    cost_usd: float | None
    latency_ms: Mapping[str, float | None]
    signature: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two candidates on the same items."""

    baseline: Side
    candidate: Side
    golden_set: Mapping[str, Any]
    n_items: int
    family: str
    categories: Mapping[str, CategoryComparison]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        sides = {"baseline": self.baseline, "candidate": self.candidate}
        return {
            "baseline": self.baseline.candidate,
            "candidate": self.candidate.candidate,
            "runs": {name: side.run_id for name, side in sides.items()},
            "golden_set": dict(self.golden_set),
            "n_items": self.n_items,
            "family": self.family,
            "categories": {name: category.as_dict() for name, category in self.categories.items()},
            "outcomes": {name: dict(side.outcomes) for name, side in sides.items()},
            "cost": {name: side.cost_usd for name, side in sides.items()},
            "latency": {name: dict(side.latency_ms) for name, side in sides.items()},
            "signature": {name: side.signature for name, side in sides.items()},
        }

    def changed(self, metric: str, alpha: float = 0.05) -> tuple[list[str], list[str]]:
        """Categories proven better and proven worse on a metric, Holm-corrected over the comparison's family."""
        better: list[str] = []
        worse: list[str] = []
        for name, category in self.categories.items():
            if category.p_holm.get(metric, math.nan) <= alpha:
                rises = category.metrics[metric].difference.value > 0
                (better if rises == (metric != "fpr") else worse).append(name)
        return better, worse


def compare(
    baseline_run: Run, baseline: str, candidate_run: Run, candidate: str, *, seed: int = 0, n_resamples: int = 10_000
) -> Comparison:
    """Compare two candidates of one run, or of two runs over the same items of the same golden set."""
    check_same_items(baseline_run, candidate_run)
    base, cand = decisions(baseline_run, baseline), decisions(candidate_run, candidate)
    n_repeats = min(base.y_pred.shape[1], cand.y_pred.shape[1])
    categories: dict[str, CategoryComparison] = {}
    for column, name in enumerate(baseline_run.categories):
        a, b = base.y_pred[:, :n_repeats, column], cand.y_pred[:, :n_repeats, column]
        if (a < 0).all() or (b < 0).all():
            continue
        categories[name] = _compare_category(
            baseline_run, name, base.y_true[:, column], a, b, seed=seed, n_resamples=n_resamples
        )
    corrected = _holm_over(categories)
    return Comparison(
        _side(baseline_run, baseline),
        _side(candidate_run, candidate),
        baseline_run.meta.golden_set,
        len(baseline_run.item_ids),
        f"Holm over {len(categories)} categories x recall, precision, fpr",
        corrected,
    )


def check_same_items(one: Run, other: Run) -> None:
    """Refuse two runs that do not hold the same items of the same golden set, naming the difference."""
    if one is other:
        return
    for what in ("name", "version", "hash"):
        if one.meta.golden_set[what] != other.meta.golden_set[what]:
            raise HarnessError(
                f"runs {one.meta.run_id} and {other.meta.run_id} differ in the golden set's {what}: "
                f"{one.meta.golden_set[what]} and {other.meta.golden_set[what]}",
                allowed="two runs over the same golden-set version",
                next_step="run both candidates over the same golden set",
            )
    if list(one.item_ids) != list(other.item_ids):
        only_one, only_other = set(one.item_ids) - set(other.item_ids), set(other.item_ids) - set(one.item_ids)
        raise HarnessError(
            f"runs {one.meta.run_id} and {other.meta.run_id} hold different items: "
            f"{len(only_one)} only in the first, {len(only_other)} only in the second",
            allowed="the same item ids",
            next_step="use the same --limit (or none) in both runs",
        )


def _compare_category(
    run: Run,
    name: str,
    y_true: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    *,
    seed: int,
    n_resamples: int,
) -> CategoryComparison:
    n_repeats = a.shape[1]
    gold, before, after = np.repeat(y_true, n_repeats), a.ravel(), b.ravel()
    clusters = run.clusters if run.clusters is not None else np.arange(len(y_true))
    by_row = np.repeat(clusters, n_repeats)
    cells = paired_cells(gold, before, after) / n_repeats
    n_excluded = len(y_true) - round(float(cells.sum()))
    metrics = {
        metric: compare_paired(
            effective_counts(metric, gold, before, after, by_row, confidence=0.95).cells,
            metric,
            rng=generator(seed, f"{name}|{metric}"),
            n_resamples=n_resamples,
            n_excluded=n_excluded,
        )
        for metric in PAIRED_METRICS
    }
    fixed, broken = _flips(run, y_true, a, b)
    return CategoryComparison(
        dict(zip(CELL_NAMES, (float(value) for value in cells), strict=True)), metrics, {}, fixed, broken
    )


def _flips(
    run: Run, y_true: NDArray[np.int8], a: NDArray[np.int8], b: NDArray[np.int8]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Items the candidate gets right in more repeats than the baseline, and in fewer."""
    is_paired = (y_true[:, None] >= 0) & (a >= 0) & (b >= 0)
    gain = (((b == y_true[:, None]) & is_paired).sum(axis=1)) - (((a == y_true[:, None]) & is_paired).sum(axis=1))
    ids = run.item_ids
    return (
        tuple(ids[index] for index in np.flatnonzero(gain > 0)),
        tuple(ids[index] for index in np.flatnonzero(gain < 0)),
    )


def _holm_over(categories: Mapping[str, CategoryComparison]) -> dict[str, CategoryComparison]:
    tested = [
        (name, metric, category.metrics[metric].p_value)
        for name, category in categories.items()
        for metric in ("recall", "precision", "fpr")
        if not math.isnan(category.metrics[metric].p_value)
    ]
    adjusted = holm(np.array([p for *_, p in tested])) if tested else np.array([])
    by_category: dict[str, dict[str, float]] = {name: {} for name in categories}
    for (name, metric, _), p in zip(tested, adjusted, strict=True):
        by_category[name][metric] = float(p)
    return {
        name: CategoryComparison(one.cells, one.metrics, by_category[name], one.fixed, one.broken)
        for name, one in categories.items()
    }


def _side(run: Run, candidate: str) -> Side:
    rows = run.candidate(candidate)
    return Side(
        run.meta.run_id,
        candidate,
        outcome_counts(rows),
        rows.total_cost_usd,
        latency_percentiles(rows),
        signature_of(run, candidate),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value
