"""Several tests at once.

Decides how p-values of one family are adjusted: Holm for decisions, Benjamini-Hochberg for exploratory tables. Leaves
the naming of the family to the report that prints it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.core.arrays import Array, Bools, Floats


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
    p, tested = _checked(p_values)
    k = int(tested.sum())
    order = np.argsort(p[tested], kind="stable")
    stepped = np.maximum.accumulate(p[tested][order] * (k - np.arange(k)))
    return _restored(p, tested, order, np.minimum(stepped, 1.0))


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
    p, tested = _checked(p_values)
    k = int(tested.sum())
    order = np.argsort(p[tested], kind="stable")
    scaled = p[tested][order] * k / np.arange(1, k + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _restored(p, tested, order, np.minimum(stepped, 1.0))


def _checked(p_values: Sequence[float] | Array) -> tuple[Floats, Bools]:
    p = np.asarray(p_values, dtype=np.float64)
    tested = ~np.isnan(p)
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise ValueError(f"p-values must be in [0, 1], got {p.tolist()}")
    return p, tested


def _restored(p: Floats, tested: Bools, order: NDArray[np.intp], adjusted: Floats) -> Floats:
    values = np.empty(order.size)
    values[order] = adjusted
    result = np.full(p.shape, np.nan)
    result[tested] = values
    return result
