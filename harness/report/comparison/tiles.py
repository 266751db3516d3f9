"""The few facts at the head of a comparison's page, and the few words beside a folded section.

Decides which facts there are: those of every candidate while they fit, none of a single one among many.
"""

from __future__ import annotations

from harness.report.comparison.data import OutcomeRow, ReportData
from harness.report.comparison.matrix import decided_categories
from harness.report.parts import numbers
from harness.report.parts.banner import is_empty
from harness.report.parts.words import NOT_ASKED, enumerated, failed_counts, outcome_words, plural

MOST_TILED = 3
"""Candidates whose facts still fit into tiles."""


def tiles_of(data: ReportData) -> list[tuple[str, str, str]]:
    """Name, value and remark of each."""
    tiles = [("Items", numbers.count(data.n_items), data.golden_set.title)]
    if decided := decided_categories(data):
        tiles.append(("Categories", str(len(decided)), f"policy {data.policy_name} v{data.policy_version}"))
    if data.baseline and decided:
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
            tiles.append(_failed_tile(row))
            if n_not_asked := row.counts.get(NOT_ASKED, 0):
                total = f"of {numbers.count(sum(row.counts.values()))}"
                tiles.append((f"Not asked, {row.candidate}", numbers.count(n_not_asked), total))
    tiles += [
        (f"Cost, {one.candidate}", numbers.usd(one.cost_per_1000_usd), "per 1,000 answered items")
        for one in data.economics
        if one.candidate in shown and one.cost_per_1000_usd is not None
    ]
    return tiles


def _failed_tile(row: OutcomeRow) -> tuple[str, str, str]:
    """Of a candidate without one usable answer, that this is so, and of how many."""
    n_failed = numbers.count(sum(failed_counts(row.counts).values()))
    if is_empty(row.counts) and not row.counts.get("error"):
        return f"Unusable answers, {row.candidate}", f"{n_failed} of {n_failed}", _failures(row)
    return f"Failed calls, {row.candidate}", n_failed, _failures(row)


def _failures(row: OutcomeRow) -> str:
    failed = [f"{n:,} {outcome_words(name)}" for name, n in failed_counts(row.counts).items()]
    return ", ".join(failed) or "every call answered"


def fold_words(data: ReportData) -> dict[str, str]:
    """What a folded section holds, by its id: enough to know whether to open it."""
    failed = {row.candidate: sum(failed_counts(row.counts).values()) for row in data.outcomes}
    bad = [f"{numbers.count(n)} failed of {name}" for name, n in failed.items() if n]
    checks = [check for pair in data.pairs for check in pair.checks]
    n_passed = sum(check.verdict in ("PASS", "IMPROVED") for check in checks)
    wrong = [f"{one.candidate} {numbers.count(one.n_wrong_selection)}" for one in data.confusions]
    costs = [f"{row.candidate} {numbers.usd(row.cost_per_1000_usd, row.n_unknown_cost)}" for row in data.economics]
    margins = [row.provable_margin for row in data.gold.rows if row.provable_margin is not None]
    return {
        "outcomes": enumerated(bad, 4) or "every answer could be used",
        "checks": f"{numbers.count(n_passed)} of {plural(len(checks), 'check')} passed",
        "confusion": f"items flagged for nothing but a wrong category: {enumerated(wrong, 4)}" if wrong else "",
        "calibration": plural(sum(bool(one.calibration) for one in data.scored), "category", "categories"),
        "slices": ", ".join(f"{table.name} ({plural(len(table.rows), 'value')})" for table in data.slices),
        "cost": f"{enumerated(costs, 4)} per 1,000 answered items" if costs else "",
        "gold": f"{data.golden_set.title}, {plural(data.n_items, 'item')}"
        + (f"; smallest provable loss of recall {numbers.points(min(margins)).lstrip('+')} points" if margins else ""),
    }
