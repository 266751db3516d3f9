"""A set that another process has checked.

Decides where it may be taken as it is: its files must be those that were read, by inode, size and times, which are the
same on every machine of a shared disk. Who finds others reads the set again.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from harness.files.golden.delimited import Delimited
from harness.files.golden.json_array import JsonArray
from harness.files.golden.jsonl import Jsonl
from harness.files.golden.sets import GoldenSet
from harness.files.golden.stamp import Stamp, stamp_of


@dataclass(frozen=True, slots=True, eq=False)
class CheckedSet:
    """A golden set with the stamp of its card."""

    golden: GoldenSet
    card: Stamp

    @classmethod
    def of(cls, golden: GoldenSet) -> CheckedSet | None:
        """A set as others may take it; None where more than one file was read (pictures), or a copy of it (tables)."""
        if golden.pictures or not isinstance(golden.source, Jsonl | JsonArray | Delimited):
            return None
        return cls(golden, stamp_of(golden.path))

    def here(self) -> GoldenSet | None:
        """The set for this machine; None where its files are others."""
        source = self.golden.source
        if not isinstance(source, Jsonl | JsonArray | Delimited):
            return None
        try:
            card, items = stamp_of(self.golden.path), stamp_of(source.path)
        except OSError:
            return None
        if card[1:] != self.card[1:] or items[1:] != source.stamp[1:]:  # a disk has another number on each machine
            return None
        return dataclasses.replace(self.golden, source=dataclasses.replace(source, stamp=items))
