"""Asks and owners: what somebody should do next, by when, and on which items; derived from the numbers.

Decides which facts become asks, who is asked, the order, and the due date. The policy names the owners of categories.
"""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.operating_metrics import operating_metric
from harness.core.production_table import PRODUCTION_FIGURES
from harness.gating.findings import Finding
from harness.gating.findings.memory import Entry
from harness.gating.findings.pair import MOSTLY
from harness.gating.findings.stored import NEWLY
from harness.gating.log import MOST_CANDIDATES
from harness.report.parts import numbers
from harness.report.parts.finding_words import finding_sentence, lost_sentence, metric_words
from harness.report.parts.words import capital, enumerated, plural
from harness.report.weekly.data import METRIC_NAMES, Ask, CandidateRow, CategoryRow, GoldenHealth, Judgement, Movement
from harness.report.weekly.ledger import ENGINEERING, OPERATIONS, entry_figure
from harness.report.weekly.operations import Operations
from harness.report.weekly.paired import FAILURES, LOST
from harness.report.weekly.sentences import points_text
from harness.report.weekly.silence import TOLD as LOST_TOLD
from harness.report.weekly.weeks import monday
from harness.runs import RunMeta

GOLDEN_OWNER = "golden-set owner"
NO_OWNER = "no owner named in the policy"
MOST_OPEN = 3
"""Open targets of one owner that are asks of their own."""
MIN_WITNESSES = 3
"""Two weak candidates agree against a good label all too often."""
_UNITS = {"recall": "violating items", "precision": "flagged items"}
_WORSE = {"recall": "newly missed item", "precision": "newly wrongly flagged item"}
_SILENT, _MOVED, _OPEN_SINCE, _BELOW, _LATER = -10, 0, 5, 10, 25
"""Ranks: what nothing is known of, falls of this week, falls still open, targets missed, and from where on it may take
four weeks; the severity is added."""
_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True, slots=True)
class AskSource:
    """What asks are made of.

    Attributes:
        week: The reported week.
        rows: Categories of the week.
        names: Category id -> name.
        movements: What moved.
        findings: All findings of the week; those of slices become asks here.
        health: The golden set.
        candidates: Candidates of the week.
        operations: Workload, languages, appeals.
        unusable: Runs that speak for nobody.
        max_error_rate: Most failed rows that a run may have.
        has_own_change: Whether an input of the candidate changed.
        still_open: Falls of the weeks before that nobody repaired or answers for.
        errors: Category, metric, slice -> items behind its errors now.
        newly: Category, metric, slice -> items newly wrong.
        contradicted: Items with a label that every candidate contradicts.
    """

    week: str
    rows: Sequence[CategoryRow]
    names: Mapping[str, str]
    movements: Sequence[Movement]
    findings: Sequence[Finding]
    health: GoldenHealth
    candidates: Sequence[CandidateRow]
    operations: Operations
    unusable: Sequence[RunMeta]
    max_error_rate: float
    has_own_change: bool
    still_open: Sequence[Entry]
    errors: Callable[[str | None, str, tuple[str, str] | None], tuple[str, ...]]
    newly: Callable[[str, str, tuple[str, str] | None], tuple[str, ...]]
    contradicted: Callable[[], tuple[str, ...]]


def build_asks(source: AskSource) -> tuple[Ask, ...]:
    """Every ask, the most urgent first, with its due date."""
    rows = source.rows
    found = [
        *_silent(source),
        *_moved(source),
        *_in_slices(source),
        *_at_points(source),
        *_in_production(source),
        *_unrepaired(source),
        *_missed(source),
        *_failures(source.candidates, source.max_error_rate),
        *_broken_runs(source.unusable),
        *_workload(source.operations),
        *_open(rows),
        *_golden(source),
    ]
    return tuple(sorted((_dated(one, source.week) for one in found), key=lambda one: one.rank))


def due_date(week: str, rank: int) -> datetime.date:
    """Silence and critical falls by next Wednesday, other falls, targets and failures by Friday, labels in four weeks.

    >>> due_date("2026-W46", 0), due_date("2026-W46", 12), due_date("2026-W46", 40)
    (datetime.date(2026, 11, 18), datetime.date(2026, 11, 20), datetime.date(2026, 12, 11))
    """
    if rank < _MOVED or rank in (_MOVED, _OPEN_SINCE):
        return monday(week) + datetime.timedelta(days=9)
    return monday(week) + datetime.timedelta(days=11 if rank < _LATER else 32)


def _dated(one: Ask, week: str) -> Ask:
    due = due_date(one.since or week, one.rank)
    reader = monday(week) + datetime.timedelta(days=7)
    return replace(one, due=due.isoformat(), is_overdue=due < reader)


def _owner(row: CategoryRow | None) -> str:
    return NO_OWNER if row is None or not row.owner else row.owner


def _silent(source: AskSource) -> Iterable[Ask]:
    """What nothing is known of any more: no figure of the report shows that it is missing."""
    for one in source.findings:
        if one.fact == "undecided":
            text = f"{finding_sentence(one)} Find out why, and run it again."
            yield Ask(_SILENT, ENGINEERING, text, function="engineering")
    for by, todo in (("candidate", "Find out why, and run it again."), ("set", "Add items, or drop it on purpose.")):
        own = [one for one in source.findings if one.fact == LOST and by in one.evidence.names]
        groups = [own] if len(own) > LOST_TOLD else [[one] for one in own]
        for lost in groups:
            if not lost:
                continue
            category = lost[0].category if len(lost) == 1 else None
            text = f"{capital(lost_sentence(lost))} {todo}"
            if by == "candidate":
                yield Ask(_SILENT, ENGINEERING, text, category, "engineering")
            else:
                yield Ask(_SILENT, lost[0].owner or GOLDEN_OWNER, text, category)


def _moved(source: AskSource) -> Iterable[Ask]:
    by_id = {row.id: row for row in source.rows}
    for one in source.movements:
        if one.is_better:
            continue
        row = by_id.get(one.category)
        n_worse = row.newly.get(NEWLY[one.metric][0], 0) if row is not None else 0
        broken = f" Start with the {plural(n_worse, _WORSE[one.metric])}." if n_worse else ""
        what = "decide whether to roll back" if source.has_own_change else "find the cause with whoever runs it"
        size = points_text(one.difference)
        text = f"{METRIC_NAMES[one.metric]} of {one.name} fell by {size}: {what}.{broken}"
        rank = _MOVED + _severity(row)
        yield Ask(rank, _owner(row), text, one.category, items=source.newly(one.category, one.metric, None))


def _in_slices(source: AskSource) -> Iterable[Ask]:
    """What is worse in a language or another slice while the whole did not fall."""
    by_id = {row.id: row for row in source.rows}
    whole = {(one.category, one.metric) for one in source.movements if not one.is_better}
    for one in source.findings:
        if one.kind != "harm" or one.slice is None or one.category is None or one.metric is None:
            continue
        metric = {"fpr": "precision"}.get(one.metric, one.metric)
        if (one.category, metric) in whole:
            continue
        row = by_id.get(one.category)
        items = source.newly(one.category, metric, one.slice)
        start = f" Start with the {plural(len(items), _WORSE[metric])}." if items and metric in _WORSE else ""
        text = f"{finding_sentence(one)} Find out why there.{start}"
        yield Ask(_MOVED + _severity(row), _owner(row), text, one.category, items=items)


def _at_points(source: AskSource) -> Iterable[Ask]:
    """What fell where the threshold keeps what the gate holds, while the figure itself did not fall."""
    by_id = {row.id: row for row in source.rows}
    whole = {(one.category, one.metric) for one in source.movements if not one.is_better}
    for one in source.findings:
        point = operating_metric(one.metric or "")
        if one.kind != "harm" or point is None or (one.category, point.measured) in whole:
            continue
        row = by_id.get(one.category or "")
        what = "decide whether to roll back" if source.has_own_change else "find the cause with whoever runs it"
        text = f"{finding_sentence(one)} {capital(what)}, or choose the threshold anew (harness thresholds)."
        yield Ask(_MOVED + _severity(row), _owner(row), text, one.category)


_LOOK = {
    "leakage": "read what was left up and find out why",
    "violating_views_left_up": "read what was left up and find out why",
    "overkill": "read what was taken down wrongly",
    "wrong_removals": "read what was taken down wrongly",
    "violating": "more harm arrives: check the policy's prevalence, targets and reviewers",
}
"""First words of a figure of production -> what to do about it."""


def _in_production(source: AskSource) -> Iterable[Ask]:
    """What rose in production: harm that is there, left up, or taken down wrongly."""
    by_id = {row.id: row for row in source.rows}
    for one in source.findings:
        if one.fact == "production" and one.kind == "harm" and not one.evidence.restates:
            row = by_id.get(one.category or "")
            what = _look(str(one.metric))
            owner = OPERATIONS if one.category is None else _owner(row)
            words, where = PRODUCTION_FIGURES[str(one.metric)].words, one.name or "all categories"
            text = f"In production the {words} of {where} rose: {what}."
            yield Ask(_MOVED + _severity(row), owner, text, one.category)


def _look(figure: str) -> str:
    """What to do about a figure of production."""
    return _LOOK.get(figure) or next(what for name, what in _LOOK.items() if figure.startswith(name))


def _severity(row: CategoryRow | None) -> int:
    return _SEVERITY.get(row.severity if row else "", 2)


def _unrepaired(source: AskSource) -> Iterable[Ask]:
    """Falls still open: one ask for all figures of a category, or of a slice of it, that fell in the same week."""
    by_id = {row.id: row for row in source.rows}
    together: dict[tuple[object, ...], list[Entry]] = {}
    for one in source.still_open:
        is_alone = one.metric in (FAILURES, LOST) or one.is_of_production
        together.setdefault((one.key if is_alone else one.category, one.slice, one.since), []).append(one)
    for found in together.values():
        entries = sorted(found, key=lambda one: one.metric != "recall")
        one = entries[0]
        row = by_id.get(one.category or "")
        has = "has" if len(entries) == 1 else "have"
        figures = enumerated([entry_figure(each, source.names) for each in entries[:1]] + _others(entries[1:]), 9)
        text = f"{figures} {has} not recovered since {one.since}: "
        text += _look(one.metric) if one.is_of_production else "repair it" if len(entries) == 1 else "repair them"
        text += (
            f", or answer for {'it' if len(entries) == 1 else 'each'} (harness weekly ack --finding {_keys(entries)})."
        )
        if one.metric in (FAILURES, LOST):
            rank = _SILENT if one.metric == LOST else _OPEN_SINCE + _severity(row)
            yield Ask(rank, ENGINEERING, text, one.category, "engineering", one.since)
        elif one.is_of_production:
            rank = _OPEN_SINCE + (2 if one.category is None else _severity(row))
            yield Ask(rank, one.answers or NO_OWNER, text, one.category, since=one.since)
        else:
            behind = [each for each in entries if operating_metric(each.metric) is None]
            every = [item for each in behind for item in source.errors(each.category, each.metric, each.slice)]
            items = tuple(dict.fromkeys(every))
            yield Ask(_OPEN_SINCE + _severity(row), _owner(row), text, one.category, since=one.since, items=items)


def _others(entries: Sequence[Entry]) -> list[str]:
    """Further figures of the place that the first one names."""
    return [f"its {metric_words(one.metric)}" for one in entries]


def _keys(entries: Sequence[Entry]) -> str:
    """What to name on the command line, ``KEY or KEY`` for several."""
    keys = [one.key for one in entries]
    return " or ".join(one if one.replace(".", "").replace("_", "").isalnum() else shlex.quote(one) for one in keys)


def _missed(source: AskSource) -> Iterable[Ask]:
    for row in source.rows:
        for one in row.judgements.values():
            if one.verdict != "missed":
                continue
            result = row.results[one.metric]
            text = (
                f"{METRIC_NAMES[one.metric]} of {row.name} is {numbers.share(result.value)}, with 95% confidence at "
                f"most {numbers.share(one.high)}, and so below its target of {numbers.share(one.target, 0)}: "
                f"{_advice(one, row)}"
            )
            yield Ask(_BELOW + _severity(row), _owner(row), text, row.id, items=source.errors(row.id, one.metric, None))


def _advice(one: Judgement, row: CategoryRow) -> str:
    n_wrong = round(row.results[one.metric].n * (1 - row.results[one.metric].value))
    if one.metric == "recall":
        return f"read the {plural(n_wrong, 'missed item')} and change prompt or rules."
    return f"read the {plural(n_wrong, 'wrongly flagged item')}, or lower the target on purpose."


def _failures(candidates: Sequence[CandidateRow], max_error_rate: float) -> Iterable[Ask]:
    for one in candidates:
        rate = one.failure_rate
        if rate.is_defined and rate.value > 0 and rate.low > max_error_rate:
            n_failed = round(rate.value * rate.n)
            text = (
                f"{one.id} gave no usable decision for {plural(n_failed, 'row')} "
                f"({numbers.share_with_interval(rate, 2)} of calls): look at the raw answers."
            )
            yield Ask(_SILENT if rate.value > MOSTLY else 20, ENGINEERING, text, function="engineering")


def _broken_runs(unusable: Sequence[RunMeta]) -> Iterable[Ask]:
    if unusable:
        names = enumerated([f"{one.run_id} ({one.status})" for one in unusable])
        text = f"Repeat {names}: it speaks for nobody until it is complete."
        yield Ask(21, ENGINEERING, text, function="engineering")


def _workload(operations: Operations) -> Iterable[Ask]:
    """Reviewers are planned by flags: a clear rise is told to them."""
    work = operations.workload
    if work is not None and work.before is not None and work.change == "up":
        sides = (work.before.flagged.value, work.now.flagged.value)
        flags = [numbers.count(round(work.traffic.items_per_day * one)) for one in sides]
        hours = [numbers.count(round(work.traffic.hours * one)) for one in sides]
        text = (
            f"Flags would rise from {flags[0]} to {flags[1]} a day at {numbers.count(work.traffic.items_per_day)} "
            f"items: plan {hours[1]} reviewer hours a day instead of {hours[0]}, or hold the change back."
        )
        yield Ask(22, OPERATIONS, text, function="operations")


def _open(rows: Sequence[CategoryRow]) -> Iterable[Ask]:
    """Targets that further items would settle: an ask each, or one for all of an owner who has many."""
    of_owner: dict[str, list[tuple[CategoryRow, Judgement]]] = {}
    for row in rows:
        for one in row.judgements.values():
            if one.verdict == "open" and one.more:
                of_owner.setdefault(_owner(row), []).append((row, one))
    for owner, found in of_owner.items():
        if len(found) > MOST_OPEN:
            rank = 30 + min(_severity(row) for row, _ in found)
            yield Ask(rank, owner, _open_together(found))
            continue
        for row, one in found:
            text = (
                f"Whether {row.name} meets its {one.metric} target of {numbers.share(one.target, 0)} "
                f"cannot be told yet: about {numbers.count(one.more or 0)} more {_UNITS[one.metric]} would settle it "
                f"if {numbers.share(row.results[one.metric].value)} is true."
            )
            yield Ask(30 + _severity(row), owner, text, row.id)


def _open_together(found: Sequence[tuple[CategoryRow, Judgement]]) -> str:
    """The targets of one owner that cannot be told, those first that the fewest items settle."""
    nearest = sorted(found, key=lambda pair: (pair[1].more or 0, pair[0].id))
    names = [
        f"{one.metric} of {row.name} (about {numbers.count(one.more or 0)} more {_UNITS[one.metric]})"
        for row, one in nearest
    ]
    return f"Whether {len(found)} targets are met cannot be told yet; what would settle them: {enumerated(names, 4)}."


def _golden(source: AskSource) -> Iterable[Ask]:
    health, n_candidates = source.health, len(source.candidates)
    if health.n_gated is not None and health.n_gated > MOST_CANDIDATES:
        text = (
            f"{numbers.count(health.n_gated)} candidates were gated on {health.name} v{health.version}: a lucky PASS "
            "gets likely, refresh the set."
        )
        yield Ask(25, GOLDEN_OWNER, text, function="operations")
    short = [row for row in health.rows if row.items_needed]
    if short and not health.is_sample:  # a sample says little about the whole set
        names = [f"{row.name} (+{numbers.count(row.items_needed or 0)})" for row in short]
        margin = numbers.points(max(row.wanted_margin or 0 for row in short)).lstrip("+")
        text = (
            f"The gate asks for margins of {margin} points or less, which "
            f"{plural(len(short), 'category', 'categories')} cannot prove yet; violating items to add: "
            f"{enumerated(names, 5)}."
        )
        yield Ask(40, GOLDEN_OWNER, text, function="operations")
    if health.n_all_disagree and n_candidates >= MIN_WITNESSES:
        many = plural(health.n_all_disagree, "item")
        text = f"Every candidate contradicts a label of {many}: look at those labels first."
        yield Ask(41, GOLDEN_OWNER, text, function="operations", items=source.contradicted())
