"""Asks and owners: what somebody should do next, by when, and on which items; derived from the numbers.

Decides which facts become asks, who is asked, the order, and the due date. The policy names the owners of categories.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.gating.findings.pair import MOSTLY
from harness.gating.log import MOST_CANDIDATES
from harness.report.parts import numbers
from harness.report.parts.finding_words import finding_sentence, lost_sentence
from harness.report.parts.words import capital, enumerated, plural
from harness.report.weekly.ask_source import GOLDEN_OWNER, LATER, MOVED, OPEN_SINCE, SILENT, AskSource
from harness.report.weekly.asks_falls import asks_of_figures
from harness.report.weekly.data import Ask, CategoryRow, Judgement
from harness.report.weekly.ledger import ENGINEERING, OPERATIONS
from harness.report.weekly.paired import FAILURES, LOST
from harness.report.weekly.silence import TOLD as LOST_TOLD
from harness.report.weekly.weeks import monday

MOST_OPEN = 3
"""Open targets of one owner that are asks of their own."""
MIN_WITNESSES = 3
"""Two weak candidates agree against a good label all too often."""
_UNITS = {"recall": "violating item", "precision": "flagged item"}
GROWN = 1.5
"""Times last week's latency or cost from which on engineering is asked why."""


def build_asks(source: AskSource) -> tuple[Ask, ...]:
    """Every ask, the most urgent first, with its due date."""
    kinds = (_silent, asks_of_figures, _failures, _grown, _broken_runs, _damaged, _workload, _open, _golden)
    dated = [_dated(one, source.weekly.week) for kind in kinds for one in kind(source)]
    return tuple(sorted(dated, key=lambda one: (one.rank, not one.is_overdue)))


def due_date(week: str, rank: int) -> datetime.date:
    """Silence and critical falls by next Wednesday, other falls, targets and failures by Friday, labels in four weeks.

    >>> due_date("2026-W46", 0), due_date("2026-W46", 12), due_date("2026-W46", 40)
    (datetime.date(2026, 11, 18), datetime.date(2026, 11, 20), datetime.date(2026, 12, 11))
    """
    if rank < MOVED or rank in (MOVED, OPEN_SINCE):
        return monday(week) + datetime.timedelta(days=9)
    return monday(week) + datetime.timedelta(days=11 if rank < LATER else 32)


def _dated(one: Ask, week: str) -> Ask:
    due = due_date(one.since or week, one.rank)
    reader = monday(week) + datetime.timedelta(days=7)
    return replace(one, due=due.isoformat(), is_overdue=due < reader)


def _silent(source: AskSource) -> Iterable[Ask]:
    """What nothing is known of any more: no figure of the report shows that it is missing."""
    findings = source.judged.findings
    for one in findings:
        if one.fact == "undecided":
            text = f"{finding_sentence(one)} Find out why, and run it again."
            yield _of_engineering(SILENT, text)
    for by, todo in (("candidate", "Find out why, and run it again."), ("set", "Add items, or drop it on purpose.")):
        own = [one for one in findings if one.fact == LOST and by in one.evidence.names]
        for lost in [own] if len(own) > LOST_TOLD else [[one] for one in own]:
            ask = Ask(
                SILENT,
                lost[0].owner or GOLDEN_OWNER,
                f"{capital(lost_sentence(lost))} {todo}",
                lost[0].category if len(lost) == 1 else None,
                answer=source.answer(*((one.category, LOST, None) for one in lost)),
            )
            yield replace(ask, owner=ENGINEERING, function="engineering") if by == "candidate" else ask


def _of_engineering(rank: int, text: str, answer: str = "") -> Ask:
    return Ask(rank, ENGINEERING, text, function="engineering", answer=answer)


def _failures(source: AskSource) -> Iterable[Ask]:
    """Answers that cannot be used: too many, or clearly more than before; a rise of a week before is asked about."""
    is_more = any(one.fact == "failures" for one in source.judged.findings)
    is_open = any(one.metric == FAILURES for one in source.still_open)
    most = float(source.weekly.run.meta.max_error_rate)
    for one in source.candidates:
        rate, has_risen = one.failure_rate, one.is_reported and is_more
        if not rate.is_defined or rate.value <= 0 or (one.is_reported and is_open):
            continue
        if has_risen or rate.low > most:
            failed = f"{plural(round(rate.value * rate.n), 'row')} ({numbers.share_with_interval(rate, 2)} of calls)"
            rank = SILENT if rate.value > MOSTLY else MOVED + source.severity(None) if has_risen else 20
            answer = source.answer((None, FAILURES, None)) if one.is_reported else ""
            text = f"{one.id} gave no usable decision for {failed}: look at the raw answers."
            yield _of_engineering(rank, text, answer)


def _grown(source: AskSource) -> Iterable[Ask]:
    """Latency and cost of the reported candidate that grew by half or more since the run before."""
    for one in source.candidates:
        figures = (
            ("Latency (95th percentile)", numbers.milliseconds, one.last_latency_p95, one.latency_p95),
            ("Cost per 1,000 answered items", numbers.usd, one.last_cost_per_1000_usd, one.cost_per_1000_usd),
        )
        for name, words, before, now in figures:
            if one.is_reported and before and now is not None and now >= GROWN * before:
                yield _of_engineering(
                    20, f"{name} of {one.id} rose from {words(before)} to {words(now)}: find out why."
                )


def _broken_runs(source: AskSource) -> Iterable[Ask]:
    if unusable := source.weekly.unusable:
        names = enumerated([f"{one.run_id} ({one.status})" for one in unusable])
        them = "it speaks for nobody until it is" if len(unusable) == 1 else "they speak for nobody until they are"
        yield _of_engineering(21, f"Repeat {names}: {them} complete.")


def _damaged(source: AskSource) -> Iterable[Ask]:
    """Folders that cannot be read: whose they are, and of which week, nobody can say."""
    if n := len(source.weekly.damaged):
        them, are = ("it", "is") if n == 1 else ("them", "are")
        text = (
            f"{plural(n, 'run folder')} cannot be read and {are} left out of this report: restore or remove {them} "
            f"({source.weekly.asked.command('runs', 'list')} says what is wrong)."
        )
        yield _of_engineering(21, text)


def _workload(source: AskSource) -> Iterable[Ask]:
    """Reviewers are planned by flags: a clear rise is told to them."""
    work = source.operations.workload
    if work is not None and work.before is not None and work.change == "up":
        sides, traffic = (work.before.flagged.value, work.now.flagged.value), work.traffic
        flags = [numbers.count(round(traffic.items_per_day * one)) for one in sides]
        hours = [numbers.count(round(traffic.hours * one)) for one in sides]
        text = (
            f"Flags would rise from {flags[0]} to {flags[1]} a day at {numbers.count(traffic.items_per_day)} "
            f"items: plan {hours[1]} reviewer hours a day instead of {hours[0]}, or hold the change back."
        )
        yield Ask(22, OPERATIONS, text, function="operations")


def _open(source: AskSource) -> Iterable[Ask]:
    """Targets that further items would settle: an ask each, or one for all of an owner who has many."""
    of_owner: dict[str, list[tuple[CategoryRow, Judgement]]] = {}
    for row in source.judged.rows:
        for one in row.judgements.values():
            if one.verdict == "open" and one.more:
                of_owner.setdefault(source.owner(row.id), []).append((row, one))
    for owner, found in of_owner.items():
        if len(found) > MOST_OPEN:
            yield Ask(30 + min(source.severity(row.id) for row, _ in found), owner, _open_together(found))
            continue
        for row, one in found:
            text = (
                f"Whether {row.name} meets its {one.metric} target of {numbers.share(one.target, 0)} cannot be told "
                f"yet: {_further(one)} would settle it if {numbers.share(row.results[one.metric].value)} is true."
            )
            yield Ask(30 + source.severity(row.id), owner, text, row.id)


def _open_together(found: Sequence[tuple[CategoryRow, Judgement]]) -> str:
    """The targets of one owner that cannot be told, those first that the fewest items settle."""
    nearest = sorted(found, key=lambda pair: (pair[1].more or 0, pair[0].id))
    names = [f"{one.metric} of {row.name} ({_further(one)})" for row, one in nearest]
    return f"Whether {len(found)} targets are met cannot be told yet; what would settle them: {enumerated(names, 4)}."


def _further(one: Judgement) -> str:
    return f"about {plural(one.more or 0, f'more {_UNITS[one.metric]}')}"


def _golden(source: AskSource) -> Iterable[Ask]:
    health = source.health

    def ask(rank: int, text: str, items: tuple[str, ...] = ()) -> Ask:
        return Ask(rank, GOLDEN_OWNER, text, function="operations", items=items)

    if health.n_gated is not None and health.n_gated > MOST_CANDIDATES:
        gated = f"{numbers.count(health.n_gated)} candidates were gated on {health.name} v{health.version}"
        yield ask(25, f"{gated}: a lucky PASS gets likely, refresh the set.")
    short = [row for row in health.rows if row.items_needed]
    if short and not health.is_sample:  # a sample says little about the whole set
        names = [f"{row.name} (+{numbers.count(row.items_needed or 0)})" for row in short]
        margin = numbers.points(max(row.wanted_margin or 0 for row in short)).lstrip("+")
        text = (
            f"The gate asks for margins of {margin} points or less, which "
            f"{plural(len(short), 'category', 'categories')} cannot prove yet; violating items to add: "
            f"{enumerated(names, 5)}."
        )
        yield ask(40, text)
    if health.n_all_disagree and len(source.candidates) >= MIN_WITNESSES:
        many = plural(health.n_all_disagree, "item")
        text = f"Every candidate contradicts a label of {many}: look at those labels first."
        yield ask(41, text, source.contradicted)
