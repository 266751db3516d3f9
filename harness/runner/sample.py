"""The fixed sample behind ``--limit``.

Decides which items belong to it: those with the smallest hash of seed and id. A larger limit keeps every item of a
smaller one, and neither the order nor the rest of the golden set moves the choice. A balanced sample takes turns
between the categories' violating items and the items that violate nothing, so that a small sample shows them all.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


def sample_indices(ids: Iterable[str], n: int, seed: int = 0) -> list[int]:
    """Indices of the ``n`` items with the smallest sha256(seed, id), in golden order; all of them when there are fewer.

    >>> sample_indices(["a", "b", "c", "d"], 2) == sample_indices(["a", "b", "c", "d"], 2)
    True
    """
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n}")
    smallest = heapq.nsmallest(n, ((digest, index) for index, digest in enumerate(_digests(ids, seed))))
    return sorted(index for _, index in smallest)


def balanced_indices(ids: Iterable[str], labels: NDArray[np.int8], n: int, seed: int = 0) -> list[int]:
    """Indices of ``n`` items, half of them violating nothing, the other half shared between the categories.

    Args:
        ids: Item ids in golden order.
        labels: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        n: Size of the sample.
        seed: Seed of the choice among items alike.

    >>> import numpy as np
    >>> labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [0, 0]], dtype=np.int8)
    >>> chosen = balanced_indices(["a", "b", "c", "d", "e"], labels, 4)
    >>> labels[chosen].sum(axis=0).tolist()
    [1, 1]
    """
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n}")
    order = [index for _, index in sorted((digest, index) for index, digest in enumerate(_digests(ids, seed)))]
    violating = [deque(index for index in order if labels[index, column] == 1) for column in range(labels.shape[1])]
    clean = deque(index for index in order if not (labels[index] == 1).any())
    turns = [queue for one in violating for queue in (one, clean)] or [clean]
    chosen: set[int] = set()
    while len(chosen) < n and any(turns):
        for queue in turns:
            while queue and queue[0] in chosen:
                queue.popleft()
            if queue and len(chosen) < n:
                chosen.add(queue.popleft())
    return sorted(chosen)


def _digests(ids: Iterable[str], seed: int) -> Iterator[bytes]:
    start = hashlib.sha256(f"{seed}\n".encode())
    for item_id in ids:
        one = start.copy()
        one.update(item_id.encode("utf-8", "surrogatepass"))
        yield one.digest()
