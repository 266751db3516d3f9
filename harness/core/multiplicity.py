"""Several tests at once.

Decides how p-values of one family are adjusted: Holm for decisions, Benjamini-Hochberg for exploratory tables. Leaves
the naming of the family to the report that prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness.core.arrays import Array, Floats


def holm(p_values: Sequence[float] | Array) -> Floats:
    """Holm's step-down adjustment: p_(i) -> max over j <= i of (k - j + 1)·p_(j), at most 1.

    Rejecting where the adjusted p is <= alpha keeps the chance of any false rejection at alpha, whatever the
    dependence.

    Args:
        p_values: P-values of one family, in [0, 1]; NaN (no test) stays NaN and does not count in k.

    Returns:
        Adjusted p-values in the given order.

    Raises:
        ValueError: A p-value is outside [0, 1].

    References:
        Holm (1979), Scandinavian Journal of Statistics.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjusted(p_values, _step_down)


def _step_down(p: Floats) -> Floats:
    n_left = p.size - np.arange(p.size)
    return np.maximum.accumulate(p * n_left)


def benjamini_hochberg(p_values: Sequence[float] | Array) -> Floats:
    """Benjamini-Hochberg step-up adjustment: p_(i) -> min over j >= i of k·p_(j)/j, at most 1.

    Rejecting where the adjusted p is <= q keeps the expected share of false rejections at q for independent or
    positively dependent tests.

    Args:
        p_values: P-values of one family, in [0, 1]; NaN (no test) stays NaN and does not count in k.

    Returns:
        Adjusted p-values in the given order.

    Raises:
        ValueError: A p-value is outside [0, 1].

    References:
        Benjamini & Hochberg (1995), JRSS B.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p_values, _step_up)


def _step_up(p: Floats) -> Floats:
    scaled = p * p.size / np.arange(1, p.size + 1)
    return np.minimum.accumulate(scaled[::-1])[::-1]


def _adjusted(p_values: Sequence[float] | Array, step: Callable[[Floats], Floats]) -> Floats:
    """The p-values that were tested, stepped in ascending order and put back where they stood."""
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise ValueError(f"p-values must be in [0, 1], got {p.tolist()}")
    ascending = tested[np.argsort(p[tested], kind="stable")]
    result = np.full(p.shape, np.nan)
    result[ascending] = np.minimum(step(p[ascending]), 1.0)
    return result
