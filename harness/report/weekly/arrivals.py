"""What came and went in a week: categories measured for the first time or no more, and which of several runs counts.

Decides how they are told. Which categories are new is decided in ``paired``, which run speaks in ``weeks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.gating.findings.memory import BETTER_LOWER, Entry
from harness.report.parts import numbers
from harness.report.parts.words import enumerated, plural
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import CategoryRow
from harness.report.weekly.ledger import entry_figure, entry_value
from harness.report.weekly.paired import LOST, LostBy, lost_between
from harness.report.weekly.summaries import metric
from harness.runs import RunMeta

_WHY_NEW: dict[LostBy, str] = {
    "policy": "the policy of {} did not hold",
    "set": "the run of {} had no violating item of",
    "candidate": "in {} {} did not decide on",
}
"""What was missing in the run before -> the words for it."""


def new_category_sentences(source: WeeklySource, rows: Sequence[CategoryRow], entries: Sequence[Entry]) -> list[str]:
    """Categories without a figure in the run before, and why there was none; one that came back is told as repaired."""
    if source.previous is None:
        return []
    week, before = source.previous
    back = {one.category for one in entries if one.metric == LOST and one.closed == source.week}
    gained = lost_between(source.run, before, source.candidate)
    found = []
    for by, why in _WHY_NEW.items():
        names = [
            f"{row.name} (recall {numbers.share(row.results['recall'].value)} of "
            f"{plural(row.n_violating, 'violating item')})"
            for row in rows
            if gained.get(row.id) == by and row.id not in back
        ]
        if names:
            it = "it" if len(names) == 1 else "them"
            found.append(f"New: {enumerated(names)}; {why.format(week, source.candidate)} {it}.")
    return found


def removed_category_sentences(source: WeeklySource, names: Mapping[str, str], entries: Sequence[Entry]) -> list[str]:
    """Categories that the policy holds no longer, with what was last known of them, and what ends unrepaired."""
    if source.previous is None:
        return []
    week, before = source.previous
    lost = [one for one, by in lost_between(before, source.run, source.candidate).items() if by == "policy"]
    if not lost:
        return []
    last = source.summaries[before.meta.run_id]
    told = [
        f"{names.get(one, one)} (recall {numbers.share(metric(last, source.candidate, one, 'recall').value)} in {week})"
        for one in lost
    ]
    policy = source.run.meta.policy
    return [
        f"Removed: policy {policy.name} v{policy.version} holds {enumerated(told)} no more, and nothing is measured of "
        f"{'it' if len(lost) == 1 else 'them'} from now on.",
        *(
            f"{entry_figure(one, names)} fell in {one.since}, from {entry_value(one, one.before)} to "
            f"{entry_value(one, one.then.value)}, and leaves the ledger unrepaired, with its category."
            for one in entries
            if one.is_given_up and one.closed == source.week and one.metric not in BETTER_LOWER
        ),
    ]


def replaced_sentences(source: WeeklySource) -> list[str]:
    """Which of several complete runs of the week counts, and why not the others."""
    if not source.replaced:
        return []
    counts = source.run.meta
    others = [f"{one.run_id} ({_why(one, counts)})" for one in source.replaced]
    n = len(others) + 1
    return [
        f"{numbers.count(n)} complete runs of {source.candidate} in {source.week}: {counts.run_id} counts, not "
        f"{enumerated(others)}."
    ]


def _why(one: RunMeta, counts: RunMeta) -> str:
    """The first thing by which another run was preferred."""
    if one.golden_set.version != counts.golden_set.version:
        return f"over {one.golden_set.title}, an older golden set"
    if one.n_items != counts.n_items:
        return f"{plural(one.n_items, 'item')} only"
    return "made before it"
