"""From decisions to a gate's evidence.

Decides which pairs count, how clusters and missing pairs enter, and when a run is too broken to judge. Leaves tests and
verdicts to ``checks`` and ``gate``, and the fallback that a failed output becomes to scoring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from harness.core.arrays import Array, Bools, Floats
from harness.core.check_spec import PoolKey
from harness.core.checks import (
    BASELINE_UNDECIDED,
    CANDIDATE_UNDECIDED,
    NEITHER_DECIDES,
    CheckEvidence,
    CheckSpec,
    Verdict,
)
from harness.core.clusters import effective_counts
from harness.core.confusion import check_decisions
from harness.core.gate import GateResult, decide_gate
from harness.core.metric_table import table_metric
from harness.core.operating_metrics import OperatingMetric, operating_metric
from harness.core.point_choice import Drawn, choice_share, summed
from harness.core.point_held import point_missed
from harness.core.statements import Statement


@dataclass(frozen=True, slots=True, eq=False)
class GateArrays:
    """What a gate is decided on.

    Attributes:
        y_true: Gold, int (n_items, n_categories): 1, 0, or -1 missing.
        a: Baseline decisions after the fallback for failed outputs, same shape; -1 where a call ended in error.
        b: Candidate decisions, same shape and codes.
        failed_a: Whether the baseline's output failed (unparsed, refused), bool (n_items,) or (n_items, n_categories).
        failed_b: The same for the candidate.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        weights: Weight per item, float (n_items,), >= 0; None counts every item once. A failure rate is one of calls
            and takes none.
        at: Metric at an operating point -> the same items as decided there.
        unfit: (Category, margin or floor) -> why such a check cannot be evaluated; of an operating point only.
        drawn: Category -> both systems at the thresholds that resampled dev items choose; of an operating point only.
    """

    y_true: Array
    a: Array
    b: Array
    failed_a: Array | None = None
    failed_b: Array | None = None
    clusters: Array | None = None
    weights: Array | None = None
    at: Mapping[str, GateArrays] = field(default_factory=dict)
    unfit: Mapping[tuple[str, str], str] = field(default_factory=dict)
    drawn: Mapping[str, tuple[Drawn, Drawn]] = field(default_factory=dict)


def gate_arrays(
    arrays: GateArrays,
    *,
    categories: Sequence[str],
    checks: Sequence[CheckSpec],
    seed: int,
    alternatives: Mapping[str, tuple[Array, Array]] | None = None,
    alternatives_at: Mapping[str, Mapping[str, GateArrays]] | None = None,
    alpha: float = 0.05,
    max_missing: float = 0.005,
    n_resamples: int = 10_000,
    is_same_system: bool = False,
) -> GateResult:
    """Decide a gate from decisions on the same items.

    A run with more than max_missing missing pairs, or whose verdict changes when they are imputed against the candidate
    (baseline right, candidate wrong), is INVALID. If another treatment of failed outputs gives another verdict, the
    reasons say so.

    Args:
        arrays: Gold, decisions, failures and clusters.
        categories: Names of the columns.
        checks: Checks of the gate file; failure_rate takes any category name.
        seed: Recorded seed, >= 0.
        alternatives: Decisions (a, b) under other treatments of failed outputs, by the name of the treatment.
        alternatives_at: What ``arrays.at`` is under each of them; as it is for None.
        alpha: One-sided level of every check, in (0, 0.5).
        max_missing: Largest share of items with a missing pair, in [0, 1].
        n_resamples: Tables of the precision test.
        is_same_system: Whether both sides are one system by fingerprint.

    Returns:
        Verdict, reasons, one result per check, pooled results and sensitivity.

    Raises:
        ValueError: Shapes or codes are wrong, a check names an unknown category, or failures are needed and absent.

    References:
        Berger (1982), Technometrics. Korn & Graubard (1998) for clusters.

    >>> import numpy as np
    >>> gold = np.repeat([[1], [0]], [200, 300], axis=0)
    >>> spec = CheckSpec("hate", "recall", "critical", margin=0.05)
    >>> gate_arrays(GateArrays(gold, gold, gold), categories=["hate"], checks=[spec], seed=0).verdict
    'PASS'
    """
    _check(arrays, categories, checks, alternatives)

    def decide(data: GateArrays, *, with_plan: bool) -> GateResult:
        evidence = [(spec, check_evidence(data, spec, categories, alpha=alpha)) for spec in checks]
        pooled = _pooled_evidence(data, evidence, categories, alpha)
        return decide_gate(
            evidence,
            seed=seed,
            pooled=pooled,
            alpha=alpha,
            n_resamples=n_resamples,
            is_same_system=is_same_system,
            with_plan=with_plan,
        )

    result = decide(arrays, with_plan=True)
    missing = missing_pairs(arrays)
    n_items, n_missing = arrays.y_true.shape[0], int(np.count_nonzero(missing.any(axis=1)))
    if n_missing > max_missing * n_items:
        missed = {"n_missing": n_missing, "n_items": n_items, "most": max_missing}
        return replace(result, verdict="INVALID", reasons=(Statement("missing_pairs", facts=missed),))
    if n_missing:
        imputed = decide(impute_against_candidate(arrays), with_plan=False).verdict
        if imputed != result.verdict:
            changed = {"verdict": result.verdict, "becomes": imputed, "n_missing": n_missing}
            return replace(result, verdict="INVALID", reasons=(Statement("missing_pairs_decide", facts=changed),))
    sensitivity: dict[str, Verdict] = {}
    reasons = list(result.reasons)
    for name, (a, b) in (alternatives or {}).items():
        at = (alternatives_at or {}).get(name, arrays.at)
        verdict = decide(replace(arrays, a=a, b=b, at=at), with_plan=False).verdict
        sensitivity[name] = verdict
        if verdict != result.verdict:
            reasons.append(Statement("other_reading", facts={"verdict": verdict, "reading": name}))
    return replace(result, reasons=tuple(reasons), sensitivity=sensitivity)


def check_evidence(
    arrays: GateArrays, spec: CheckSpec, categories: Sequence[str], *, alpha: float = 0.05
) -> CheckEvidence:
    """Paired counts of one check, scaled to the effective sample size of its clusters.

    Args:
        arrays: Gold, decisions, failures and clusters.
        spec: The check.
        categories: Names of the columns.
        alpha: One-sided level; the t quantile of the effective n is that of 1 - 2·alpha.

    Returns:
        Evidence; with a reason when a system makes no decision in the category. A floor asks about the candidate alone.

    Raises:
        ValueError: The category is unknown, or failures are needed and absent.

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> import numpy as np
    >>> gold = np.array([[1], [0]])
    >>> spec = CheckSpec("hate", "recall", "watch", margin=0.05)
    >>> check_evidence(GateArrays(gold, gold, gold), spec, ["hate"]).raw.tolist()
    [1, 0, 0, 0, 0, 0, 0, 1]
    """
    arrays = arrays.at.get(spec.metric, arrays)
    y_true, a, b = _columns(arrays, spec, categories)
    reason, has_gold = arrays.unfit.get((spec.category, spec.kind)), y_true >= 0
    if reason is None and has_gold.any():
        by_a, by_b = bool((a[has_gold] >= 0).any()), bool((b[has_gold] >= 0).any())
        if not by_a or not by_b:
            reason = BASELINE_UNDECIDED if by_b else CANDIDATE_UNDECIDED if by_a else NEITHER_DECIDES
    if reason is not None:
        return CheckEvidence(np.zeros(8), np.zeros(8, np.int64), n_excluded=int(y_true.size), reason=reason)
    return _evidence(spec, y_true, a, b, arrays.clusters, arrays.weights, alpha, arrays.drawn.get(spec.category))


def _evidence(
    spec: CheckSpec,
    y_true: Array,
    a: Array,
    b: Array,
    clusters: Array | None,
    weights: Array | None,
    alpha: float,
    drawn: tuple[Drawn, Drawn] | None = None,
) -> CheckEvidence:
    counted = partial(
        effective_counts,
        y_true=y_true,
        a=a,
        b=b,
        clusters=clusters,
        sample_weight=None if spec.metric == "failure_rate" else weights,
        confidence=1 - 2 * alpha,
    )
    effective = counted(table_metric(spec.metric), of="difference" if spec.kind == "margin" else "candidate")
    size, n_excluded = effective.size, int(y_true.size - effective.raw.sum())
    n_clusters = size.n_clusters if size.n_clusters < size.n else None
    is_weighted = effective.is_weighted
    evidence = CheckEvidence(effective.cells, effective.raw, n_clusters, n_excluded, is_weighted=is_weighted)
    point = operating_metric(spec.metric)
    if point is None:
        return evidence
    return _at_point(evidence, point, counted(point.held, of="candidate").cells, drawn, alpha, spec.kind)


def _at_point(
    evidence: CheckEvidence,
    point: OperatingMetric,
    held: Floats,
    drawn: tuple[Drawn, Drawn] | None,
    alpha: float,
    kind: Literal["margin", "floor"],
) -> CheckEvidence:
    """The evidence at a chosen threshold: worth less by what the choice adds, and whether what is held is given up."""
    missed = point_missed(point, held, alpha=alpha, is_alone=kind == "floor")
    if drawn is None:
        return replace(evidence, point=missed)
    chosen = choice_share(point.measured, evidence.cells, *drawn, of="difference" if kind == "margin" else "candidate")
    return replace(evidence, cells=evidence.cells * (1 - chosen), point=missed, choice_share=chosen)


def _columns(arrays: GateArrays, spec: CheckSpec, categories: Sequence[str]) -> tuple[Array, Array, Array]:
    """Gold and decisions of a check; for failure_rate gold is 0 and the decisions say which system failed."""
    if spec.metric != "failure_rate":
        index = list(categories).index(spec.category)
        y_true, a, b = arrays.y_true[:, index], arrays.a[:, index], arrays.b[:, index]
        if spec.kind == "floor" and not (a >= 0).any():
            return y_true, b, b  # a floor needs no baseline
        return y_true, a, b
    if arrays.failed_a is None or arrays.failed_b is None:
        raise ValueError("a failure_rate check needs failed_a and failed_b")
    missing = missing_pairs(arrays).any(axis=1)
    columns = []
    for failed in (arrays.failed_a, arrays.failed_b):
        flags: Array = np.asarray(failed, dtype=bool)
        if flags.ndim == 2 and spec.category in categories:
            flags = flags[:, list(categories).index(spec.category)]
        elif flags.ndim == 2:
            flags = np.any(flags, axis=1)
        columns.append(np.where(missing, -1, flags).astype(np.int8))
    return np.zeros(missing.shape, dtype=np.int8), columns[0], columns[1]


def missing_pairs(arrays: GateArrays) -> Bools:
    """Pairs with gold that lack a decision, in categories where both systems decide at all.

    Args:
        arrays: Gold and decisions.

    Returns:
        Booleans of shape (n_items, n_categories).

    >>> import numpy as np
    >>> gold = np.array([[1], [0]])
    >>> missing_pairs(GateArrays(gold, gold, np.array([[-1], [0]]))).tolist()
    [[True], [False]]
    """
    decides = (arrays.a >= 0).any(axis=0) & (arrays.b >= 0).any(axis=0)
    return np.asarray((arrays.y_true >= 0) & ((arrays.a < 0) | (arrays.b < 0)) & decides, dtype=np.bool_)


def impute_against_candidate(arrays: GateArrays) -> GateArrays:
    """Fill missing pairs with the worst case: a missing baseline decision is right, a missing candidate decision wrong.

    Args:
        arrays: Gold and decisions.

    Returns:
        The same arrays without missing pairs; of the failures, the candidate's is set and the baseline's cleared.

    >>> import numpy as np
    >>> gold = np.array([[1], [0]])
    >>> impute_against_candidate(GateArrays(gold, gold, np.array([[-1], [0]]))).b.tolist()
    [[0], [0]]
    """
    missing = missing_pairs(arrays)
    a = np.where(missing & (arrays.a < 0), arrays.y_true, arrays.a)
    b = np.where(missing & (arrays.b < 0), 1 - arrays.y_true, arrays.b)
    failed_a, failed_b = arrays.failed_a, arrays.failed_b
    if failed_a is not None and failed_b is not None:
        lost = missing if failed_a.ndim == 2 else missing.any(axis=1)
        failed_a, failed_b = np.asarray(failed_a, bool) & ~lost, np.asarray(failed_b, bool) | lost
    at = {metric: impute_against_candidate(one) for metric, one in arrays.at.items()}
    return replace(arrays, a=a, b=b, failed_a=failed_a, failed_b=failed_b, at=at)


def _pooled_evidence(
    arrays: GateArrays, evidence: Sequence[tuple[CheckSpec, CheckEvidence]], categories: Sequence[str], alpha: float
) -> dict[PoolKey, CheckEvidence]:
    """Guarded categories stacked, an item's categories forming one cluster."""
    n_items = arrays.y_true.shape[0]
    item_clusters = np.arange(n_items) if arrays.clusters is None else arrays.clusters
    members: dict[PoolKey, list[CheckSpec]] = {}
    for spec, own in evidence:
        if spec.tier == "guarded" and own.reason is None:
            members.setdefault(spec.pool, []).append(spec)
    pooled = {}
    for key, usable in members.items():
        columns = [_columns(arrays.at.get(spec.metric, arrays), spec, categories) for spec in usable]
        y_true, a, b = (np.concatenate([column[part] for column in columns]) for part in range(3))
        clusters = np.tile(item_clusters, len(usable))
        weights = None if arrays.weights is None else np.tile(arrays.weights, len(usable))
        of_draws = [arrays.at[spec.metric].drawn.get(spec.category) for spec in usable if spec.metric in arrays.at]
        known = [one for one in of_draws if one is not None]
        drawn = (summed([a for a, _ in known]), summed([b for _, b in known])) if known else None
        pooled[key] = _evidence(usable[0], y_true, a, b, clusters, weights, alpha, drawn)
    return pooled


def _check(
    arrays: GateArrays,
    categories: Sequence[str],
    checks: Sequence[CheckSpec],
    alternatives: Mapping[str, tuple[Array, Array]] | None,
) -> None:
    for pair in ((arrays.a, arrays.b), *(alternatives or {}).values()):
        for one in pair:
            check_decisions(arrays.y_true, one)
    n_items, n_categories = arrays.y_true.shape
    if len(categories) != n_categories:
        raise ValueError(f"{len(categories)} category names for {n_categories} columns")
    if arrays.clusters is not None and arrays.clusters.shape != (n_items,):
        raise ValueError(f"clusters must have shape ({n_items},), got {arrays.clusters.shape}")
    for spec in checks:
        if spec.metric != "failure_rate" and spec.category not in categories:
            raise ValueError(f"check category '{spec.category}' is not one of {', '.join(categories)}")
