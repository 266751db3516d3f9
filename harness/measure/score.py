"""Scores a stored run: rows -> arrays -> core, per candidate, category and slice.

Decides which numbers a score holds and their shape; the formulas are in ``core``, the meaning of failed rows in
``decisions``, the wording in ``report``. Needs no key, no network and no golden-set file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.averages import AVERAGED_METRICS, macro_average, micro_average
from harness.core.calibration import brier_score
from harness.core.confusion import confusion_counts
from harness.core.metric_table import metrics_on
from harness.core.metrics import failure_rate
from harness.core.prevalence import precision_at_prevalence
from harness.core.ranking import auroc, average_precision
from harness.core.repeats import flip_rate, repeated_metric
from harness.core.results import Interval, MetricResult
from harness.core.thresholds import recall_at_precision
from harness.measure.decisions import (
    FAILURE_READINGS,
    Decisions,
    FailureReading,
    decisions,
    generator,
    on_failure_of,
    outcome_code,
    outcome_counts,
)
from harness.measure.money import Money, money_of
from harness.measure.people import People, people_of
from harness.measure.points import PointScore, point_metrics, point_scores
from harness.measure.run_facts import golden_facts, latency_percentiles, signature_of
from harness.measure.stages import StageScore, stages_of
from harness.records import MISSING, GoldenFacts, Prevalence
from harness.records.answers import ANSWERED_OUTCOMES, FALLBACK_OUTCOMES, NOT_ASKED
from harness.runs import CandidateRows, Run

CATEGORY_METRICS = metrics_on("score")
SENSITIVITY_METRICS = ("precision", "recall", "f1")
RECALL_AT = "recall_at_precision_0.90"
SLICE_METRICS = (*CATEGORY_METRICS, "agreement")
NOT_COVERED, NO_ANSWER = "not covered", "no usable answer"
"""Why a category has no figure: the candidate does not decide on it; of all its answers none says on what it does."""
UNDECIDED = frozenset({NOT_COVERED, NO_ANSWER})


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """One candidate on one category.

    The four counts are of items. ``metrics`` are those of the population that the items' weights stand for, where the
    set declares weights; the ones named in ``measure.weighted`` count every item once.
    """

    tp: float
    fp: float
    fn: float
    tn: float
    metrics: Mapping[str, MetricResult]
    sensitivity: Mapping[str, Mapping[str, MetricResult]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        out: dict[str, Any] = {name: _plain(getattr(self, name)) for name in ("tp", "fp", "fn", "tn")}
        out |= {name: result.as_dict() for name, result in self.metrics.items() if name != RECALL_AT}
        if RECALL_AT in self.metrics:
            out["recall_at"] = {RECALL_AT.removeprefix("recall_at_"): self.metrics[RECALL_AT].as_dict()}
        if self.sensitivity:
            out["sensitivity"] = {
                policy: {name: result.as_dict() for name, result in metrics.items()}
                for policy, metrics in self.sensitivity.items()
            }
        return out


NO_SCORES = MetricResult.undefined("no scores")
UNMEASURED = {
    **dict.fromkeys(("average_precision", "auroc", "brier"), NO_SCORES),
    "precision_at_prevalence": MetricResult.undefined("the policy states no prevalence"),
}
"""Why a category lacks a metric that not every one has."""
_SHAPE: dict[str, Any] = {
    **dict.fromkeys(("tp", "fp", "fn", "tn", *CATEGORY_METRICS)),
    **{name: UNMEASURED[name].as_dict() for name in ("average_precision", "auroc", "brier")},
    "recall_at": {"precision_0.90": NO_SCORES.as_dict()},
    "precision_at_prevalence": UNMEASURED["precision_at_prevalence"].as_dict(),
}
"""Every key of a category in ``harness score --json``, in the contract's order; what was not measured says why."""


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
    money: Money = field(default_factory=Money)
    people: People | None = None
    stages: tuple[StageScore, ...] = ()
    points: Mapping[str, tuple[PointScore, ...]] = field(default_factory=dict)
    """Category -> its metrics at operating points."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        points = {name: {one.metric: one.as_dict() for one in every} for name, every in self.points.items()}
        return {
            "outcomes": dict(self.outcomes),
            "on_failure": self.on_failure,
            "failure_rate": self.failure_rate.as_dict(),
            "n_fallback": self.n_fallback,
            "categories": {name: _SHAPE | category.as_dict() for name, category in self.categories.items()},
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
            "money": self.money.as_dict(),
            **({} if self.people is None else {"people": self.people.as_dict()}),
            **({"stages": [one.as_dict() for one in self.stages]} if self.stages else {}),
            **({"points": points} if points else {}),
            "signature": self.signature,
        }


@dataclass(frozen=True, slots=True)
class RunScore:
    """The scores of every candidate of a run."""

    run_id: str
    golden_set: GoldenFacts
    candidates: Mapping[str, CandidateScore]
    names: Mapping[str, str] = field(default_factory=dict)
    """Category -> its name, where the policy gives one."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return {
            "run_id": self.run_id,
            "golden_set": self.golden_set.as_dict(),
            "candidates": {name: score.as_dict() for name, score in self.candidates.items()},
        }


def score_run(
    run: Run, *, with_slices: bool = True, points: Sequence[str] = (), candidates: Sequence[str] = ()
) -> RunScore:
    """Score candidates of a run (none named: all); ``points`` are metrics at operating points, beside the gate's."""
    chosen = [name for name in run.candidates if not candidates or name in candidates]
    scores = {name: score_candidate(run, name, with_slices=with_slices, points=points) for name in chosen}
    return RunScore(run.meta.run_id, golden_facts(run), scores, run.meta.policy.names_of(run.categories))


def score_candidate(
    run: Run, candidate: str, *, with_slices: bool = True, points: Sequence[str] = ()
) -> CandidateScore:
    """Score one candidate of a run."""
    rows = run.candidate(candidate)
    read = decisions(run, candidate)
    outcomes = outcome_counts(rows)
    return CandidateScore(
        outcomes=outcomes,
        on_failure=on_failure_of(run, candidate),
        failure_rate=_failure_rate(rows),
        n_fallback=read.n_fallback,
        categories=_categories(run, candidate, read),
        any_violation=any_violation(run, read),
        macro=_averages(macro_average, read, run.clusters),
        micro=_averages(micro_average, read, run.clusters),
        slices=slice_scores(run, read) if with_slices else {},
        latency_ms=latency_percentiles(rows),
        tokens={name: int(values.sum()) for name, values in rows.tokens.items()},
        cost_usd=rows.total_cost_usd,
        signature=signature_of(run, candidate),
        money=money_of(rows, read),
        people=people_of(read, run.categories, run.clusters),
        stages=stages_of(run, candidate, rows, read),
        points=point_scores(run, candidate, point_metrics(run, points)),
    )


def category_scores(run: Run, candidate: str) -> Mapping[str, CategoryScore]:
    """Each category with every item counted once, whatever its weight: to stand beside numbers that use no weights."""
    return _categories(run, candidate, replace(decisions(run, candidate), weights=None))


def _failed(rows: CandidateRows) -> NDArray[np.bool_]:
    return np.isin(rows.outcomes, [outcome_code(one) for one in FALLBACK_OUTCOMES])


def _failure_rate(rows: CandidateRows) -> MetricResult:
    """Share of answered rows without a usable decision; repeats are averaged within the item."""
    n_repeats = rows.outcomes.shape[1]
    failed = _failed(rows)
    answered = np.isin(rows.outcomes, [outcome_code(one) for one in ANSWERED_OUTCOMES])
    n_excluded = int(np.isin(rows.outcomes, [outcome_code("error"), outcome_code(NOT_ASKED)]).sum())
    if n_repeats == 1:
        return failure_rate(int(failed.sum()), int(answered.sum()), n_excluded=n_excluded)
    codes = np.where(answered, failed, MISSING).astype(np.int8)
    if not answered.any():
        return failure_rate(0, 0, n_excluded=n_excluded)
    share = repeated_metric("recall", np.ones(len(codes), dtype=np.int8), codes)
    return replace(share, n=round(share.n / n_repeats), n_excluded=round(n_excluded / n_repeats))


def _categories(run: Run, candidate: str, read: Decisions) -> dict[str, CategoryScore]:
    others: dict[FailureReading, Decisions] = {}
    if read.n_fallback:
        others = {reading: read.under(reading) for reading in FAILURE_READINGS}
    return {name: _category(run, candidate, name, column, read, others) for column, name in enumerate(run.categories)}


def _category(
    run: Run, candidate: str, name: str, column: int, read: Decisions, others: Mapping[FailureReading, Decisions]
) -> CategoryScore:
    if not read.is_covered[column]:
        has_answer = read.is_covered.any() or not _failed(run.candidate(candidate)).any()
        undefined = MetricResult.undefined(NOT_COVERED if has_answer else NO_ANSWER, n_excluded=len(run.item_ids))
        return CategoryScore(0, 0, 0, 0, dict.fromkeys(CATEGORY_METRICS, undefined), {})
    score = _count(read, column, CATEGORY_METRICS, run.clusters)
    metrics = {**score.metrics, **_ranking(read, column, run.clusters)}
    prevalence = run.prevalence(name)
    if prevalence is not None:
        metrics["precision_at_prevalence"] = _at_prevalence(score, prevalence, generator(run.meta.seed, f"{name}|pi"))
    if read.y_pred.shape[1] > 1:
        metrics["flip_rate"] = flip_rate(read.y_pred[:, :, column])
    sensitivity: dict[str, Mapping[str, MetricResult]] = {
        policy: _count(other, column, SENSITIVITY_METRICS, run.clusters).metrics for policy, other in others.items()
    }
    return replace(score, metrics=metrics, sensitivity=sensitivity)


def _count(read: Decisions, column: int, names: tuple[str, ...], clusters: NDArray[np.int64] | None) -> CategoryScore:
    """Counts and metrics of one column; repeats are averaged within the item, so n counts items and not calls."""
    y_true, y_pred = read.y_true[:, column], read.y_pred[:, :, column]
    n_repeats = y_pred.shape[1]
    gold = np.repeat(y_true[:, None], n_repeats, axis=1)
    counts = confusion_counts(gold.reshape(-1, 1), y_pred.reshape(-1, 1)).category(0)
    tp, fp, fn, tn = (_plain(value / n_repeats) for value in counts)
    metrics = {
        name: repeated_metric(name, y_true, y_pred, clusters=clusters, sample_weight=read.weights) for name in names
    }
    if n_repeats > 1:
        metrics = {
            name: replace(one, n=round(one.n / n_repeats), n_excluded=round(one.n_excluded / n_repeats))
            for name, one in metrics.items()
        }
    return CategoryScore(tp, fp, fn, tn, metrics, {})


def _ranking(read: Decisions, column: int, clusters: NDArray[np.int64] | None) -> dict[str, MetricResult]:
    """How well the scores rank and how well they are calibrated; repeats are averaged within the item first."""
    y_score = read.item_scores(column)
    if np.isnan(y_score).all():
        return {}
    y_true = read.y_true[:, column]
    found = {
        "average_precision": average_precision(y_true, y_score, clusters=clusters),
        "auroc": auroc(y_true, y_score, clusters=clusters),
        RECALL_AT: recall_at_precision(y_true, y_score, 0.90),
    }
    if np.nanmin(y_score) >= 0 and np.nanmax(y_score) <= 1:
        found["brier"] = brier_score(y_true, y_score, clusters=clusters)
    return found


def _at_prevalence(score: CategoryScore, stated: Prevalence, rng: np.random.Generator) -> MetricResult:
    interval = None if stated.low is None or stated.high is None else Interval(stated.low, stated.high)
    return precision_at_prevalence(
        score.tp, score.fp, score.fn, score.tn, prevalence=stated.value, prevalence_interval=interval, rng=rng
    )


def _averages(
    average: Callable[..., MetricResult], read: Decisions, groups: NDArray[np.int64] | None
) -> dict[str, MetricResult]:
    n_items, n_repeats, n_categories = read.y_pred.shape
    y_true = np.repeat(read.y_true, n_repeats, axis=0)
    y_pred = read.y_pred.reshape(n_items * n_repeats, n_categories)
    clusters = groups if groups is not None or n_repeats == 1 else np.arange(n_items)
    by_row = None if clusters is None else np.repeat(clusters, n_repeats)
    weights = None if read.weights is None else np.repeat(read.weights, n_repeats)
    results = {
        metric: average(y_true, y_pred, metric=metric, clusters=by_row, sample_weight=weights)
        for metric in AVERAGED_METRICS
    }
    return {metric: one.per_item(n_repeats) for metric, one in results.items()}


def any_violation(run: Run, read: Decisions, members: NDArray[np.int64] | None = None) -> CategoryScore:
    """Violating in any category that the candidate decides; gold with an unknown label is 1 or unknown, never 0.

    ``members`` are positions of the items to look at; all when None.
    """
    covered = read.is_covered
    at = slice(None) if members is None else members
    clusters = run.clusters if run.clusters is None else run.clusters[at]
    y_true, y_pred = _any(read.y_true[at][:, covered], axis=1), _any(read.y_pred[at][:, :, covered], axis=2)
    has_failed: NDArray[np.bool_] = np.any(read.has_failed[at], axis=2, keepdims=True)
    no_score = np.full((*y_pred.shape, 1), np.nan)
    weights = None if read.weights is None else read.weights[at]
    single = Decisions(y_true[:, None], y_pred[:, :, None], no_score, np.ones(1, dtype=bool), has_failed, weights)
    return _count(single, 0, CATEGORY_METRICS, clusters)


def _any(labels: NDArray[np.int8], axis: int) -> NDArray[np.int8]:
    has_positive = (labels == 1).any(axis=axis)
    is_unknown = (labels == MISSING).any(axis=axis) | (labels.shape[axis] == 0)
    return np.where(has_positive, 1, np.where(is_unknown, MISSING, 0)).astype(np.int8)


def slice_scores(run: Run, read: Decisions) -> SliceScores:
    """Slice -> value -> category -> counts and metrics of one candidate's decisions, of the categories it decides."""
    found: dict[str, dict[str, dict[str, CategoryScore]]] = {}
    for name, values in run.slices.items():
        found[name] = {}
        for value, members in sorted(values.items()):
            part = replace(
                read,
                y_true=read.y_true[members],
                y_pred=read.y_pred[members],
                y_score=read.y_score[members],
                has_failed=read.has_failed[members],
                weights=None if read.weights is None else read.weights[members],
            )
            clusters = None if run.clusters is None else run.clusters[members]
            found[name][value] = {
                category: _count(part, column, SLICE_METRICS, clusters)
                for column, category in enumerate(run.categories)
                if read.is_covered[column]
            }
    return found


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
