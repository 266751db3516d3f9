"""A gate judged while the run goes on: five planned looks at a growing part of the golden set.

Decides the order in which items are asked (seeded, the same share of every gold pattern at each look, whole clusters),
what a look is judged on, and when the run may stop. Boundaries and statistics are ``core.sequential``'s; asking is left
to ``early_stop``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.core.arrays import Array, Codes, Floats, Ints
from harness.core.check_p_values import MIN_CLUSTERS, empty_denominator
from harness.core.checks import CheckEvidence, CheckSpec, Verdict
from harness.core.gate import POOLED
from harness.core.gate_arrays import GateArrays, check_evidence, impute_against_candidate
from harness.core.metric_table import LOWER_IS_BETTER, table_metric
from harness.core.operating_metrics import operating_metric
from harness.core.paired import discordance, paired_difference
from harness.core.results import MetricResult
from harness.core.sequential import LOOKS, SequentialPlan, repeated_interval, sequential_look, sequential_plan
from harness.core.statements import Statement
from harness.errors import HarnessError

Tables = list[Floats]
FEW_CLUSTERS = f"fewer than {MIN_CLUSTERS} clusters"
"""Why a number is undefined, as the other reasons of ``core.metrics`` are written."""


@dataclass(frozen=True, slots=True)
class SequentialGate:
    """What is asked at every look, fixed before the first call.

    Attributes:
        specs: The checks of the gate, margins only.
        pools: One check per metric of the guarded tier, at the smallest of its margins.
        alpha: Level of PASS, and of any REGRESSION over the gate.
    """

    specs: tuple[CheckSpec, ...]
    pools: tuple[CheckSpec, ...]
    plan: SequentialPlan
    alpha: float

    @property
    def asked(self) -> tuple[CheckSpec, ...]:
        """Checks and pools, in the order of the tables of a look."""
        return (*self.specs, *self.pools)


@dataclass(frozen=True, slots=True)
class LookVerdict:
    """What a look concludes.

    Attributes:
        look: Number of the look, from 1.
        verdict: PASS or REGRESSION ends the run; INCONCLUSIVE goes on, and is final at the last look.
        differences: Difference per asked check with the repeated interval of this look, valid at every look together.
    """

    look: int
    verdict: Verdict
    checks: tuple[Verdict, ...]
    differences: tuple[MetricResult, ...]


def sequential_gate(
    specs: Sequence[CheckSpec], *, alpha: float = 0.05, fractions: Sequence[float] = LOOKS
) -> tuple[SequentialGate, tuple[Statement, ...]]:
    """The gate of a sequential run, and what had to be left out of it.

    Raises:
        HarnessError: A gated check has a floor or is about an operating point, or nothing is gated.
    """
    floors = [spec for spec in specs if spec.kind == "floor" or operating_metric(spec.metric) is not None]
    gated_floors = [f"{spec.category} {spec.metric}" for spec in floors if spec.tier != "watch"]
    if gated_floors:
        raise HarnessError(
            f"the gate has floors or operating points that block: {', '.join(gated_floors)}",
            allowed="margins of other metrics, and both of the tier watch, with --early-stop",
            next_step="run without --early-stop, or move the check to the tier watch",
        )
    kept = tuple(spec for spec in specs if spec not in floors)
    if all(spec.tier == "watch" for spec in kept):
        raise HarnessError(
            "nothing in the gate blocks, so there is nothing to stop for",
            allowed="a gate with a critical or guarded check",
            next_step="run without --early-stop",
        )
    limits: dict[str, list[float]] = {}
    for spec in kept:
        if spec.tier == "guarded":
            limits.setdefault(spec.metric, []).append(spec.limit)
    pools = tuple(CheckSpec(POOLED, metric, "guarded", margin=min(own)) for metric, own in limits.items())
    n_pooled = sum(len(own) > 1 for own in limits.values())  # one alone is a check already
    plan = sequential_plan(len(kept) + n_pooled, fractions=fractions, alpha=alpha)
    left_out = tuple(Statement("floor_left_out", (spec,)) for spec in floors)
    return SequentialGate(kept, pools, plan, alpha), left_out


def seeded_order(y_true: Codes, clusters: Ints | None, seed: int) -> Ints:
    """Item positions in the order in which they are asked.

    Clusters stay whole. Clusters of one gold pattern are shuffled and spread evenly, so that every prefix holds about
    the same share of each pattern.
    """
    n_items = y_true.shape[0]
    codes = np.arange(n_items) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    n_clusters = int(codes.max()) + 1 if n_items else 0
    patterns = np.zeros((n_clusters, y_true.shape[1]), dtype=np.int8)
    np.maximum.at(patterns, codes, (y_true + 1).astype(np.int8))  # 2: somebody violates, 1: nobody, 0: unlabelled
    stratum = np.unique(patterns, axis=0, return_inverse=True)[1].reshape(-1)
    rng = np.random.default_rng([seed, 0x5E9])
    position = np.empty(n_clusters)
    for one in range(int(stratum.max(initial=-1)) + 1):
        members = np.flatnonzero(stratum == one)
        ranks = rng.permutation(members.size)
        position[members] = (ranks + rng.random(members.size)) / members.size
    return np.lexsort((np.arange(n_items), position[codes])).astype(np.int64)


def look_sizes(order: Ints, clusters: Ints | None, fractions: Sequence[float] = LOOKS) -> list[int]:
    """Items asked up to each look; a cluster that has begun is finished. Looks that add nothing are kept."""
    n_items = order.size
    sizes = []
    for fraction in fractions:
        size = min(n_items, math.ceil(fraction * n_items))
        while clusters is not None and 0 < size < n_items and clusters[order[size]] == clusters[order[size - 1]]:
            size += 1
        sizes.append(size)
    return sizes


def look_tables(gate: SequentialGate, arrays: GateArrays, categories: Sequence[str]) -> Tables:
    """The eight counts of each asked check, cumulative and scaled to what clusters are worth."""
    tables = [_cells(check_evidence(arrays, spec, categories, alpha=gate.alpha)) for spec in gate.specs]
    for pool in gate.pools:
        members = [spec for spec in gate.specs if spec.tier == "guarded" and spec.metric == pool.metric]
        stacked = _stacked(arrays, members, categories)
        tables.append(_cells(check_evidence(stacked, pool, [POOLED], alpha=gate.alpha)))
    return tables


def judge(gate: SequentialGate, looks: Sequence[Tables]) -> LookVerdict:
    """What is known after the last of the looks."""
    result = sequential_look(gate.plan, gate.asked, looks)
    judged = list(zip(gate.asked, result.verdicts, strict=True))
    regressed = any(one == "REGRESSION" and spec.tier != "watch" for spec, one in judged)
    passed = all(one == "PASS" for spec, one in judged if spec.tier == "critical" or spec in gate.pools)
    verdict: Verdict = "REGRESSION" if regressed else "PASS" if passed else "INCONCLUSIVE"
    z = gate.plan.z_pass[len(looks) - 1]
    differences = tuple(_difference(spec, cells, z) for spec, cells in zip(gate.asked, looks[-1], strict=True))
    return LookVerdict(len(looks), verdict, result.verdicts, differences)


def unjudged_checks(gate: SequentialGate, arrays: GateArrays, categories: Sequence[str]) -> dict[CheckSpec, Statement]:
    """The checks that had nothing to be judged on, with what keeps them from it."""
    found = {}
    for spec in gate.specs:
        evidence = check_evidence(arrays, spec, categories, alpha=gate.alpha)
        reason = evidence.reason or empty_denominator(spec, evidence.raw)
        if reason is None and evidence.n_clusters is not None and evidence.n_clusters < MIN_CLUSTERS:
            reason = FEW_CLUSTERS
        if reason is not None:
            found[spec] = Statement("not_evaluable", (spec,), {"reason": reason})
    return found


def is_robust(gate: SequentialGate, verdict: Verdict, history: Sequence[tuple[GateArrays, Sequence[str]]]) -> bool:
    """Whether the verdict stays when every missing pair of every look counts against the candidate."""
    imputed = [look_tables(gate, impute_against_candidate(arrays), names) for arrays, names in history]
    return judge(gate, imputed).verdict == verdict


def _cells(evidence: CheckEvidence) -> Floats:
    """Counts of a check; without any where they cannot be judged yet."""
    if evidence.reason is not None or (evidence.n_clusters is not None and evidence.n_clusters < MIN_CLUSTERS):
        return np.zeros(8)
    return np.asarray(evidence.cells, dtype=np.float64)


def _stacked(arrays: GateArrays, members: Sequence[CheckSpec], categories: Sequence[str]) -> GateArrays:
    """Guarded categories as one, an item's categories forming one cluster."""
    n_rows = arrays.y_true.shape[0]
    place = {name: column for column, name in enumerate(categories)}
    codes = np.arange(n_rows) if arrays.clusters is None else arrays.clusters

    def stack(source: Array | None) -> Array:
        if source is None:
            return np.zeros((n_rows * len(members), 1), dtype=bool)
        columns = [
            source[:, place[spec.category]] if spec.category in place else source.any(axis=1) for spec in members
        ]
        return np.concatenate(columns)[:, None]

    is_failure = members[0].metric == "failure_rate"
    nothing = np.zeros((n_rows * len(members), 1), dtype=np.int8)
    y_true, a, b = (nothing if is_failure else stack(one) for one in (arrays.y_true, arrays.a, arrays.b))
    clusters = None if len(members) == 1 and arrays.clusters is None else np.tile(codes, len(members))
    return GateArrays(y_true, a, b, stack(arrays.failed_a), stack(arrays.failed_b), clusters)


def _difference(spec: CheckSpec, cells: Floats, z: float) -> MetricResult:
    """The difference with the interval at this look's critical value."""
    metric = table_metric(spec.metric)
    plain = paired_difference(cells, metric)
    if not plain.is_defined:
        return plain
    if metric == "precision":
        confidence = min(1 - 1e-12, math.erf(z / math.sqrt(2)))
        return paired_difference(cells, metric, confidence=confidence)
    gained, lost, n = discordance(cells, metric)
    low, high = repeated_interval(gained, lost, n, z)
    low, high = (-high, -low) if metric in LOWER_IS_BETTER else (low, high)
    return replace(plain, low=low, high=high)


def verdicts_of(
    gate: SequentialGate, found: LookVerdict, unjudged: Mapping[CheckSpec, Statement]
) -> Mapping[str, tuple[CheckSpec, Verdict, MetricResult]]:
    """Each asked check by name with its verdict and difference; what could not be judged is NOT_EVALUABLE."""
    from harness.gating.checks import check_key

    rows = {}
    for spec, verdict, difference in zip(gate.asked, found.checks, found.differences, strict=True):
        if spec in unjudged:
            verdict, difference = "NOT_EVALUABLE", MetricResult.undefined(str(unjudged[spec].facts["reason"]))
        rows[check_key(spec)] = spec, verdict, difference
    return rows
