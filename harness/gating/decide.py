"""Two candidates of stored runs -> a gate report.

Decides which runs are too broken to judge, and what the report says beside the core's verdict. Tests, tiers and
corrections are the core's; what is said of each check is decided by ``check_reports``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.core.arrays import Bools
from harness.core.checks import CheckSpec
from harness.core.gate import GateResult
from harness.core.gate_arrays import gate_arrays, missing_pairs
from harness.core.repeats import flip_rate, noise_floor
from harness.core.results import MetricResult
from harness.core.statements import Statement
from harness.errors import HarnessError
from harness.gating.across import split_change
from harness.gating.check_reports import check_reports, pooled_reports, share_of_items
from harness.gating.checks import gate_of, resolve_checks
from harness.gating.choose import pair_names
from harness.gating.coverage import coverage_notes, is_call_free, split_checks, with_coverage
from harness.gating.findings import evidence_of, pair_findings
from harness.gating.findings.stored import check_facts, missing_facts
from harness.gating.gate_report import Fallback, GateReport, GateSide
from harness.gating.must_catch import must_catch_of, with_must_catch
from harness.gating.points import pairs_at_points, readings_at_points
from harness.measure.comparable import require_same, shared_positions
from harness.measure.decisions import on_failure_of, outcome_code, outcome_counts
from harness.measure.money import unknown_costs
from harness.measure.pairs import Pairs, System, pair_runs
from harness.measure.run_facts import latency_percentiles, signature_of
from harness.measure.weighted import weights_of
from harness.records.answers import ANSWERED_OUTCOMES, FALLBACK_OUTCOMES, WITHHELD
from harness.runs import Run, StoredCandidate
from harness.runs.integrity import verify


def gate_runs(
    candidate: StoredCandidate,
    baseline: StoredCandidate,
    *,
    source: str = "same run",
    across_versions: bool = False,
    n_earlier_looks: int = 0,
    n_resamples: int = 10_000,
    with_findings: bool = True,
) -> GateReport:
    """Gate one candidate against a baseline, with the gate of the candidate's run.

    Args:
        candidate: The candidate to judge; the gate of its run's eval is asked.
        baseline: What it is judged against.
        source: Where the baseline comes from, in the words of the report.
        across_versions: Allow another golden set, policy or item list; the shared items are gated on the new gold.
        n_earlier_looks: Gates of this candidate on fewer items, or in looks, before this one: each halves alpha.
        n_resamples: Tables of the precision test.
        with_findings: Decide the findings too; a report that made the comparison already does so itself.
    """
    run, baseline_run, sides = candidate.run, baseline.run, (baseline, candidate)
    for one in dict.fromkeys((run, baseline_run)):
        _refuse_sequential(one)
        verify(one)
    across, positions = None, None
    if across_versions and baseline_run is not run:
        positions = shared_positions(baseline_run, run)
        across = split_change(*sides, positions)
    else:
        require_same(
            baseline_run,
            run,
            next_step="run the baseline again on this golden set and promote it, or gate with --across-versions",
        )
    spec = run.meta.eval
    gate = gate_of(spec)
    pairs = pair_runs(*sides, positions=positions)
    named = {one: run.meta.policy.category_name(one) for one in pairs.categories}
    specs, left_out = split_checks(
        resolve_checks(gate.checks, pairs.categories, int(pairs.is_asked.sum()), named),
        gate.checks,
        _coverage(pairs),
        names=(baseline.name, candidate.name),
        can_fail=not is_call_free(run.meta.fingerprint(candidate.name)) or bool(pairs.candidate.has_failed.any()),
    )
    points = pairs_at_points(*sides, specs, positions)
    alpha, seed = gate.alpha / 2**n_earlier_looks, spec.seed
    arrays = replace(pairs.arrays(), at={metric: one.arrays for metric, one in points.items()})
    alternatives = pairs.alternatives()
    is_aa = is_same_system(*sides)
    result = gate_arrays(
        arrays,
        categories=pairs.categories,
        checks=specs,
        seed=seed,
        alternatives=alternatives,
        alternatives_at=readings_at_points(points, tuple(alternatives)),
        alpha=alpha,
        max_missing=spec.max_error_rate,
        n_resamples=n_resamples,
        is_same_system=is_aa,
    )
    if broken := _broken(*sides, pairs, specs):
        result = replace(result, verdict="INVALID", reasons=tuple(broken))
    elif result.verdict != "INVALID":
        result = with_coverage(result, left_out, gate.checks)
    must_catch = must_catch_of(candidate, baseline)
    result = with_must_catch(result, must_catch)
    missing = missing_pairs(arrays).reshape(-1, pairs.n_repeats, len(pairs.categories))
    n_missing = int(missing.any(axis=(1, 2)).sum())
    report = GateReport(
        verdict=result.verdict,
        reasons=result.reasons,
        checks=check_reports(result, pairs, points, missing, gate.checks),
        pooled=pooled_reports(result, pairs.n_repeats),
        eval_name=run.meta.eval_name,
        alpha=alpha,
        seed=seed,
        golden_set=run.meta.golden_set,
        n_items=len(pairs.item_ids),
        n_missing=n_missing,
        n_withheld=int(np.count_nonzero(~pairs.is_asked)),
        baseline=_side(baseline, source),
        candidate=_side(candidate, "this run"),
        fallback=_fallback(*sides, pairs, result),
        flips=pairs.flips(),
        flip_rates=_flip_rates(pairs),
        noise_floor=_noise_floor(pairs) if is_aa and baseline_run is not run else {},
        across=across,
        notes=(
            *_notes(result, run, baseline_run, n_missing, is_aa),
            *_sample_notes(pairs, {"baseline": baseline.name, "candidate": candidate.name}),
            *coverage_notes(left_out),
            *_look_notes(n_earlier_looks, alpha),
        ),
        is_aa=is_aa,
        left_out=left_out,
        must_catch=must_catch,
        names=named,
    )
    return _with_findings(report, *sides) if with_findings and across is None else report


def _with_findings(report: GateReport, baseline: StoredCandidate, candidate: StoredCandidate) -> GateReport:
    names = pair_names(baseline, candidate)
    missed = missing_facts(report.verdict, report.reasons, report.n_items)
    facts = check_facts(report.all_checks)
    evidence = evidence_of(baseline, candidate, checks=facts, missing=missed, names=names)
    return replace(report, findings=pair_findings(evidence))


def _broken(
    baseline: StoredCandidate, candidate: StoredCandidate, pairs: Pairs, specs: Sequence[CheckSpec]
) -> list[Statement]:
    """Why the two are no basis for a verdict."""
    most = candidate.run.meta.eval.max_error_rate
    return [
        *_broken_side(candidate, pairs.candidate, most),
        *_broken_side(baseline, pairs.baseline, most),
        *_lost_coverage(pairs, specs, candidate.name),
    ]


def _fallback(baseline: StoredCandidate, candidate: StoredCandidate, pairs: Pairs, result: GateResult) -> Fallback:
    """What failed answers were taken for, how many there are, and what else they would have come to."""
    return Fallback(
        {"baseline": on_failure_of(*baseline), "candidate": on_failure_of(*candidate)},
        {name: int(one.has_failed.any(axis=2).sum()) for name, one in _sides(pairs).items()},
        {} if result.verdict == "INVALID" else dict(result.sensitivity),
    )


def _sample_notes(pairs: Pairs, names: Mapping[str, str]) -> list[Statement]:
    """Whose decisions are a part of the items on purpose, and of how many; who leaves some to people."""
    found = []
    for side, system in _sides(pairs).items():
        n_unseen = int(system.is_unseen[pairs.is_asked].all(axis=1).sum())
        if n_unseen:
            n_items = int(pairs.is_asked.sum())
            facts = {"candidate": names[side], "n": n_items - n_unseen, "n_items": n_items}
            found.append(Statement("declared_sample", facts=facts))
        n_sent = int(system.is_sent[pairs.is_asked].any(axis=1).sum())
        if n_sent:
            facts = {"candidate": names[side], "n": n_sent, "n_items": int(pairs.is_asked.sum())}
            found.append(Statement("left_to_people", facts=facts))
    return found


def _look_notes(n_earlier: int, alpha: float) -> list[Statement]:
    if n_earlier == 0:
        return []
    if n_earlier == 1:
        return [Statement("second_look", facts={"alpha": alpha})]
    return [Statement("further_look", facts={"alpha": alpha, "look": n_earlier + 1})]


def _refuse_sequential(run: Run) -> None:
    """A run that stopped when its verdict was clear has that verdict; another at full alpha would be a lucky one."""
    stopped = run.meta.early_stop
    if stopped is not None:
        raise HarnessError(
            f"run {run.meta.run_id} was made with --early-stop and ended at look {stopped.look} of "
            f"{stopped.looks}: its verdict is the sequential one",
            allowed="a run over all items that were planned",
            next_step="run the eval without --early-stop; answers at hand cost nothing",
        )


def _coverage(pairs: Pairs) -> dict[str, tuple[bool, bool]]:
    """Per category, whether baseline and candidate decide on it."""
    both = zip(pairs.baseline.decides.tolist(), pairs.candidate.decides.tolist(), strict=True)
    return dict(zip(pairs.categories, both, strict=True))


def _sides(pairs: Pairs) -> dict[str, System]:
    return {"baseline": pairs.baseline, "candidate": pairs.candidate}


def _broken_side(one: StoredCandidate, system: System, most: float) -> list[Statement]:
    """Why one side's rows are no basis for a verdict. Another candidate's failures in the same run do not count."""
    n_errors, n_rows = int(system.is_error.sum()), int(system.is_error.size)
    facts = {"n": n_rows, "candidate": one.name, "run_id": one.run_id}
    n_missing = int(np.count_nonzero(_has_no_answer(one) & (one.rows.outcomes != outcome_code(WITHHELD))))
    if one.run.meta.status == "incomplete" and n_missing:
        return [Statement("run_stopped", facts={**facts, "n_missing": n_missing})]
    if system.error_rate > most:
        return [Statement("rows_without_answer", facts={**facts, "n_missing": n_errors, "most": most})]
    return []


def _has_no_answer(one: StoredCandidate) -> Bools:
    """Rows that are no answer, whatever kept it away."""
    answers = [outcome_code(name) for name in ANSWERED_OUTCOMES]
    return np.asarray(~np.isin(one.rows.outcomes, answers))


def _lost_coverage(pairs: Pairs, specs: Sequence[CheckSpec], candidate: str) -> list[Statement]:
    """Gated categories that the baseline decides on and the candidate never does."""
    lost = pairs.baseline.decides & ~pairs.candidate.decides
    gone = {name for name, is_lost in zip(pairs.categories, lost.tolist(), strict=True) if is_lost}
    found = {spec.category: spec.name for spec in specs if spec.category in gone and spec.tier != "watch"}
    if not found:
        return []
    ids = [one for one in pairs.categories if one in found]
    names = [found[one] or one for one in ids]
    return [Statement("lost_coverage", facts={"candidate": candidate, "categories": ids, "names": names})]


def _flip_rates(pairs: Pairs) -> dict[str, dict[str, MetricResult]]:
    """Per category, how often each system disagrees with itself; empty without repeats."""
    if pairs.n_repeats == 1:
        return {}
    kept = pairs.is_asked
    return {
        name: {
            side: flip_rate(one.declared[kept, :, column]) for side, one in _sides(pairs).items() if one.decides[column]
        }
        for column, name in enumerate(pairs.categories)
    }


def is_same_system(baseline: StoredCandidate, candidate: StoredCandidate) -> bool:
    """Whether this is an A/A check: one system against itself, in one run, under two names or asked twice."""
    if (baseline.run_id, baseline.name) == (candidate.run_id, candidate.name):
        return True
    before, after = (one.run.meta.fingerprints.get(one.name) for one in (baseline, candidate))
    return bool(before) and before == after


def _noise_floor(pairs: Pairs) -> dict[str, dict[str, MetricResult]]:
    """Per category, the difference that two runs of one system show by chance."""
    kept = pairs.is_asked
    found = {}
    for column, name in enumerate(pairs.categories):
        first, second = (one.declared[kept, 0, column] for one in (pairs.baseline, pairs.candidate))
        found[name] = {
            metric: noise_floor(pairs.y_true[kept, column], first, second, metric) for metric in ("recall", "fpr")
        }
    return found


def _side(one: StoredCandidate, source: str) -> GateSide:
    rows = one.rows
    has_failed = np.isin(rows.outcomes, [outcome_code(name) for name in FALLBACK_OUTCOMES])
    return GateSide(
        run_id=one.run_id,
        name=one.name,
        signature=signature_of(*one),
        outcomes=outcome_counts(rows),
        failure_rate=share_of_items(has_failed, _has_no_answer(one), one.run.clusters),
        cost_usd=rows.total_cost_usd,
        n_unknown_cost=int(unknown_costs(rows).sum()),
        latency_ms=latency_percentiles(rows),
        source=source,
    )


def _notes(
    result: GateResult, candidate_run: Run, baseline_run: Run, n_missing: int, is_aa: bool
) -> tuple[Statement, ...]:
    notes = []
    if n_missing and result.verdict != "INVALID":
        notes.append(Statement("missing_pairs_harmless", facts={"n_missing": n_missing}))
    all_wrong = result.sensitivity.get("all_wrong", result.verdict)
    if result.verdict != "INVALID" and all_wrong != result.verdict:
        notes.append(Statement("fallback_decides", facts={"all_wrong": all_wrong}))
    if is_aa:
        is_one_run = baseline_run.meta.run_id == candidate_run.meta.run_id
        notes.append(Statement("own_answers" if is_one_run else "asked_twice"))
    if weights_of(candidate_run) is not None:
        notes.append(Statement("weighted"))
    metas = {run.meta.run_id: run.meta for run in (candidate_run, baseline_run)}
    sampled = [(run_id, meta.limit) for run_id, meta in metas.items() if meta.limit is not None]
    return (*notes, *(Statement("sample", facts={"run_id": run_id, "n_items": n}) for run_id, n in sampled))
