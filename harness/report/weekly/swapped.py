"""Another baseline than before: what the swap itself made better and worse, on the same items.

Decides when the eval's baseline counts as swapped, and which differences are told: those that a week tells of a
candidate against itself. It is no movement of either one: no chart shows it, and no gain of it makes a week BETTER; but
the ledger keeps the harm until it is repaired.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.errors import HarnessError
from harness.gating.findings import Finding, evidence_of, pair_findings
from harness.gating.findings.memory import PairedMove
from harness.measure.comparable import require_same
from harness.report.weekly.paired import likely_moves, move_of
from harness.report.weekly.weeks import WeekRuns
from harness.runs import Run, RunMeta


def _baseline(week: WeekRuns) -> str | None:
    newest = max(week.of.values(), key=lambda meta: (meta.created_at, meta.run_id))
    return newest.eval.baseline


def baseline_before(
    by_week: Mapping[str, WeekRuns], week: str, candidate: str
) -> tuple[str, str, RunMeta | None] | None:
    """Week, name and run of the eval's baseline in the last week before this one, where it was not this candidate."""
    earlier = [one for one in by_week.values() if one.week < week and one.of]
    if not earlier:
        return None
    old = _baseline(earlier[-1])
    return (earlier[-1].week, old, earlier[-1].of.get(old)) if old and old != candidate else None


def swaps(weeks: Iterable[WeekRuns], candidate: str) -> Iterator[tuple[str, RunMeta, str, RunMeta]]:
    """Each week that made the candidate the baseline: the one before with its run, the week and the candidate's run."""
    for before, week in itertools.pairwise(one for one in weeks if one.of):
        old = _baseline(before)
        if old and old != candidate == _baseline(week) and old in before.of and candidate in week.of:
            yield old, before.of[old], week.week, week.of[candidate]


def swap_moves(before: Run, run: Run, old: str, candidate: str, week: str) -> tuple[PairedMove, ...]:
    """What the candidate does worse than the baseline before it, ready to be kept."""
    harms = [one for one in swap_findings(("", old, before), run, candidate) if one.kind == "harm"]
    return tuple(move for one in harms if (move := move_of(one, week)) is not None)


def swap_findings(swapped: tuple[str, str, Run | None] | None, run: Run, candidate: str) -> Sequence[Finding]:
    """What this baseline does better and worse than the one before; nothing where the items or labels are others."""
    week, old, before = swapped or ("", "", None)
    if before is None:
        return ()
    try:
        require_same(before, run)
    except HarnessError:
        return ()
    found = pair_findings(evidence_of(before[old], run[candidate]))
    whole = [one for one in found if one.fact == "moved" and one.slice is None and one.evidence.proof == "proven"]
    others = likely_moves(found, {(one.category, one.metric) for one in whole})
    return [
        replace(one, candidate=candidate, since=week, evidence=replace(one.evidence, names=("instead_of", old)))
        for one in (*whole, *others)
        if one.kind in ("harm", "gain")
    ]


def is_swap(one: Finding) -> bool:
    """Whether a finding is about the swap of the baseline."""
    return one.evidence.names[:1] == ("instead_of",)
