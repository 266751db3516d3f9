"""Weeks and the runs that stand for them.

Decides to which ISO week a run belongs, and which run speaks for a candidate in a week. Reads no files.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.errors import HarnessError
from harness.runs import RunMeta

_LABEL = re.compile(r"(\d{4})-W(\d{2})(?!\d)")


def parse_week(text: str) -> str:
    """An ISO week label as given; HarnessError when there is no such week."""
    found = _label_in(text)
    if found is None or found != text:
        raise HarnessError(
            f"week is '{text}'", allowed="an ISO week such as 2026-W47", next_step="name a week of the calendar"
        )
    return found


def week_of(meta: RunMeta) -> str:
    """The week of the run's wave label where that begins with one, else of the time it was made."""
    labelled = _label_in(meta.wave) if meta.wave else None
    return labelled or week_of_date(datetime.datetime.fromisoformat(meta.created_at).date())


def week_of_date(day: datetime.date) -> str:
    """The ISO week of a day."""
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


@lru_cache(1 << 12)
def monday(week: str) -> datetime.date:
    """The first day of a week."""
    return datetime.date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)


def weeks_between(earlier: str, later: str) -> int:
    """Whole weeks from one label to another."""
    return (monday(later) - monday(earlier)).days // 7


def weeks_until(week: str, n_weeks: int) -> list[str]:
    """The last ``n_weeks`` weeks that end with this one, oldest first."""
    start = monday(week)
    return [week_of_date(start - datetime.timedelta(weeks=back)) for back in range(n_weeks - 1, -1, -1)]


def _label_in(text: str) -> str | None:
    match = _LABEL.match(text)
    if match is None:
        return None
    try:
        datetime.date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        return None
    return match[0]


@dataclass(frozen=True, slots=True)
class WeekRuns:
    """The runs of one week.

    Attributes:
        week: ISO label.
        of: Candidate -> the run that speaks for it.
        n_runs: Stored runs of the week; those that are incomplete or invalid speak for nobody.
    """

    week: str
    of: Mapping[str, RunMeta]
    n_runs: int


def runs_by_week(metas: Iterable[RunMeta], weeks: Sequence[str]) -> dict[str, WeekRuns]:
    """Per week the run of each candidate: complete, on the newest golden set, over the most items, made last."""
    wanted = set(weeks)
    groups: dict[str, list[RunMeta]] = {}
    for meta in metas:
        week = week_of(meta)
        if week in wanted:
            groups.setdefault(week, []).append(meta)
    return {week: _week_runs(week, groups[week]) for week in weeks if week in groups}


def _week_runs(week: str, metas: Sequence[RunMeta]) -> WeekRuns:
    ordered = sorted(metas, key=_rank)
    chosen = {candidate: meta for meta in ordered if meta.status == "complete" for candidate in meta.candidates}
    return WeekRuns(week, {name: chosen[name] for name in sorted(chosen)}, len(metas))


def _rank(meta: RunMeta) -> tuple[int, int, str, str]:
    return meta.golden_set.version, meta.n_items, meta.created_at, meta.run_id
