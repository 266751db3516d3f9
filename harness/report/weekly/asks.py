"""Asks and owners: what somebody should do next, derived from the numbers.

Decides which facts become asks, who is asked, and the order. The policy names the owners of categories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.gating.findings.memory import Entry
from harness.gating.findings.stored import NEWLY
from harness.gating.log import MOST_CANDIDATES
from harness.report.parts import numbers
from harness.report.parts.words import enumerated, plural
from harness.report.weekly.data import METRIC_NAMES, Ask, CandidateRow, CategoryRow, GoldenHealth, Judgement, Movement
from harness.report.weekly.sentences import points_text
from harness.runs import RunMeta

ENGINEERING = "engineering"
GOLDEN_OWNER = "golden-set owner"
NO_OWNER = "no owner named in the policy"
MIN_WITNESSES = 3
"""Two weak candidates agree against a good label all too often."""
_UNITS = {"recall": "violating items", "precision": "flagged items"}
_WORSE = {"recall": "newly missed item", "precision": "newly wrongly flagged item"}
_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}


def build_asks(
    rows: Sequence[CategoryRow],
    movements: Sequence[Movement],
    health: GoldenHealth,
    candidates: Sequence[CandidateRow],
    unusable: Sequence[RunMeta],
    max_error_rate: float,
    has_own_change: bool,
    still_open: Sequence[Entry] = (),
) -> tuple[Ask, ...]:
    """Every ask, the most urgent first."""
    found = [
        *_moved(rows, movements, has_own_change),
        *_unrepaired(rows, still_open),
        *_missed(rows),
        *_failures(candidates, max_error_rate),
        *_broken_runs(unusable),
        *_open(rows),
        *_golden(health, len(candidates)),
    ]
    return tuple(sorted(found, key=lambda one: one.rank))


def _owner(row: CategoryRow | None) -> str:
    return NO_OWNER if row is None or not row.owner else row.owner


def _moved(rows: Sequence[CategoryRow], movements: Sequence[Movement], has_own_change: bool) -> Iterable[Ask]:
    by_id = {row.id: row for row in rows}
    for one in movements:
        if one.is_better:
            continue
        row = by_id.get(one.category)
        n_worse = row.newly.get(NEWLY[one.metric][0], 0) if row is not None else 0
        broken = f" Start with the {plural(n_worse, _WORSE[one.metric])}." if n_worse else ""
        what = "decide whether to roll back" if has_own_change else "find the cause with whoever runs it"
        size = points_text(one.difference)
        text = f"{METRIC_NAMES[one.metric]} of {one.name} fell by {size}: {what}.{broken}"
        yield Ask(_SEVERITY.get(row.severity if row else "", 2), _owner(row), text, one.category)


def _unrepaired(rows: Sequence[CategoryRow], still_open: Sequence[Entry]) -> Iterable[Ask]:
    by_id = {row.id: row for row in rows}
    for one in still_open:
        row = by_id.get(one.category)
        name = one.category if row is None else row.name
        text = (
            f"{METRIC_NAMES.get(one.metric, one.metric)} of {name} has not recovered since {one.since}: repair it, or "
            f"answer for it (harness weekly ack --finding {one.key})."
        )
        yield Ask(5 + _SEVERITY.get(row.severity if row else "", 2), _owner(row), text, one.category)


def _missed(rows: Sequence[CategoryRow]) -> Iterable[Ask]:
    for row in rows:
        for one in row.judgements.values():
            if one.verdict != "missed":
                continue
            result = row.results[one.metric]
            text = (
                f"{METRIC_NAMES[one.metric]} of {row.name} is {numbers.share(result.value)}, with 95% confidence at "
                f"most {numbers.share(one.high)}, and so below its target of {numbers.share(one.target, 0)}: "
                f"{_advice(one, row)}"
            )
            yield Ask(10 + _SEVERITY.get(row.severity, 2), _owner(row), text, row.id)


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
            yield Ask(20, ENGINEERING, text)


def _broken_runs(unusable: Sequence[RunMeta]) -> Iterable[Ask]:
    if unusable:
        names = enumerated([f"{one.run_id} ({one.status})" for one in unusable])
        yield Ask(21, ENGINEERING, f"Repeat {names}: it speaks for nobody until it is complete.")


def _open(rows: Sequence[CategoryRow]) -> Iterable[Ask]:
    for row in rows:
        for one in row.judgements.values():
            if one.verdict == "open" and one.more:
                text = (
                    f"Whether {row.name} meets its {one.metric} target of {numbers.share(one.target, 0)} "
                    f"cannot be told yet: about {numbers.count(one.more)} more {_UNITS[one.metric]} would settle it if "
                    f"{numbers.share(row.results[one.metric].value)} is true."
                )
                yield Ask(30 + _SEVERITY.get(row.severity, 2), _owner(row), text, row.id)


def _golden(health: GoldenHealth, n_candidates: int) -> Iterable[Ask]:
    if health.n_gated is not None and health.n_gated > MOST_CANDIDATES:
        text = (
            f"{numbers.count(health.n_gated)} candidates were gated on {health.name} v{health.version}: a lucky PASS "
            "gets likely, refresh the set."
        )
        yield Ask(25, GOLDEN_OWNER, text)
    short = [row for row in health.rows if row.items_needed]
    if short and health.n_items == health.n_in_set:  # a sample says little about the whole set
        names = [f"{row.name} (+{numbers.count(row.items_needed or 0)})" for row in short]
        margin = numbers.points(max(row.wanted_margin or 0 for row in short)).lstrip("+")
        text = (
            f"The gate asks for margins of {margin} points or less, which "
            f"{plural(len(short), 'category', 'categories')} cannot prove yet; violating items to add: "
            f"{enumerated(names, 5)}."
        )
        yield Ask(40, GOLDEN_OWNER, text)
    if health.n_all_disagree and n_candidates >= MIN_WITNESSES:
        many = plural(health.n_all_disagree, "item")
        text = f"Every candidate contradicts a label of {many}: look at those labels first."
        yield Ask(41, GOLDEN_OWNER, text)
