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
from harness.files.text import joined
from harness.measure.decisions import decisions, generator
from harness.measure.score import category_scores
from harness.measure.weighted import unweighted_notes
from harness.records import MISSING
from harness.runs import Run

GROUPED = (
    "items of one group hang together: of each group one item, drawn by the run's seed, stands for it in the promise"
)


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """The threshold of one category.

    Attributes:
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
            "goal": {"kind": self.goal.kind, "value": self.goal.value, **_costs(self.goal)},
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
            together (Learn then Test); None only looks for the best point. Items of one group are no independent
            evidence: of each group one violating item stands for it.

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
            rng = generator(run.meta.seed, f"{category}|recall|promise")
            gold = one_of_each(np.where(y_true == 1, y_true, -1), y_score, dev.clusters, rng)
            promise = certified_threshold(
                gold, y_score, min_recall=goal.value, delta=delta, n_categories=max(1, n_promised)
            )
            threshold, reason = promise.value, promise.reason
            if reason is not None:
                what = "groups with a violating item" if is_grouped(dev) else "violating items"
                reason = f"{reason}: {promise.n_positives} {what}, {promise.n_needed} are needed"
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


def one_of_each(
    y_true: NDArray[Any], y_score: NDArray[Any], clusters: NDArray[np.int64] | None, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Gold with all but one labelled and scored item of each cluster taken out; as it is without clusters."""
    gold = np.asarray(y_true, dtype=np.int8).copy()
    if clusters is None:
        return gold
    usable = np.flatnonzero((gold >= 0) & ~np.isnan(y_score))
    shuffled = rng.permutation(usable)
    _, first = np.unique(clusters[shuffled], return_index=True)
    dropped = np.setdiff1d(usable, shuffled[first])
    gold[dropped] = -1
    return gold


def is_grouped(run: Run) -> bool:
    """Whether items of the run share groups."""
    return run.clusters is not None and len(np.unique(run.clusters)) < len(run.item_ids)


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
            f"candidate '{candidate}' of run {run.meta.run_id} has no scores in {joined(categories)}",
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


TIES = "items of one score are flagged together: the point chosen lies on the safe side of its goal"


def threshold_notes(run: Run, candidate: str, goals: Mapping[str, Goal], delta: float | None) -> tuple[str, ...]:
    """What stands beside chosen thresholds."""
    notes = [TIES, *_unscored_notes(run, candidate, goals)]
    dev = run.of_part("dev") if run.part != "all" else run
    if delta is not None and any(goal.kind == "recall" for goal in goals.values()) and is_grouped(dev):
        notes.append(GROUPED)
    unstated = [name for name, goal in goals.items() if goal.kind == "cost" and goal.prevalence is None]
    if unstated:
        notes.append(
            f"the policy states no prevalence of {', '.join(unstated)}: costs are weighed at the set's own share"
        )
    return (*notes, *unweighted_notes(run))


def _unscored_notes(run: Run, candidate: str, goals: Mapping[str, Goal]) -> list[str]:
    """Where labelled items have a decision and no score: what is chosen and read is about the others alone."""
    notes = []
    is_decided = (decisions(run, candidate).y_pred != MISSING).any(axis=1)
    for at, (name, (y_true, scores)) in enumerate(scores_of(run, candidate).items()):
        is_counted = (y_true != MISSING) & is_decided[:, at]
        n_missing, n = int(np.count_nonzero(is_counted & np.isnan(scores))), int(np.count_nonzero(is_counted))
        if name in goals and 0 < n_missing < n:
            notes.append(
                f"{n_missing:,} of {n:,} decided items of {name} with a label have no score: the threshold is chosen "
                "and read on the others, and what it was before counts them all"
            )
    return notes


def _costs(goal: Goal) -> dict[str, float | None]:
    """What a cost goal adds in plain data."""
    return {} if goal.kind != "cost" else {"false_alarm": goal.false_alarm, "prevalence": goal.prevalence}


def _shown(metrics: Mapping[str, MetricResult]) -> dict[str, MetricResult]:
    return {name: metrics[name] for name in ("recall", "precision", "fpr") if name in metrics}


def _plain(row: ThresholdRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        **{name: getattr(row, name) for name in ("tp", "fp", "fn", "tn")},
        **{name: getattr(row, name).as_dict() for name in ("recall", "precision", "f1")},
    }
