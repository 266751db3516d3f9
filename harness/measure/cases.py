"""Conversations, threads and accounts as units: whether a case was caught, and how many messages late.

Decides what a case is (the items of one ``group``, in the order of the set; an item without a group is a case of its
own), when it violates (from its first violating item on), and when it is caught: by a flag on that item or a later one.
A flag before it is early, and catches nothing: at that time nothing was wrong. Cases are independent of each other,
their items are not, so intervals and tests count cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.mcnemar import mcnemar_midp
from harness.core.metric_facts import NO_NEGATIVES, NO_POSITIVES
from harness.core.metrics import proportion
from harness.core.multiplicity import holm
from harness.core.paired import discordance, paired_cells, paired_difference
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.measure.decisions import decisions
from harness.records import MISSING
from harness.runs import Run

WITHIN = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class CaseScore:
    """One candidate on the cases of one category.

    Attributes:
        recall: Share of violating cases that are caught; low and high are Wilson's over cases.
        fpr: Share of harmless cases in which some item is flagged.
        within: k -> share of violating cases caught by the k-th message counted from the first violating one, or, where
            times were given, within k seconds of it. Cases never caught count as not caught.
        delay_median: Messages (seconds) from the first violating one to the catch, over caught cases; None for none.
        delay_p90: Their 90th percentile.
        missed: Groups of violating cases that were not caught.
        n_early: Violating cases flagged before they violated.
    """

    recall: MetricResult
    fpr: MetricResult
    within: Mapping[float, MetricResult]
    delay_median: float | None
    delay_p90: float | None
    missed: tuple[str, ...]
    n_early: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "recall": self.recall.as_dict(), "fpr": self.fpr.as_dict(),
            "within": {f"{k:g}": result.as_dict() for k, result in self.within.items()},
            "delay_median": self.delay_median, "delay_p90": self.delay_p90,
            "missed": list(self.missed), "n_early": self.n_early,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseDifference:
    """Two candidates on the same cases: recall of cases, candidate minus baseline."""

    recall: MetricResult
    p_value: float
    p_holm: float
    newly_caught: tuple[str, ...]
    newly_missed: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "recall_difference": self.recall.as_dict(), "p_value": self.p_value, "p_holm": self.p_holm,
            "newly_caught": list(self.newly_caught), "newly_missed": list(self.newly_missed),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """The cases of a run.

    Attributes:
        names: Of each case: its group, or the id of its only item.
        members: Positions of its items in order.
        times: Seconds of every item since any fixed moment, float (n_items,); None counts messages.
    """

    names: tuple[str, ...]
    members: tuple[NDArray[np.int64], ...]
    times: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CaseDecisions:
    """What became of each case on one category, all of shape (n_cases,).

    Attributes:
        gold: 1 violates, 0 does not, -1 nobody knows.
        caught: The same codes: 1 caught (violating) or flagged (harmless), -1 where a missing decision leaves it open.
        delay: Messages or seconds from the first violating item to the catch; NaN where there is none.
        is_early: Flagged before it violated, bool.
    """

    gold: NDArray[np.int8]
    caught: NDArray[np.int8]
    delay: NDArray[np.float64]
    is_early: NDArray[np.bool_]


def cases_of(run: Run, times: Mapping[str, float] | None = None) -> Cases:
    """The cases of a whole run.

    The run is over all items, since a sample would cut cases apart. With ``times`` (item id -> seconds) the items of a
    case are put in order of time.

    Raises:
        HarnessError: No item has a group, the run is a sample, or an item has no time.
    """
    groups = run.groups
    if not any(groups):
        raise HarnessError(
            f"run {run.meta.run_id}: no item has a group, so that every item is a case of its own",
            allowed="a golden set whose items name their conversation, thread or account",
            next_step="declare it in the card: 'fields: {group: PATH}'",
        )
    if run.only or run.meta.is_sample:
        raise HarnessError(
            f"run {run.meta.run_id} holds some of the items, and cases would be cut apart",
            allowed="a run over the whole set",
            next_step="run without --only and --limit",
        )
    members: dict[str, list[int]] = {}
    for at, (item_id, group) in enumerate(zip(run.item_ids, groups, strict=True)):
        members.setdefault(f"item {item_id}" if group is None else group, []).append(at)
    at_time = None
    if times is not None:
        lacking = [item_id for item_id in run.item_ids if item_id not in times]
        if lacking:
            raise HarnessError(
                f"{len(lacking):,} items have no time, among them '{lacking[0]}'",
                allowed="a number of seconds for every item",
                next_step="complete the items, or count messages: leave --time out",
            )
        at_time = np.array([times[item_id] for item_id in run.item_ids], dtype=np.float64)
        members = {name: sorted(places, key=at_time.__getitem__) for name, places in members.items()}
    return Cases(tuple(members), tuple(np.array(one, dtype=np.int64) for one in members.values()), at_time)


def decide_cases(cases: Cases, gold: NDArray[np.int8], flags: NDArray[np.int8]) -> CaseDecisions:
    """Items -> cases, on one category.

    ``gold`` and ``flags`` are 1, 0 or -1 for missing, int8 (n_items,).

    >>> cases = Cases(("a", "b"), (np.array([0, 1, 2]), np.array([3, 4])))
    >>> made = decide_cases(cases, np.array([0, 1, 1, 0, 0], np.int8), np.array([0, 0, 1, 1, 0], np.int8))
    >>> made.gold.tolist(), made.caught.tolist(), made.delay.tolist()[0]
    ([1, 0], [1, 1], 1.0)
    """
    n = len(cases.names)
    found = CaseDecisions(
        np.full(n, MISSING, np.int8), np.full(n, MISSING, np.int8), np.full(n, np.nan), np.zeros(n, np.bool_)
    )
    for at, places in enumerate(cases.members):
        labels, said = gold[places], flags[places]
        violating = np.flatnonzero(labels == 1)
        if violating.size == 0:
            found.gold[at] = 0 if (labels == 0).all() else MISSING
            found.caught[at] = _any_flag(said)
            continue
        onset = int(violating[0])
        found.gold[at] = 1
        found.is_early[at] = bool((said[:onset] == 1).any())
        later = said[onset:]
        found.caught[at] = _any_flag(later)
        if found.caught[at] == 1:
            hit = onset + int(np.flatnonzero(later == 1)[0])
            seconds = cases.times
            found.delay[at] = hit - onset if seconds is None else seconds[places[hit]] - seconds[places[onset]]
    return found


def _any_flag(said: NDArray[np.int8]) -> int:
    """1 where one is flagged, else missing where one is missing: it might have been."""
    if (said == 1).any():
        return 1
    return MISSING if (said == MISSING).any() else 0


def score_cases(run: Run, candidate: str, cases: Cases, within: Sequence[float] = WITHIN) -> dict[str, CaseScore]:
    """A candidate's cases by category; its first repeat where there are several."""
    read = decisions(run, candidate)
    return {
        category: _score(cases, decide_cases(cases, read.y_true[:, at], read.y_pred[:, 0, at]), within)
        for at, category in enumerate(run.categories)
        if read.is_covered[at]
    }


def _score(cases: Cases, made: CaseDecisions, within: Sequence[float]) -> CaseScore:
    is_known = made.caught != MISSING
    positive, negative = (made.gold == 1), (made.gold == 0)
    asked, harmless = positive & is_known, negative & is_known
    n_open = int((positive & ~is_known).sum())
    delays = made.delay[asked & (made.caught == 1)]
    least = 0 if cases.times is not None else 1  # the violating message itself is the first
    return CaseScore(
        recall=proportion(int((asked & (made.caught == 1)).sum()), int(asked.sum()), NO_POSITIVES, n_excluded=n_open),
        fpr=proportion(
            int((harmless & (made.caught == 1)).sum()),
            int(harmless.sum()),
            NO_NEGATIVES,
            n_excluded=int((negative & ~is_known).sum()),
        ),
        within={
            k: proportion(int((delays + least <= k).sum()), int(asked.sum()), NO_POSITIVES, n_excluded=n_open)
            for k in within
        },
        delay_median=float(np.median(delays)) if delays.size else None,
        delay_p90=float(np.quantile(delays, 0.9)) if delays.size else None,
        missed=tuple(cases.names[at] for at in np.flatnonzero(asked & (made.caught == 0))),
        n_early=int((positive & made.is_early).sum()),
    )


def compare_cases(run: Run, baseline: str, candidate: str, cases: Cases) -> dict[str, CaseDifference]:
    """Recall of cases, candidate minus baseline, by category that both decide on; p after Holm over all of them."""
    a, b = decisions(run, baseline), decisions(run, candidate)
    found: dict[str, CaseDifference] = {}
    for at, category in enumerate(run.categories):
        if not (a.is_covered[at] and b.is_covered[at]):
            continue
        before = decide_cases(cases, a.y_true[:, at], a.y_pred[:, 0, at])
        after = decide_cases(cases, b.y_true[:, at], b.y_pred[:, 0, at])
        cells = paired_cells(before.gold, before.caught, after.caught)
        pairs = discordance(cells, "recall")
        both = (before.gold == 1) & (before.caught != MISSING) & (after.caught != MISSING)
        found[category] = CaseDifference(
            paired_difference(cells, "recall", n_excluded=int(((before.gold == 1) & ~both).sum())),
            mcnemar_midp(int(pairs.gained), int(pairs.lost)),
            1.0,
            tuple(cases.names[i] for i in np.flatnonzero(both & (before.caught == 0) & (after.caught == 1))),
            tuple(cases.names[i] for i in np.flatnonzero(both & (before.caught == 1) & (after.caught == 0))),
        )
    corrected = holm([one.p_value for one in found.values()]).tolist() if found else []
    return {name: replace(one, p_holm=p) for (name, one), p in zip(found.items(), corrected, strict=True)}
