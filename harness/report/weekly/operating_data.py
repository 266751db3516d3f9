"""Rows of the weekly report about operating points: one candidate, category and point over the weeks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from harness.core.operating_metrics import operating_metric
from harness.core.results import MetricResult
from harness.gating.findings.pair import is_better
from harness.measure.points import PointScore
from harness.report.parts import numbers
from harness.report.parts.words import HELD_WORDS, capital
from harness.report.points import barely_reached


@dataclass(frozen=True, slots=True)
class OperatingWeek:
    """One week of a category at an operating point."""

    week: str
    run_id: str
    golden: str
    score: PointScore

    def as_plain(self) -> dict[str, Any]:
        """Plain data; a threshold that flags nothing is null."""
        return {"week": self.week, "run_id": self.run_id, "golden": self.golden, **self.score.as_dict()}


@dataclass(frozen=True, slots=True)
class OperatingRow:
    """One category of the reported candidate at one operating point.

    Attributes:
        metric: Such as ``recall@precision=0.9``.
        title: ``Recall at precision 90%``.
        weeks: Its weeks, oldest first, the reported one last.
        since: Week of the run before, where both give scores for the same items.
        p_holm: After Holm over all that are tested; NaN where the difference is for reading.
    """

    category: str
    name: str
    severity: str
    owner: str | None
    metric: str
    title: str
    weeks: tuple[OperatingWeek, ...]
    since: str | None = None
    before: MetricResult | None = None
    difference: MetricResult | None = None
    p_value: float = math.nan
    p_holm: float = math.nan
    is_moved: bool = False

    @property
    def now(self) -> PointScore:
        """The reported week."""
        return self.weeks[-1].score

    @property
    def is_worse(self) -> bool:
        """Whether it moved for the worse."""
        return self.is_moved and self.difference is not None and not is_better(self.metric, self.difference.value)

    @property
    def kept(self) -> str:
        """``Precision 91.2%``: what is kept of what is held, on the items that are read."""
        point = operating_metric(self.metric)
        if point is None or not self.now.held.is_defined:
            return ""
        return f"{capital(HELD_WORDS[point.held])} {numbers.share(self.now.held.value)}"


WIDE = 0.1
"""From this difference on, "within chance" is believed only with its reason beside it."""


def why_within(row: OperatingRow) -> str:
    """Why a wide difference proves nothing, where a threshold hangs on few dev items; begins with a colon."""
    if row.difference is None or row.is_moved or not abs(row.difference.value) >= WIDE:
        return ""
    before = next((one.score.choice for one in reversed(row.weeks[:-1]) if one.week == row.since), None)
    for choice, when in ((row.now.choice, ""), (before, f"in {row.since} ")):
        if choice is not None and (why := barely_reached(choice)):
            return f": {when}{why}"
    return ""
