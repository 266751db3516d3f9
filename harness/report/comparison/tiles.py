"""The few facts at the head of a comparison's page.

Decides which there are: those of every candidate while they fit, none of a single one among many.
"""

from __future__ import annotations

from harness.report.comparison.data import OutcomeRow, ReportData
from harness.report.parts import numbers
from harness.report.parts.words import NOT_ASKED, failed_counts, outcome_words

MOST_TILED = 3
"""Candidates whose facts still fit into tiles."""


def tiles_of(data: ReportData) -> list[tuple[str, str, str]]:
    """Name, value and remark of each."""
    golden = f"{data.golden_set.title}"
    tiles = [("Items", numbers.count(data.n_items), golden)]
    tiles.append(("Categories", str(len(data.pairs[0].rows)), f"policy {data.policy_name} v{data.policy_version}"))
    if data.baseline:
        better = {pair.candidate: numbers.count(pair.n_fixed) for pair in data.pairs}
        worse = {pair.candidate: numbers.count(pair.n_broken) for pair in data.pairs}
        for title, found in (("Items now right", better), ("Items now wrong", worse)):
            if len(found) == 1:
                tiles.append((title, next(iter(found.values())), f"{next(iter(found))}, in some category"))
            elif len(found) <= MOST_TILED:
                tiles.append((title, " · ".join(found.values()), " · ".join(found)))
    shown = list(data.candidates) if len(data.candidates) <= MOST_TILED else []
    for row in data.outcomes:
        if row.candidate in shown:
            n_failed = sum(failed_counts(row.counts).values())
            tiles.append((f"Failed calls, {row.candidate}", numbers.count(n_failed), _failures(row)))
            if n_not_asked := row.counts.get(NOT_ASKED, 0):
                total = f"of {numbers.count(sum(row.counts.values()))}"
                tiles.append((f"Not asked, {row.candidate}", numbers.count(n_not_asked), total))
    tiles += [
        (f"Cost, {one.candidate}", numbers.usd(one.cost_per_1000_usd), "per 1,000 answered items")
        for one in data.economics
        if one.candidate in shown and one.cost_per_1000_usd is not None
    ]
    return tiles


def _failures(row: OutcomeRow) -> str:
    failed = [f"{n:,} {outcome_words(name)}" for name, n in failed_counts(row.counts).items()]
    return ", ".join(failed) or "every call answered"
