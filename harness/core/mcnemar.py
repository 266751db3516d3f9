"""McNemar's tests of "no difference" on discordant pairs.

Decides how surprising a split of discordant pairs is when neither system is better. Leaves the counting of pairs to
``paired``.
"""

from __future__ import annotations

import math
from typing import Literal

from harness.core.special import bdtr, bdtrc

Alternative = Literal["two-sided", "worse", "better"]


def mcnemar_midp(n_gained: int, n_lost: int, *, alternative: Alternative = "two-sided") -> float:
    """McNemar's mid-p test: discordant pairs are Binomial(g + l, 1/2) when the systems do not differ.

    Two-sided min(1, 2·P(X <= min(g, l)) - P(X = min(g, l))); "worse" P(X > l) + P(X = l)/2; "better" the same for g.

    Args:
        n_gained: Items only the candidate has right, g >= 0.
        n_lost: Items only the baseline has right, l >= 0.
        alternative: What is to be shown about the candidate.

    Returns:
        A p-value in (0, 1]; 1 (two-sided) or 1/2 (one-sided) without discordant pairs.

    Raises:
        ValueError: A count is negative, or the alternative is unknown.

    References:
        Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology.

    >>> round(mcnemar_midp(1, 7), 4)
    0.0391
    """
    g, lost = _check_pair(n_gained, n_lost)
    n = g + lost
    if alternative == "two-sided":
        smaller = min(g, lost)
        return min(1.0, 2 * float(bdtr(smaller, n, 0.5)) - _half_binomial(smaller, n))
    if alternative not in ("worse", "better"):
        raise ValueError(f"alternative must be two-sided, worse or better, got '{alternative}'")
    counted = lost if alternative == "worse" else g
    return float(bdtrc(counted, n, 0.5)) + 0.5 * _half_binomial(counted, n)


def _check_pair(n_gained: int, n_lost: int) -> tuple[int, int]:
    if n_gained < 0 or n_lost < 0:
        raise ValueError(f"n_gained and n_lost must be >= 0, got {n_gained} and {n_lost}")
    return int(n_gained), int(n_lost)


def _half_binomial(k: int, n: int) -> float:
    """P(X = k) for X ~ Binomial(n, 1/2)."""
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
