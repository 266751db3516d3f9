"""The evidence of findings from two stored runs.

Decides which numbers the findings read: those of the comparison and of its slices, never numbers of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.gate import POOLED
from harness.core.metric_table import TESTED_METRICS
from harness.core.results import MetricResult
from harness.core.statements import Statement
from harness.gating.checks import ALL_ITEMS
from harness.gating.findings.pair import About, Cell, CheckFact, MissingFact, PairEvidence
from harness.gating.findings.targets import target_facts
from harness.measure.compare import CategoryComparison, Comparison, compare
from harness.measure.decisions import decisions, outcome_code, outcome_counts
from harness.measure.must_catch import must_catch_items
from harness.measure.score import CandidateScore
from harness.measure.slices import SliceChange, compare_slices
from harness.records.answers import ANSWERED_OUTCOMES, FALLBACK_OUTCOMES
from harness.runs import Run, StoredCandidate

if TYPE_CHECKING:
    from harness.gating.gate_report import CheckReport

NEWLY = {
    "recall": ("missed", "caught"),
    "precision": ("wrongly_flagged", "cleared"),
    "fpr": ("wrongly_flagged", "cleared"),
}
"""Metric -> what newly counts against it, and what no longer does."""
_MISSING = ("missing_pairs", "missing_pairs_decide", "rows_without_answer")
"""Reasons of a gate that no other finding tells."""


def evidence_of(
    baseline: StoredCandidate,
    candidate: StoredCandidate,
    *,
    comparison: Comparison | None = None,
    slices: Sequence[SliceChange] | None = None,
    checks: Sequence[CheckFact] = (),
    missing: Sequence[MissingFact] = (),
    names: tuple[str, str] | None = None,
) -> PairEvidence:
    """Everything two stored candidates on the same items say.

    Comparison and slices are given where they were made already. ``checks`` are those of the gate that did not pass,
    ``missing`` the rows for which it gave no verdict, ``names`` how the two are called, where that differs.
    """
    compared = comparison or compare(baseline, candidate, n_resamples=1, with_pooled=False)
    by_slice = compare_slices(baseline, candidate) if slices is None else slices
    before, after = decisions(*baseline), decisions(*candidate)
    decided = np.asarray((after.y_pred >= 0).any(axis=(0, 1)))
    decided_before = np.asarray((before.y_pred >= 0).any(axis=(0, 1)))
    shown = names or (baseline.name, candidate.name)
    run = candidate.run
    runs = dict.fromkeys((baseline.run, run))
    return PairEvidence(
        baseline=shown[0],
        candidate=shown[1],
        about=about_of(run),
        cells=cells_of(compared.categories),
        slices=tuple(by_slice),
        outcomes=outcome_counts(candidate.rows),
        **_failures(baseline, candidate),
        lost=tuple(
            name for name, was, still in zip(run.categories, decided_before, decided, strict=True) if was and not still
        ),
        decides=bool(decided.any()),
        targets=target_facts(
            targets_of(run),
            {
                (category, metric): result.candidate
                for category, one in compared.categories.items()
                for metric, result in one.metrics.items()
            },
        ),
        must_catch=_must_catch(*candidate),
        broken=tuple((run.meta.run_id, str(run.meta.status)) for run in runs if run.meta.status != "complete"),
        checks=tuple(checks),
        missing=tuple(missing),
    )


def evidence_alone(run: Run, candidate: str, scored: CandidateScore | None, name: str | None = None) -> PairEvidence:
    """What one candidate alone says: its targets where it was scored, its answers, and whether it decides anything."""
    results = {
        (category, metric): result
        for category, one in (scored.categories if scored else {}).items()
        for metric, result in one.metrics.items()
    }
    return PairEvidence(
        baseline=None,
        candidate=name or candidate,
        about=about_of(run),
        outcomes=outcome_counts(run.candidate(candidate)),
        decides=bool((decisions(run, candidate).y_pred >= 0).any()),
        targets=target_facts(targets_of(run), results),
        must_catch=_must_catch(run, candidate),
        broken=() if run.meta.status == "complete" else ((run.meta.run_id, str(run.meta.status)),),
    )


def _must_catch(run: Run, candidate: str) -> tuple[str, ...]:
    return tuple(one.item_id for one in must_catch_items(run, candidate) if one.result == "missed")


def about_of(run: Run) -> dict[str, About]:
    """What the policy of a run says about its categories."""
    policy = run.meta.policy
    stated = {one: policy.category(one) for one in run.categories}
    return {one: About(facts.name or one, facts.severity or "", facts.owner) for one, facts in stated.items()}


def targets_of(run: Run) -> dict[str, dict[str, float]]:
    """The targets that the policy of a run states: category -> metric -> target."""
    return {one: run.meta.policy.targets(one) for one in run.categories}


def check_facts(checks: Sequence[CheckReport]) -> tuple[CheckFact, ...]:
    """Checks of a gate that did not pass, as findings read them."""
    return tuple(
        CheckFact(
            None if one.result.spec.category in (POOLED, ALL_ITEMS) else one.result.spec.category,
            one.result.spec.metric,
            one.result.spec.tier,
            one.result.verdict,
            one.result.spec.limit,
            one.result.spec.kind,
            one.result.difference,
            one.result.items_needed,
        )
        for one in checks
        if one.result.verdict != "PASS"
    )


def missing_facts(verdict: str, reasons: Sequence[Statement], n_items: int) -> tuple[MissingFact, ...]:
    """Rows without an answer that made a gate's result invalid."""
    found = []
    for facts in (one.facts for one in reasons if verdict == "INVALID" and one.kind in _MISSING):
        verdicts = (facts["verdict"], facts["becomes"]) if "becomes" in facts else ()
        who, n_of = facts.get("candidate", ""), facts.get("n", n_items)
        found.append(MissingFact(facts["n_missing"], n_of, who, facts.get("most"), verdicts))
    return tuple(found)


def cells_of(categories: Mapping[str, CategoryComparison]) -> tuple[Cell, ...]:
    """The cells of a comparison."""
    return tuple(
        Cell(
            category,
            metric,
            one.metrics[metric].baseline,
            one.metrics[metric].candidate,
            one.metrics[metric].difference,
            one.metrics[metric].p_value,
            one.p_holm.get(metric, float("nan")),
            {name: len(one.newly.get(name, ())) for name in NEWLY.get(metric, ())},
        )
        for category, one in categories.items()
        for metric in TESTED_METRICS
        if metric in one.metrics
    )


def _failures(baseline: StoredCandidate, candidate: StoredCandidate) -> dict[str, Any]:
    """Failed answers of both on rows that both were asked."""
    codes = [outcome_code(one) for one in FALLBACK_OUTCOMES]
    asked_codes = [outcome_code(one) for one in ANSWERED_OUTCOMES]
    rows = [one.rows.outcomes for one in (baseline, candidate)]
    n_repeats = min(one.shape[1] for one in rows)
    a, b = (one[:, :n_repeats] for one in rows)
    asked = np.isin(a, asked_codes) & np.isin(b, asked_codes)
    failed_a, failed_b = np.isin(a, codes) & asked, np.isin(b, codes) & asked
    n = int(asked.sum())
    if not n:
        return {}
    rates = tuple(MetricResult(float(one.sum()) / n, float("nan"), float("nan"), n) for one in (failed_a, failed_b))
    return {"failures": (int((failed_b & ~failed_a).sum()), int((failed_a & ~failed_b).sum()), n), "rates": rates}
