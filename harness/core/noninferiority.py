"""Proof that a candidate is not worse by a margin, for metrics whose denominator both systems share.

Decides the gate's p-value for recall, false positive rate and failure rate, and for floors. Every test here is exact:
no number of items is too small for its error rate, only for its power. Precision has its own test in
``precision_margin``.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from harness.core.arrays import Floats, Ints
from harness.core.special import betainc, gammaln, xlog1py, xlogy
from harness.core.tango import tango_statistic, tango_statistics

_FINE_GRID, _COARSE_GRID, _FINE_LIMIT = 100, 100, 0.02  # nuisance q: half of the 200 points below .02
_TAIL_SD = 8.0  # binomial mass beyond 8 standard deviations (+ 8) is below 1e-14


def noninferiority_test(n_gained: int, n_lost: int, n: int, margin: float) -> float:
    """Exact unconditional p-value of H0: D <= -margin for a paired difference of proportions.

    Tables are ordered by Tango's Z(-margin). p = max over the nuisance q = P(gained) of the chance under (q, P(lost) =
    q + margin) of a table at least as favourable as the observed one.

    Args:
        n_gained: Items only the candidate has right, g >= 0.
        n_lost: Items only the baseline has right, l >= 0; g + l <= n.
        n: Pairs of the denominator (violating items for recall), >= 1.
        margin: Largest loss that is still acceptable, in (0, 1).

    Returns:
        A p-value in [0, 1]; at most alpha means "not worse by the margin". The chance of that when the candidate is
        worse by the margin or more is at most alpha at every n.

    Raises:
        ValueError: A count is out of range, or the margin is outside (0, 1).

    References:
        Hsueh, Liu & Chen (2001), Biometrics. Tango (1998), Statistics in Medicine.

    >>> noninferiority_test(0, 0, 59, 0.05) <= 0.05, noninferiority_test(0, 0, 58, 0.05) <= 0.05
    (True, False)
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin must be in (0, 1), got {margin}")
    if n < 1 or n_gained < 0 or n_lost < 0 or n_gained + n_lost > n:
        raise ValueError(f"need n >= 1, gains and losses >= 0 and g + l <= n={n}, got {n_gained} and {n_lost}")
    return _exact_p(int(n_gained), int(n_lost), int(n), float(margin))


@lru_cache(maxsize=4096)
def _exact_p(n_gained: int, n_lost: int, n: int, margin: float) -> float:
    smallest_gain = rejection_boundary(n, margin, tango_statistic(n_gained, n_lost, n, -margin) - 1e-9)
    fine = np.linspace(0.0, _FINE_LIMIT, _FINE_GRID, endpoint=False)
    nuisance = np.concatenate([fine, np.linspace(_FINE_LIMIT, (1 - margin) / 2, _COARSE_GRID)])
    nuisance = nuisance[nuisance <= (1 - margin) / 2]
    blocks = np.array_split(nuisance, 1 + math.isqrt(n) // 50)  # few at a time where windows are wide
    return min(1.0, max(float(rejection_probabilities(smallest_gain, n, q, q + margin).max()) for q in blocks))


def rejection_boundary(n: int, margin: float, critical: float, lost: Ints | None = None) -> Ints:
    """For each number of losses, the smallest number of gains whose Z(-margin) reaches a critical value.

    Args:
        n: Pairs, >= 1.
        margin: Non-inferiority margin, in (0, 1).
        critical: Value that Tango's statistic must reach.
        lost: Numbers of losses l, each in [0, n]; None means 0..n.

    Returns:
        Gains for each l, int64; n - l + 1 where no number of gains suffices.

    Raises:
        ValueError: The margin is outside (0, 1).

    References:
        Hsueh, Liu & Chen (2001), Biometrics.

    >>> rejection_boundary(59, 0.05, 1.645)[:3].tolist()
    [0, 2, 4]
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin must be in (0, 1), got {margin}")
    lost = np.arange(n + 1) if lost is None else lost
    low, high = np.full(lost.shape, -1), n - lost + 1
    for _ in range(max(1, n + 2).bit_length() + 1):
        middle = (low + high) // 2
        inside = (middle > low) & (middle < high)
        reached = inside & (tango_statistics(np.clip(middle, 0, n - lost), lost, n, -margin) >= critical)
        high = np.where(reached, middle, high)
        low = np.where(inside & ~reached, middle, low)
    return np.asarray(high, dtype=np.int64)


def loss_window(n: int, p_lost: float) -> Ints:
    """Numbers of losses that have any chance worth counting: within 8 standard deviations (and 8) of n·p_lost.

    Args:
        n: Pairs, >= 1.
        p_lost: Chance that an item is lost, in [0, 1].

    Returns:
        Consecutive integers in [0, n]; the mass outside is below 1e-14.

    Raises:
        ValueError: The probability is outside [0, 1].

    References:
        Bernstein's inequality for the tail mass.

    >>> loss_window(1000, 0.0).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    if not 0 <= p_lost <= 1:
        raise ValueError(f"p_lost must be in [0, 1], got {p_lost}")
    reach = _TAIL_SD * math.sqrt(n * p_lost * (1 - p_lost)) + _TAIL_SD
    return np.arange(max(0, math.floor(n * p_lost - reach)), min(n, math.ceil(n * p_lost + reach)) + 1)


def rejection_probability(smallest_gain: Ints, n: int, p_gained: float, p_lost: float, *, first_lost: int = 0) -> float:
    """Chance that the gains reach the boundary, for given chances of gain and loss.

    Sum over l of Bin(l; n, p_lost)·P(Bin(n - l, p_gained/(1 - p_lost)) >= g(l)).

    Args:
        smallest_gain: From ``rejection_boundary``, for consecutive losses that cover ``loss_window(n, p_lost)``.
        n: Pairs, >= 1.
        p_gained: Chance that an item is gained, >= 0.
        p_lost: Chance that an item is lost, >= 0; p_gained + p_lost <= 1.
        first_lost: Number of losses of the first element of smallest_gain.

    Returns:
        A probability in [0, 1].

    Raises:
        ValueError: The probabilities are out of range.

    References:
        Hsueh, Liu & Chen (2001), Biometrics.

    >>> round(rejection_probability(rejection_boundary(59, 0.05, 1.645), 59, 0.0, 0.05), 4)  # .95 ** 59
    0.0485
    """
    if p_gained < 0 or p_lost < 0 or p_gained + p_lost > 1 + 1e-12:
        raise ValueError(f"need p_gained, p_lost >= 0 with a sum <= 1, got {p_gained} and {p_lost}")
    chances = np.array([p_gained]), np.array([min(1.0, p_lost)])
    return float(rejection_probabilities(smallest_gain, n, *chances, first_lost=first_lost)[0])


def rejection_probabilities(
    smallest_gain: Ints, n: int, p_gained: Floats, p_lost: Floats, *, first_lost: int = 0
) -> Floats:
    """``rejection_probability`` of many chances at once: the windows of all of them stand in one array.

    Args:
        smallest_gain: As there, for losses that cover every window.
        n: Pairs, >= 1.
        p_gained: Chances that an item is gained, shape (n_chances,).
        p_lost: Chances that an item is lost, same shape; each sum with p_gained <= 1.
        first_lost: As there.

    Returns:
        Probabilities in [0, 1], shape (n_chances,).

    References:
        Hsueh, Liu & Chen (2001), Biometrics.

    >>> boundary = rejection_boundary(59, 0.05, 1.645)
    >>> rejection_probabilities(boundary, 59, np.array([0.0, 0.1]), np.array([0.05, 0.15])).round(4).tolist()
    [0.0485, 0.048]
    """
    windows = [loss_window(n, p) for p in p_lost.tolist()]
    lost = np.concatenate(windows)
    of_chance = np.repeat(np.arange(len(windows)), [len(one) for one in windows])
    mass = _binomial_pmf(lost, n, p_lost[of_chance])
    needed = smallest_gain[lost - first_lost]
    counts = needed <= n - lost
    lost, of_chance, mass, needed = lost[counts], of_chance[counts], mass[counts], needed[counts]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(p_lost < 1, np.minimum(1.0, p_gained / (1 - p_lost)), 0.0)[of_chance]
    tail = np.ones(len(lost))
    possible = needed >= 1
    tail[possible] = betainc(needed[possible], n - lost[possible] - needed[possible] + 1, share[possible])
    return np.asarray(np.bincount(of_chance, mass * tail, minlength=len(windows)), dtype=np.float64)


@lru_cache(maxsize=2)
def _log_factorials(n: int) -> Floats:
    return np.asarray(gammaln(np.arange(n + 1) + 1), dtype=np.float64)


def _binomial_pmf(k: Ints, n: int, p: Floats) -> Floats:
    of = _log_factorials(n)
    log_pmf = of[n] - of[k] - of[n - k] + xlogy(k, p) + xlog1py(n - k, -p)
    return np.asarray(np.exp(log_pmf), dtype=np.float64)


def floor_test(n_successes: float, n: float, floor: float) -> float:
    """Exact p-value of H0: proportion <= floor, P(Bin(n, floor) >= k).

    It is <= alpha exactly when the one-sided Clopper-Pearson lower bound reaches the floor.

    Args:
        n_successes: Items with the property, 0 <= k <= n; fractional for effective counts.
        n: Items in the denominator, > 0.
        floor: Proportion to be shown, in (0, 1).

    Returns:
        A p-value in (0, 1].

    Raises:
        ValueError: A count or the floor is out of range.

    References:
        Clopper & Pearson (1934), Biometrika.

    >>> floor_test(59, 59, 0.95) <= 0.05, floor_test(58, 58, 0.95) <= 0.05
    (True, False)
    """
    _check_floor(n_successes, n, floor)
    return 1.0 if n_successes == 0 else float(betainc(n_successes, n - n_successes + 1, floor))


def below_floor_test(n_successes: float, n: float, floor: float) -> float:
    """Exact p-value of H0: proportion >= floor, P(Bin(n, floor) <= k): small when the upper bound is below the floor.

    Args:
        n_successes: Items with the property, 0 <= k <= n; fractional for effective counts.
        n: Items in the denominator, > 0.
        floor: Proportion, in (0, 1).

    Returns:
        A p-value in (0, 1].

    Raises:
        ValueError: A count or the floor is out of range.

    References:
        Clopper & Pearson (1934), Biometrika.

    >>> round(below_floor_test(80, 100, 0.9), 4)
    0.002
    """
    _check_floor(n_successes, n, floor)
    return 1.0 if n_successes >= n else float(betainc(n - n_successes, n_successes + 1, 1 - floor))


def _check_floor(n_successes: float, n: float, floor: float) -> None:
    if not 0 < floor < 1:
        raise ValueError(f"floor must be in (0, 1), got {floor}")
    if n <= 0 or not 0 <= n_successes <= n * (1 + 1e-9):
        raise ValueError(f"n_successes must be in [0, n={n}] with n > 0, got {n_successes}")
