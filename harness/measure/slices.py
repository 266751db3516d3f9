"""The paired change within each slice value and category: which parts of the traffic moved.

Exploratory by nature: many cells are looked at, so the family is corrected with Benjamini-Hochberg and cells of few
items are shown but not tested. No verdict rests on it; the gate does not read it. Each cell is also held against the
rest of the set, so that a slice that only moves as everything does can be told from one that moves by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.core.multiplicity import benjamini_hochberg
from harness.core.parts import Whole, differs, whole_of
from harness.core.results import MetricResult
from harness.measure.comparable import require_same
from harness.measure.compare import compare_metrics, pooled, side_metric
from harness.measure.decisions import decisions
from harness.measure.pairs import CategoryPairs
from harness.records import MISSING
from harness.runs import Run, StoredCandidate

SLICE_METRICS = ("recall", "fpr")
_GOLD = {"recall": 1, "fpr": 0}
ALL_CATEGORIES = "*"
"""Category of a cell that counts the decisions of every category together, an item's being one cluster."""
SMALL_CELL = 20
"""Cells with fewer items behind them are shown, never tested."""
SLICE_FDR = 0.10
"""Share of chance findings that is accepted among the slice cells that stand out."""


@dataclass(frozen=True, slots=True)
class SliceChange:
    """One metric of one category within one slice value.

    Attributes:
        slice_name: The slice, such as language.
        value: Its value, such as de.
        category: Category id, or ``ALL_CATEGORIES``.
        metric: One of ``SLICE_METRICS``.
        difference: Candidate minus baseline on the same items.
        p_value: Two-sided p of "no difference"; NaN when undefined.
        q_value: After Benjamini-Hochberg over all tested cells of the pair; NaN where the cell was not tested.
        whole: The same difference over the whole set; NaN when unknown.
        p_rest: Two-sided p of "it changed as the rest of the set did"; NaN when undefined.
        q_rest: The same after Benjamini-Hochberg over all tested cells of the pair.
        within: Other slice values that hold every item of this one, where both moved.
    """

    slice_name: str
    value: str
    category: str
    metric: str
    baseline: MetricResult
    candidate: MetricResult
    difference: MetricResult
    p_value: float
    q_value: float = math.nan
    whole: float = math.nan
    p_rest: float = math.nan
    q_rest: float = math.nan
    within: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SliceFigure:
    """One metric of one category in one slice value; category None for all of them together."""

    category: str | None
    metric: str
    slice: tuple[str, str]
    result: MetricResult

    @property
    def figure(self) -> tuple[str | None, str, tuple[str, str]]:
        """What it is a figure of."""
        return self.category, self.metric, self.slice


def compare_slices(baseline: StoredCandidate, candidate: StoredCandidate) -> tuple[SliceChange, ...]:
    """Every slice value and category in which both candidates decide something."""
    require_same(baseline.run, candidate.run)
    base, cand = decisions(*baseline), decisions(*candidate)
    n_repeats = min(base.y_pred.shape[1], cand.y_pred.shape[1])
    return slice_changes(
        baseline.run.categories,
        base.y_true,
        base.y_pred[:, :n_repeats],
        cand.y_pred[:, :n_repeats],
        baseline.run.slices,
        baseline.run.clusters,
    )


def slice_changes(
    categories: Sequence[str],
    y_true: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    slices: Mapping[str, Mapping[str, NDArray[np.int64]]],
    clusters: NDArray[np.int64] | None,
) -> tuple[SliceChange, ...]:
    """The changes from arrays: gold (n, k), decisions (n, n_repeats, k), item positions per slice value."""
    found = []
    rest = _Rest(categories, y_true, a, b, clusters)
    for name, value, paired in _cells(categories, y_true, a, b, slices, clusters):
        for category, pairs in paired.items():
            _, results = compare_metrics(pairs, 0, 1, SLICE_METRICS)
            for metric, one in results.items():
                if one.difference.is_defined:
                    whole, p_rest = rest.against(category, metric, slices[name][value])
                    told = one.baseline, one.candidate, one.difference, one.p_value
                    found.append(SliceChange(name, value, category, metric, *told, whole=whole, p_rest=p_rest))
    return _placed(_corrected(found), slices, len(y_true))


class _Rest:
    """The change of each item by category and metric; the sums over the whole set are made once."""

    def __init__(
        self,
        categories: Sequence[str],
        y_true: NDArray[np.int8],
        a: NDArray[np.int8],
        b: NDArray[np.int8],
        clusters: NDArray[np.int64] | None,
    ) -> None:
        is_paired = (a >= 0) & (b >= 0)
        self._n_paired = is_paired.sum(axis=1)
        self._changes = np.where(is_paired, b - a, 0).sum(axis=1)
        self._columns = {name: [at] for at, name in enumerate(categories)}
        self._columns[ALL_CATEGORIES] = list(range(len(categories)))
        self._y_true = y_true
        self._codes = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
        self._wholes: dict[tuple[str, str], Whole] = {}

    def against(self, category: str, metric: str, members: NDArray[np.int64]) -> tuple[float, float]:
        """The change of the whole set, and the p of "these items changed as the others did"."""
        if (category, metric) not in self._wholes:
            self._wholes[category, metric] = whole_of(*self._sums(category, metric, slice(None)), self._codes)
        whole = self._wholes[category, metric]
        return whole.change, differs(whole, *self._sums(category, metric, members), members)

    def _sums(
        self, category: str, metric: str, members: NDArray[np.int64] | slice
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        columns = self._columns[category]
        counts = self._y_true[members][:, columns] == _GOLD[metric]
        changes, weights = (one[members][:, columns] * counts for one in (self._changes, self._n_paired))
        return changes.sum(axis=1), weights.sum(axis=1)


def slice_figures(run: Run, candidate: str) -> tuple[SliceFigure, ...]:
    """Every figure of a candidate by slice value, by the measure of a comparison, so that a change can be followed."""
    decided = decisions(run, candidate)
    found = []
    cells = _cells(run.categories, decided.y_true, decided.y_pred, decided.y_pred, run.slices, run.clusters)
    for name, value, by_category in cells:
        for category, one in by_category.items():
            is_counted = (one.y_true != MISSING)[:, None] & (one.a != MISSING)
            n_excluded = len(one.y_true) - round(is_counted.sum() / one.a.shape[1])
            whole = None if category == ALL_CATEGORIES else category
            results = {metric: side_metric(metric, one, one.a, n_excluded) for metric in SLICE_METRICS}
            found += [
                SliceFigure(whole, metric, (name, value), result)
                for metric, result in results.items()
                if result.is_defined
            ]
    return tuple(found)


def _cells(
    categories: Sequence[str],
    y_true: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    slices: Mapping[str, Mapping[str, NDArray[np.int64]]],
    clusters: NDArray[np.int64] | None,
) -> Iterator[tuple[str, str, dict[str, CategoryPairs]]]:
    """Slice, value, and the categories there that both sides decide, with all of them as one."""
    is_paired = (a >= 0) & (b >= 0)
    for name, values in slices.items():
        if len(values) == 1 and all(len(members) == len(y_true) for members in values.values()):
            continue  # every item: the whole set says the same
        for value, members in sorted(values.items()):
            codes = None if clusters is None else clusters[members]
            paired = {
                category: CategoryPairs(
                    category, y_true[members, column], a[members, :, column], b[members, :, column], codes
                )
                for column, category in enumerate(categories)
                if is_paired[members, :, column].any()
            }
            if len(paired) > 1:
                paired[ALL_CATEGORIES] = pooled(paired)
            yield name, value, paired


def _corrected(found: Sequence[SliceChange]) -> tuple[SliceChange, ...]:
    tested = [
        index for index, one in enumerate(found) if one.difference.n >= SMALL_CELL and not math.isnan(one.p_value)
    ]
    moved = _adjusted({index: found[index].p_value for index in tested})
    apart = _adjusted({index: p for index in tested if not math.isnan(p := found[index].p_rest)})
    return tuple(
        replace(one, q_value=moved.get(index, math.nan), q_rest=apart.get(index, math.nan))
        for index, one in enumerate(found)
    )


def _adjusted(p_values: Mapping[int, float]) -> dict[int, float]:
    adjusted = benjamini_hochberg(list(p_values.values())).tolist() if p_values else []
    return dict(zip(p_values, adjusted, strict=True))


def _placed(
    found: Sequence[SliceChange], slices: Mapping[str, Mapping[str, NDArray[np.int64]]], n_items: int
) -> tuple[SliceChange, ...]:
    """The changes, those that moved with the values of other slices that hold all of their items."""
    moved = {(one.slice_name, one.value) for one in found if one.q_value <= SLICE_FDR}
    holders = _holders({one: slices[one[0]][one[1]] for one in sorted(moved)}, n_items)
    return tuple(replace(one, within=holders.get((one.slice_name, one.value), ())) for one in found)


def _holders(
    members: Mapping[tuple[str, str], NDArray[np.int64]], n_items: int
) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    holders: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    for outer, held in members.items():
        is_held = np.zeros(n_items, dtype=bool)
        is_held[held] = True
        for inner, wanted in members.items():
            if inner != outer and len(wanted) <= len(held) and is_held[wanted[0]] and is_held[wanted].all():
                holders[inner] = (*holders.get(inner, ()), outer)
    return holders
