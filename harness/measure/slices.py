"""The paired change within each slice value and category: which parts of the traffic moved.

Exploratory by nature: many cells are looked at, so the family is corrected with Benjamini-Hochberg and cells of few
items are shown but not tested. No verdict rests on it; the gate does not read it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.core.multiplicity import benjamini_hochberg
from harness.core.results import MetricResult
from harness.measure.comparable import require_same
from harness.measure.compare import compare_metrics, pooled, side_metric
from harness.measure.decisions import decisions
from harness.measure.pairs import CategoryPairs
from harness.records import MISSING
from harness.runs import Run

SLICE_METRICS = ("recall", "fpr")
ALL_CATEGORIES = "*"
"""Category of a cell that counts the decisions of every category together, an item's being one cluster."""
SMALL_CELL = 20
"""Cells with fewer items behind them are shown, never tested."""


@dataclass(frozen=True, slots=True)
class SliceChange:
    """One metric of one category within one slice value.

    Attributes:
        slice_name: The slice, such as language.
        value: Its value, such as de.
        category: Category id, or ``ALL_CATEGORIES``.
        metric: One of ``SLICE_METRICS``.
        baseline: The baseline's value there.
        candidate: The candidate's value there.
        difference: Candidate minus baseline on the same items.
        p_value: Two-sided p of "no difference"; NaN when undefined.
        q_value: After Benjamini-Hochberg over all tested cells of the pair; NaN where the cell was not tested.
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


def compare_slices(baseline_run: Run, baseline: str, candidate_run: Run, candidate: str) -> tuple[SliceChange, ...]:
    """Every slice value and category in which both candidates decide something."""
    require_same(baseline_run, candidate_run)
    base, cand = decisions(baseline_run, baseline), decisions(candidate_run, candidate)
    n_repeats = min(base.y_pred.shape[1], cand.y_pred.shape[1])
    return slice_changes(
        baseline_run.categories,
        base.y_true,
        base.y_pred[:, :n_repeats],
        cand.y_pred[:, :n_repeats],
        baseline_run.slices,
        baseline_run.clusters,
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
    for name, value, paired in _cells(categories, y_true, a, b, slices, clusters):
        for category, pairs in paired.items():
            _, results = compare_metrics(pairs, 0, 1, SLICE_METRICS)
            found += [
                SliceChange(name, value, category, metric, one.baseline, one.candidate, one.difference, one.p_value)
                for metric, one in results.items()
                if one.difference.is_defined
            ]
    return _corrected(found)


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
    q_values = benjamini_hochberg([found[index].p_value for index in tested]).tolist() if tested else []
    known = dict(zip(tested, q_values, strict=True))
    return tuple(replace(one, q_value=known.get(index, math.nan)) for index, one in enumerate(found))
