"""A candidate against itself in the run before, item by item.

Decides which paired differences count as movements: proven after Holm, worth 2 points, and with an interval that leaves
out 0. Falls of past weeks are kept beside the summaries, so that no pair of runs is read twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from harness.core.paired import PairedResult
from harness.core.results import result_from
from harness.errors import HarnessError
from harness.gating.findings.memory import PairedFall
from harness.gating.findings.pair import SAME_WITHIN, is_better
from harness.measure.comparable import require_same
from harness.measure.compare import Comparison, compare
from harness.report.weekly.data import METRIC_NAMES
from harness.runs import Run

PROVEN = 0.05


def against_itself(before: Run, run: Run, candidate: str) -> Comparison | None:
    """The candidate against itself last time; None where the items differ."""
    try:
        require_same(before, run)
    except HarnessError:
        return None
    return compare(before, candidate, run, candidate, n_resamples=200)  # only tests of McNemar and WGS are read


def proven_moves(compared: Comparison) -> Iterator[tuple[str, str, PairedResult, float]]:
    """Category, metric, result and Holm's p of every difference that counts."""
    for category, one in compared.categories.items():
        for metric in METRIC_NAMES:
            p_holm = one.p_holm.get(metric, math.nan)
            if math.isnan(p_holm) or p_holm > PROVEN:
                continue
            result = one.metrics[metric]
            difference = result.difference
            if abs(difference.value) >= SAME_WITHIN and not difference.low <= 0 <= difference.high:
                yield category, metric, result, p_holm


def falls_between(before: Run, run: Run, candidate: str) -> list[dict[str, Any]]:
    """Proven falls from one run to the next as plain data, ready to be kept."""
    compared = against_itself(before, run, candidate)
    if compared is None:
        return []
    return [
        {
            "category": category,
            "metric": metric,
            "before": result.baseline.as_dict(),
            "after": result.candidate.as_dict(),
        }
        for category, metric, result, _ in proven_moves(compared)
        if not is_better(metric, result.difference.value)
    ]


def falls_from(week: str, plain: Sequence[dict[str, Any]]) -> list[PairedFall]:
    """The kept falls of a week."""
    found = []
    for one in plain:
        before, after = result_from(one["before"]), result_from(one["after"])
        if before is not None and after is not None:
            found.append(PairedFall(week, str(one["category"]), str(one["metric"]), before, after))
    return found
