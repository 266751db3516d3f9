"""The dev and gate parts of a golden set: thresholds are chosen on one, everything is reported on the other.

Decides which items belong to which part: by a hash of the seed and the item's cluster, and by nothing else. Neither the
order, the size nor the version of the set, nor a ``--limit``, moves an item to the other part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.records import Split

Part = Literal["all", "dev", "gate"]


def is_dev(item_ids: Sequence[str], groups: Sequence[str | None], split: Split) -> NDArray[np.bool_]:
    """Which items are in the dev part; a group is never divided, and an item without one goes by its id.

    The share of dev holds for clusters on average: a part is drawn, not counted out.

    >>> split = Split(dev=0.5, by="group", seed=1)
    >>> is_dev(["a", "b", "c"], ["t", "t", None], split).tolist()
    [False, False, True]
    """
    start = hashlib.sha256(f"split {split.seed}\n".encode())
    bound = int(split.dev * 2**64)
    by_group = split.by == "group"
    known: dict[tuple[str, str], bool] = {}
    found = np.empty(len(item_ids), dtype=np.bool_)
    for index, (item_id, group) in enumerate(zip(item_ids, groups, strict=True)):
        cluster = ("group", group) if by_group and group is not None else ("item", item_id)
        if cluster not in known:
            digest = start.copy()
            digest.update("\n".join(cluster).encode("utf-8", "surrogatepass"))
            known[cluster] = int.from_bytes(digest.digest()[:8], "big") < bound
        found[index] = known[cluster]
    return found


def described(part: Part, split: Split) -> str:
    """The part in a signature.

    >>> described("gate", Split(dev=0.4, by="group", seed=7))
    'gate,dev:0.4,by:group,seed:7'
    """
    return f"{part},dev:{split.dev:g},by:{split.by},seed:{split.seed}"
