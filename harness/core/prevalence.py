"""Precision in production from an enriched golden set.

Decides how recall and false positive rate of a set drawn by gold label become precision at a stated prevalence, and how
prevalence follows from a production flag rate. A prevalence is stated with source and date, or the report prints
"precision on this set" only.
"""

from __future__ import annotations

import math

import numpy as np

from harness.core.arrays import Floats
from harness.core.intervals import normal_quantile
from harness.core.metric_facts import NO_NEGATIVES, NO_POSITIVES, NOTHING_FLAGGED
from harness.core.resampling import percentile_interval
from harness.core.results import UNDEFINED, Interval, MetricResult

_BISECTIONS = 200


def koopman_interval(x1: float, n1: float, x0: float, n0: float, *, confidence: float = 0.95) -> Interval:
    """Score interval of the ratio of two independent proportions, (x1/n1)/(x0/n0).

    The ratios theta at which the chi-square statistic with proportions estimated under p1 = theta·p0 stays below z².

    Args:
        x1: Items with the property in the first sample; 0 <= x1 <= n1.
        n1: Items in the first sample.
        x0: Items with the property in the second sample; 0 <= x0 <= n0.
        n0: Items in the second sample.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Ratios in [0, inf]; low is 0 when x1 is 0, high is inf when x0 is 0; NaN when both or a sample is 0.

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Koopman (1984), Biometrics.

    >>> [round(end, 3) for end in koopman_interval(36, 40, 16, 80)]
    [2.94, 7.152]
    """
    z = normal_quantile(confidence)
    if not (0 <= x1 <= n1 and 0 <= x0 <= n0):
        raise ValueError(f"need 0 <= x <= n, got {x1}/{n1} and {x0}/{n0}")
    if n1 == 0 or n0 == 0 or (x1 == 0 and x0 == 0):
        return UNDEFINED
    estimate = math.inf if x0 == 0 else (x1 / n1) / (x0 / n0)
    low = 0.0 if x1 == 0 else _koopman_end(x1, n1, x0, n0, z, min(estimate, 1e12), 1e-12)
    high = math.inf if x0 == 0 else _koopman_end(x1, n1, x0, n0, z, max(estimate, 1e-12), 1e12)
    return Interval(low, high)


def _koopman_end(x1: float, n1: float, x0: float, n0: float, z: float, inside: float, outside: float) -> float:
    """Ratio between the estimate and an extreme at which the statistic passes z², by bisection of its logarithm."""
    low, high = math.log(inside), math.log(outside)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        accepted = _koopman_statistic(x1, n1, x0, n0, math.exp(middle)) <= z * z
        low, high = (middle, high) if accepted else (low, middle)
    return math.exp(high)


def _koopman_statistic(x1: float, n1: float, x0: float, n0: float, theta: float) -> float:
    n = n1 + n0
    b = theta * (n1 + x0) + x1 + n0
    p1 = 2 * theta * (x1 + x0) / (b + math.sqrt(max(0.0, b * b - 4 * theta * n * (x1 + x0))))  # stable root
    p0 = p1 / theta
    statistic = 0.0
    for x, size, p in ((x1, n1, p1), (x0, n0, p0)):
        excess = x - size * p
        if abs(excess) < 1e-12 * max(1.0, size):
            continue
        variance = size * p * (1 - p)
        if variance <= 0:
            return math.inf
        statistic += excess * excess / variance
    return statistic


def precision_at_prevalence(
    tp: float,
    fp: float,
    fn: float,
    tn: float,
    *,
    prevalence: float,
    prevalence_interval: Interval | None = None,
    rng: np.random.Generator | None = None,
    n_draws: int = 20_000,
    confidence: float = 0.95,
) -> MetricResult:
    """Precision at a production prevalence pi: pi·R/(pi·R + (1 - pi)·F), from a set drawn by gold label.

    With pi known, Koopman's interval of F/R mapped through 1/(1 + ((1 - pi)/pi)·ratio). With pi estimated, Jeffreys
    draws for R, F and pi, pi's sample size read from its interval.

    Args:
        tp: Violating and flagged.
        fp: Not violating and flagged.
        fn: Violating and not flagged.
        tn: Not violating and not flagged.
        prevalence: Share of violating items in production, in (0, 1).
        prevalence_interval: Its 95% interval; None when it counts as known.
        rng: Random generator, needed with an interval.
        n_draws: Jeffreys draws.
        confidence: Two-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1], higher is better; n counts the set's items. Undefined without violating or non-violating
        items, or when nothing was flagged.

    Raises:
        ValueError: Prevalence is outside (0, 1), its interval does not contain it, or rng is missing.

    References:
        Koopman (1984), Biometrics; Mercaldo, Lau & Zhou (2007), Statistics in Medicine.

    >>> result = precision_at_prevalence(90, 20, 10, 980, prevalence=0.01)
    >>> [round(x, 3) for x in (result.value, result.low, result.high)]
    [0.312, 0.228, 0.413]
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must be in (0, 1), got {prevalence}")
    n_positives, n_negatives = tp + fn, fp + tn
    n = round(n_positives + n_negatives)
    if n_positives == 0 or n_negatives == 0:
        return MetricResult.undefined(NO_POSITIVES if n_positives == 0 else NO_NEGATIVES, n=n)
    if tp == 0 and fp == 0:
        return MetricResult.undefined(NOTHING_FLAGGED, n=n)
    hits, false_alarms = prevalence * tp / n_positives, (1 - prevalence) * fp / n_negatives
    value = hits / (hits + false_alarms)
    if prevalence_interval is None:
        ratio = koopman_interval(fp, n_negatives, tp, n_positives, confidence=confidence)
        odds = (1 - prevalence) / prevalence
        low, high = 1 / (1 + odds * ratio.high), 1 / (1 + odds * ratio.low)
        return MetricResult(value, min(low, value), max(high, value), n)
    if rng is None:
        raise ValueError("an estimated prevalence is drawn: pass rng")
    pi = _prevalence_draws(prevalence, prevalence_interval, n_draws, rng)
    r, f = _jeffreys_draws(tp, n_positives, n_draws, rng), _jeffreys_draws(fp, n_negatives, n_draws, rng)
    low, high = percentile_interval(pi * r / (pi * r + (1 - pi) * f), confidence=confidence)
    return MetricResult(value, min(low, value), max(high, value), n)


def _jeffreys_draws(k: float, n: float, n_draws: int, rng: np.random.Generator) -> Floats:
    return rng.beta(k + 0.5, n - k + 0.5, size=n_draws)


def _prevalence_draws(prevalence: float, interval: Interval, n_draws: int, rng: np.random.Generator) -> Floats:
    low, high = interval
    if not 0 <= low <= prevalence <= high <= 1 or low == high:
        raise ValueError(f"prevalence_interval must contain {prevalence} and have a width, got {low}..{high}")
    standard_error = (high - low) / (2 * normal_quantile(0.95))
    n_eff = max(2.0, prevalence * (1 - prevalence) / standard_error**2)
    return _jeffreys_draws(prevalence * n_eff, n_eff, n_draws, rng)
