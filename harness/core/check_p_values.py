"""The p-values of one check of a gate.

Decides the p-values, the interval, the verdict of one check before correction for the others, and how many items it
lacks. Leaves Holm's correction, tiers and the verdict of the whole to ``gate``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.core.agreeing import agreeing_result
from harness.core.arrays import Array
from harness.core.checks import CheckEvidence, CheckResult, CheckSpec, Verdict, not_evaluable
from harness.core.mcnemar import mcnemar_midp
from harness.core.metric_facts import NOTHING_FLAGGED
from harness.core.metric_table import LOWER_IS_BETTER, SHARES, table_metric, unit_of
from harness.core.noninferiority import below_floor_test, floor_test, noninferiority_test
from harness.core.paired import discordance, metric_of_both, paired_difference, support
from harness.core.planning import (
    floor_items_needed,
    further_items,
    joint_power,
    largest_hidden_loss,
    precision_items_needed,
    precision_smallest_margin,
    recall_items_needed,
    smallest_provable_margin,
)
from harness.core.precision_margin import precision_margin_test
from harness.core.results import MetricResult
from harness.core.statements import Statement
from harness.core.targets import target_state
from harness.core.wgs import PSEUDO_COUNT, wgs_statistic, wgs_test

MIN_CLUSTERS = 15
MUCH_OF_CHOICE = 0.2
"""Share of the variance from which on a check says that more dev items would help."""
SETTLES = 10
"""How many times fewer tables the precision test begins with where only its verdict counts; near alpha it draws on."""
MIN_POSITIVES, MIN_FLAGGED = 20, 10  # below these the calibration of the precision test is unproven


class _Tests(NamedTuple):
    """P-values and planning figures of one check; effective counts throughout."""

    p_non_inferior: float
    p_worse: float
    p_better: float
    result: MetricResult
    is_at_or_beyond_limit: bool
    needed: int | None
    n_now: float
    smallest_margin: float
    unit: str
    caveat: Statement | None
    discordance: float = math.nan


def evaluate_check(
    spec: CheckSpec,
    evidence: CheckEvidence,
    *,
    alpha: float,
    n_checks: int,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    is_same_system: bool = False,
    with_plan: bool = True,
) -> CheckResult:
    """Test one check on its own: PASS, INCONCLUSIVE or NOT_EVALUABLE, with the p-values that ``gate`` corrects.

    Recall, FPR and failure rate with a margin: exact unconditional test; precision: calibrated score test; floors:
    exact binomial. Fewer than 15 clusters, 20 violating items or 10 flagged items (precision) never PASS, nor does an
    operating point at which the candidate gives up what is held.

    Args:
        spec: The check.
        evidence: Its paired counts.
        alpha: One-sided level, in (0, 1).
        n_checks: Checks in the gate; items_needed aims at a power of 1 - .2/n_checks.
        rng: Random generator of this check.
        n_resamples: Tables of the precision test.
        is_same_system: Whether both sides are one system by fingerprint; where it then decides every item alike, a
            margin holds without a test. Two systems that happen to decide alike are tested.
        with_plan: Also the interval, the items needed and the smallest margin, which no verdict rests on, and whether
            a check of the tier watch passes.

    Returns:
        The result with p_worse_holm still NaN and no REGRESSION.

    Raises:
        ValueError: Counts or alpha are out of range.

    References:
        Hsueh, Liu & Chen (2001); Lloyd (2008); Clopper & Pearson (1934); Fagerland, Lydersen & Laake (2013).

    >>> import numpy as np
    >>> cells = np.array([900, 4, 5, 20, 30, 12, 11, 400])
    >>> spec = CheckSpec("hate", "recall", "critical", margin=0.05)
    >>> evidence = CheckEvidence(cells, cells)
    >>> evaluate_check(spec, evidence, alpha=0.05, n_checks=1, rng=np.random.default_rng(0)).verdict
    'PASS'
    """
    reason = evidence.reason or empty_denominator(spec, evidence.raw)
    if reason is not None:
        return not_evaluable(spec, reason, evidence.n_excluded)
    power = joint_power(n_checks) if with_plan else None
    if spec.kind == "floor":
        tests = _floor_tests(spec, evidence, alpha, power)
    elif table_metric(spec.metric) == "precision":
        tests = _precision_tests(spec, evidence, alpha, power, rng, n_resamples)
    else:
        tests = _matched_tests(spec, evidence, alpha, power)
    is_passed = tests.p_non_inferior <= alpha
    is_itself = is_same_system and spec.kind == "margin" and not np.any(evidence.raw[[1, 2, 5, 6]])
    if is_itself and not is_passed:
        return _result(spec, tests, "PASS", [Statement("same_system")])
    remarks = [tests.caveat] if tests.caveat else []
    if evidence.n_clusters is not None and evidence.n_clusters < MIN_CLUSTERS:
        is_passed = False
        remarks.append(Statement("few_clusters", facts={"minimum": MIN_CLUSTERS}))
    if evidence.choice_share >= MUCH_OF_CHOICE and not is_passed:
        remarks.append(Statement("point_choice", facts={"share": evidence.choice_share}))
    if evidence.point is not None:
        is_passed = False
        remarks.append(evidence.point)
    items_needed = None
    if not is_passed and tests.is_at_or_beyond_limit:
        remarks.append(Statement("out_of_reach"))
    elif not is_passed and tests.needed is not None and evidence.choice_share < MUCH_OF_CHOICE:
        items_needed = further_items(tests.needed, tests.n_now, evidence.scale)
        if items_needed == 0:
            remarks.append(Statement("enough_if_equal"))
    return _result(spec, tests, "PASS" if is_passed else "INCONCLUSIVE", remarks, items_needed)


def _result(
    spec: CheckSpec, tests: _Tests, verdict: Verdict, remarks: Sequence[Statement], items_needed: int | None = None
) -> CheckResult:
    """What a check gives before its p-value of "worse" is corrected for the other checks."""
    return CheckResult(
        spec,
        verdict,
        tests.result.n,
        tests.p_non_inferior,
        tests.p_worse,
        math.nan,
        tests.p_better,
        tests.result,
        items_needed,
        tests.unit if items_needed is not None else None,
        tests.smallest_margin,
        tuple(remarks),
        tests.discordance,
    )


def empty_denominator(spec: CheckSpec, raw: Array) -> str | None:
    """Why a check has nothing to be judged on.

    Args:
        spec: The check.
        raw: Its 8 counts of items, cell = 4y + 2a + b.

    Returns:
        The reason; None where the denominator has items.

    >>> import numpy as np
    >>> empty_denominator(CheckSpec("hate", "recall", "watch", margin=0.05), np.array([9, 0, 0, 0, 0, 0, 0, 0]))
    'no violating items'
    """
    if table_metric(spec.metric) == "precision":
        n_a, n_b = raw[[2, 3, 6, 7]].sum(), raw[[1, 3, 5, 7]].sum()
        return NOTHING_FLAGGED if n_b == 0 or (n_a == 0 and spec.kind == "margin") else None
    return SHARES[spec.metric].reason if discordance(raw, table_metric(spec.metric)).n == 0 else None


def _matched_tests(spec: CheckSpec, evidence: CheckEvidence, alpha: float, power: float | None) -> _Tests:
    metric = table_metric(spec.metric)
    exact = discordance(evidence.cells, metric)
    n = max(1, round(exact.n))
    gained = min(n, round(exact.gained))
    lost = min(n - gained, round(exact.lost))
    result = _difference(evidence, metric, alpha, with_interval=power is not None)
    psi = (gained + lost + 1) / (n + 2)
    needed = None
    p_value = math.nan if _is_moot(spec, power) else noninferiority_test(gained, lost, n, spec.limit)
    if power is not None and p_value > alpha:
        needed = recall_items_needed(spec.limit, psi, power=power, alpha=alpha)
    worse, better = (mcnemar_midp(gained, lost, alternative="worse"), mcnemar_midp(gained, lost, alternative="better"))
    return _Tests(
        p_value,
        worse,
        better,
        result if power is None else _agreeing(spec, result, p_value, min(worse, better), alpha),
        exact.gained - exact.lost <= -spec.limit * exact.n,
        needed,
        exact.n,
        math.nan if power is None else smallest_provable_margin(n, psi, alpha=alpha),
        unit_of(spec.metric),
        _alike(evidence, metric, n, p_value, alpha, unit_of(spec.metric)),
        psi,
    )


def _is_moot(spec: CheckSpec, power: float | None) -> bool:
    """Whether nobody asks if the check passes: it blocks nothing, and only the verdict of the whole is wanted."""
    return power is None and spec.tier == "watch"


def _alike(evidence: CheckEvidence, metric: str, n: int, p_value: float, alpha: float, unit: str) -> Statement | None:
    """Two systems that decide every item alike, on too few items to prove the margin: what they can exclude."""
    raw = discordance(evidence.raw, metric)
    if p_value <= alpha or raw.gained or raw.lost:
        return None
    loss = largest_hidden_loss(n, alpha=alpha)
    return Statement("decides_alike", facts={"n": round(raw.n), "unit": unit, "excluded_loss": loss})


def _precision_tests(
    spec: CheckSpec,
    evidence: CheckEvidence,
    alpha: float,
    power: float | None,
    rng: np.random.Generator,
    n_resamples: int,
) -> _Tests:
    c = np.asarray(evidence.cells, dtype=np.float64)
    result = _difference(evidence, "precision", alpha, with_interval=power is not None)
    smallest = precision_smallest_margin(c, alpha=alpha)
    needed = None if power is None else precision_items_needed(c, spec.limit, power=power, alpha=alpha)
    flagged, unit = float(c[[1, 2, 3, 5, 6, 7]].sum()), unit_of("precision")
    psi = (float(c[[1, 2, 5, 6]].sum()) + 1) / (flagged + 2)
    is_beyond = result.value <= -spec.limit
    n_positives, n_flagged = float(c[4:].sum()), float(min(c[[1, 3, 5, 7]].sum(), c[[2, 3, 6, 7]].sum()))
    for minimum, n_now, what in (
        (MIN_POSITIVES, n_positives, "violating items"),
        (MIN_FLAGGED, n_flagged, "flagged items"),
    ):
        if n_now < minimum:
            nan, caveat = math.nan, Statement("few_items", facts={"minimum": minimum, "unit": what})
            # the shortage in flagged items too, so that a check names one unit, the plan's
            grown = max(needed or 0, math.ceil(flagged * minimum / n_now)) if n_now > 0 else None
            return _Tests(nan, nan, nan, result, is_beyond, grown, flagged, smallest, unit, caveat, psi)
    p_value = math.nan
    if not _is_moot(spec, power):
        n_tables = n_resamples if power is not None else max(1, n_resamples // SETTLES)
        p_value = precision_margin_test(c, spec.limit, rng=rng, n_resamples=n_tables, alpha=alpha)
    z = wgs_statistic(np.rint(c), pseudo_count=PSEUDO_COUNT)
    worse, better = wgs_test(z, alternative="worse"), wgs_test(z, alternative="better")
    if power is not None:
        result = _agreeing(spec, result, p_value, min(worse, better), alpha)
    return _Tests(p_value, worse, better, result, is_beyond, needed, flagged, smallest, unit, None, psi)


def _agreeing(
    spec: CheckSpec, result: MetricResult, p_non_inferior: float, p_moved: float, alpha: float
) -> MetricResult:
    """The difference whose interval leaves the margin out exactly when the check's test proves it, and 0 likewise."""
    limit = spec.limit if spec.metric in LOWER_IS_BETTER else -spec.limit
    tested = [(0.0, p_moved, alpha)]
    if (limit < result.value) == (limit < 0):  # on the accepted side of the margin: only there is a proof in question
        tested.append((limit, p_non_inferior, alpha))
    return agreeing_result(result, tested)


def _difference(evidence: CheckEvidence, metric: str, alpha: float, *, with_interval: bool) -> MetricResult:
    if not with_interval:
        counted = evidence.cells if evidence.is_weighted else evidence.raw
        before, after = metric_of_both(np.asarray(counted, dtype=np.float64), metric)
        return MetricResult(
            float(after - before), math.nan, math.nan, round(float(evidence.raw[support(metric)].sum()))
        )
    scaled = paired_difference(evidence.cells, metric, confidence=1 - 2 * alpha)
    plain = scaled  # without clusters, weights and an operating point each item is worth itself
    if not np.array_equal(evidence.cells, evidence.raw):
        plain = paired_difference(evidence.raw, metric, confidence=1 - 2 * alpha)
    value = scaled.value if evidence.is_weighted else plain.value
    return MetricResult(value, scaled.low, scaled.high, plain.n, evidence.n_excluded)


def _floor_tests(spec: CheckSpec, evidence: CheckEvidence, alpha: float, power: float | None) -> _Tests:
    """The candidate alone against a floor; where less is better the share of the other items against 1 - limit."""
    c, raw = np.asarray(evidence.cells, dtype=np.float64), np.asarray(evidence.raw, dtype=np.float64)
    successes, trials = SHARES[spec.metric].cells("candidate")
    is_upper_limit = spec.metric in LOWER_IS_BETTER
    if is_upper_limit:
        successes = [cell for cell in trials if cell not in successes]
    k, n = float(c[successes].sum()), float(c[trials].sum())
    floor = 1 - spec.limit if is_upper_limit else spec.limit
    state, low, high = target_state(k, n, floor, alpha=alpha)
    counted = np.asarray(evidence.counted, dtype=np.float64)
    value = float(counted[successes].sum()) / float(counted[trials].sum())
    shown = (1 - value, 1 - high, 1 - low) if is_upper_limit else (value, low, high)
    p_value = floor_test(k, n, floor)
    needed = None
    if power is not None and state != "met":
        needed = floor_items_needed(value, floor, power=power, alpha=alpha)
    result = MetricResult(*shown, round(float(raw[trials].sum())), evidence.n_excluded)
    p_worse = below_floor_test(k, n, floor)
    return _Tests(p_value, p_worse, math.nan, result, value <= floor, needed, n, math.nan, unit_of(spec.metric), None)
