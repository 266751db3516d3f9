"""Samples whose inclusion probabilities are known: how many items of each stratum, and which.

Decides allocation, the draw within a stratum (simple, or with unequal probabilities by size) and each item's exact
probability. What is estimated from such a sample is decided in ``design_estimates``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from harness.core.arrays import Array, Floats, Ints

Allocation = Literal["equal", "proportional", "root"]
ALLOCATIONS: dict[Allocation, float] = {"equal": 0.0, "root": 0.5, "proportional": 1.0}
"""Power of a stratum's size that its share of the sample follows."""
LEAST_PER_STRATUM = 2


def allocate(sizes: Array, n: int, *, allocation: Allocation = "equal") -> Ints:
    """Items to draw from each stratum: shares by a power of its size, at least 2, never more than it has.

    What a small stratum cannot give goes to the others; fractions are settled by largest remainder.

    Args:
        sizes: Items of each stratum, int (n_strata,), >= 1.
        n: Items to draw, >= 1.
        allocation: "equal" shares, by the "root" of the size, or "proportional" to it.

    Returns:
        Counts, int (n_strata,), that add up to min(n, sum of sizes).

    Raises:
        ValueError: A stratum is empty, or n does not reach 2 items of every stratum that has as many.

    References:
        Bankier (1988), The American Statistician (power allocation). Cochran (1977), section 5.

    >>> import numpy as np
    >>> allocate(np.array([1000, 50, 3]), 60).tolist()
    [29, 28, 3]
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    if sizes.size == 0 or (sizes < 1).any():
        raise ValueError("every stratum needs an item")
    least = np.minimum(sizes, LEAST_PER_STRATUM)
    n = min(n, int(sizes.sum()))
    if n < least.sum():
        raise ValueError(f"{n} items do not reach {LEAST_PER_STRATUM} of each of {sizes.size} strata")
    share: Array = sizes.astype(np.float64) ** ALLOCATIONS[allocation]
    low, high = 0.0, float(n / share.min()) + float(sizes.max() / share.min())
    for _ in range(200):  # the factor at which the bounded shares add up to n
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle * share, least, sizes).sum() < n else (low, middle)
    wanted = np.clip(high * share, least, sizes)
    found = np.floor(wanted + 1e-9).astype(np.int64)
    order = np.argsort(-(wanted - found), kind="stable")
    for at in order[: n - int(found.sum())].tolist():
        found[at] += 1
    left = n - int(found.sum())
    for at in order.tolist():  # rounding against a bound
        more = max(0, min(left, int(sizes[at] - found[at])))
        found[at] += more
        left -= more
    return found


def size_probabilities(measure: Array, n: int) -> Floats:
    """Inclusion probabilities proportional to size for n items; items that would exceed 1 are taken for certain.

    Args:
        measure: Size of each item, float (n_items,), finite and > 0.
        n: Items to draw, 1 <= n <= n_items.

    Returns:
        Probabilities in (0, 1] that add up to n.

    Raises:
        ValueError: A size is not finite and positive, or n is out of range.

    References:
        Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, section 3.6.

    >>> import numpy as np
    >>> size_probabilities(np.array([1.0, 1.0, 8.0]), 2).tolist()
    [0.5, 0.5, 1.0]
    """
    x = np.asarray(measure, dtype=np.float64)
    if not (np.isfinite(x).all() and (x > 0).all()):
        raise ValueError("sizes must be finite and > 0")
    if not 1 <= n <= x.size:
        raise ValueError(f"n must be in [1, {x.size}], got {n}")
    certain = np.zeros(x.size, dtype=bool)
    while True:
        left = n - int(certain.sum())
        total = float(x[~certain].sum())
        found = np.where(certain, 1.0, left * x / total if total > 0 else 1.0)
        over = ~certain & (found >= 1)
        if not over.any():
            return np.asarray(found, dtype=np.float64)
        certain |= over


def draw(n: int, n_items: int, *, rng: np.random.Generator, measure: Array | None = None) -> tuple[Ints, Floats]:
    """Draw n items of a stratum: simple random, or systematic in random order with probability by size.

    Of one generator, a larger simple random draw holds every smaller one.

    Args:
        n: Items to draw, 1 <= n <= n_items.
        n_items: Items of the stratum.
        rng: Random generator.
        measure: Size of each item, float (n_items,), > 0; None draws with equal probability.

    Returns:
        Positions in rising order, and the exact inclusion probability of each.

    Raises:
        ValueError: n is out of range, or a size is not finite and positive.

    References:
        Hartley & Rao (1962), Annals of Mathematical Statistics (systematic sampling in random order).

    >>> import numpy as np
    >>> draw(2, 4, rng=np.random.default_rng(0))[1].tolist()
    [0.5, 0.5]
    """
    if not 1 <= n <= n_items:
        raise ValueError(f"n must be in [1, {n_items}], got {n}")
    if measure is None:
        chosen = np.sort(rng.permutation(n_items)[:n]).astype(np.int64)  # a larger draw holds a smaller one
        return chosen, np.full(n, n / n_items)
    if np.asarray(measure).shape != (n_items,):
        raise ValueError(f"measure must have shape ({n_items},)")
    pi = size_probabilities(measure, n)
    certain = pi >= 1
    rest = rng.permutation(np.flatnonzero(~certain))
    n_rest = n - int(certain.sum())
    picked = np.flatnonzero(certain)
    if n_rest:
        steps = np.cumsum(pi[rest])
        steps *= n_rest / steps[-1]  # rounding must not lose the last item
        at = np.searchsorted(steps, rng.random() + np.arange(n_rest), side="right")
        picked = np.concatenate([picked, rest[np.minimum(at, rest.size - 1)]])
    chosen = np.sort(picked).astype(np.int64)
    return chosen, pi[chosen]
