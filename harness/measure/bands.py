"""Bands of a stored candidate: pass, a person, remove; chosen on the dev part of its run, read on the gate part.

Decides which items a promise may rest on. Items of one group are no independent evidence: of each group one item, drawn
with the run's seed, stands for it. Weights of items are not used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.core.bands import (
    N_PROMISES,
    BandGoal,
    BandReading,
    Edge,
    joined_edges,
    pass_edge,
    read_bands,
    remove_edge,
)
from harness.core.results import MetricResult
from harness.measure.decisions import generator
from harness.measure.operating_points import GROUPED, is_grouped, one_of_each, require_scores, scores_of
from harness.measure.people import share_of
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class ChosenBands:
    """The bands of one category.

    Attributes:
        below: Pass ``score < below``; minus infinity passes nothing.
        above: Remove ``score >= above``; infinite removes nothing.
        short: Per promise that could not be certified: its kind, its band (``passed``, ``removed``), the items it had,
            and those it needs at least.
        chosen_on: What the bands do to the items they were chosen on.
        read_on: The same on the items they are judged by; None without a split.
    """

    category: str
    goals: tuple[BandGoal, ...]
    below: float
    above: float
    short: tuple[tuple[str, str, int, int], ...]
    chosen_on: BandReading
    read_on: BandReading | None

    @property
    def judged(self) -> BandReading:
        """What is to be shown: the gate part where there is one."""
        return self.chosen_on if self.read_on is None else self.read_on

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "category": self.category,
            "goals": [{"kind": one.kind, "value": one.value} for one in self.goals],
            "decide_below": None if not math.isfinite(self.below) else self.below,
            "decide_above": None if not math.isfinite(self.above) else self.above,
            "not_certified": [
                {"goal": kind, "band": side, "n": n, "n_needed": needed} for kind, side, n, needed in self.short
            ],
            "dev": _plain(self.chosen_on),
            "gate": None if self.read_on is None else _plain(self.read_on),
        }


@dataclass(frozen=True, slots=True)
class BandChoice:
    """The bands of all categories, and the share of the items that a person would look at."""

    categories: tuple[ChosenBands, ...]
    share: MetricResult
    notes: tuple[str, ...] = ()


def choose_bands(run: Run, candidate: str, goals: Mapping[str, Sequence[BandGoal]], *, delta: float) -> BandChoice:
    """Choose the bands of each category.

    Args:
        run: A stored run; with a split its dev part chooses and its gate part judges.
        candidate: A candidate that gives scores.
        goals: Category -> what is promised.
        delta: Chance that any of all promises fails on new data (Learn then Test).

    Raises:
        HarnessError: The candidate gives no scores.
    """
    has_split = run.part != "all"
    dev, gate = (run.of_part("dev"), run.of_part("gate")) if has_split else (run, run)
    dev_scores, gate_scores = scores_of(dev, candidate), scores_of(gate, candidate)
    require_scores(run, candidate, dev_scores, goals)
    n_promises = sum(N_PROMISES[one.kind] for wanted in goals.values() for one in wanted)
    found, to_person = [], np.zeros((len(gate.item_ids), 1), dtype=np.bool_)
    for category, wanted in goals.items():
        y_true, y_score = dev_scores[category]
        below: list[float] = []
        above: list[float] = []
        short: list[tuple[str, str, int, int]] = []
        for goal in wanted:
            relevant = {"missed": y_true == 1, "overblocked": y_true == 0}.get(goal.kind, y_true >= 0)
            rng = generator(run.meta.seed, f"{category}|{goal.kind}|bands")
            gold = one_of_each(np.where(relevant, y_true, -1), y_score, dev.clusters, rng)
            sides = (pass_edge, below, "passed"), (remove_edge, above, "removed")
            for edge_of, values, side in sides:
                edge: Edge | None = edge_of(gold, y_score, goal, delta=delta, n_promises=n_promises)
                if edge is None:
                    continue
                values.append(edge.value)
                if _is_empty(edge.value, side):
                    short.append((goal.kind, side, edge.n, edge.n_needed))
        low, high = joined_edges(y_true, y_score, below, above)
        read = read_bands(*gate_scores[category], low, high)
        found.append(
            ChosenBands(
                category,
                tuple(wanted),
                low,
                high,
                tuple(short),
                read_bands(y_true, y_score, low, high),
                read if has_split else None,
            )
        )
        score = gate_scores[category][1]
        to_person[:, 0] |= np.isnan(score) | ((score >= low) & (score < high))
    share = share_of(to_person, np.ones_like(to_person), gate.clusters, None)
    return BandChoice(tuple(found), share, (GROUPED,) if is_grouped(dev) else ())


def _is_empty(value: float, side: str) -> bool:
    return value == (-math.inf if side == "passed" else math.inf)


def _plain(read: BandReading) -> dict[str, Any]:
    counts = {name: getattr(read, name) for name in ("n", "passed", "removed", "to_person")}
    return {**counts, **{name: getattr(read, name).as_dict() for name in ("missed", "overblocked", "error", "share")}}
