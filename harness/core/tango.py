"""Tango's score statistic of a paired difference of proportions.

Decides how far an observed gain and loss lie from a hypothesised difference, and the interval that follows. The exact
test built on this ordering is in ``noninferiority``.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from harness.core.arrays import Array, Floats
from harness.core.intervals import normal_quantile
from harness.core.results import UNDEFINED, Interval

_BISECTIONS = 60  # halves (-1, 1) below 2e-18


def tango_statistic(n_gained: float, n_lost: float, n: float, difference: float) -> float:
    """Score statistic of H0: D = d, Z(d) = (g - l - n·d)/sqrt(n(2q + d(1 - d))).

    q = (sqrt(B² - 4AC) - B)/2A with A = 2n, B = -g - l + (2n - g + l)d, C = -l·d(1 - d) is the likelihood estimate of
    P(lost) under H0.

    Args:
        n_gained: Items only the candidate has right, g >= 0.
        n_lost: Items only the baseline has right, l >= 0; g + l <= n.
        n: Pairs, > 0.
        difference: Hypothesised difference d, in [-1, 1].

    Returns:
        A standard normal deviate under H0, positive when the candidate does better than d; the sign of the numerator
        times inf when the variance is 0.

    Raises:
        ValueError: A count or the difference is out of range.

    References:
        Tango (1998), Statistics in Medicine.

    >>> round(tango_statistic(1, 7, 21, 0.0), 4)  # McNemar: (1 - 7)/sqrt(8)
    -2.1213
    """
    _check(n_gained, n_lost, n)
    if not -1 <= difference <= 1:
        raise ValueError(f"difference must be in [-1, 1], got {difference}")
    return _statistic(n_gained, n_lost, n, difference)


def _check(n_gained: float, n_lost: float, n: float) -> None:
    if n_gained < 0 or n_lost < 0 or n_gained + n_lost > n * (1 + 1e-9):
        raise ValueError(f"need n_gained, n_lost >= 0 and n_gained + n_lost <= n={n}, got {n_gained} and {n_lost}")


def _statistic(g: float, l: float, n: float, d: float) -> float:  # noqa: E741 - g and l are the source's letters
    b = -g - l + (2 * n - g + l) * d
    c = -l * d * (1 - d)
    q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    numerator = g - l - n * d
    variance = n * (2 * q + d * (1 - d))
    if variance <= 1e-12:
        return 0.0 if abs(numerator) < 1e-12 else math.copysign(math.inf, numerator)
    return numerator / math.sqrt(variance)


def tango_statistics(n_gained: Array, n_lost: Array, n: float, difference: float) -> Floats:
    """``tango_statistic`` over arrays of gains and losses.

    Args:
        n_gained: Gains, any shape.
        n_lost: Losses, a shape that broadcasts with the gains.
        n: Pairs, > 0.
        difference: Hypothesised difference d, in [-1, 1].

    Returns:
        Statistics of the broadcast shape.

    References:
        Tango (1998), Statistics in Medicine.

    >>> import numpy as np
    >>> tango_statistics(np.array([1, 4]), np.array([7, 4]), 21, 0.0).round(4).tolist()
    [-2.1213, 0.0]
    """
    g, lost, d = np.asarray(n_gained, dtype=np.float64), np.asarray(n_lost, dtype=np.float64), difference
    b = -g - lost + (2 * n - g + lost) * d
    c = -lost * d * (1 - d)
    q = (np.sqrt(np.maximum(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    numerator = g - lost - n * d
    variance = n * (2 * q + d * (1 - d))
    degenerate = variance <= 1e-12
    z = numerator / np.sqrt(np.where(degenerate, 1.0, variance))
    at_zero_variance = np.where(np.abs(numerator) < 1e-12, 0.0, np.copysign(np.inf, numerator))
    return np.where(degenerate, at_zero_variance, z)


def tango_interval(n_gained: float, n_lost: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Score interval of a paired difference (g - l)/n: the d with Z(d) between -z and z, by bisection.

    Without a discordant pair the lower end is -z²/(n + z²), not 0: no disagreement is not proof of equality.

    Args:
        n_gained: Items only the candidate has right, g >= 0.
        n_lost: Items only the baseline has right, l >= 0; g + l <= n.
        n: Pairs; fractional for effective counts.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Differences in [-1, 1], candidate minus baseline; both ends NaN when n == 0.

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Tango (1998), Statistics in Medicine. Fagerland, Lydersen & Laake (2014), Statistics in Medicine.

    >>> [round(end, 3) for end in tango_interval(1, 7, 21)]
    [-0.517, -0.026]
    """
    z = normal_quantile(confidence)
    _check(n_gained, n_lost, n)
    if n == 0:
        return UNDEFINED
    return _interval(float(n_gained), float(n_lost), float(n), z)


@lru_cache(maxsize=16_384)  # slices of many candidates ask the same again and again
def _interval(n_gained: float, n_lost: float, n: float, z: float) -> Interval:
    estimate = (n_gained - n_lost) / n
    low, high = -1.0, max(-1.0, min(1.0, estimate))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _statistic(n_gained, n_lost, n, middle) > z else (low, middle)
    lower = low
    low, high = max(-1.0, min(1.0, estimate)), 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _statistic(n_gained, n_lost, n, middle) > -z else (low, middle)
    return Interval(min(lower, estimate), max(high, estimate))
