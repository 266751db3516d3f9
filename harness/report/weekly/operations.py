"""What operations need of a week: the flags of a day before and after, languages, and appeals that were overturned.

Decides what is set side by side: last week's run and this one at the prevalence that the policy states now, so that
only the candidate differs. The arithmetic of a day is the comparison's (``comparison.workload``). Appeals are read
from a slice named ``appeal`` whose value ``overturned`` marks items on which moderation was overruled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.core.results import MetricResult
from harness.gating.findings.restated import LANGUAGE_SLICES
from harness.measure.decisions import Decisions, decisions
from harness.measure.score import any_violation
from harness.records import MISSING
from harness.report.comparison.workload import (
    ITEMS_PER_DAY,
    REVIEW_SECONDS,
    ProductionRow,
    ProductionTotal,
    production_row,
    production_total,
    reviewer_hours,
)
from harness.report.weekly.summaries import Summary
from harness.runs import Run

APPEAL_SLICE, OVERTURNED = "appeal", "overturned"
MAX_LANGUAGES = 40
METRICS = ("recall", "precision")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Items a day, and the seconds that a reviewer needs for a flagged one."""

    items_per_day: float = ITEMS_PER_DAY
    review_seconds: float = REVIEW_SECONDS

    @property
    def hours(self) -> float:
        """Reviewer hours a day when every item is flagged."""
        return reviewer_hours(self.items_per_day, self.review_seconds)


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One category of a day, this week and in the run before; None where that cannot be told."""

    category: str
    name: str
    now: ProductionRow
    before: ProductionRow | None


@dataclass(frozen=True, slots=True)
class Workload:
    """A day of traffic before and after.

    Attributes:
        since: Week of the run before; None without one.
        before: The same in the run before; None where it cannot tell all of them.
        unknown: Names of the categories without a stated prevalence: not in any total.
    """

    traffic: Traffic
    since: str | None
    rows: tuple[WorkRow, ...]
    now: ProductionTotal
    before: ProductionTotal | None
    unknown: tuple[str, ...]

    @property
    def change(self) -> str:
        """``up`` or ``down`` where the two intervals of the flags do not touch; else empty."""
        if self.before is None:
            return ""
        if self.now.flagged.low > self.before.flagged.high:
            return "up"
        return "down" if self.now.flagged.high < self.before.flagged.low else ""


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """Violating in any category, in one language; ``before`` is the run before on the same items."""

    value: str
    n_items: int
    now: Mapping[str, MetricResult]
    before: Mapping[str, MetricResult]


@dataclass(frozen=True, slots=True)
class Appeals:
    """Items whose moderation was overturned on appeal: how many, and which the candidate still decides wrongly."""

    n_items: int
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operations:
    """What operations read; a part that the data do not hold is None or empty."""

    workload: Workload | None
    unknown: tuple[str, ...]
    languages: tuple[LanguageRow, ...]
    n_more_languages: int
    appeals: Appeals | None


def operations_of(
    run: Run,
    candidate: str,
    summary: Summary,
    before: tuple[str, Run, Summary] | None,
    traffic: Traffic,
    *,
    is_comparable: bool,
) -> Operations:
    """Workload, languages and appeals of a candidate.

    Nothing is set before where the two runs do not rest on the same labels (``is_comparable``).
    """
    known = before if is_comparable else None
    workload = _workload(run, candidate, summary, known, traffic)
    rows, n_more = _languages(run, candidate, None if known is None else known[1])
    unknown = _unknown(run, candidate, summary)
    return Operations(workload, unknown, rows, n_more, _appeals(run, candidate))


def _unknown(run: Run, candidate: str, summary: Summary) -> tuple[str, ...]:
    policy, scored = run.meta.policy, summary.candidates[candidate].categories
    return tuple(policy.category_name(one) for one in scored if policy.category(one).prevalence is None)


def _workload(
    run: Run, candidate: str, summary: Summary, before: tuple[str, Run, Summary] | None, traffic: Traffic
) -> Workload | None:
    policy = run.meta.policy
    past = None if before is None else before[2].candidates.get(candidate)
    rows = []
    for category, scored in summary.candidates[candidate].categories.items():
        name, facts = policy.category_name(category), policy.category(category)
        now = production_row(candidate, category, name, facts, scored)
        if now is None:
            continue
        old = None if past is None else past.categories.get(category)
        then = None if old is None else production_row(candidate, category, name, facts, old)
        rows.append(WorkRow(category, name, now, then))
    total = production_total([row.now for row in rows])
    if total is None:
        return None
    old_rows = [row.before for row in rows if row.before is not None]
    return Workload(
        traffic,
        None if before is None else before[0],
        tuple(rows),
        total,
        production_total(old_rows) if len(old_rows) == len(rows) else None,
        _unknown(run, candidate, summary),
    )


def language_slice(run: Run) -> str | None:
    """The slice that holds languages; None without one."""
    return next((name for name in run.slices if name.lower() in LANGUAGE_SLICES), None)


def _languages(run: Run, candidate: str, before: Run | None) -> tuple[tuple[LanguageRow, ...], int]:
    name = language_slice(run)
    if name is None:
        return (), 0
    values = sorted(run.slices[name].items(), key=lambda one: (-len(one[1]), one[0]))
    now = decisions(run, candidate)
    is_same = before is not None and before.item_ids == run.item_ids
    past = decisions(before, candidate) if before is not None and is_same else None
    rows = [
        LanguageRow(
            value,
            len(members),
            _measured(run, now, members),
            {} if past is None or before is None else _measured(before, past, members),
        )
        for value, members in values[:MAX_LANGUAGES]
    ]
    return tuple(rows), max(0, len(values) - MAX_LANGUAGES)


def _measured(run: Run, read: Decisions, members: np.ndarray) -> dict[str, MetricResult]:
    scored = any_violation(run, read, members).metrics
    return {metric: scored[metric] for metric in METRICS}


def _appeals(run: Run, candidate: str) -> Appeals | None:
    values = next((one for name, one in run.slices.items() if name.lower() == APPEAL_SLICE), None)
    if values is None:
        return None
    members = [members for value, members in values.items() if value.lower() == OVERTURNED]
    at = np.concatenate(members) if members else np.zeros(0, dtype=np.int64)
    read = decisions(run, candidate)
    gold, decided = read.y_true[at], read.y_pred[at, 0, :]
    is_wrong = ((gold != MISSING) & (decided != MISSING) & (gold != decided)).any(axis=1)
    return Appeals(len(at), tuple(run.item_ids[index] for index in at[is_wrong].tolist()))
