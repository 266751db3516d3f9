"""A candidate against itself in the run before, item by item.

Decides which paired differences count as movements: proven after Holm, worth 2 points, and with an interval that leaves
out 0. Which other findings about the pair a week tells: what is likely in a critical category or a declared slice.
Moves of past weeks are kept beside the summaries, so that no pair of runs is read twice.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.core.intervals import wilson_interval
from harness.core.paired import PairedResult
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.gating.findings import Finding, evidence_of, pair_findings
from harness.gating.findings.memory import PairedMove
from harness.gating.findings.pair import SAME_WITHIN, is_better
from harness.measure.comparable import require_same, shared_positions, version_differences
from harness.measure.compare import Comparison, compare
from harness.measure.decisions import decisions
from harness.records.evals import ALPHA
from harness.report.weekly.data import METRIC_NAMES
from harness.report.weekly.operating import point_changes, tested_points
from harness.runs import Run
from harness.runs.rejudged import rejudged

FAILURES, LOST = "failure_rate", "lost_category"
"""Figures of the ledger that no chart shows: the share of unusable answers, and of items decided in a category."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The candidate against itself in the run before.

    Attributes:
        n_shared: Items that both runs hold, where golden set, policy or categories differ; None for all.
    """

    before: Run
    run: Run
    compared: Comparison
    n_shared: int | None = None


def against_itself(before: Run, run: Run, candidate: str) -> Pair | None:
    """The candidate against itself last time, over the same labels; None for another sample, and for no item in common.

    Where golden set, policy or categories differ, both runs are read over what they share by the labels of now: else
    nobody is told what the candidate did in the week of a new golden set.
    """
    old, new, n_shared = before, run, None
    try:
        require_same(before, run)
    except HarnessError:
        kept = tuple(one for one in run.categories if one in before.categories)
        if not kept or not (version_differences(before, run) or set(run.categories) != set(before.categories)):
            return None
        try:
            at_old, at_new = shared_positions(before, run)
        except HarnessError:
            return None
        old, new = rejudged(before, run, at_old, at_new, kept)
        n_shared = len(at_new)
    # only tests of McNemar and WGS are read
    return Pair(old, new, compare(old[candidate], new[candidate], n_resamples=200), n_shared)


def proven_moves(compared: Comparison) -> Iterator[tuple[str, str, PairedResult, float]]:
    """Category, metric, result and Holm's p of every difference that counts."""
    for category, one in compared.categories.items():
        for metric in METRIC_NAMES:
            p_holm = one.p_holm.get(metric, math.nan)
            if math.isnan(p_holm) or p_holm > ALPHA:
                continue
            result = one.metrics[metric]
            difference = result.difference
            if abs(difference.value) >= SAME_WITHIN and not difference.low <= 0 <= difference.high:
                yield category, metric, result, p_holm


def likely_moves(findings: Sequence[Finding], told: Container[tuple[str | None, str | None]]) -> tuple[Finding, ...]:
    """What a week tells beside its movements: slices, and critical categories that no movement names."""
    return tuple(
        one
        for one in findings
        if one.fact == "moved"
        and (one.slice is not None or (one.severity == "critical" and (one.category, one.metric) not in told))
    )


def _counted(one: Finding, week: str) -> PairedMove | None:
    """More failures as a move of their share."""
    if one.fact == "failures" and one.before is not None and one.after is not None:
        before, after = (share_of(round(rate.value * rate.n), rate.n) for rate in (one.before, one.after))
        return PairedMove(week, None, FAILURES, before, after)
    return None


LostBy = Literal["candidate", "set", "policy"]
"""Who dropped a category. A policy does so on purpose: it is told once, and nobody is asked to repair it."""


def lost_between(before: Run, run: Run, candidate: str) -> dict[str, LostBy]:
    """Categories measured before and no longer, and who dropped them; with the runs swapped, those that are new."""
    was, now = _measured(before, candidate), _measured(run, candidate)
    decides = any(is_decided for _, is_decided in now.values())
    found: dict[str, LostBy] = {}
    for category, (had_items, was_decided) in was.items():
        has_items, is_decided = now.get(category, (False, False))
        if not (had_items and was_decided):
            continue
        if category not in run.meta.policy.categories:
            found[category] = "policy"
        elif not has_items and not run.meta.is_sample:  # a sample may miss a rare category by chance
            found[category] = "set"
        elif has_items and not is_decided and decides:
            found[category] = "candidate"
    return found


def _measured(run: Run, candidate: str) -> dict[str, tuple[bool, bool]]:
    """Category -> whether any item violates it, and whether the candidate decides on it at all."""
    is_decided = np.asarray((decisions(run, candidate).y_pred >= 0).any(axis=(0, 1)))
    has_items = (run.y_true == 1).any(axis=0)
    return {
        name: (bool(has), bool(decided))
        for name, has, decided in zip(run.categories, has_items, is_decided, strict=True)
    }


def share_of(n_with: float, n: float) -> MetricResult:
    """A share of items with Wilson's interval."""
    if n <= 0:
        return MetricResult.undefined("no items")
    n_all = max(1, round(n))
    n_with = min(max(n_with, 0.0), n_all)
    return MetricResult(n_with / n_all, *wilson_interval(round(n_with), n_all), n_all)


def moves_between(before: Run, run: Run, candidate: str, week: str) -> tuple[PairedMove, ...]:
    """What moved from one run to the next, that of ``week``, ready to be kept: the harm that it told, and rises."""
    lost = tuple(
        PairedMove(week, category, LOST, share_of(1, 1), share_of(0, 1))
        for category, by in lost_between(before, run, candidate).items()
        if by != "policy"
    )
    pair = against_itself(before, run, candidate)
    if pair is None:
        return lost
    proven = [(*one, is_better(one[1], one[2].difference.value)) for one in proven_moves(pair.compared)]
    found = [
        PairedMove(week, category, metric, result.baseline, result.candidate, is_better=is_rise)
        for category, metric, result, _, is_rise in proven
    ]
    findings = pair_findings(evidence_of(pair.before[candidate], pair.run[candidate], comparison=pair.compared))
    found += [move for one in findings if (move := _counted(one, week)) is not None]
    fallen = {(category, metric) for category, metric, *_, is_rise in proven if not is_rise}
    kept = [one for one in likely_moves(findings, fallen) if one.kind == "harm" or one.slice is not None]
    found += [move for one in kept if (move := move_of(one, week)) is not None]
    points = tested_points(run, point_changes(before, run, candidate)) if pair.n_shared is None else {}
    found += [
        PairedMove(week, category, metric, one.result.baseline, one.result.candidate)
        for (category, metric), one in points.items()
        if one.is_moved and not is_better(metric, one.result.difference.value)
    ]
    return (*lost, *found)


def move_of(one: Finding, week: str) -> PairedMove | None:
    """A finding about a pair as the ledger keeps it; None where it has no figures."""
    if one.metric is None or one.before is None or one.after is None:
        return None
    is_proven, is_own = one.evidence.proof == "proven", one.slice is not None and not one.evidence.restates
    is_gain = one.kind == "gain"
    return PairedMove(week, one.category, one.metric, one.before, one.after, one.slice, is_proven, is_gain, is_own)
