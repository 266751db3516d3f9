"""Intervals of one proportion.

Decides how a count of successes becomes a pair of limits: Wilson for reports, Clopper-Pearson for claims, Jeffreys as
the alternative. Leaves the choice of numerator and denominator to ``metrics``. Counts may be fractional, because
clustered data are scaled to an effective sample size first (Korn & Graubard 1998).
"""

from __future__ import annotations

import math

from harness.core.results import UNDEFINED, Interval
from harness.core.special import betaincinv, ndtri

_ROUNDING = 1e-9  # an effective count k * (n_eff / n) may pass n_eff by rounding alone


def normal_quantile(confidence: float) -> float:
    """Two-sided standard normal quantile z with P(|Z| <= z) = confidence.

    Args:
        confidence: Two-sided level, in (0, 1).

    Returns:
        z > 0.

    Raises:
        ValueError: Confidence is outside (0, 1).

    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    check_confidence(confidence)
    return float(ndtri(0.5 + confidence / 2))


def check_confidence(confidence: float) -> None:
    """Refuse a level outside (0, 1).

    Args:
        confidence: Level of an interval.

    Raises:
        ValueError: Confidence is outside (0, 1).

    >>> check_confidence(0.95)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")


def _check_counts(n_successes: float, n: float) -> tuple[float, float]:
    if not (0 <= n_successes <= n + _ROUNDING * max(1.0, n)) or not math.isfinite(n):
        raise ValueError(f"n_successes must be in [0, n={n}], got {n_successes}")
    return float(min(n_successes, n)), float(n)


def wilson_interval(n_successes: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Wilson score interval for one proportion: (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        n_successes: Items with the property; 0 <= n_successes <= n.
        n: Items in the denominator.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Proportions in [0, 1]; exactly 0 below for no success, exactly 1 above for n; both ends NaN when n == 0
        (undefined, not zero).

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Wilson (1927), JASA. Newcombe (1998), Statistics in Medicine 17:857-872, method 3.

    >>> [round(end, 4) for end in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    z = normal_quantile(confidence)
    k, n = _check_counts(n_successes, n)
    if n == 0:
        return UNDEFINED
    p = k / n
    shrink = 1 + z * z / n
    center = (p + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if k == 0 else min(p, max(0.0, center - half))
    high = 1.0 if k == n else max(p, min(1.0, center + half))
    return Interval(low, high)


def clopper_pearson_lower(n_successes: float, n: float, *, confidence: float = 0.95) -> float:
    """One-sided exact lower bound: the alpha quantile of Beta(k, n - k + 1), alpha = 1 - confidence.

    The claim "the proportion is at least this" is wrong with probability at most alpha. With no miss in n the bound
    is alpha**(1/n).

    Args:
        n_successes: Items with the property; 0 <= n_successes <= n.
        n: Items in the denominator.
        confidence: One-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1]; NaN when n == 0.

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Clopper & Pearson (1934), Biometrika.

    >>> round(clopper_pearson_lower(59, 59), 3)
    0.95
    """
    check_confidence(confidence)
    k, n = _check_counts(n_successes, n)
    if n == 0:
        return math.nan
    return 0.0 if k == 0 else float(betaincinv(k, n - k + 1, 1 - confidence))


def clopper_pearson_upper(n_successes: float, n: float, *, confidence: float = 0.95) -> float:
    """One-sided exact upper bound: the confidence quantile of Beta(k + 1, n - k).

    Args:
        n_successes: Items with the property; 0 <= n_successes <= n.
        n: Items in the denominator.
        confidence: One-sided level, in (0, 1).

    Returns:
        A proportion in [0, 1]; NaN when n == 0.

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Clopper & Pearson (1934), Biometrika.

    >>> round(clopper_pearson_upper(0, 59), 3)
    0.05
    """
    check_confidence(confidence)
    k, n = _check_counts(n_successes, n)
    if n == 0:
        return math.nan
    return 1.0 if k == n else float(betaincinv(k + 1, n - k, confidence))


def effective_wilson(value: float, variance: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Wilson interval of an estimate known by its variance: n_eff = value(1 - value)/variance items.

    Args:
        value: Estimate in [0, 1].
        variance: Its squared standard error, >= 0.
        n: Items to count with when value or variance leaves n_eff undefined (value 0 or 1, variance 0).
        confidence: Two-sided level, in (0, 1).

    Returns:
        Proportions in [0, 1] that contain value; both NaN when n == 0.

    Raises:
        ValueError: Value is outside [0, 1], or confidence is outside (0, 1).

    References:
        Korn & Graubard (1998), Survey Methodology.

    >>> [round(end, 3) for end in effective_wilson(0.9, 0.0009, 500)]
    [0.826, 0.945]
    """
    if not -_ROUNDING <= value <= 1 + _ROUNDING:
        raise ValueError(f"value must be in [0, 1], got {value}")
    value = min(1.0, max(0.0, value))
    spread = value * (1 - value)
    n_eff = spread / variance if variance > 1e-15 and spread > 1e-15 else n
    return wilson_interval(value * n_eff, n_eff, confidence=confidence)
