"""Tables of what a cascade does: its stages, and what it leaves to people.

Decides which figures stand there, for the score, the comparison on the screen and the report alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.measure.people import People
from harness.measure.score import CandidateScore
from harness.measure.stages import StageScore
from harness.report.comparison.people import review_load
from harness.report.parts import numbers
from harness.report.parts.tables import Table

STAGE_COLUMNS = (
    "Stage", "Asked", "Decided", "Recall added", "Over-blocking added", "Calls", "Calls saved", "Cost", "Latency p50",
    "p95",
)  # fmt: skip
PEOPLE_COLUMNS = ("Category", "To a person", "Missed unseen", "Over-blocked unseen", "Wrong without a person")
STAGES_READING = (
    "Decided: decisions whose last word is the stage's. Recall and over-blocking added: what it flagged, of everything "
    "that violates or does not; the stages add up. Calls: requests, answered from the journal or not. Calls saved: "
    "what it would have asked more, had it been asked about every item."
)
PEOPLE_READING = (
    "Missed unseen: of what violates, the share that passes without a person. Over-blocked unseen: of what does not "
    "violate, the share that is removed without one. Wrong: of what is decided without one."
)


def cascade_tables(
    name: str, scored: CandidateScore, *, review_seconds: float | None = None, usd_per_hour: float | None = None
) -> list[Table]:
    """What a candidate leaves to people, and its stages; none of one that asks once."""
    tables = []
    if scored.people is not None:
        tables.append(people_table(name, scored.people, review_seconds=review_seconds, usd_per_hour=usd_per_hour))
    if scored.stages:
        tables.append(stage_table(name, scored.stages))
    return tables


def stage_table(name: str, stages: Sequence[StageScore]) -> Table:
    """One row a stage."""
    rows = []
    for one in stages:
        saved = "" if one.calls_saved is None else numbers.count(one.calls_saved)
        if one.calls_saved:
            saved += f" ({numbers.share(one.calls_saved / (one.calls + one.calls_saved))})"
        rows.append(
            (
                "a person" if one.is_person else one.use,
                f"{numbers.count(one.n_asked)} of {numbers.count(one.n_rows)}",
                numbers.share_with_interval(one.decided),
                "" if one.is_person else numbers.share_with_interval(one.gain.recall),
                "" if one.is_person else numbers.share_with_interval(one.gain.fpr),
                numbers.count(one.calls) if one.calls else "" if one.is_person else "none",
                saved,
                _cost(one),
                *("" if one.is_person else numbers.milliseconds(one.latency_ms[q]) for q in ("p50", "p95")),
            )
        )
    return Table(f"{name}: its stages", STAGE_COLUMNS, tuple(rows), (STAGES_READING,), frozenset(STAGE_COLUMNS[1:]))


def _cost(one: StageScore) -> str:
    if one.is_person:
        return "reviewers"
    if one.calls or one.cost_usd is not None:
        return numbers.usd_known(one.cost_usd, one.n_unpriced)
    return "no calls"


def stage_category_table(name: str, stages: Sequence[StageScore]) -> Table:
    """What each stage flagged, by category."""
    columns = ("Stage", "Category", "Recall added", "Over-blocking added")
    rows = tuple(
        (one.use, category, numbers.share_with_interval(gain.recall), numbers.share_with_interval(gain.fpr))
        for one in stages
        for category, gain in one.categories.items()
    )
    return Table(f"{name}: its stages by category", columns, rows, (), frozenset(columns[2:]))


def people_table(
    name: str, people: People, *, review_seconds: float | None = None, usd_per_hour: float | None = None
) -> Table:
    """One row a category that people look at, then the items."""
    rows = [
        (category, *map(numbers.share_with_interval, (one.share, one.missed, one.overblocked, one.error)))
        for category, one in people.categories.items()
    ]
    together = (numbers.share_with_interval(people.share), "", "", numbers.share_with_interval(people.error))
    rows.append(("items, and all decisions", *together))
    notes = (review_load(people.share, review_seconds, usd_per_hour).words("items") + ".", PEOPLE_READING)
    title = f"{name}: what is left to people"
    return Table(title, PEOPLE_COLUMNS, tuple(rows), notes, frozenset(PEOPLE_COLUMNS[1:]))
