"""What is still open from the weeks before: a fall stays a finding until it is repaired or somebody answers for it.

Decides when a fall opens an entry (a flag of the chart, or a proven paired fall), and when it closes: at least half of
the fall is regained, and the value is no longer lower than before by more than chance explains (one-sided 5%). On
another golden set nothing can be compared: only a rise that is flagged there, and at least half as large, closes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.results import MetricResult
from harness.core.sampled import two_proportion_test
from harness.core.targets import effective_items

ALPHA = 0.05


class WeekPoint(Protocol):
    """One week of one figure, as charts hold it."""

    @property
    def week(self) -> str:
        """ISO label."""

    @property
    def result(self) -> MetricResult:
        """The week's value."""

    @property
    def before(self) -> float:
        """Pooled value of the weeks it is tested against."""

    @property
    def weeks_before(self) -> tuple[str, ...]:
        """Those weeks."""

    @property
    def is_flagged(self) -> bool:
        """Whether it moved by more than chance explains."""

    @property
    def golden(self) -> str:
        """Labels that the value rests on."""


@dataclass(frozen=True, slots=True)
class PairedFall:
    """A proven fall on the same items that the chart need not flag."""

    week: str
    category: str
    metric: str
    before: MetricResult
    after: MetricResult


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody answers for an open finding: who, when, why."""

    key: str
    since: str
    reason: str
    by: str
    at: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    Attributes:
        category: Category id.
        metric: Metric.
        since: Week in which it opened.
        before: Value before the fall.
        n_before: Effective items behind it.
        then: Value in the week in which it opened.
        now: Value in the newest week.
        closed: Week of the recovery; None while it is open.
        is_comparable: Whether the newest value is over the same labels as the one it fell from.
        acknowledged: Who answers for it; None for nobody.
        golden: Labels that the fall was measured on.
    """

    category: str
    metric: str
    since: str
    before: float
    n_before: float
    then: MetricResult
    now: MetricResult
    closed: str | None = None
    is_comparable: bool = True
    acknowledged: Acknowledgement | None = None
    golden: str = ""

    @property
    def key(self) -> str:
        """Names the figure: ``hate.recall``."""
        return f"{self.category}.{self.metric}"

    @property
    def is_open(self) -> bool:
        """Whether it is neither repaired nor answered for."""
        return self.closed is None and self.acknowledged is None


def ledger(
    series: Iterable[tuple[str, str, Sequence[WeekPoint]]],
    falls: Sequence[PairedFall] = (),
    acknowledged: Sequence[Acknowledgement] = (),
) -> tuple[Entry, ...]:
    """Every entry of a candidate, the newest first.

    Args:
        series: Category, metric and weeks, oldest first.
        falls: Proven paired falls.
        acknowledged: Who answers for which entry.
    """
    found: list[Entry] = []
    for category, metric, points in series:
        own = {one.week: one for one in falls if (one.category, one.metric) == (category, metric)}
        found += _entries(category, metric, points, own)
    answered = {(one.key, one.since): one for one in acknowledged}
    found = [replace(one, acknowledged=answered.get((one.key, one.since))) for one in found]
    return tuple(sorted(found, key=lambda one: (one.closed is not None, one.since, one.key)))


def _entries(category: str, metric: str, points: Sequence[WeekPoint], falls: dict[str, PairedFall]) -> Iterable[Entry]:
    current: Entry | None = None
    by_week = {one.week: one for one in points}
    for point in points:
        if not point.result.is_defined:
            continue
        change = point.result.value - point.before
        worse = (change < 0) != (metric in LOWER_IS_BETTER)
        fall = falls.get(point.week)
        if current is None and ((point.is_flagged and worse) or fall is not None):
            n_before = sum(effective_items(by_week[week].result) for week in point.weeks_before if week in by_week)
            before = point.before
            if not (point.is_flagged and worse) and fall is not None:
                before, n_before = fall.before.value, effective_items(fall.before)
            current = Entry(
                category, metric, point.week, before, n_before, point.result, point.result, golden=point.golden
            )
            continue
        if current is None:
            continue
        is_comparable = point.golden == current.golden
        current = replace(current, now=point.result, is_comparable=is_comparable)
        if _is_recovered(current, point):
            yield replace(current, closed=point.week)
            current = None
    if current is not None:
        yield current


def _is_recovered(entry: Entry, point: WeekPoint) -> bool:
    size = abs(entry.before - entry.then.value)
    sign = -1 if entry.metric in LOWER_IS_BETTER else 1
    if not entry.is_comparable:
        return point.is_flagged and sign * (point.result.value - point.before) >= size / 2
    missing = sign * (entry.before - point.result.value)
    if missing > size / 2:
        return False
    n_now = effective_items(point.result)
    if missing <= 0 or n_now <= 0 or entry.n_before <= 0:
        return True
    x_now, x_before = (min(value * n, n) for value, n in ((point.result.value, n_now), (entry.before, entry.n_before)))
    return two_proportion_test(x_now, n_now, x_before, entry.n_before) / 2 > ALPHA
