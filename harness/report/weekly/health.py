"""The golden set's health: size, age, agreement of annotators, and what it can prove.

Decides which figures describe a golden set; the planning formulas are in ``core.planning``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.agreement import krippendorff_alpha
from harness.core.planning import recall_items_needed, smallest_provable_margin
from harness.core.results import MetricResult
from harness.files.golden.sets import GoldenSet
from harness.gating.log import log_path
from harness.measure.decisions import decisions, generator
from harness.records import MISSING
from harness.report.weekly.data import GoldRow
from harness.runs import Run

PLANNED_DISCORDANCE = 0.05
LARGEST_MARGIN = 0.5


def gold_rows(
    run: Run, gold: Mapping[str, Sequence[int]], names: Mapping[str, str], alphas: Mapping[str, MetricResult]
) -> tuple[GoldRow, ...]:
    """Per category: labels, the smallest provable margin, and what the gate's margin would need."""
    margins = recall_margins(run)
    rows = []
    for category in run.categories:
        n_violating, n_not, n_unknown = gold[category]
        wanted = margins.get(category)
        needed = None if wanted is None else _needed(wanted)
        rows.append(
            GoldRow(
                category,
                names.get(category, category),
                n_violating,
                n_not,
                n_unknown,
                provable_margin(n_violating),
                wanted,
                None if needed is None else max(0, needed - n_violating),
                alphas.get(category),
            )
        )
    return tuple(rows)


@cache
def provable_margin(n_violating: int) -> float | None:
    """Smallest recall margin these items can prove at 80% power; None when there is none below 50 points."""
    if n_violating == 0:
        return None
    margin = smallest_provable_margin(n_violating, PLANNED_DISCORDANCE)
    return None if math.isnan(margin) or margin > LARGEST_MARGIN else margin


@cache
def _needed(margin: float) -> int | None:
    return recall_items_needed(margin, PLANNED_DISCORDANCE)


def recall_margins(run: Run) -> dict[str, float]:
    """The gate's recall margin per category; later lines override earlier ones."""
    found: dict[str, float] = {}
    for check in (run.meta.eval.get("gate") or {}).get("checks") or ():
        if check.get("metric") != "recall" or check.get("margin") is None or check.get("tier") == "watch":
            continue
        chosen = run.categories if check["category"] == "*" else [check["category"]]
        found.update(dict.fromkeys(chosen, float(check["margin"])))
    return found


def n_all_disagree(run: Run) -> int:
    """Items with a label that every candidate which decides (two at least) contradicts."""
    n_deciding = np.zeros(run.y_true.shape, dtype=np.int16)
    n_against = np.zeros(run.y_true.shape, dtype=np.int16)
    for candidate in run.candidates:
        y_pred = decisions(run, candidate).y_pred[:, 0, :]
        is_decided = (y_pred != MISSING) & (run.y_true != MISSING)
        n_deciding += is_decided
        n_against += is_decided & (y_pred != run.y_true)
    return int(((n_deciding >= 2) & (n_against == n_deciding)).any(axis=1).sum())


def agreement_of(golden: GoldenSet) -> dict[str, Any]:
    """Krippendorff's alpha per category where items carry votes, as plain data; empty without votes."""
    column_of = {name: column for column, name in enumerate(golden.categories)}
    rename = golden.card.rename
    annotators: dict[str, int] = {}
    cells: list[tuple[int, int, int, int]] = []
    for index, item in enumerate(golden.items()):
        for vote in item.votes:
            who = annotators.setdefault(str(vote.get("annotator")), len(annotators))
            given = {rename.get(name, name): value for name, value in (vote.get("labels") or {}).items()}
            for name, column in column_of.items():
                value = given.get(name, 0)  # a category that a vote leaves out is a 0; null is no vote
                cells.append((index, who, column, MISSING if value is None else int(value)))
    if not cells:
        return {}
    found = {}
    table = np.asarray(cells, dtype=np.int64)
    for name, column in column_of.items():
        votes = np.full((len(golden), len(annotators)), MISSING, dtype=np.int8)
        mine = table[table[:, 2] == column]
        votes[mine[:, 0], mine[:, 1]] = mine[:, 3]
        found[name] = krippendorff_alpha(votes, rng=generator(0, f"{name}|alpha"), n_resamples=500).as_dict()
    return found


def n_gated(card: Path | None, sha256: str) -> int | None:
    """How many distinct candidates were gated on this golden set; None when the log is not at hand."""
    if card is None or not log_path(card).is_file():
        return None
    seen = set()
    for line in log_path(card).read_bytes().split(b"\n"):
        try:
            entry = json.loads(line) if line.strip() else None
        except ValueError:
            entry = None
        if isinstance(entry, dict) and entry.get("golden_set") in (None, sha256) and "signature" in entry:
            seen.add(str(entry["signature"]))
    return len(seen)
