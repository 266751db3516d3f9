"""Shards: which part of a run one machine carries out.

Decides the part of every item by a stable hash of its id alone, so that neither order, limit nor the rest of the golden
set moves it. A shard is a run of its own, stored in ``shards/`` beside the runs, and is put together with the others by
``merge``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from harness.errors import HarnessError

SHARDS_FOLDER = "shards"
MOST_SHARDS = 10_000
_EMPTY = hashlib.blake2b(digest_size=8, person=b"harness shard")
_FORM = re.compile(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*")


class Shard(NamedTuple):
    """Part ``part`` (from 1) of ``of``."""

    part: int
    of: int

    @property
    def suffix(self) -> str:
        """What its run's id ends in.

        >>> Shard(2, 8).suffix
        '.2-of-8'
        """
        return f".{self.part}-of-{self.of}"

    def holds(self, ids: Iterable[str]) -> list[int]:
        """Positions of the ids that belong to this shard.

        >>> parts = [Shard(n, 3).holds(["a", "b", "c", "d"]) for n in (1, 2, 3)]
        >>> sorted(position for part in parts for position in part)
        [0, 1, 2, 3]
        """
        if self.of == 1:
            return list(range(len(list(ids))))
        owns = self.owner()
        return [at for at, item_id in enumerate(ids) if owns(item_id)]

    def owner(self) -> Callable[[str], bool]:
        """What tells of an item's id whether it belongs to this shard."""
        wanted, of, empty, number = self.part - 1, self.of, _EMPTY.copy, int.from_bytes

        def owns(item_id: str) -> bool:
            found = empty()
            found.update(item_id.encode("utf-8", "surrogatepass"))
            return number(found.digest(), "big") % of == wanted

        return owns


def shares(ids: Iterable[str], of: int) -> list[list[int]]:
    """Positions of the ids that belong to each of ``of`` shards, in one pass.

    >>> shares(["a", "b", "c", "d"], 3) == [Shard(n, 3).holds(["a", "b", "c", "d"]) for n in (1, 2, 3)]
    True
    """
    found: list[list[int]] = [[] for _ in range(of)]
    empty, number = _EMPTY.copy, int.from_bytes
    for at, item_id in enumerate(ids):
        digest = empty()
        digest.update(item_id.encode("utf-8", "surrogatepass"))
        found[number(digest.digest(), "big") % of].append(at)
    return found


def read_shard(text: str) -> Shard:
    """``i/n`` as a person types it.

    >>> read_shard("2/8")
    Shard(part=2, of=8)

    Raises:
        HarnessError: It is no such part.
    """
    found = _FORM.fullmatch(text)
    if found is not None:
        shard = Shard(int(found[1]), int(found[2]))
        if 1 <= shard.part <= shard.of <= MOST_SHARDS:
            return shard
    raise HarnessError(
        f"--shard is '{text[:40]}'",
        allowed=f"i/n with 1 <= i <= n <= {MOST_SHARDS:,}: 1/4, 2/4, 3/4 and 4/4 make one run",
        next_step="count shards from 1; a job array that counts from 0 adds 1",
    )
