"""What is still open from the weeks before: a fall stays a finding until it is repaired or somebody answers for it.

Decides when a fall opens an entry: whatever turned its week amber or red, which is a flag of the chart, a slide that no
week alone shows, a proven paired fall, a likely fall in a critical category, a likely fall in a declared slice, more
failed answers, what a new baseline does worse than the one before it, a category that is decided no longer, and a
likely rise of what production's samples say. And when it closes: the value is no longer likely worse than before the
fall, which asks for two things, as a test of few items forgives anything: at least half of the fall is regained, and
what is still missing is no more than chance explains (score test, one-sided 5%). On another golden set nothing can be
compared: only a rise that is flagged or proven on pairs there (in a slice: likely there), and at least half as large,
closes it. A slice of what fell as a whole in the same week is told by the whole while it is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.core.sampled import two_proportion_test
from harness.core.targets import effective_items

ALPHA = 0.05
BETTER_LOWER = LOWER_IS_BETTER | frozenset(PRODUCTION_FIGURES)
"""Figures that get worse when they rise."""
Figure = tuple[str | None, str, tuple[str, str] | None]
"""Category, metric, slice and value: what the ledger follows from week to week."""


@dataclass(frozen=True, slots=True)
class Slide:
    """A fall in moves too small for any week to show.

    Attributes:
        since: Last week before the figure began to fall.
        before: Pooled value of the weeks up to that one.
        q_value: How sure it is, after the correction of the week's family.
    """

    since: str
    before: float
    weeks: tuple[str, ...]
    q_value: float


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
    def slide(self) -> Slide | None:
        """The slide that is named in this week."""

    @property
    def golden(self) -> str:
        """Labels that the value rests on."""


@dataclass(frozen=True, slots=True)
class PairedMove:
    """What moved on the same items and the chart need not flag; a rise in a slice is what its recovery is read from."""

    week: str
    category: str | None
    metric: str
    before: MetricResult
    after: MetricResult
    slice: tuple[str, str] | None = None
    is_proven: bool = True
    is_better: bool = False
    is_own: bool = False

    @property
    def figure(self) -> Figure:
        """What moved."""
        return self.category, self.metric, self.slice


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
        category: Category id; None for all of them together.
        n_before: Effective items behind it.
        then: Value in the week in which it opened.
        now: Value in the newest week.
        closed: Week of the recovery, or in which the policy gave the category up; None while it is open.
        is_comparable: Whether the newest value is over the same labels as the one it fell from.
        acknowledged: Who answers for it; None for nobody.
        golden: Labels that the fall was measured on.
        slice: Slice and value that it was measured in; None for the whole set.
        is_proven: Whether it was flagged or proven, not only likely.
        owner: Who answers for the category, or for such figures.
        is_own: Whether it is a slice that fell by more than the whole set, which therefore does not tell it.
        is_given_up: Whether the policy holds the category no more: nobody can repair it.
        slid_since: Last week before it began to slide, where it slid; None where it fell in one week.
        fell_again: Newest week in which it fell further by more than chance explains, while it was open.
    """

    category: str | None
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
    slice: tuple[str, str] | None = None
    is_proven: bool = True
    severity: str = ""
    owner: str | None = None
    fell_again: str | None = None
    is_own: bool = False
    slid_since: str | None = None
    is_given_up: bool = False

    @property
    def figure(self) -> Figure:
        """What is followed."""
        return self.category, self.metric, self.slice

    @property
    def answered_since(self) -> str:
        """The week that an answer for it names: who answered before it fell further has not answered for that."""
        return self.fell_again or self.since

    @property
    def answers(self) -> str | None:
        """Who answers for it: whoever acknowledged it, or was named then, else the owner."""
        if self.acknowledged is not None:
            return self.acknowledged.owner or self.acknowledged.by
        return self.owner

    @property
    def is_of_production(self) -> bool:
        """Whether it is a figure of production's samples."""
        return self.metric in PRODUCTION_FIGURES

    @property
    def key(self) -> str:
        """Names the figure, as findings do: ``hate.recall``, ``hate.recall@language=ar``."""
        where = "" if self.slice is None else f"@{self.slice[0]}={self.slice[1]}"
        return f"{self.category or 'all'}.{self.metric}{where}"

    @property
    def is_open(self) -> bool:
        """Whether it is neither repaired nor answered for."""
        return self.closed is None and self.acknowledged is None


def ledger(
    series: Iterable[tuple[Figure, Sequence[WeekPoint]]],
    moves: Sequence[PairedMove] = (),
    acknowledged: Sequence[Acknowledgement] = (),
) -> tuple[Entry, ...]:
    """Every entry of a candidate, the newest first.

    ``series`` is oldest first; falls among ``moves`` open entries.
    """
    found: list[Entry] = []
    for figure, points in series:
        own = [one for one in moves if one.figure == figure]
        falls, rises = ({one.week: one for one in own if one.is_better is way} for way in (False, True))
        found += _entries(figure, points, falls, rises)
    answered = {(one.key, one.since): one for one in acknowledged}
    found = [replace(one, acknowledged=answered.get((one.key, one.answered_since))) for one in found]
    return tuple(sorted(found, key=lambda one: (one.closed is not None, one.since, one.key)))


def not_restated(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries without those that a wider one of the same week tells: a slice of what fell, wrong flags as precision."""
    return tuple(one for one in entries if not any(_tells(other, one) for other in entries))


def _tells(wider: Entry, one: Entry) -> bool:
    if {wider.metric, one.metric} & {"failure_rate", "lost_category"}:
        return False  # answers and decisions are counted for themselves
    if wider.slice is not None or wider.since != one.since or wider.is_of_production != one.is_of_production:
        return False
    if wider.closed is not None and wider.closed != one.closed:
        return False  # the whole has recovered, this part has not
    if one.is_own:
        return False
    if one.is_of_production:
        return _tells_of_production(wider, one)
    if (wider.metric == "recall") != (one.metric == "recall"):
        return False
    if one.slice is not None:
        return one.category in (None, wider.category)
    return one.category == wider.category and (wider.metric, one.metric) == ("precision", "fpr")


def _tells_of_production(wider: Entry, one: Entry) -> bool:
    """By views for by items, and all categories together for one that is not critical."""
    if wider.category == one.category:
        return PRODUCTION_FIGURES[one.metric].same_by_views == wider.metric
    return wider.category is None and wider.metric == one.metric and one.severity != "critical"


def _entries(
    figure: Figure, points: Sequence[WeekPoint], falls: dict[str, PairedMove], rises: dict[str, PairedMove]
) -> Iterable[Entry]:
    category, metric, part = figure
    current: Entry | None = None
    by_week = {one.week: one for one in points}
    for point in points:
        if not point.result.is_defined:
            current = None if current is None else replace(current, now=point.result)
            continue
        change = point.result.value - point.before
        is_flagged = point.is_flagged and (change < 0) != (metric in BETTER_LOWER)
        fall = falls.get(point.week)
        if current is None:
            if is_flagged or point.slide is not None:
                weeks = point.weeks_before if point.slide is None else point.slide.weeks
                n_before = sum(effective_items(by_week[week].result) for week in weeks if week in by_week)
                before = point.before if point.slide is None else point.slide.before
                then, is_proven = point.result, True
            elif fall is not None:
                before, n_before, then = fall.before.value, effective_items(fall.before), fall.after
                is_proven = fall.is_proven
            else:
                continue
            current = Entry(
                category,
                metric,
                point.week,
                before,
                n_before,
                then,
                then,
                golden=point.golden,
                slice=part,
                is_proven=is_proven,
                is_own=fall is not None and fall.is_own,
                slid_since=None if point.slide is None else point.slide.since,
            )
            continue
        is_comparable = point.golden == current.golden
        current = replace(current, now=point.result, is_comparable=is_comparable)
        if is_flagged or point.slide is not None or (fall is not None and fall.is_proven):
            current = replace(
                current, fell_again=point.week, is_own=current.is_own or (fall is not None and fall.is_own)
            )
        if _is_recovered(current, point, rises.get(point.week)):
            yield replace(current, closed=point.week)
            current = None
    if current is not None:
        yield current


def _is_recovered(entry: Entry, point: WeekPoint, rise: PairedMove | None) -> bool:
    size = abs(entry.before - entry.then.value)
    sign = -1 if entry.metric in BETTER_LOWER else 1
    if not entry.is_comparable:
        is_paired = rise is not None and rise.is_proven and abs(rise.after.value - rise.before.value) >= size / 2
        return is_paired or (point.is_flagged and sign * (point.result.value - point.before) >= size / 2)
    missing = sign * (entry.before - point.result.value)
    if missing > size / 2:
        return False
    n_now = effective_items(point.result)
    if missing <= 0 or n_now <= 0 or entry.n_before <= 0:
        return True
    x_now, x_before = (min(value * n, n) for value, n in ((point.result.value, n_now), (entry.before, entry.n_before)))
    return two_proportion_test(x_now, n_now, x_before, entry.n_before) / 2 > ALPHA
