"""How many golden items a question needs.

Decides power, the smallest margin a set can prove, and how many further items would settle an inconclusive check. Power
is computed exactly from the rejection region, because normal formulas fall short when systems rarely disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from harness.core.arrays import Array
from harness.core.intervals import clopper_pearson_lower
from harness.core.noninferiority import loss_window, rejection_boundary, rejection_probability
from harness.core.special import betainc, ndtri
from harness.core.wgs import precision_difference_variance

_STEP = 1.03
_HOLD = (1.0, 1.03, 1.06)  # power is saw-toothed in n, so it must hold at n, 1.03n and 1.06n
_MAX_ITEMS = 1_000_000
POWER = 0.8
"""Wanted chance to pass of a question that is planned for on its own."""
PLANNED_DISCORDANCE = 0.05
"""Share of the items on which two equal systems are assumed to differ before anything was asked."""
MOST_FURTHER = 10_000
"""Further items that a question may ask for; beyond, the number says only that nobody can tell."""
ALIKE = 4.0
"""Flagged items times margin from which two systems that decide alike pass a precision check: 4.1 where every flag is
right, 2.1 to 3.7 at a precision of .70 to .98 (margins of 2 to 10 points, alpha .05)."""


def joint_power(n_checks: int) -> float:
    """Power for each of several checks that gives all of them together 80%: 1 - .2/n_checks.

    Args:
        n_checks: Checks that must pass together.

    Returns:
        A probability in [0.8, 1).

    References:
        Bonferroni's inequality on the chances to fail.

    >>> joint_power(1), joint_power(16)
    (0.8, 0.9875)
    """
    return 1 - (1 - POWER) / max(1, n_checks)


def further_items(needed: int, n_now: float, scale: float = 1.0) -> int:
    """Items to add to the denominator: what is needed beyond what there is, in items instead of effective items.

    Args:
        needed: Effective items needed in all.
        n_now: Effective items there are.
        scale: Items per effective item, >= 1.

    Returns:
        A number >= 0.

    >>> further_items(161, 60), further_items(161, 60, 1.5)
    (101, 152)
    """
    return max(0, math.ceil((needed - n_now) * scale - 1e-9))


def recall_power(n: int, margin: float, discordance: float, *, difference: float = 0.0, alpha: float = 0.05) -> float:
    """Chance that a candidate with a given true difference passes the non-inferiority check.

    Sum over l of Bin(l; n, P_l)·P(Bin(n - l, P_g/(1 - P_l)) >= g_min(l)), P_g = (psi + D)/2, P_l = (psi - D)/2, with
    the rejection region Z(-margin) >= z_alpha.

    Args:
        n: Violating items (pairs of the denominator), >= 1.
        margin: Non-inferiority margin, in (0, 1).
        discordance: psi, chance that the systems differ on a violating item, in [abs(difference), 1].
        difference: True difference, candidate minus baseline.
        alpha: One-sided level, in (0, 1).

    Returns:
        A probability in [0, 1].

    Raises:
        ValueError: An argument is out of range.

    References:
        Hsueh, Liu & Chen (2001), Biometrics, for the exact distribution.

    >>> round(recall_power(161, 0.05, 0.05), 2)
    0.82
    """
    if n < 1 or not 0 < alpha < 1:
        raise ValueError(f"need n >= 1 and alpha in (0, 1), got {n} and {alpha}")
    if not abs(difference) <= discordance <= 1:
        raise ValueError(f"discordance must be in [abs(difference), 1], got {discordance} for {difference}")
    return _exact_power(int(n), float(margin), float(discordance), float(difference), float(alpha))


@lru_cache(maxsize=16_384)  # checks of one gate ask the same again and again
def _exact_power(n: int, margin: float, discordance: float, difference: float, alpha: float) -> float:
    p_gained, p_lost = (discordance + difference) / 2, (discordance - difference) / 2
    lost = loss_window(n, p_lost)
    boundary = rejection_boundary(n, margin, float(ndtri(1 - alpha)), lost)
    return rejection_probability(boundary, n, p_gained, p_lost, first_lost=int(lost[0]))


def recall_items_needed(
    margin: float, discordance: float, *, power: float = 0.8, alpha: float = 0.05, difference: float = 0.0
) -> int | None:
    """Violating items needed to pass a recall check with a given power.

    Starts at (z_alpha + z_beta)²·psi/(margin + D)² and steps up by 3% until the exact power holds at n,
    1.03n and 1.06n.

    Args:
        margin: Non-inferiority margin, in (0, 1).
        discordance: psi, chance that the systems differ on a violating item, in (0, 1].
        power: Wanted chance to pass, in (0, 1).
        alpha: One-sided level, in (0, 1).
        difference: True difference, candidate minus baseline.

    Returns:
        A number of violating items; None when the difference is at or beyond the margin, or a million do not suffice.

    Raises:
        ValueError: An argument is out of range.

    References:
        Connor (1987), Biometrics, for the first guess.

    >>> recall_items_needed(0.05, 0.05)
    161
    """
    if not 0 < power < 1:
        raise ValueError(f"power must be in (0, 1), got {power}")
    if difference <= -margin:
        return None
    z = float(ndtri(1 - alpha) + ndtri(power))
    n = max(1, math.ceil(z * z * discordance / (margin + difference) ** 2))

    def holds(count: int) -> bool:
        return recall_power(count, margin, discordance, difference=difference, alpha=alpha) >= power

    return _first_to_hold(n, holds)


def _first_to_hold(n: int, holds: Callable[[int], bool]) -> int | None:
    """The number of items, from n on in steps of 3%, at which a power holds; None beyond a million."""
    while n <= _MAX_ITEMS:
        if all(holds(round(n * factor)) for factor in _HOLD):
            return n
        n = max(n + 1, math.ceil(n * _STEP))
    return None


def smallest_provable_margin(n: int, discordance: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest margin that n violating items can prove with a given power when the systems are equal.

    Args:
        n: Violating items, >= 1.
        discordance: psi, chance that the systems differ on a violating item, in [0, 1].
        power: Wanted chance to pass, in (0, 1).
        alpha: One-sided level, in (0, 1).

    Returns:
        A margin in (0, 1), to 1e-4; NaN when no margin can be proved.

    Raises:
        ValueError: An argument is out of range.

    References:
        Hsueh, Liu & Chen (2001), Biometrics, for the exact distribution.

    >>> round(smallest_provable_margin(200, 0.05), 3)
    0.044
    """
    low, high = 0.0, 0.999
    if recall_power(n, high, discordance, alpha=alpha) < power:
        return math.nan
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if recall_power(n, middle, discordance, alpha=alpha) >= power else (middle, high)
    return high


def largest_hidden_loss(n: int, *, alpha: float = 0.05) -> float:
    """Largest loss that n pairs without a single difference leave possible: 1 - alpha**(1/n).

    Args:
        n: Pairs of the denominator, >= 1.
        alpha: One-sided level, in (0, 1).

    Returns:
        A loss in (0, 1): one that is larger would have shown in n pairs with chance 1 - alpha.

    References:
        Clopper & Pearson (1934), Biometrika, for no event in n.

    >>> round(largest_hidden_loss(35), 3)
    0.082
    """
    return float(1 - alpha ** (1 / n))


def precision_items_needed(cells: Array, margin: float, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Flagged items needed to pass a precision check: flagged·((z_alpha + z_beta)·SE/margin)², SE linearised.

    Each cell with a flag gets 1/6 of an item, so that the SE is above 0; ``ALIKE``/margin at least.

    Args:
        cells: 8 counts, cell = 4y + 2a + b.
        margin: Non-inferiority margin, in (0, 1).
        power: Wanted chance to pass when the systems are equal, in (0, 1).
        alpha: One-sided level, in (0, 1).

    Returns:
        A number of items flagged by either system; None when a system flags nothing.

    Raises:
        ValueError: The margin, power or alpha is outside (0, 1).

    References:
        Kosinski (2013), Statistics in Medicine, for the variance.

    >>> import numpy as np
    >>> precision_items_needed(np.array([900, 4, 5, 20, 30, 12, 11, 400]), 0.02)
    307
    """
    if not (0 < margin < 1 and 0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"margin, power and alpha must be in (0, 1), got {margin}, {power}, {alpha}")
    c = np.asarray(cells, dtype=np.float64)
    if c[[1, 3, 5, 7]].sum() == 0 or c[[2, 3, 6, 7]].sum() == 0:
        return None
    flagged = float(c[[1, 2, 3, 5, 6, 7]].sum())
    z = float(ndtri(1 - alpha) + ndtri(power))
    return math.ceil(max(flagged * z * z * precision_difference_variance(c) / margin**2, ALIKE / margin))


def precision_smallest_margin(cells: Array, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest margin of precision that the flagged items can prove: (z_alpha + z_beta)·SE, SE linearised.

    ``ALIKE``/flagged at least: with a few false flags, or none, the SE promises more than the test gives.

    Args:
        cells: 8 counts, cell = 4y + 2a + b.
        power: Wanted chance to pass when the systems are equal, in (0, 1).
        alpha: One-sided level, in (0, 1).

    Returns:
        A margin > 0; NaN when a system flags nothing.

    Raises:
        ValueError: Power or alpha is outside (0, 1).

    References:
        Kosinski (2013), Statistics in Medicine, for the variance.

    >>> import numpy as np
    >>> round(precision_smallest_margin(np.array([900, 4, 5, 20, 30, 12, 11, 400])), 3)
    0.016
    """
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha must be in (0, 1), got {power} and {alpha}")
    c = np.asarray(cells, dtype=np.float64)
    if c[[1, 3, 5, 7]].sum() == 0 or c[[2, 3, 6, 7]].sum() == 0:
        return math.nan
    linear = float(ndtri(1 - alpha) + ndtri(power)) * math.sqrt(precision_difference_variance(c))
    return max(linear, min(1.0, ALIKE / float(c[[1, 2, 3, 5, 6, 7]].sum())))


def floor_items_needed(proportion: float, floor: float, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Items needed to prove a floor when the true proportion is known: smallest n with P(bound >= floor) >= power.

    Args:
        proportion: True proportion, in (0, 1].
        floor: Proportion to be shown, in (0, 1).
        power: Wanted chance to pass, in (0, 1).
        alpha: One-sided level, in (0, 1).

    Returns:
        A number of items, at which power holds and still holds with up to 6% more; None when the proportion is not
        above the floor, or a million items do not suffice.

    Raises:
        ValueError: An argument is out of range.

    References:
        Clopper & Pearson (1934), Biometrika.

    >>> floor_items_needed(1.0, 0.95)
    59
    """
    if not (0 < floor < 1 and 0 <= proportion <= 1 and 0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"arguments must be in (0, 1), got {proportion}, {floor}, {power}, {alpha}")
    if proportion <= floor:
        return None
    n = max(1, math.ceil(math.log(alpha) / math.log(floor)))

    def holds(count: int) -> bool:
        needed = _smallest_passing(count, floor, alpha)
        if needed > count:
            return False
        return proportion == 1 or float(betainc(needed, count - needed + 1, proportion)) >= power

    return _first_to_hold(n, holds)


def _smallest_passing(n: int, floor: float, alpha: float) -> int:
    """Fewest successes in n whose one-sided bound reaches the floor; n + 1 when none does."""
    low, high = 0, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        reached = clopper_pearson_lower(middle, n, confidence=1 - alpha) >= floor
        low, high = (low, middle) if reached else (middle, high)
    return high
