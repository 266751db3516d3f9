"""The fixed sample behind ``--limit``.

Decides which items belong to it: those with the smallest hash of seed and id. A larger limit keeps every item of a
smaller one, and neither the order nor the rest of the golden set moves the choice.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable


def sample_indices(ids: Iterable[str], n: int, seed: int = 0) -> list[int]:
    """Indices of the ``n`` items with the smallest sha256(seed, id), in golden order; all of them when there are fewer.

    >>> sample_indices(["a", "b", "c", "d"], 2) == sample_indices(["a", "b", "c", "d"], 2)
    True
    """
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n}")
    start = hashlib.sha256(f"{seed}\n".encode())

    def digest(item_id: str) -> bytes:
        one = start.copy()
        one.update(item_id.encode("utf-8", "surrogatepass"))
        return one.digest()

    smallest = heapq.nsmallest(n, ((digest(item_id), index) for index, item_id in enumerate(ids)))
    return sorted(index for _, index in smallest)
