"""Differences that no table of counts holds: macro averages over categories, and average precision of scores.

Decides which rows they rest on and how long they may take; the statistics are ``core``'s. For reading only: an average
hides the category that lost, so no gate asks for one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.core.averages import macro_average
from harness.core.averages_paired import macro_differences as paired_macros
from harness.core.paired import PairedResult
from harness.core.ranking import average_precision
from harness.core.ranking_paired import average_precision_paired
from harness.measure.decisions import decisions, generator
from harness.measure.pairs import Pairs
from harness.records import MISSING
from harness.runs import StoredCandidate

MOST_RESAMPLES, FEWEST_RESAMPLES = 1_000, 100
ROWS_DRAWN = 2_000_000
"""Rows that the resampling of one category may go through: with more items fewer resamples are drawn."""


def macro_differences(pairs: Pairs, names: Sequence[str], seed: int) -> dict[str, PairedResult]:
    """Macro recall, precision and F1 of both systems over the categories that both decide; empty for a single one."""
    if len(names) < 2:
        return {}
    columns = [pairs.categories.index(name) for name in names]
    arrays, k = pairs.arrays(), pairs.n_repeats
    gold, a, b = (np.asarray(one)[:, columns] for one in (arrays.y_true, arrays.a, arrays.b))
    is_paired = (a != MISSING) & (b != MISSING)
    a, b = np.where(is_paired, a, MISSING), np.where(is_paired, b, MISSING)
    found = {}
    compared = paired_macros(gold, a, b, rng=generator(seed, "macro"), clusters=arrays.clusters)
    for metric, (difference, p_value) in compared.items():
        before, after = (macro_average(gold, one, metric=metric, clusters=arrays.clusters) for one in (a, b))
        found[metric] = PairedResult(before.per_item(k), after.per_item(k), difference.per_item(k), p_value)
    return found


def ranking_differences(
    baseline: StoredCandidate, candidate: StoredCandidate, pairs: Pairs, seed: int
) -> dict[str, PairedResult]:
    """Average precision of both systems' scores per category, on the items that both scored (their first repeat)."""
    before, after = (decisions(*one) for one in (baseline, candidate))
    found = {}
    for column, name in enumerate(pairs.categories):
        at = baseline.run.categories.index(name) if name in baseline.run.categories else None
        if at is None:
            continue
        gold, a, b = pairs.y_true[:, column], before.y_score[:, 0, at], after.y_score[:, 0, column]
        is_scored = (gold != MISSING) & ~np.isnan(a) & ~np.isnan(b)
        n = int(is_scored.sum())
        if not n:
            continue
        n_resamples = min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, ROWS_DRAWN // n))
        difference, p_value = average_precision_paired(
            gold,
            a,
            b,
            rng=generator(seed, f"{name}|average_precision"),
            clusters=pairs.groups,
            n_resamples=n_resamples,
        )
        if math.isnan(p_value):
            continue
        a, b = np.where(is_scored, a, np.nan), np.where(is_scored, b, np.nan)
        one, other = (average_precision(gold, score, clusters=pairs.groups) for score in (a, b))
        found[name] = PairedResult(one, other, difference, p_value)
    return found
