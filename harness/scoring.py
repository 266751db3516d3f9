"""Scores a stored run: rows -> arrays -> core, per candidate, category and slice.

Decides which numbers a score holds and their shape; the formulas are in ``core``, the meaning of failed rows in
``decisions``, the wording in ``report``. Needs no key, no network and no golden-set file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import __version__
from harness.core.averages import AVERAGED_METRICS, macro_average, micro_average
from harness.core.calibration import brier_score
from harness.core.clusters import clustered_metric
from harness.core.confusion import confusion_counts
from harness.core.metrics import failure_rate
from harness.core.prevalence import precision_at_prevalence
from harness.core.ranking import auroc, average_precision
from harness.core.results import MetricResult
from harness.core.signature import signature
from harness.decisions import MISSING, Decisions, decisions, on_failure_of, outcome_counts
from harness.records import FALLBACK_OUTCOMES
from harness.runs import CandidateRows, Run

CATEGORY_METRICS = ("precision", "recall", "f1", "fpr")
SLICE_METRICS = ("precision", "recall", "f1", "fpr", "agreement")
NOT_COVERED = "the candidate does not decide this category"


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """One candidate on one category."""

    tp: float
    fp: float
    fn: float
    tn: float
    metrics: Mapping[str, MetricResult]
    sensitivity: Mapping[str, Mapping[str, MetricResult]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        out: dict[str, Any] = {name: _plain(getattr(self, name)) for name in ("tp", "fp", "fn", "tn")}
        out.update({name: result.as_dict() for name, result in self.metrics.items()})
        if self.sensitivity:
            out["sensitivity"] = {
                policy: {name: result.as_dict() for name, result in metrics.items()}
                for policy, metrics in self.sensitivity.items()
            }
        return out


SliceScores = Mapping[str, Mapping[str, Mapping[str, CategoryScore]]]
"""Slice name -> value -> category."""


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """Everything scored about one candidate."""

    outcomes: Mapping[str, int]
    on_failure: str
    failure_rate: MetricResult
    n_fallback: int
    categories: Mapping[str, CategoryScore]
    any_violation: CategoryScore
    macro: Mapping[str, MetricResult]
    micro: Mapping[str, MetricResult]
    slices: SliceScores
    latency_ms: Mapping[str, float | None]
    tokens: Mapping[str, int]
    cost_usd: float | None
    signature: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return {
            "outcomes": dict(self.outcomes),
            "on_failure": self.on_failure,
            "failure_rate": self.failure_rate.as_dict(),
            "n_fallback": self.n_fallback,
            "categories": {name: category.as_dict() for name, category in self.categories.items()},
            "any_violation": self.any_violation.as_dict(),
            "macro": {name: result.as_dict() for name, result in self.macro.items()},
            "micro": {name: result.as_dict() for name, result in self.micro.items()},
            "slices": {
                name: {
                    value: {category: score.as_dict() for category, score in categories.items()}
                    for value, categories in values.items()
                }
                for name, values in self.slices.items()
            },
            "latency_ms": dict(self.latency_ms),
            "tokens": dict(self.tokens),
            "cost_usd": self.cost_usd,
            "signature": self.signature,
        }


@dataclass(frozen=True, slots=True)
class RunScore:
    """The scores of every candidate of a run."""

    run_id: str
    golden_set: Mapping[str, Any]
    candidates: Mapping[str, CandidateScore]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return {
            "run_id": self.run_id,
            "golden_set": dict(self.golden_set),
            "candidates": {name: score.as_dict() for name, score in self.candidates.items()},
        }


def score_run(run: Run, *, with_slices: bool = True) -> RunScore:
    """Score every candidate of a run."""
    scores = {name: score_candidate(run, name, with_slices=with_slices) for name in run.candidates}
    return RunScore(run.meta.run_id, run.meta.golden_set, scores)


def score_candidate(run: Run, candidate: str, *, with_slices: bool = True) -> CandidateScore:
    """Score one candidate of a run."""
    rows = run.candidate(candidate)
    read = decisions(run, candidate)
    table = _Table.of(read, run.clusters)
    sensitivity = _sensitivity(run, candidate) if read.n_fallback else {}
    categories = {name: _category(run, table, column, name, sensitivity) for column, name in enumerate(run.categories)}
    outcomes = outcome_counts(rows)
    n_failed = sum(outcomes[outcome] for outcome in FALLBACK_OUTCOMES)
    return CandidateScore(
        outcomes=outcomes,
        on_failure=on_failure_of(run, candidate),
        failure_rate=failure_rate(n_failed, n_failed + outcomes["ok"], n_excluded=outcomes["error"]),
        n_fallback=read.n_fallback,
        categories=categories,
        any_violation=_any_violation(read, run.clusters),
        macro={
            metric: macro_average(table.y_true, table.y_pred, metric=metric, clusters=table.clusters)
            for metric in AVERAGED_METRICS
        },
        micro={
            metric: micro_average(table.y_true, table.y_pred, metric=metric, clusters=table.clusters)
            for metric in AVERAGED_METRICS
        },
        slices=_slices(run, read) if with_slices else {},
        latency_ms=latency_percentiles(rows),
        tokens={name: int(values.sum()) for name, values in rows.tokens.items()},
        cost_usd=rows.total_cost_usd,
        signature=signature_of(run, candidate),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Rows to count: one per item and repeat, each weighing 1 / repeats, clustered by item or group."""

    y_true: NDArray[np.int8]
    y_pred: NDArray[np.int8]
    y_score: NDArray[np.float64]
    clusters: NDArray[np.int64] | None
    n_repeats: int

    @classmethod
    def of(cls, read: Decisions, groups: NDArray[np.int64] | None) -> _Table:
        n_items, n_repeats, n_categories = read.y_pred.shape
        clusters = groups if groups is not None else (np.arange(n_items) if n_repeats > 1 else None)
        return cls(
            np.repeat(read.y_true, n_repeats, axis=0),
            read.y_pred.reshape(n_items * n_repeats, n_categories),
            read.y_score.reshape(n_items * n_repeats, n_categories),
            None if clusters is None else np.repeat(clusters, n_repeats),
            n_repeats,
        )


def _category(run: Run, table: _Table, column: int, name: str, sensitivity: Mapping[str, _Table]) -> CategoryScore:
    y_true, y_pred = table.y_true[:, column], table.y_pred[:, column]
    if (y_pred == MISSING).all():
        undefined = MetricResult.undefined(NOT_COVERED, n_excluded=len(run.item_ids))
        return CategoryScore(0, 0, 0, 0, dict.fromkeys(CATEGORY_METRICS, undefined), {})
    counts, metrics = _counted(y_true, y_pred, table, CATEGORY_METRICS)
    y_score = table.y_score[:, column]
    if not np.isnan(y_score).all():
        metrics["average_precision"] = average_precision(y_true, y_score)
        metrics["auroc"] = auroc(y_true, y_score)
        metrics["brier"] = brier_score(y_true, y_score, clusters=table.clusters)
    prevalence = run.prevalence(name)
    if prevalence is not None:
        metrics["precision_at_prevalence"] = precision_at_prevalence(*counts, prevalence=prevalence["value"])
    under = {
        policy: _counted(y_true, other.y_pred[:, column], other, ("precision", "recall", "f1"))[1]
        for policy, other in sensitivity.items()
    }
    return _category_score(counts, metrics, under)


def _category_score(
    counts: tuple[float, float, float, float],
    metrics: Mapping[str, MetricResult],
    sensitivity: Mapping[str, Mapping[str, MetricResult]] | None = None,
) -> CategoryScore:
    tp, fp, fn, tn = (_plain(value) for value in counts)
    return CategoryScore(tp, fp, fn, tn, metrics, sensitivity or {})


def _counted(
    y_true: NDArray[np.int8], y_pred: NDArray[np.int8], table: _Table, names: tuple[str, ...]
) -> tuple[tuple[float, float, float, float], dict[str, MetricResult]]:
    counted = confusion_counts(y_true[:, None], y_pred[:, None])
    tp, fp, fn, tn = (value / table.n_repeats for value in counted.category(0))
    results = {name: clustered_metric(name, y_true, y_pred, table.clusters) for name in names}
    if table.n_repeats > 1:  # n counts items, not calls
        results = {
            name: replace(one, n=one.n // table.n_repeats, n_excluded=one.n_excluded // table.n_repeats)
            for name, one in results.items()
        }
    return (tp, fp, fn, tn), results


def _sensitivity(run: Run, candidate: str) -> dict[str, _Table]:
    return {
        "all_wrong": _Table.of(decisions(run, candidate, "wrong"), run.clusters),
        "dropped": _Table.of(decisions(run, candidate, "dropped"), run.clusters),
    }


def _any_violation(read: Decisions, groups: NDArray[np.int64] | None) -> CategoryScore:
    """Violating in any category that the candidate decides; gold with an unknown label is 1 or unknown, never 0."""
    covered = read.is_covered
    y_true, y_pred = _any(read.y_true[:, covered], axis=1), _any(read.y_pred[:, :, covered], axis=2)
    table = _Table.of(
        Decisions(y_true[:, None], y_pred[:, :, None], np.full((*y_pred.shape, 1), np.nan), covered[:1], 0), groups
    )
    counts, metrics = _counted(table.y_true[:, 0], table.y_pred[:, 0], table, CATEGORY_METRICS)
    return _category_score(counts, metrics)


def _any(labels: NDArray[np.int8], axis: int) -> NDArray[np.int8]:
    if labels.shape[axis] == 0:
        return np.full(labels.shape[:axis], MISSING, dtype=np.int8)
    has_positive = (labels == 1).any(axis=axis)
    has_missing = (labels == MISSING).any(axis=axis)
    return np.where(has_positive, 1, np.where(has_missing, MISSING, 0)).astype(np.int8)


def _slices(run: Run, read: Decisions) -> SliceScores:
    found: dict[str, dict[str, dict[str, CategoryScore]]] = {}
    for name, values in run.slices.items():
        found[name] = {}
        for value, members in sorted(values.items()):
            part = Decisions(
                read.y_true[members], read.y_pred[members], read.y_score[members], read.is_covered, read.n_fallback
            )
            table = _Table.of(part, None if run.clusters is None else run.clusters[members])
            found[name][value] = {
                category: _slice_category(table, column)
                for column, category in enumerate(run.categories)
                if read.is_covered[column]
            }
    return found


def _slice_category(table: _Table, column: int) -> CategoryScore:
    counts, metrics = _counted(table.y_true[:, column], table.y_pred[:, column], table, SLICE_METRICS)
    return _category_score(counts, metrics)


def latency_percentiles(rows: CandidateRows) -> dict[str, float | None]:
    """Percentiles of the latency in milliseconds, over the rows that were asked; None without any."""
    known = rows.latency_ms[~np.isnan(rows.latency_ms)]
    if not known.size:
        return {"p50": None, "p95": None, "p99": None}
    return {f"p{q}": float(np.percentile(known, q)) for q in (50, 95, 99)}


def signature_of(run: Run, candidate: str) -> str:
    """All that can move this candidate's numbers, in the fixed order of the signature."""
    return signature(
        {
            **run.meta.signature_fields(candidate),
            "on_failure": on_failure_of(run, candidate),
            "ci": "wilson95",
            "v": __version__,
        }
    )


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
