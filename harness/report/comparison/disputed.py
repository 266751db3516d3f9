"""The section that says what annotators dispute, and how many of each candidate's errors are on those items.

Decides which tables it holds: agreement by category, each candidate's errors on disputed items, the labels to settle
first, and the teams of annotators. What the votes say is ``parts.disputes``'.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.comparison.pairs import category_name
from harness.report.comparison.section_table import Section
from harness.report.comparison.source import ReportSource
from harness.report.parts import numbers
from harness.report.parts.disputes import Dispute, disputed_errors
from harness.report.parts.tables import Table

MOST_LABELS = 100
"""Labels to settle that the section names; the rest are counted."""


def _tables(source: ReportSource) -> list[Table]:
    votes, names = source.agreement, {one: category_name(source, one) for one in source.categories}
    if not any(votes.of(one) for one in source.categories):
        return []
    found = {
        arm.id: disputed_errors(source.categories, source.item_ids, source.y_true, arm.decisions, votes, names)
        for arm in source.arms
    }
    tables = [_agreement(next(iter(found.values()))), _errors(found)]
    labels = _labels(found)
    if labels.rows:
        tables.append(labels)
    teams = [one for one in votes.teams if one.category in names]
    if teams:
        columns = ("Team", "Category", "Votes", "Agrees with the others", "Recall of their majority", "Precision on it")
        rows = tuple(
            (
                one.team,
                names[one.category],
                numbers.count(one.n_votes),
                *map(numbers.share_with_interval, (one.agreement, one.recall, one.precision)),
            )
            for one in teams
        )
        note = "Each team's votes against the majority of the votes that are not its own."
        tables.append(Table("Teams of annotators", columns, rows, (note,), frozenset(columns[2:])))
    return tables


def _agreement(found: Sequence[Dispute]) -> Table:
    columns = ("Category", "Agreement α", "Items voted on", "Votes differ", "Gold is not the majority")
    rows = tuple(
        (
            one.name,
            numbers.score_with_interval(one.votes.alpha),
            *map(numbers.count, (one.votes.n_items, one.votes.n_disputed, one.votes.n_against_gold)),
        )
        for one in found
    )
    note = "Krippendorff's alpha over the whole golden set: 1 is agreement, 0 is chance."
    return Table("How far annotators agree", columns, rows, (note,), frozenset(columns[1:]))


def _errors(found: dict[str, tuple[Dispute, ...]]) -> Table:
    columns = ("Candidate", "Category", "Errors", "of them on disputed items")
    rows = tuple(
        (candidate, one.name, numbers.count(one.n_errors), numbers.count(one.n_disputed_errors))
        for candidate, disputes in found.items()
        for one in disputes
    )
    return Table("Errors on disputed items", columns, rows, (), frozenset(columns[2:]))


def _labels(found: dict[str, tuple[Dispute, ...]]) -> Table:
    """Disputed labels that candidates decide against, those of most candidates first."""
    wrong: dict[tuple[str, str], list[str]] = {}
    for candidate, disputes in found.items():
        for one in disputes:
            for item in one.items:
                wrong.setdefault((item, one.name), []).append(candidate)
    order = sorted(wrong.items(), key=lambda one: -len(one[1]))
    rows = tuple((*at, numbers.count(len(who)) if len(who) > 3 else ", ".join(who)) for at, who in order[:MOST_LABELS])
    left = len(order) - len(rows)
    notes = (f"and {numbers.count(left)} more",) if left > 0 else ()
    return Table("Labels to settle first", ("Item", "Category", "Decided against the gold by"), rows, notes)


DISPUTES = Section(
    "Disputes",
    "Annotators and disputed labels",
    "Votes of the golden set. An error on an item that annotators dispute may be the label's: settle those first.",
    _tables,
)
