"""Decisions of a stored candidate at an operating point, such as recall where precision is held at 90%.

Decides on which items a threshold is chosen: on the dev part of the eval's split, so that what is read on the gate part
had no say in it. Without a split every item is decided by a threshold chosen on the other four fifths of the items, by
groups (cross-fitting); that is for reading, and no gate asks for it. Items of one score are flagged together. What has
no score keeps its decision, and what failed its fallback.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.core.metric_table import gate_metrics_words
from harness.core.operating_metrics import OperatingMetric, operating_metric
from harness.core.operating_points import Goal, operating_point
from harness.core.point_choice import Drawn, counts_at, drawn_thresholds, with_choice
from harness.core.repeats import repeated_metric
from harness.core.results import MetricResult, number_or_none
from harness.errors import HarnessError
from harness.measure.decisions import Decisions, decisions, generator
from harness.records import MISSING
from harness.runs import Run

N_FOLDS = 5
NO_SCORES = "gives no scores here"
NO_DEV_ITEMS = "the run holds no items of the dev part"
ChosenOn = Literal["dev", "folds"]


@dataclass(frozen=True, slots=True)
class PointChoice:
    """The threshold of one category at an operating point.

    Attributes:
        chosen_on: ``dev``: the dev part. ``folds``: for each fifth of the items the four others.
        thresholds: Flag ``score >= threshold``; one, or one for each fifth; infinite flags nothing.
        n_positives: Violating items it was chosen on; of fifths the smallest number.
        n_tied: Most items of exactly that score where it was chosen: they are flagged together or not at all.
        n_reached: Labelled items it was chosen on that score as high or higher; of fifths the smallest number.
        unreached: Share of redraws of the dev items in which no threshold reaches it; NaN without a dev part.
        reason: Why there is no operating point; None where there is one.
    """

    chosen_on: ChosenOn
    thresholds: tuple[float, ...] = ()
    n_positives: int = 0
    n_tied: int = 0
    n_reached: int = 0
    unreached: float = math.nan
    reason: str | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether there were scores to choose from, if only to flag nothing."""
        return bool(self.thresholds)

    @property
    def is_reached(self) -> bool:
        """Whether some threshold keeps what is held and flags anything."""
        return any(math.isfinite(one) for one in self.thresholds)

    def as_dict(self) -> dict[str, Any]:
        """Plain data; a threshold that flags nothing is null."""
        return {
            "chosen_on": self.chosen_on,
            "thresholds": [one if math.isfinite(one) else None for one in self.thresholds],
            "n_positives": self.n_positives,
            "n_tied": self.n_tied,
            "n_reached": self.n_reached,
            "unreached": number_or_none(self.unreached),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, eq=False)
class PointReading:
    """One candidate's decisions at an operating point: int8 (n_items, n_repeats, n_categories), and its thresholds."""

    metric: OperatingMetric
    y_pred: NDArray[np.int8]
    choices: Mapping[str, PointChoice]
    drawn: Mapping[str, Drawn] = field(default_factory=dict)
    """Category -> its counts at the thresholds that resampled dev items choose; none without a dev part or scores."""


def drawn_of(a: PointReading, b: PointReading, category: str) -> tuple[Drawn, Drawn] | None:
    """Baseline and candidate at their drawn thresholds, for comparisons and gates; one without scores adds nothing."""
    first, second = a.drawn.get(category), b.drawn.get(category)
    if first is None or second is None:
        alone = first or second
        return None if alone is None else (alone, alone)
    return first, second


@dataclass(frozen=True, slots=True)
class PointScore:
    """One candidate on one category at an operating point: what is measured there, and what of the held is kept."""

    metric: str
    value: MetricResult
    held: MetricResult
    choice: PointChoice

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return {**self.value.as_dict(), "held": self.held.as_dict(), **self.choice.as_dict(), "reason": self.reason}

    @property
    def reason(self) -> str | None:
        """Why there is no value, or what to know of it."""
        return self.choice.reason or self.value.reason


def point_metrics(run: Run, asked: Sequence[str] = ()) -> tuple[OperatingMetric, ...]:
    """The operating points to show: those that are asked for, and those of the eval's gate.

    Raises:
        HarnessError: One that is asked for is none.
    """
    gate = run.meta.eval.gate
    texts = [*asked, *(check.metric for check in (gate.checks if gate is not None else ()) if "@" in check.metric)]
    found = {text: operating_metric(text) for text in texts}
    wrong = next((text for text, one in found.items() if one is None), None)
    if wrong is not None:
        raise HarnessError(
            f"'{wrong}' is no metric at an operating point",
            allowed=gate_metrics_words().partition("; ")[2],
            next_step="write for example recall@precision=0.9",
        )
    return tuple({one.name: one for one in found.values() if one is not None}.values())


def read_points(run: Run, candidate: str, metrics: Sequence[OperatingMetric]) -> dict[str, PointReading]:
    """Metric -> what the candidate decides at its operating point."""
    if not metrics:
        return {}
    read = decisions(run, candidate)
    dev = _dev_part(run)
    chosen: Decisions | None = read if dev is None else decisions(dev, candidate) if _has_items(dev) else None
    folds = np.zeros(len(run.item_ids), dtype=np.int64) if dev is not None else _folds(run)
    groups = None if dev is None or chosen is None else dev.clusters
    return {one.name: _reading(run, one, read, chosen, folds, groups, is_dev=dev is not None) for one in metrics}


def point_scores(run: Run, candidate: str, metrics: Sequence[OperatingMetric]) -> dict[str, tuple[PointScore, ...]]:
    """Category -> its scores at each operating point, with 95% intervals of the items that are read."""
    readings = read_points(run, candidate, metrics)
    weights = decisions(run, candidate).weights if readings else None
    found: dict[str, tuple[PointScore, ...]] = {}
    for column, name in enumerate(run.categories if readings else ()):
        scores = []
        for one in readings.values():
            value, held = (
                _measured(metric, run, one.y_pred[:, :, column], column, weights)
                for metric in (one.metric.measured, one.metric.held)
            )
            choice = one.choices[name]
            if name in one.drawn:
                value = with_choice(value, one.metric.measured, one.drawn[name])
            if not choice.is_chosen:
                value = held = MetricResult.undefined(str(choice.reason), n_excluded=len(run.item_ids))
            scores.append(PointScore(one.metric.name, value, held, choice))
        found[name] = tuple(scores)
    return found


def _measured(
    metric: str, run: Run, y_pred: NDArray[np.int8], column: int, weights: NDArray[np.float64] | None
) -> MetricResult:
    found = repeated_metric(metric, run.y_true[:, column], y_pred, clusters=run.clusters, sample_weight=weights)
    return found.per_item(y_pred.shape[1])


def _dev_part(run: Run) -> Run | None:
    """The dev part that thresholds are chosen on, whatever items of the gate part are looked at; None without one."""
    return run.whole_part("dev") if run.part == "gate" else None


def _has_items(run: Run) -> bool:
    try:
        return bool(run.item_ids)
    except HarnessError:  # a run of gate items alone
        return False


def _folds(run: Run) -> NDArray[np.int64]:
    """Fold of each item, by a hash of the seed and its group: neither order nor size of the set moves an item."""
    start = f"folds {run.meta.seed}\n"
    known: dict[str, int] = {}
    found = []
    for item_id, group in zip(run.item_ids, run.groups, strict=True):
        key = f"item\n{item_id}" if group is None else f"group\n{group}"
        if key not in known:
            digest = hashlib.sha256((start + key).encode("utf-8", "surrogatepass")).digest()
            known[key] = int.from_bytes(digest[:8], "big") % N_FOLDS
        found.append(known[key])
    return np.asarray(found, dtype=np.int64)


def _usable(read: Decisions) -> NDArray[np.float64]:
    """Scores that a threshold may decide by: not of what failed, nor of what a person decides."""
    unusable = read.has_failed if read.to_person is None else read.has_failed | read.to_person
    return np.where(unusable, np.nan, read.y_score)


def _reading(
    run: Run,
    metric: OperatingMetric,
    read: Decisions,
    chosen: Decisions | None,
    folds: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    *,
    is_dev: bool,
) -> PointReading:
    scores, y_pred = _usable(read), read.y_pred.copy()
    choices = {}
    drawn = {}
    chosen_on: ChosenOn = "dev" if is_dev else "folds"
    for column, name in enumerate(run.categories):
        if chosen is None:
            choices[name] = PointChoice(chosen_on, reason=NO_DEV_ITEMS)
            y_pred[:, :, column] = MISSING
            continue
        if np.isnan(scores[:, :, column]).all() or np.isnan(_usable(chosen)[:, :, column]).all():
            choices[name] = PointChoice(chosen_on, reason=NO_SCORES)
            y_pred[:, :, column] = MISSING
            continue
        parts = []
        for fold in np.unique(folds).tolist():
            inside = folds == fold
            part = _chosen(chosen, column, metric, None if is_dev else ~inside)
            parts.append(part)
            score = scores[inside, :, column]
            flagged = (score >= part.thresholds[0]).astype(np.int8)
            y_pred[inside, :, column] = np.where(np.isnan(score), y_pred[inside, :, column], flagged)
        reached = [one for one in parts if one.is_reached]
        unreached = math.nan
        if is_dev:  # also where no threshold is reached: other dev items may reach one
            drawn[name], unreached = _drawn(run, metric, read, chosen, column, groups)
        choices[name] = PointChoice(
            chosen_on,
            tuple(one.thresholds[0] for one in parts),
            min(one.n_positives for one in parts),
            max(one.n_tied for one in parts),
            min(one.n_reached for one in parts),
            unreached,
            None if reached else _unreached(metric, read, scores, column),
        )
    return PointReading(metric, y_pred, choices, drawn)


def _unreached(metric: OperatingMetric, read: Decisions, scores: NDArray[np.float64], column: int) -> str:
    """That no threshold will do; what has no score keeps its decision, which may flag."""
    unscored = np.isnan(scores[:, :, column])
    n_flagged = int(np.count_nonzero((unscored & (read.y_pred[:, :, column] == 1)).any(axis=1)))
    what = f"no score is, {n_flagged:,} items without a usable one stay flagged" if n_flagged else "nothing is flagged"
    return f"no threshold that flags anything keeps {metric.held_words}: {what}"


def _drawn(
    run: Run,
    metric: OperatingMetric,
    read: Decisions,
    chosen: Decisions,
    column: int,
    groups: NDArray[np.int64] | None,
) -> tuple[Drawn, float]:
    """The items that are read, at the thresholds that draws of the dev items choose, and the share that choose none.

    All candidates share the draws.
    """
    gold, score, weights = _rows(chosen, column)
    n_repeats = chosen.y_pred.shape[1]
    codes = np.arange(chosen.y_true.shape[0]) if groups is None else groups
    thresholds = drawn_thresholds(
        gold,
        score,
        Goal(metric.held, metric.value),
        clusters=None if groups is None and n_repeats == 1 else np.repeat(codes, n_repeats),
        sample_weight=weights,
        rng=generator(run.meta.seed, f"{metric.name}|choice"),
    )
    gold, score, weights = _rows(read, column)
    return counts_at(gold, score, thresholds, weights), float(np.isinf(thresholds).mean())


def _rows(
    read: Decisions, column: int, at: Any = slice(None)
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64] | None]:
    """Gold, score and weight of each call of one category."""
    score = _usable(read)[at, :, column]
    n_repeats = score.shape[1]
    weights = None if read.weights is None else np.repeat(read.weights[at], n_repeats)
    return np.repeat(read.y_true[at, column], n_repeats), score.ravel(), weights


def _chosen(read: Decisions, column: int, metric: OperatingMetric, kept: NDArray[np.bool_] | None) -> PointChoice:
    """The threshold that some items give; a call is one vote each where items were asked several times."""
    at: Any = slice(None) if kept is None else kept
    gold, score, weights = _rows(read, column, at)
    point = operating_point(gold, score, Goal(metric.held, metric.value), sample_weight=weights)
    value = number_or_none(point.threshold)
    threshold = math.inf if value is None else value
    truth, usable = read.y_true[at, column], _usable(read)[at, :, column]
    positives = int(((truth == 1) & ~np.isnan(usable).all(axis=1)).sum())
    n_reached = int(((truth >= 0) & (usable >= threshold).any(axis=1)).sum())
    return PointChoice("dev", (threshold,), positives, point.n_tied, n_reached)
