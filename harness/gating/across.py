"""What a change of golden set or policy did, and what the candidate did.

Splits a change across versions: old and new candidate on old
and new gold, over the items both runs were asked with the same text. Old gold to new gold with the old candidate is the
label change; old candidate to new candidate on the new gold is the candidate change; they add up to the whole.
"""

from __future__ import annotations

import numpy as np

from harness.core.arrays import Array, Codes, Floats, Ints
from harness.core.clusters import clustered_metric
from harness.core.results import MetricResult
from harness.gating.gate_report import Across, Split
from harness.measure.comparable import differences
from harness.measure.decisions import decisions
from harness.measure.weighted import weights_of
from harness.records import MISSING
from harness.runs import StoredCandidate

SPLIT_METRICS = ("recall", "precision", "fpr")


def split_change(baseline: StoredCandidate, candidate: StoredCandidate, positions: tuple[Ints, Ints]) -> Across:
    """The four cells per category and metric, over the shared items."""
    at_old, at_new = positions
    old, new = baseline.run, candidate.run
    old_pred, new_pred = decisions(*baseline).y_pred[at_old], decisions(*candidate).y_pred[at_new]
    groups = None if new.clusters is None else new.clusters[at_new]
    weights = None if (every := weights_of(new)) is None else every[at_new]
    splits = []
    for column, category in enumerate(new.categories):
        if category not in old.categories:
            continue
        before = list(old.categories).index(category)
        golds = {"old": old.y_true[at_old, before], "new": new.y_true[at_new, column]}
        preds = {"old": old_pred[:, :, before], "new": new_pred[:, :, column]}
        if (preds["old"] == MISSING).all() or (preds["new"] == MISSING).all():
            continue
        for metric in SPLIT_METRICS:
            cells = {
                f"{who}_on_{gold}": item_metric(metric, golds[gold], preds[who], groups, weights)
                for who in ("old", "new")
                for gold in ("old", "new")
            }
            splits.append(Split(category, new.meta.policy.category_name(category), metric, **cells))
    return Across(differences(old, new), len(at_new), tuple(splits))


def item_metric(
    metric: str, y_true: Codes, y_pred: Codes, groups: Ints | None, weights: Floats | None = None
) -> MetricResult:
    """A metric of one category with repeats averaged within the item; n counts items."""
    n_items, k = y_pred.shape
    clusters = groups if groups is not None else (np.arange(n_items) if k > 1 else None)

    def by_row(one: Array | None) -> Array | None:
        return None if one is None else np.repeat(one, k)

    rows = (np.repeat(y_true, k), y_pred.ravel(), by_row(clusters))
    return clustered_metric(metric, *rows, sample_weight=by_row(weights)).per_item(k)
