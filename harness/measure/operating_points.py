"""Thresholds of a stored candidate: chosen on the dev part of its run, read on the gate part.

Decides which data a threshold may be chosen on. A run without a split has only one part: what the choice gives there is
read on the same items, and every surface says so. Weights of items are used neither here nor in
what it was before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.operating_points import Goal, operating_point
from harness.core.results import MetricResult
from harness.core.thresholds import ThresholdRow, certified_threshold, threshold_table
from harness.errors import HarnessError
from harness.measure.decisions import decisions
from harness.measure.score import category_scores
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """The threshold of one category.

    Attributes:
        category: The category.
        goal: What it was chosen for.
        threshold: Flag ``score >= threshold``; NaN when there is none.
        reason: Why there is none, or what is promised of it.
        chosen_on: Counts and metrics on the items it was chosen on.
        read_on: The same on the items it is judged by; None without a split.
        before: The candidate as it decided, on the items it is judged by.
        n_tied: Items with exactly this score where it was chosen.
    """

    category: str
    goal: Goal
    threshold: float
    reason: str | None
    chosen_on: ThresholdRow | None
    read_on: ThresholdRow | None
    before: Mapping[str, MetricResult]
    n_tied: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "category": self.category,
            "goal": {"kind": self.goal.kind, "value": self.goal.value},
            "threshold": None if not math.isfinite(self.threshold) else self.threshold,
            "flags_nothing": self.threshold == math.inf,
            "reason": self.reason,
            "n_tied": self.n_tied,
            "dev": _plain(self.chosen_on),
            "gate": _plain(self.read_on),
            "before": {name: one.as_dict() for name, one in self.before.items()},
        }


def choose_thresholds(
    run: Run, candidate: str, goals: Mapping[str, Goal], *, delta: float | None = None
) -> list[ChosenThreshold]:
    """Choose the threshold of each category.

    Args:
        run: A stored run; with a split its dev part chooses and its gate part judges.
        candidate: A candidate that gives scores.
        goals: Category -> goal. The volume of a goal is a share of the labelled items.
        delta: Promise the recall of each recall goal on new data, wrong with at most this chance for all of them
            together (Learn then Test); None only looks for the best point.

    Raises:
        HarnessError: The candidate gives no scores.
    """
    has_split = run.part != "all"
    dev, gate = (run.of_part("dev"), run.of_part("gate")) if has_split else (run, run)
    dev_scores, gate_scores = scores_of(dev, candidate), scores_of(gate, candidate)
    require_scores(run, candidate, dev_scores, goals)
    n_promised = sum(goal.kind == "recall" for goal in goals.values())
    before = category_scores(gate, candidate)
    found = []
    for category, goal in goals.items():
        y_true, y_score = dev_scores[category]
        n_tied, reason = 0, None
        if delta is not None and goal.kind == "recall":
            promise = certified_threshold(
                y_true, y_score, min_recall=goal.value, delta=delta, n_categories=max(1, n_promised)
            )
            threshold, reason = promise.value, promise.reason
            if reason is not None:
                reason = f"{reason}: {promise.n_positives} violating items, {promise.n_needed} are needed"
        else:
            point = operating_point(y_true, y_score, goal)
            threshold, reason, n_tied = point.threshold, point.reason, point.n_tied
        rows: list[ThresholdRow | None] = [None, None]
        if not math.isnan(threshold):
            rows = [threshold_table(y_true, y_score, [threshold])[0], None]
            if has_split:
                rows[1] = threshold_table(*gate_scores[category], [threshold])[0]
        found.append(
            ChosenThreshold(
                category, goal, threshold, reason, rows[0], rows[1], _shown(before[category].metrics), n_tied
            )
        )
    return found


def scores_of(run: Run, candidate: str) -> dict[str, tuple[NDArray[np.int8], NDArray[np.float64]]]:
    """Category -> gold and score of each item; repeats are averaged within the item."""
    read = decisions(run, candidate)
    return {name: (read.y_true[:, at], read.item_scores(at)) for at, name in enumerate(run.categories)}


def require_scores(
    run: Run, candidate: str, scores: Mapping[str, tuple[Any, NDArray[np.float64]]], categories: Iterable[str]
) -> None:
    """Refuse a candidate that gives no score in any of the categories."""
    if all(np.isnan(scores[name][1]).all() for name in categories):
        raise HarnessError(
            f"candidate '{candidate}' of run {run.meta.run_id} has no scores",
            allowed="a candidate with scores: log probabilities, a JSON answer with scores, a classifier, /moderations",
            next_step="ask for logprobs in models.yaml, or choose another candidate",
        )


def flag_share(run: Run, candidate: str, category: str) -> float:
    """Share of the labelled items that a candidate flags, for the same volume with another one."""
    dev = run.of_part("dev") if run.part != "all" else run
    read = decisions(dev, candidate)
    at = list(dev.categories).index(category)
    known = (read.y_true[:, at] >= 0)[:, None] & (read.y_pred[:, :, at] >= 0)
    return float((read.y_pred[:, :, at] == 1)[known].mean()) if known.any() else math.nan


def with_prevalence(goal: Goal, run: Run, category: str) -> Goal:
    """A cost goal under the policy's prevalence, where it states one."""
    stated = run.prevalence(category)
    return goal if goal.kind != "cost" or stated is None else replace(goal, prevalence=stated.value)


def _shown(metrics: Mapping[str, MetricResult]) -> dict[str, MetricResult]:
    return {name: metrics[name] for name in ("recall", "precision", "fpr") if name in metrics}


def _plain(row: ThresholdRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        **{name: getattr(row, name) for name in ("tp", "fp", "fn", "tn")},
        **{name: getattr(row, name).as_dict() for name in ("recall", "precision", "f1")},
    }
