"""Whether a part of a set changed otherwise than the rest of it.

Decides how a part is held against the rest: both changes with their linearised variance over clusters, each with the
largest scatter seen in part, rest and whole, and the covariance of clusters that lie in both. The null is a uniform
change of the whole set, whatever its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.core.arrays import Array, Floats, Ints
from harness.core.special import stdtr


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """What parts are held against: sums of the change and of its weight over each cluster.

    Attributes:
        changes: Sum of the change over each cluster, shape (n_clusters,).
        weights: Sum of what it is a share of, likewise.
        codes: Cluster of each item, shape (n_items,); None where every item is its own.
        moments: Sums over clusters of change, weight, change², change x weight and weight².
    """

    changes: Floats
    weights: Floats
    codes: Ints | None
    moments: Floats

    @property
    def change(self) -> float:
        """The change of the whole; NaN without items.

        >>> whole_of(np.array([0, -1]), np.array([1, 1]), None).change
        -0.5
        """
        return float(self.moments[0] / self.moments[1]) if self.moments[1] > 0 else math.nan


def whole_of(changes: Array, weights: Array, codes: Ints | None) -> Whole:
    """The sums of a set from those of its items.

    Args:
        changes: Change of each item, shape (n_items,): such as -1 for a violating item that is newly missed.
        weights: What each item counts for, likewise; 0 for one that the figure is not about.
        codes: Cluster of each item, from 0 on; None where every item is its own.

    Returns:
        What ``differs`` holds parts against.

    >>> whole_of(np.array([-1, 0, 0, 0, 9]), np.array([1, 1, 1, 1, 0]), None).change
    -0.25
    """
    summed, counted = _by_cluster(changes, weights, codes)
    return Whole(summed, counted, codes, _moments(summed, counted))


def differs(whole: Whole, changes: Array, weights: Array, members: Ints) -> float:
    """Two-sided p of "this part changed as the rest did".

    Args:
        whole: The set.
        changes: Change of each item of the part, shape (n_members,), as in ``whole_of``.
        weights: What each of them counts for.
        members: Positions of the part's items in the set.

    Returns:
        A p-value; NaN where the part, or the rest, holds fewer than two clusters.

    References:
        Kish & Frankel (1974), JRSS B: variances of ratios by linearisation. The degrees of freedom are those of the
        smaller of the two.

    >>> fell = np.repeat([0, -1, 0, -1], [40, 10, 40, 10])
    >>> one = np.ones(100)
    >>> differs(whole_of(fell, one, None), fell[:50], one[:50], np.arange(50))
    1.0
    >>> fell[50:90] = np.repeat([0, -1], [10, 30])
    >>> differs(whole_of(fell, one, None), fell[:50], one[:50], np.arange(50)) < 1e-6
    True
    """
    touched, codes = members, None
    if whole.codes is not None:
        touched, codes = np.unique(whole.codes[members], return_inverse=True)
    own_changes, own_weights = _by_cluster(changes, weights, codes)
    other_changes, other_weights = whole.changes[touched] - own_changes, whole.weights[touched] - own_weights
    part = _moments(own_changes, own_weights)
    rest = whole.moments - _moments(whole.changes[touched], whole.weights[touched])
    rest += _moments(other_changes, other_weights)
    n_part = int((own_weights > 0).sum())
    n_rest = int((whole.weights > 0).sum() - (whole.weights[touched] > 0).sum() + (other_weights > 0).sum())
    if min(n_part, n_rest) < 2:
        return math.nan
    here, there = part[0] / part[1], rest[0] / rest[1]
    shared = (own_changes - here * own_weights) @ (other_changes - there * other_weights) / (part[1] * rest[1])
    if math.isclose(here, there, abs_tol=1e-12):
        return 1.0
    n_whole = int((whole.weights > 0).sum())
    sides = ((part, here, n_part), (rest, there, n_rest), (whole.moments, whole.change, n_whole))
    scatter = max(_scatter(*side) for side in sides)  # few items that all did the same are not sure of it
    variance = scatter * (n_part / part[1] ** 2 + n_rest / rest[1] ** 2) - 2 * shared
    return float(2 * stdtr(min(n_part, n_rest) - 1, -abs(here - there) / math.sqrt(variance)))


def _by_cluster(changes: Array, weights: Array, codes: Array | None) -> tuple[Floats, Floats]:
    counted = np.asarray(weights, np.float64)
    summed = np.where(counted > 0, changes, 0.0)
    if codes is None:
        return summed, counted
    return np.bincount(codes, summed).astype(np.float64), np.bincount(codes, counted).astype(np.float64)


def _moments(changes: Floats, weights: Floats) -> Floats:
    return np.array([changes.sum(), weights.sum(), changes @ changes, changes @ weights, weights @ weights])


def _scatter(moments: Floats, change: float, n_clusters: int) -> float:
    """Mean squared residual of a cluster."""
    _, _, squares, products, weights = moments
    return float(max(squares - 2 * change * products + change**2 * weights, 0.0) / (n_clusters - 1))
