"""Findings about a candidate against a baseline on the same items.

Decides what moved and how sure that is: proven after Holm over the comparison's family; likely after Benjamini-Hochberg
(q 0.10) over its categories, over its critical categories alone, and over the values of its declared slices, three
families that each keep their own rate. Which slices only restate what a wider part says, ``restated`` decides. What is
likely worse is harm wherever it happens, and so are a missed target, a missed must-catch item, more failures, and a
candidate that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.mcnemar import mcnemar_midp
from harness.core.metric_table import LOWER_IS_BETTER, TESTED_METRICS
from harness.core.multiplicity import benjamini_hochberg
from harness.core.results import MetricResult
from harness.gating.findings.records import SEVERITIES, Evidence, Finding, Kind, Proof
from harness.gating.findings.restated import LANGUAGE_SLICES, restates
from harness.measure.slices import ALL_CATEGORIES, SMALL_CELL, SliceChange

ALPHA, Q = 0.05, 0.10
SAME_WITHIN = 0.02
"""A difference whose whole interval lies within this distance of 0 is called "about the same"."""
MOSTLY = 0.5
"""A candidate with a larger share of unusable answers says nothing that a decision could rest on."""
_KINDS: tuple[Kind, ...] = ("invalid", "harm", "open", "unknown", "gain")
_UNUSABLE = ("unparsed", "refused", "blocked", "abstained", "rejected", "error")


@dataclass(frozen=True, slots=True)
class About:
    """What the policy says about a category."""

    name: str
    severity: str = ""
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one category, on the same items; ``p_holm`` over the family of the comparison."""

    category: str
    metric: str
    before: MetricResult
    after: MetricResult
    difference: MetricResult
    p_value: float
    p_holm: float
    newly: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetFact:
    """A target of the policy for the candidate, judged by the one rule of targets."""

    category: str
    metric: str
    target: float
    state: str
    after: MetricResult
    bound: float
    more: int | None = None


@dataclass(frozen=True, slots=True)
class CheckFact:
    """A check of the gate that did not pass."""

    category: str | None
    metric: str
    tier: str
    verdict: str
    limit: float
    kind: str
    difference: MetricResult
    """Of the margin; a floor asks about the value of the candidate alone, and this is it."""
    needed: int | None


@dataclass(frozen=True, slots=True)
class MissingFact:
    """Rows without an answer for which a gate gave no verdict.

    Attributes:
        who: The candidate whose rows they are; empty for pairs of which one side is missing.
        most: The share that the eval allows; None where the verdict changes when they count against the candidate.
        verdicts: That verdict without and with them; empty where there are too many.
    """

    n: int
    n_of: int
    who: str = ""
    most: float | None = None
    verdicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PairEvidence:
    """Everything the findings about a pair rest on.

    Attributes:
        baseline: Name of the baseline; None for one candidate alone.
        about: Category id -> what the policy says.
        outcomes: Rows per outcome, of the candidate.
        failures: Failed answers only of the candidate, only of the baseline, and rows that both were asked.
        lost: Categories that the baseline decides and the candidate does not.
        decides: Whether the candidate decides on any item of any category.
        broken: (run id, status) of runs that are not complete.
    """

    baseline: str | None
    candidate: str
    about: Mapping[str, About]
    cells: tuple[Cell, ...] = ()
    slices: tuple[SliceChange, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[int, int, int] | None = None
    rates: tuple[MetricResult, MetricResult] | None = None
    lost: tuple[str, ...] = ()
    decides: bool = True
    targets: tuple[TargetFact, ...] = ()
    must_catch: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    checks: tuple[CheckFact, ...] = ()
    missing: tuple[MissingFact, ...] = ()

    def finding(self, kind: Kind, fact: str, category: str | None = None, **rest: object) -> Finding:
        """A finding about the candidate, with what the policy says about the category."""
        about = self.about.get(category or "", About(category or ""))
        return Finding(
            kind,
            fact,  # type: ignore[arg-type]
            self.candidate,
            category,
            about.name,
            severity=about.severity,
            owner=about.owner,
            **rest,  # type: ignore[arg-type]
        )


def pair_findings(evidence: PairEvidence) -> tuple[Finding, ...]:
    """Every finding, the worst first."""
    found = [*_invalid(evidence), *_counted(evidence), *_targets(evidence)]
    if evidence.decides:
        moved = list(_moved(evidence))
        moved += list(_slices(evidence, moved))
        found += [*moved, *_checks(evidence, moved), *_untold(evidence, moved)]
    return tuple(sorted(found, key=importance))


def importance(one: Finding) -> tuple[object, ...]:
    """Order of findings: kind, what moved before standing targets, severity, whole set, languages, proof, size."""
    size = 0.0 if one.difference is None or not one.difference.is_defined else abs(one.difference.value)
    is_language = one.slice is not None and one.slice[0].lower() in LANGUAGE_SLICES
    rank = SEVERITIES.index(one.severity) if one.severity in SEVERITIES else len(SEVERITIES)
    return (
        _KINDS.index(one.kind),
        one.evidence.restates,
        one.fact not in ("run", "undecided", "unusable", "missing_pairs", "must_catch", "lost_category"),
        one.fact in ("target_missed", "target_open"),
        rank if one.severity == "critical" else 1,
        one.slice is not None and not is_language,
        one.fact != "moved",
        one.evidence.proof != "proven",
        one.slice is not None,
        rank,
        one.metric != "recall",
        -size,
        one.key,
    )


def is_better(metric: str, difference: float) -> bool:
    """Whether a difference is an improvement."""
    return (difference > 0) != (metric in LOWER_IS_BETTER)


def asked_of(outcomes: Mapping[str, int]) -> dict[str, int]:
    """Outcomes of the answers that were asked for: ``ok``, and those that cannot be used."""
    return {name: n for name, n in outcomes.items() if name == "ok" or name in _UNUSABLE}


def is_mostly_unusable(outcomes: Mapping[str, int]) -> bool:
    """Whether a candidate's figures are no basis for a decision.

    >>> is_mostly_unusable({"ok": 5, "unparsed": 5}), is_mostly_unusable({"ok": 2, "unparsed": 10, "withheld": 9})
    (False, True)
    """
    asked = asked_of(outcomes)
    return sum(asked.values()) - asked.get("ok", 0) > MOSTLY * sum(asked.values())


def _invalid(evidence: PairEvidence) -> Iterator[Finding]:
    for run_id, status in evidence.broken:
        yield evidence.finding("invalid", "run", evidence=Evidence(names=(run_id, status)))
    for one in evidence.missing:
        counted = Evidence(n=one.n, n_of=one.n_of, target=one.most, names=one.verdicts or (one.who,))
        yield evidence.finding("invalid", "missing_pairs", evidence=counted)
    asked = asked_of(evidence.outcomes)
    n_asked = sum(asked.values())
    failed = sorted((name for name, n in asked.items() if name != "ok" and n), key=lambda name: -asked[name])
    n_unusable = n_asked - asked.get("ok", 0)
    if is_mostly_unusable(evidence.outcomes):
        named = failed[:1] if asked[failed[0]] > MOSTLY * n_unusable else failed
        counted = Evidence(n=n_unusable, n_of=n_asked, more=n_unusable - asked[failed[0]], names=tuple(named))
        yield evidence.finding("invalid", "unusable", metric="failure_rate", evidence=counted)
    elif not evidence.decides:
        yield evidence.finding("invalid", "undecided", evidence=Evidence(n=0, n_of=n_asked))


def _counted(evidence: PairEvidence) -> Iterator[Finding]:
    if evidence.must_catch:
        counted = Evidence(n=len(evidence.must_catch), names=evidence.must_catch)
        yield evidence.finding("harm", "must_catch", metric="recall", evidence=counted)
    if evidence.decides:
        for category in evidence.lost:
            yield evidence.finding("harm", "lost_category", category)
    if evidence.failures is not None and evidence.rates is not None:
        n_more, n_fewer, n = evidence.failures
        p_value = mcnemar_midp(n_fewer, n_more, alternative="worse")
        if n_more > n_fewer and p_value <= ALPHA:
            before, after = evidence.rates
            size = MetricResult(after.value - before.value, math.nan, math.nan, n)
            proof = Evidence("proven", p_value, p_value, n=n_more, n_of=n)
            yield evidence.finding(
                "harm", "failures", metric="failure_rate", before=before, after=after, difference=size, evidence=proof
            )


def _targets(evidence: PairEvidence) -> Iterator[Finding]:
    for one in evidence.targets:
        if one.state == "met":
            continue
        kind: Kind = "harm" if one.state == "missed" else "unknown"
        fact = "target_missed" if one.state == "missed" else "target_open"
        proof: Proof = "proven" if one.state == "missed" else "counted"
        told = Evidence(proof, n=one.after.n, target=one.target, bound=one.bound, more=one.more)
        yield evidence.finding(kind, fact, one.category, metric=one.metric, after=one.after, evidence=told)


def likely(p_values: Sequence[float], is_critical: Sequence[bool]) -> list[float]:
    """Adjusted p-value of each cell: the better of its family over all cells, and of that over critical ones alone."""
    if not p_values:
        return []
    everywhere = benjamini_hochberg(p_values).tolist()
    alone = iter(benjamini_hochberg([p for p, kept in zip(p_values, is_critical, strict=True) if kept]).tolist())
    return [
        min(q, next(alone)) if kept and not math.isnan(q) else (next(alone), q)[1] if kept else q
        for q, kept in zip(everywhere, is_critical, strict=True)
    ]


def _moved(evidence: PairEvidence) -> Iterator[Finding]:
    cells = [one for one in evidence.cells if one.metric in TESTED_METRICS]
    adjusted = likely(
        [one.p_value for one in cells],
        [evidence.about.get(one.category, About("")).severity == "critical" for one in cells],
    )
    told: set[tuple[str, bool]] = set()
    for cell, q in zip(cells, adjusted, strict=True):
        difference = cell.difference
        is_proven = cell.p_holm <= ALPHA
        if not difference.is_defined or difference.value == 0 or not (is_proven or q <= Q):
            continue
        better = is_better(cell.metric, difference.value)
        if cell.metric == "fpr" and (cell.category, better) in told:
            continue  # precision said it already: more, or fewer, wrong flags
        if cell.metric == "precision":
            told.add((cell.category, better))
        proof = Evidence("proven" if is_proven else "likely", cell.p_value, cell.p_holm if is_proven else q, cell.newly)
        yield evidence.finding(
            "gain" if better else "harm",
            "moved",
            cell.category,
            metric=cell.metric,
            before=cell.before,
            after=cell.after,
            difference=difference,
            evidence=proof,
        )


def _slices(evidence: PairEvidence, moved: Sequence[Finding]) -> Iterator[Finding]:
    """Slices that moved; those that only move as a wider part does say where it shows, and nothing more."""
    whole = {(one.category, one.metric): one.difference.n for one in evidence.cells}
    kept = [
        one
        for one in evidence.slices
        if one.q_value <= Q
        and one.difference.value != 0
        # a value that every item has says nothing beside the category itself
        and not one.difference.n >= whole.get((one.category, one.metric), math.inf)
    ]
    told = {(one.kind, one.category, _side(one.metric)) for one in moved}
    told |= {(kind, None, side) for kind, _, side in told}
    restating = restates([(one, (_kind(one), _category(one), _side(one.metric)) in told) for one in kept])
    for one, is_restating in zip(kept, restating, strict=True):
        yield evidence.finding(
            _kind(one),
            "moved",
            _category(one),
            slice=(one.slice_name, one.value),
            metric=one.metric,
            before=one.baseline,
            after=one.candidate,
            difference=one.difference,
            evidence=Evidence("likely", one.p_value, one.q_value, restates=is_restating),
        )


def _kind(one: SliceChange) -> Kind:
    return "gain" if is_better(one.metric, one.difference.value) else "harm"


def _category(one: SliceChange) -> str | None:
    return None if one.category == ALL_CATEGORIES else one.category


def _side(metric: str | None) -> str:
    """Missed harm, or wrong flags: the two sides that a metric speaks about."""
    return "missed" if metric == "recall" else "flagged"


def _checks(evidence: PairEvidence, moved: Sequence[Finding]) -> Iterator[Finding]:
    """Checks of the gate that fail, or cannot be told, where no movement says so already."""
    harmed = {(one.category, one.metric) for one in moved if one.kind == "harm" and one.slice is None}
    for check in evidence.checks:
        failed = check.verdict == "REGRESSION"
        if failed and check.kind == "margin" and (check.category, check.metric) in harmed:
            continue
        if not failed and check.tier == "watch":
            continue
        measured = check.difference if check.difference.is_defined else None
        told = Evidence(
            "proven" if failed else "counted", target=check.limit, more=check.needed, names=(check.kind, check.verdict)
        )
        yield evidence.finding(
            "harm" if failed else "unknown",
            "check",
            check.category,
            metric=check.metric,
            **{"after" if check.kind == "floor" else "difference": measured},
            evidence=told,
        )


def _untold(evidence: PairEvidence, moved: Sequence[Finding]) -> Iterator[Finding]:
    """Differences whose interval holds both a loss and a gain worth having, and slices too small to look at.

    Precision speaks for wrong flags, but not where no item could be flagged wrongly: a candidate that flags everything
    has a precision of 100% there.
    """
    told = {(one.category, one.metric) for one in moved if one.slice is None}
    asked = {(one.category, one.metric) for one in evidence.checks}
    for cell in evidence.cells:
        is_counted = cell.metric == "fpr" and cell.difference.is_defined
        if is_counted or (cell.category, cell.metric) in told | asked:
            continue
        one = cell.difference
        if one.is_defined and max(-one.low, one.high) <= SAME_WITHIN:
            continue
        yield evidence.finding(
            "unknown",
            "untold",
            cell.category,
            metric=cell.metric,
            before=cell.before,
            after=cell.after,
            difference=one,
            evidence=Evidence(n=one.n),
        )
    sizes: dict[tuple[str, str], int] = {}
    for change in evidence.slices:
        if change.metric == "recall":
            place = (change.slice_name, change.value)
            sizes[place] = max(sizes.get(place, 0), change.difference.n)
    for place, n in sizes.items():
        if n < SMALL_CELL:
            yield evidence.finding("unknown", "untold", slice=place, metric="recall", evidence=Evidence(n=n))
