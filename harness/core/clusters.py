"""Clustered items: threads, near-duplicates, authors, repeats.

Decides how many independent items a clustered set is worth (Korn & Graubard 1998). Leaves the interval or test to the
modules that take the scaled counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def count_clusters(clusters: NDArray[Any]) -> int:
    """Number of distinct clusters.

    Args:
        clusters: Cluster code per item, shape (n_items,).

    Returns:
        A count >= 0.

    >>> import numpy as np
    >>> count_clusters(np.array([3, 3, 5]))
    2
    """
    return int(np.unique(clusters).size)


def clustered_variance(influence: NDArray[np.float64], clusters: NDArray[Any] | None) -> float:
    """Variance of an estimate from its influence values: G/(G-1) · sum over clusters of (sum of IF)².

    Args:
        influence: Influence of each item, shape (n_items,); items without data carry 0.
        clusters: Cluster code per item, non-negative int (n_items,); None makes every item its own cluster.

    Returns:
        A variance >= 0; NaN with fewer than 2 clusters.

    Raises:
        ValueError: The shapes differ.

    References:
        Korn & Graubard (1998), Survey Methodology 24:193-201.

    >>> import numpy as np
    >>> round(clustered_variance(np.array([0.1, -0.1, 0.1, -0.1]), None), 6)
    0.053333
    """
    sums: NDArray[Any] = influence
    if clusters is not None:
        if clusters.shape != influence.shape:
            raise ValueError(f"clusters must have shape {influence.shape}, got {clusters.shape}")
        _, codes = np.unique(clusters, return_inverse=True)
        sums = np.bincount(codes, weights=influence)
    n_clusters = sums.shape[0]
    if n_clusters < 2:
        return float("nan")
    return float(n_clusters / (n_clusters - 1) * np.dot(sums, sums))
