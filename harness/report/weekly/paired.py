"""A candidate against itself in the run before, item by item.

Decides which paired differences count as movements: proven after Holm, worth 2 points, and with an interval that leaves
out 0. Falls of past weeks are kept beside the summaries, so that no pair of runs is read twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.paired import PairedResult
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.gating.findings.memory import PairedFall
from harness.gating.findings.pair import SAME_WITHIN, is_better
from harness.measure.comparable import require_same
from harness.measure.compare import Comparison, compare
from harness.report.weekly.data import METRIC_NAMES
from harness.runs import Run

PROVEN = 0.05


@dataclass(frozen=True, slots=True)
class Fall:
    """A proven fall between two runs."""

    category: str
    metric: str
    before: MetricResult
    after: MetricResult

    def in_week(self, week: str) -> PairedFall:
        """The fall of a week."""
        return PairedFall(week, self.category, self.metric, self.before, self.after)


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


def falls_between(before: Run, run: Run, candidate: str) -> tuple[Fall, ...]:
    """Proven falls from one run to the next, ready to be kept."""
    compared = against_itself(before, run, candidate)
    if compared is None:
        return ()
    return tuple(
        Fall(category, metric, result.baseline, result.candidate)
        for category, metric, result, _ in proven_moves(compared)
        if not is_better(metric, result.difference.value)
    )
