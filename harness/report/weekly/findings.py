"""The week's findings: its movements, slices, failures, missed targets, and what is still open from the weeks before.

Decides nothing about significance: movements come from the charts and the pairs, slices and failures from
``gating.findings``, the ledger from its memory. Here they become one list, the worst first.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from harness.core.results import MetricResult
from harness.gating.findings import Evidence, Finding, evidence_of, pair_findings
from harness.gating.findings.memory import Entry
from harness.gating.findings.pair import importance
from harness.gating.findings.records import Cause
from harness.gating.findings.stored import NEWLY, evidence_alone
from harness.report.parts.first_screen import told
from harness.report.weekly.acknowledged import PRODUCTION
from harness.report.weekly.before import Before
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import CategoryRow, Movement
from harness.report.weekly.paired import likely_moves
from harness.report.weekly.production import Production, production_findings
from harness.report.weekly.silence import is_silence, lost_findings

MOST_OPEN = 2
"""Open and slice findings that the headline tells."""
_FROM_PAIRS = ("unusable", "undecided", "failures", "must_catch")


def week_findings(
    source: WeeklySource,
    before: Before,
    rows: Sequence[CategoryRow],
    movements: Sequence[Movement],
    entries: Sequence[Entry],
    cause: Cause | None,
    names: Mapping[str, str],
    production: Production | None,
    at_points: Sequence[Finding],
    others: Sequence[Finding],
) -> tuple[Finding, ...]:
    """Every finding of the week: silence before everything, then the worst."""
    run, candidate, since, pair = source.run, source.candidate, before.week, before.pair
    by_id = {row.id: row for row in rows}
    found = [_movement(one, candidate, by_id, cause, since) for one in movements]
    told: set[tuple[str | None, str | None]] = {(one.category, one.metric) for one in movements}
    if pair is not None:
        of_pair = pair_findings(evidence_of(pair.before[candidate], pair.run[candidate], comparison=pair.compared))
        kept = [*(one for one in of_pair if one.fact in _FROM_PAIRS), *likely_moves(of_pair, told)]
        found += [_since(one, candidate, since, cause) for one in kept]
    else:
        found += [one for one in pair_findings(evidence_alone(run, candidate, None)) if one.fact in _FROM_PAIRS]
    found += [] if before.run is None else lost_findings(before.run, run, candidate, since, names)
    found += [_target(row, name, candidate) for row in rows for name in row.judgements if _is_missed(row, name)]
    found += [_open(one, candidate, names) for one in entries if one.is_open and one.since < source.week]
    found += [_since(one, candidate, since, cause) for one in at_points]
    found += [one for one in others if one.slice is not None or (one.category, one.metric) not in told]
    found += production_findings(production)
    return tuple(sorted(found, key=lambda one: (not is_silence(one), importance(one))))


def week_screen(findings: Sequence[Finding]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What stands below the headline: open findings and slices beyond those it tells, then better slices."""
    worse = [one for one in findings if one.kind == "harm" and one.slice is not None]
    production = [one for one in findings if one.fact == "production"]
    still = [one for one in findings if one.kind == "open"]
    silent, fallen = ([one for one in still if is_silence(one) is wanted] for wanted in (True, False))
    parts = (
        ("Also still open", [*silent[MOST_OPEN:], *fallen[MOST_OPEN:]]),
        ("Also worse", worse[MOST_OPEN:]),
        ("Also in production", production_told(production)[MOST_OPEN:]),
        ("Better in places", [one for one in findings if one.kind == "gain" and one.slice is not None]),
    )
    return tuple((name, tuple(told(found))) for name, found in parts if found)


def still_open(entries: Sequence[Entry], findings: Sequence[Finding], week: str) -> list[Entry]:
    """Falls of the weeks before that are open, in the order in which their findings stand."""
    order = {(one.category, one.metric, one.slice): at for at, one in enumerate(findings) if one.kind == "open"}
    found = [one for one in entries if one.is_open and one.since < week]
    return sorted(found, key=lambda one: order.get((one.category, one.metric, one.slice), len(order)))


def n_also_open(findings: Sequence[Finding]) -> int:
    """Falls still open beyond those that the headline tells."""
    still = [is_silence(one) for one in findings if one.kind == "open"]
    return sum(max(0, still.count(wanted) - MOST_OPEN) for wanted in (True, False))


def production_told(findings: Sequence[Finding]) -> list[Finding]:
    """What moved in production, harm first; without what another figure says as well."""
    own = [one for one in findings if one.fact == "production" and one.kind != "open" and not one.evidence.restates]
    return sorted(own, key=lambda one: one.kind != "harm")


def _since(one: Finding, candidate: str, since: str | None, cause: Cause | None) -> Finding:
    return dataclasses.replace(one, candidate=candidate, since=since, cause=cause if one.fact == "moved" else None)


def _movement(
    one: Movement, candidate: str, by_id: Mapping[str, CategoryRow], cause: Cause | None, since: str | None
) -> Finding:
    row = by_id.get(one.category)
    is_slide = one.source == "slide"
    proof = Evidence(
        "proven" if one.source == "paired" else "likely",
        None,
        one.q_value,
        {} if is_slide else _newly(row, one.metric),
        slid_since=one.since or None,
    )
    return Finding(
        "gain" if one.is_better else "harm",
        "moved",
        candidate,
        one.category,
        one.name,
        metric=one.metric,
        severity="" if row is None else row.severity,
        before=MetricResult(one.before, math.nan, math.nan, 0),
        after=one.now,
        difference=MetricResult(one.difference, math.nan, math.nan, one.now.n),
        evidence=proof,
        cause=None if is_slide else cause,
        since=one.since or since,
        owner=None if row is None else row.owner,
    )


def _newly(row: CategoryRow | None, metric: str) -> dict[str, int]:
    return {} if row is None else {name: row.newly[name] for name in NEWLY[metric] if name in row.newly}


def _is_missed(row: CategoryRow, metric: str) -> bool:
    return row.judgements[metric].verdict == "missed"


def _target(row: CategoryRow, metric: str, candidate: str) -> Finding:
    one, result = row.judgements[metric], row.results[metric]
    return Finding(
        "harm",
        "target_missed",
        candidate,
        row.id,
        row.name,
        metric=metric,
        severity=row.severity,
        after=result,
        evidence=Evidence("proven", n=result.n, target=one.target, bound=one.high),
        owner=row.owner,
    )


def _open(one: Entry, candidate: str, names: Mapping[str, str]) -> Finding:
    return Finding(
        "open",
        "production" if one.is_of_production else "moved",
        PRODUCTION if one.is_of_production else candidate,
        one.category,
        names.get(one.category or "", one.category or ""),
        slice=one.slice,
        metric=one.metric,
        severity=one.severity,
        before=MetricResult(one.before, math.nan, math.nan, round(one.n_before)),
        after=one.now,
        difference=MetricResult(one.now.value - one.before, math.nan, math.nan, one.now.n),
        evidence=Evidence(
            "proven" if one.is_proven else "likely",
            then=one.then.value,
            names=() if one.is_comparable else ("other_labels",),
            slid_since=one.slid_since,
        ),
        since=one.since,
        owner=one.answers,
    )
