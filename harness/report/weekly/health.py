"""The golden set's health: size, age, agreement of annotators, and what it can prove.

Decides which figures describe a golden set. What it can prove is ``gating.plan``'s, agreement ``goldens.agreement``'s.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.core.checks import CheckSpec
from harness.gating.checks import resolve_checks
from harness.gating.plan import provable_recall_margin, violating_items_needed
from harness.measure.decisions import all_against, decisions
from harness.records import MISSING
from harness.report.parts.disputes import Votes
from harness.report.weekly.data import GoldRow
from harness.runs import Run


def gold_rows(
    run: Run, gold: Mapping[str, tuple[int, int, int]], names: Mapping[str, str], votes: Votes
) -> tuple[GoldRow, ...]:
    """Per category: labels, the smallest provable margin, and what the gate's margin would need."""
    checks, alpha = recall_checks(run), run.meta.eval.alpha
    rows = []
    for category in run.categories:
        wanted = checks[category].limit if category in checks else None
        needed = None if wanted is None else violating_items_needed(wanted, alpha)
        n_violating, cast = gold[category][0], votes.of(category)
        rows.append(
            GoldRow(
                category,
                names.get(category, category),
                *gold[category],
                provable_recall_margin(n_violating, alpha),
                wanted,
                None if needed is None else max(0, needed - n_violating),
                None if cast is None else cast.alpha,
            )
        )
    return tuple(rows)


def recall_checks(run: Run) -> dict[str, CheckSpec]:
    """The check of the gate that asks for a margin of recall, per category; those that are only watched ask nothing."""
    lines = run.meta.eval.gate.checks if run.meta.eval.gate is not None else ()
    specs = resolve_checks(lines, run.categories, len(run.item_ids)) if lines else ()
    return {
        spec.category: spec
        for spec in specs
        if spec.metric == "recall" and spec.kind == "margin" and spec.tier != "watch"
    }


def contradicted(run: Run) -> tuple[str, ...]:
    """Items with a label that every candidate which decides (two at least) contradicts; a failed answer does not."""
    found = (decisions(run, candidate) for candidate in run.candidates)
    decided = (np.where(one.has_failed, MISSING, one.y_pred)[:, 0, :] for one in found)
    return tuple(run.item_ids[at] for at in np.flatnonzero(all_against(run.y_true, decided).any(axis=1)).tolist())
