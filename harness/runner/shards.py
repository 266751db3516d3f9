"""Shards: which part of a run one machine carries out.

Decides the part of every item by a stable hash of its id alone, so that neither order, limit nor the rest of the golden
set moves it. A shard is a run of its own, stored in ``shards/`` beside the runs, and is put together with the others by
``merge``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

import numpy as np

from harness.errors import HarnessError

SHARDS_FOLDER = "shards"
MOST_SHARDS = 10_000
_MIXES = ((np.uint32(16), np.uint32(0x85EBCA6B)), (np.uint32(13), np.uint32(0xC2B2AE35)))
"""What spreads a checksum evenly over any number of shards: the finaliser of MurmurHash3."""
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
        encoded = (one.encode("utf-8", "surrogatepass") for one in ids)
        found = np.fromiter(map(crc32, encoded), dtype=np.uint32)
        for shift, factor in _MIXES:
            found ^= found >> shift
            found *= factor
        positions: list[int] = np.flatnonzero((found ^ found >> 16) % self.of == self.part - 1).tolist()
        return positions


class Stretch(Shard):
    """A part whose items stand side by side, as a cluster is given them: no id is looked at, and rows are in order.

    Its run has a name of its own, so that it is never taken for the part of the same number that ids decide.
    """

    __slots__ = ()

    @property
    def suffix(self) -> str:
        """What its run's id ends in.

        >>> Stretch(2, 8).suffix
        '.2-in-8'
        """
        return f".{self.part}-in-{self.of}"

    def among(self, n_items: int) -> range:
        """Positions of its items among so many.

        >>> [Stretch(n, 3).among(8) for n in (1, 2, 3)]
        [range(0, 2), range(2, 5), range(5, 8)]
        """
        return range(n_items * (self.part - 1) // self.of, n_items * self.part // self.of)


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
