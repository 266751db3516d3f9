"""Two candidates of stored runs -> a gate report.

Decides which runs are too broken to judge, what the report says beside the core's verdict, and that counts are items,
however often each was asked. Tests, tiers and corrections are the core's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.checks import CheckResult, CheckSpec
from harness.core.gate import POOLED, GateResult
from harness.core.gate_arrays import GateArrays, gate_arrays
from harness.core.metrics import NO_ITEMS
from harness.core.repeats import flip_rate, noise_floor
from harness.core.results import MetricResult
from harness.decisions import MISSING, on_failure_of, outcome_code, outcome_counts
from harness.errors import HarnessError
from harness.gating.across import item_metric, per_item, require_same, shared_positions, split_change
from harness.gating.checks import ALL_ITEMS, check_name, gate_of, is_implied, resolve_checks
from harness.gating.pairs import Pairs, System, pair_runs
from harness.gating.records import EARLY_STOP, SEVERAL, CheckReport, Fallback, GateReport, GateSide
from harness.records import FALLBACK_OUTCOMES, WITHHELD
from harness.runs import Run
from harness.scoring import latency_percentiles, signature_of


def gate_runs(
    candidate_run: Run,
    candidate: str,
    baseline_run: Run,
    baseline: str,
    *,
    source: str = "same run",
    across_versions: bool = False,
    is_second_look: bool = False,
    n_resamples: int = 10_000,
) -> GateReport:
    """Gate one candidate against a baseline, with the gate of the candidate's run.

    Args:
        candidate_run: The run that holds the candidate; its eval's ``gate`` is asked.
        candidate: The candidate to judge.
        baseline_run: The run that holds the baseline.
        baseline: The candidate it is judged against.
        source: Where the baseline comes from, in the words of the report.
        across_versions: Allow another golden set, policy or item list; the shared items are gated on the new gold.
        is_second_look: The set was enlarged after an INCONCLUSIVE gate of this candidate: alpha is halved.
        n_resamples: Tables of the precision test.
    """
    for run in (candidate_run, baseline_run):
        _refuse_sequential(run)
    across, positions = None, None
    if across_versions and baseline_run is not candidate_run:
        positions = shared_positions(baseline_run, candidate_run)
        across = split_change(baseline_run, baseline, candidate_run, candidate, positions)
    else:
        require_same(baseline_run, candidate_run)
    eval_data = candidate_run.meta.eval
    gate = gate_of(eval_data, candidate_run.meta.eval_name)
    pairs = pair_runs(baseline_run, baseline, candidate_run, candidate, positions=positions)
    specs = resolve_checks(gate["checks"], pairs.categories, int(pairs.is_asked.sum()))
    alpha, seed = float(gate.get("alpha", 0.05)) / (2 if is_second_look else 1), int(eval_data.get("seed", 0))
    most = float(eval_data.get("max_error_rate", 0.005))
    arrays = pairs.arrays()
    result = gate_arrays(
        arrays,
        categories=pairs.categories,
        checks=specs,
        seed=seed,
        alternatives=pairs.alternatives(),
        alpha=alpha,
        max_missing=most,
        n_resamples=n_resamples,
    )
    broken = [
        *_broken_side(candidate_run, candidate, pairs.candidate, most),
        *_broken_side(baseline_run, baseline, pairs.baseline, most),
        *_lost_coverage(pairs, specs, candidate),
    ]
    if broken:
        result = replace(result, verdict="INVALID", reason="; ".join(broken))
    result = replace(result, reason=_worded(result.reason, specs))
    flagged = Fallback(
        {"baseline": on_failure_of(baseline_run, baseline), "candidate": on_failure_of(candidate_run, candidate)},
        {name: int(one.has_failed.any(axis=2).sum()) for name, one in _sides(pairs).items()},
        {} if result.verdict == "INVALID" else dict(result.sensitivity),
    )
    checks = tuple(
        CheckReport(
            _in_items(check, pairs.n_repeats), *_levels(check.spec, pairs), is_implied(check.spec, gate["checks"])
        )
        for check in result.checks
    )
    several = MetricResult.undefined(SEVERAL)
    is_aa = is_same_system(baseline_run, baseline, candidate_run, candidate)
    return GateReport(
        verdict=result.verdict,
        reason=result.reason,
        checks=checks,
        pooled=tuple(CheckReport(_in_items(pool, pairs.n_repeats), several, several) for pool in result.pooled),
        eval_name=candidate_run.meta.eval_name,
        alpha=alpha,
        seed=seed,
        golden_set=candidate_run.meta.golden_set,
        n_items=len(pairs.item_ids),
        n_missing=_n_missing(arrays, pairs),
        n_withheld=int(np.count_nonzero(~pairs.is_asked)),
        baseline=_side(baseline_run, baseline, source),
        candidate=_side(candidate_run, candidate, "this run"),
        fallback=flagged,
        flips=pairs.flips(),
        flip_rates=_flip_rates(pairs),
        noise_floor=_noise_floor(pairs) if is_aa else {},
        across=across,
        notes=(
            *_notes(result, candidate_run, baseline_run, pairs, arrays, is_aa),
            *([f"second look: judged at alpha {alpha:g}; a third needs a new gate set"] if is_second_look else []),
        ),
    )


def _refuse_sequential(run: Run) -> None:
    """A run that stopped when its verdict was clear has that verdict; another at full alpha would be a lucky one."""
    stopped = run.meta.eval.get(EARLY_STOP)
    if stopped:
        raise HarnessError(
            f"run {run.meta.run_id} was made with --early-stop and ended at look {stopped['look']} of "
            f"{stopped['looks']}: its verdict is the sequential one",
            allowed="a run over all items that were planned",
            next_step="run the eval without --early-stop; answers at hand cost nothing",
        )


def _worded(reason: str, specs: Sequence[CheckSpec]) -> str:
    """The core's reason in the report's names: a pool of one check is that check."""
    names = {f"{ALL_ITEMS} failure_rate": "all items failure rate"}
    for metric in dict.fromkeys(spec.metric for spec in specs if spec.tier == "guarded"):
        members = [spec for spec in specs if (spec.tier, spec.metric, spec.kind) == ("guarded", metric, "margin")]
        if len(members) == 1:
            names[f"{POOLED} {metric}"] = check_name(members[0])
    for core_name, name in names.items():
        reason = reason.replace(core_name, name)
    return reason


def _sides(pairs: Pairs) -> dict[str, System]:
    return {"baseline": pairs.baseline, "candidate": pairs.candidate}


def _broken_side(run: Run, candidate: str, system: System, most: float) -> list[str]:
    """Why one side's rows are no basis for a verdict. Another candidate's failures in the same run do not count."""
    n_errors, n_rows = int(system.is_error.sum()), int(system.is_error.size)
    where = f"'{candidate}' of run {run.meta.run_id}"
    if run.meta.status == "incomplete" and n_errors:
        return [f"the run stopped before its end: {n_errors} of {n_rows} rows of {where} have no answer"]
    if system.error_rate > most:
        return [f"{n_errors} of {n_rows} rows of {where} have no answer, more than max_error_rate {most:g}"]
    return []


def _lost_coverage(pairs: Pairs, specs: Sequence[CheckSpec], candidate: str) -> list[str]:
    """Gated categories that the baseline decides on and the candidate never does."""
    lost = pairs.baseline.decides & ~pairs.candidate.decides
    names = [
        name
        for name, is_lost in zip(pairs.categories, lost.tolist(), strict=True)
        if is_lost and any(spec.category == name and spec.tier != "watch" for spec in specs)
    ]
    if not names:
        return []
    return [f"lost coverage: '{candidate}' never decides on {', '.join(names)}, which the baseline does"]


def _levels(spec: CheckSpec, pairs: Pairs) -> tuple[MetricResult, MetricResult]:
    """The check's metric of baseline and candidate, each with its own 95% interval."""
    kept, k = pairs.is_asked, pairs.n_repeats
    groups = None if pairs.groups is None else pairs.groups[kept]
    if spec.metric == "failure_rate":
        return (_failure_level(spec, pairs, pairs.baseline), _failure_level(spec, pairs, pairs.candidate))
    column = pairs.categories.index(spec.category)
    gold = pairs.y_true[kept, column]
    a, b = (one.declared[kept, :k, column] for one in (pairs.baseline, pairs.candidate))
    return item_metric(spec.metric, gold, a, groups), item_metric(spec.metric, gold, b, groups)


def _failure_level(spec: CheckSpec, pairs: Pairs, system: System) -> MetricResult:
    kept, k = pairs.is_asked, pairs.n_repeats
    failed, is_error = system.has_failed[kept, :k], system.is_error[kept, :k]
    chosen = slice(None) if spec.category == ALL_ITEMS else [pairs.categories.index(spec.category)]
    flags = np.asarray(failed[:, :, chosen].any(axis=2), dtype=np.bool_)
    return _share_of_items(flags, is_error, None if pairs.groups is None else pairs.groups[kept])


def _share_of_items(
    flags: NDArray[np.bool_], is_missing: NDArray[np.bool_], groups: NDArray[np.int64] | None
) -> MetricResult:
    """Share of calls with a property, its interval knowing that an item's calls are one cluster."""
    coded = np.where(is_missing, MISSING, flags).astype(np.int8)
    result = item_metric("fpr", np.zeros(coded.shape[0], dtype=np.int8), coded, groups)
    return result if result.is_defined else replace(result, reason=NO_ITEMS)


def _in_items(check: CheckResult, n_repeats: int) -> CheckResult:
    """The same check with its counts in items instead of rows."""
    if n_repeats == 1:
        return check
    needed = None if check.items_needed is None else math.ceil(check.items_needed / n_repeats)
    return replace(
        check, n=round(check.n / n_repeats), difference=per_item(check.difference, n_repeats), items_needed=needed
    )


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


def is_same_system(baseline_run: Run, baseline: str, candidate_run: Run, candidate: str) -> bool:
    """Whether this is an A/A run: one candidate, asked twice."""
    is_twice = baseline_run.meta.run_id != candidate_run.meta.run_id
    before, after = (
        run.meta.fingerprints.get(name) for run, name in ((baseline_run, baseline), (candidate_run, candidate))
    )
    return is_twice and before is not None and before == after


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


def _n_missing(arrays: GateArrays, pairs: Pairs) -> int:
    """Asked items with gold on which a system gave no answer in some repeat."""
    rows: NDArray[Any] = ((arrays.y_true != MISSING) & ((arrays.a == MISSING) | (arrays.b == MISSING)))[
        :, pairs.baseline.decides & pairs.candidate.decides
    ].any(axis=1)
    return int(rows.reshape(-1, pairs.n_repeats).any(axis=1).sum())


def _side(run: Run, candidate: str, source: str) -> GateSide:
    rows = run.candidate(candidate)
    outcomes = outcome_counts(rows)
    has_failed, is_missing = (
        np.isin(rows.outcomes, [outcome_code(one) for one in codes])
        for codes in (FALLBACK_OUTCOMES, ("error", WITHHELD))
    )
    return GateSide(
        run_id=run.meta.run_id,
        candidate=candidate,
        signature=signature_of(run, candidate),
        outcomes=outcomes,
        failure_rate=_share_of_items(has_failed, is_missing, run.clusters),
        cost_usd=rows.total_cost_usd,
        latency_ms=latency_percentiles(rows),
        source=source,
    )


def _notes(
    result: GateResult, candidate_run: Run, baseline_run: Run, pairs: Pairs, arrays: GateArrays, is_aa: bool
) -> tuple[str, ...]:
    notes = []
    n_missing = _n_missing(arrays, pairs)
    if n_missing and result.verdict != "INVALID":
        notes.append(
            f"{n_missing} items with a missing pair; the verdict is the same when they count against the candidate"
        )
    if result.verdict != "INVALID" and result.sensitivity.get("all_wrong", result.verdict) != result.verdict:
        notes.append(
            f"the verdict rests on the declared fallback: with every failed answer wrong it is "
            f"{result.sensitivity['all_wrong']}"
        )
    if is_aa:
        notes.append("A/A run: one candidate asked twice, so every difference here is noise")
    sampled: Mapping[str, int | None] = {
        run.meta.run_id: getattr(run.meta, "limit", None) for run in (candidate_run, baseline_run)
    }
    notes += [f"run {run_id} is a sample of {limit} items" for run_id, limit in sampled.items() if limit is not None]
    return tuple(notes)
