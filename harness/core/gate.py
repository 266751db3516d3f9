"""The verdict on a rollout.

Decides how checks combine: PASS needs every gated check (an intersection-union test, so no correction), REGRESSION is a
union over checks (Holm), tiers say which checks block. Leaves the evidence to ``gate_arrays`` and each check's tests to
``checks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from harness.core.check_p_values import evaluate_check
from harness.core.check_spec import PoolKey
from harness.core.checks import CheckEvidence, CheckResult, CheckSpec, Verdict
from harness.core.metric_table import SHARES
from harness.core.multiplicity import holm
from harness.core.statements import Statement, StatementKind

POOLED = "guarded (pooled)"
"""Category of a pooled check."""
REMARK_SHARE = 0.5
"""The remark "worse, within the margin" needs a p at this share of alpha, after Holm: the score test of precision is a
little liberal where one system flags almost a subset of the other, and nobody asked for the remark."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """Verdict of a gate.

    Attributes:
        verdict: INVALID > REGRESSION > INCONCLUSIVE > PASS.
        reasons: What is behind the verdict; the first decides it.
        checks: One result per check, in the order of the gate file.
        pooled: One result per metric of the guarded tier, its categories taken together.
        sensitivity: Verdict under each other treatment of failed outputs.
    """

    verdict: Verdict
    reasons: tuple[Statement, ...]
    checks: tuple[CheckResult, ...]
    pooled: tuple[CheckResult, ...] = ()
    sensitivity: Mapping[str, Verdict] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the gate as plain data.

        Returns:
            Keys verdict, reasons, checks, pooled, sensitivity.

        >>> GateResult("PASS", (Statement("nothing_gated"),), ()).as_dict()["verdict"]
        'PASS'
        """
        return {
            "verdict": self.verdict,
            "reasons": [reason.as_dict() for reason in self.reasons],
            "checks": [check.as_dict() for check in self.checks],
            "pooled": [check.as_dict() for check in self.pooled],
            "sensitivity": dict(self.sensitivity),
        }


def decide_gate(
    checks: Sequence[tuple[CheckSpec, CheckEvidence]],
    *,
    seed: int,
    pooled: Mapping[PoolKey, CheckEvidence] | None = None,
    alpha: float = 0.05,
    n_resamples: int = 10_000,
    is_same_system: bool = False,
    with_plan: bool = True,
) -> GateResult:
    """Decide a gate from the paired counts of its checks.

    PASS: every critical check passes, no critical or guarded check regresses, the guarded categories pooled pass for
    each metric, and no guarded check is about a category that the candidate does not decide. REGRESSION: a critical or
    guarded check, or the guarded categories pooled, do not pass and their p of "worse" is <= alpha after Holm over all
    checks and pools of several. INCONCLUSIVE: neither. Use alpha/2 at a second look on the same set.

    Args:
        checks: Each check with its evidence.
        seed: Recorded seed >= 0; each check's generator is derived from it and the check's id.
        pooled: Evidence of the guarded tier per (metric, kind), clustered by item; None adds up the guarded counts.
        alpha: One-sided level of every check, in (0, 1).
        n_resamples: Tables of the precision test.
        is_same_system: Whether both sides are one system by fingerprint.
        with_plan: Also the intervals and items needed of the checks, and whether those of the tier watch pass, which
            the verdict does not rest on.

    Returns:
        Verdict, reasons and results; P(PASS) <= alpha when a critical category is truly worse by its margin.

    Raises:
        ValueError: Alpha is outside (0, 0.5), the seed is negative, or counts are malformed.

    References:
        Berger (1982), Technometrics (intersection-union). Holm (1979).

    >>> import numpy as np
    >>> cells = np.array([900, 4, 5, 20, 30, 12, 11, 400])
    >>> spec = CheckSpec("hate", "recall", "critical", margin=0.05)
    >>> decide_gate([(spec, CheckEvidence(cells, cells))], seed=0).verdict
    'PASS'
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be in (0, 0.5), got {alpha}")
    n_checks = len(checks)
    evaluate = partial(
        evaluate_check,
        alpha=alpha,
        n_checks=n_checks,
        n_resamples=n_resamples,
        is_same_system=is_same_system,
        with_plan=with_plan,
    )
    asked = (*checks, *_pools(checks, pooled))
    tested = [evaluate(spec, evidence, rng=check_generator(seed, spec.check_id)) for spec, evidence in asked]
    results, pools = tested[:n_checks], tested[n_checks:]
    several = [at for at, pool in enumerate(pools) if len(_members(pool, results)) > 1]  # one alone is a check already
    settled = _with_holm([*results, *(pools[at] for at in several)], alpha)
    results = settled[:n_checks]
    for at, pool in zip(several, settled[n_checks:], strict=True):
        pools[at] = pool
    pool_passes = {pool.spec.pool: pool.verdict == "PASS" for pool in pools}
    results = [_guarded_remark(result, pool_passes) for result in results]
    verdict, reason = _overall(results, pools)
    return GateResult(verdict, (reason,), tuple(results), tuple(pools))


def check_generator(seed: int, check_id: str) -> np.random.Generator:
    """Random generator of one check, the same whatever the other checks are.

    Args:
        seed: Recorded seed, >= 0.
        check_id: Name of the check.

    Returns:
        A generator that depends on seed and name only.

    Raises:
        ValueError: The seed is negative.

    >>> int(check_generator(0, "hate|recall|margin").integers(100)) == int(
    ...     check_generator(0, "hate|recall|margin").integers(100)
    ... )
    True
    """
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    return np.random.default_rng(np.random.SeedSequence([seed, *check_id.encode()]))


def _with_holm(results: list[CheckResult], alpha: float) -> list[CheckResult]:
    """Correct "worse" and "better" over the gate and settle REGRESSION."""
    worse = holm([result.p_worse for result in results])
    better = holm([result.p_better for result in results])
    settled = []
    for result, p_worse, p_better in zip(results, worse.tolist(), better.tolist(), strict=True):
        changed = replace(result, p_worse_holm=p_worse)
        if result.verdict == "INCONCLUSIVE" and p_worse <= alpha:
            changed = replace(changed, verdict="REGRESSION", items_needed=None, items_unit=None)
        if result.verdict == "PASS" and result.spec.kind == "margin" and p_worse <= REMARK_SHARE * alpha:
            changed = _remarked(changed, "worse_within_margin")
        if p_better <= alpha:
            changed = _remarked(changed, "improved")
        settled.append(changed)
    return settled


def _guarded_remark(result: CheckResult, pool_passes: Mapping[PoolKey, bool]) -> CheckResult:
    if result.spec.tier != "guarded" or result.verdict != "INCONCLUSIVE":
        return result
    return _remarked(result, "not_proven_alone" if pool_passes.get(result.spec.pool) else "pool_not_proven")


def _remarked(result: CheckResult, kind: StatementKind) -> CheckResult:
    return replace(result, remarks=(*result.remarks, Statement(kind)))


def _pools(
    checks: Sequence[tuple[CheckSpec, CheckEvidence]], pooled: Mapping[PoolKey, CheckEvidence] | None
) -> list[tuple[CheckSpec, CheckEvidence]]:
    """The guarded tier as one check per (metric, kind); its limit is the mean of the limits, weighted by items."""
    groups: dict[PoolKey, list[tuple[CheckSpec, CheckEvidence]]] = {}
    for spec, evidence in checks:
        if spec.tier == "guarded":
            groups.setdefault(spec.pool, []).append((spec, evidence))
    result = []
    for (metric, kind), members in groups.items():
        usable = [(spec, evidence) for spec, evidence in members if evidence.reason is None]
        weights = [_denominator(spec, evidence) for spec, evidence in usable]
        limits = [spec.limit for spec, _ in usable]
        limit = members[0][0].limit
        if sum(weights) > 0:
            limit = float(np.clip(np.average(limits, weights=weights), min(limits), max(limits)))
        spec = CheckSpec(POOLED, metric, "guarded", *((limit, None) if kind == "margin" else (None, limit)))
        evidence = (pooled or {}).get((metric, kind)) or _summed([evidence for _, evidence in usable])
        lacking = dict.fromkeys(one.reason for _, one in members if one.reason is not None)
        if lacking and sum(weights) == 0:  # not "no violating items": nothing there was looked at
            n_excluded = sum(one.n_excluded for _, one in members)
            evidence = replace(evidence, reason="; ".join(lacking), n_excluded=n_excluded)
        result.append((spec, evidence))
    return result


def _denominator(spec: CheckSpec, evidence: CheckEvidence) -> float:
    return float(np.asarray(evidence.raw)[SHARES[spec.metric].support].sum())


def _summed(parts: Sequence[CheckEvidence]) -> CheckEvidence:
    clusters = [part.n_clusters for part in parts if part.n_clusters is not None]
    cells = sum((part.cells for part in parts), np.zeros(8))
    raw = sum((part.raw for part in parts), np.zeros(8, dtype=np.int64))
    return CheckEvidence(cells, raw, max(clusters, default=None), sum(part.n_excluded for part in parts))


def _overall(results: Sequence[CheckResult], pools: Sequence[CheckResult]) -> tuple[Verdict, Statement]:
    regressed = [result.spec for result in results if result.verdict == "REGRESSION" and result.spec.tier != "watch"]
    regressed += [_pool_spec(pool, results) for pool in pools if pool.verdict == "REGRESSION"]
    if regressed:
        return "REGRESSION", Statement("regressed", tuple(regressed))
    unproven = [result.spec for result in results if result.spec.tier == "critical" and result.verdict != "PASS"]
    unproven += [result.spec for result in results if result.spec.tier == "guarded" and result.is_uncovered]
    unproven += [_pool_spec(pool, results) for pool in pools if pool.verdict != "PASS"]
    if unproven:
        return "INCONCLUSIVE", Statement("not_proven", tuple(dict.fromkeys(unproven)))
    gated = [result for result in results if result.spec.tier != "watch"]
    if not gated:
        return "PASS", Statement("nothing_gated")
    n_critical = sum(result.spec.tier == "critical" for result in gated)
    all_pass = all(result.verdict == "PASS" for result in gated)
    kind: StatementKind = "every_check_passes" if all_pass else "none_regresses"
    return "PASS", Statement(kind, tuple(_pool_spec(pool, results) for pool in pools), {"n_critical": n_critical})


def _members(pool: CheckResult, results: Sequence[CheckResult]) -> list[CheckResult]:
    return [result for result in results if result.spec.tier == "guarded" and result.spec.pool == pool.spec.pool]


def _pool_spec(pool: CheckResult, results: Sequence[CheckResult]) -> CheckSpec:
    """What a pool is called by: a pool of one check is that check."""
    members = _members(pool, results)
    return members[0].spec if len(members) == 1 else pool.spec
