"""This week's run beside the one before it: what changed, whether both may be compared, and the pair itself.

Decides when two weeks are comparable (the same labels) and takes a change of labels apart, into labels and candidate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.gating.across import split_change
from harness.measure.comparable import shared_positions
from harness.measure.compare import Comparison
from harness.report.weekly.changes import changes_between
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, Change, LabelSplit
from harness.report.weekly.items import Shared
from harness.report.weekly.paired import Pair, against_itself
from harness.runs import Run

SPLIT_SHOWN = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What the run before says of this week's.

    Attributes:
        week: Its week; None in the first one.
        pair: The candidate against itself; None where that cannot be told.
        shared: The run, the candidate, and where in both runs the shared items are; None without any.
    """

    week: str | None = None
    run: Run | None = None
    changes: tuple[Change, ...] = ()
    is_comparable: bool = True
    pair: Pair | None = None
    shared: Shared | None = None
    splits: tuple[LabelSplit, ...] = ()
    n_split: int = 0

    @property
    def paired(self) -> Comparison | None:
        """The comparison of the pair."""
        return None if self.pair is None else self.pair.compared

    @property
    def same_items(self) -> Run | None:
        """The run before, where it holds the same items and labels."""
        return None if self.pair is None or self.pair.n_shared is not None else self.run


def before_of(source: WeeklySource, names: Mapping[str, str]) -> Before:
    """The run before the reported one, and what lies between them."""
    if source.previous is None:
        return Before()
    run, candidate = source.run, source.candidate
    week, before = source.previous
    changes = changes_between(before, run, candidate)
    is_comparable = not any(one.kind == "golden_set" for one in changes)
    try:
        shared = (before, candidate, *shared_positions(before, run))
    except HarnessError:
        shared = None  # no item in common: nothing can be called new
    found = Before(week, before, changes, is_comparable, against_itself(before, run, candidate), shared)
    if is_comparable or shared is None:
        return found
    return replace(found, splits=_splits(run, shared, names), n_split=len(shared[2]))


def _splits(run: Run, shared: Shared, names: Mapping[str, str]) -> tuple[LabelSplit, ...]:
    before, candidate, *positions = shared
    across = split_change(before[candidate], run[candidate], (positions[0], positions[1]))
    found = []
    for one in across.splits:
        if one.metric not in METRIC_NAMES:
            continue
        labels, ours = _difference(one.old_on_old, one.old_on_new), _difference(one.old_on_new, one.new_on_new)
        if max(abs(labels), abs(ours)) >= SPLIT_SHOWN:
            name = names.get(one.category, one.category)
            found.append(LabelSplit(one.category, name, one.metric, one.old_on_old, labels, ours, one.new_on_new))
    return tuple(found)


def _difference(before: MetricResult, after: MetricResult) -> float:
    return after.value - before.value if before.is_defined and after.is_defined else math.nan
