"""One object beside the runs of a store elsewhere that holds the records of finished ones: a list of them is few calls.

Decides when a copy of a record may stand for its run. Only a run to which nothing can be added is kept (its id follows
from its inputs, and it is never written again), and only while the store lists its folder. Whoever writes a run leaves
a note of it first, and a run with a note is read for itself. So any number of machines may write the
index, the last one wins, and a lost or damaged one costs only time.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

INDEX_FILE = ".index"
CHANGED_FOLDER = ".changed"
"""Notes of runs that were written since the index was: empty files, named as the runs."""
FEWEST_RUNS = 64
"""With fewer runs, reading each of them costs less than the index."""
_FORMAT = 1
_FEWEST_NEW, _NEW_SHARE = 16, 0.02
_LARGEST = 1 << 30

Kept = Mapping[str, bytes]
"""Folder -> the bytes of its record."""


class _Index(msgspec.Struct, array_like=True):
    """The content of the object, before it is compressed."""

    format: int
    kept: dict[str, bytes]


class _Fate(msgspec.Struct):
    """What of a record says whether anything can be added to its run."""

    status: str = ""
    counts: dict[str, dict[str, int]] = {}


def is_settled(record: bytes) -> bool:
    """Whether a run of this record is never written again: complete, and every row has an answer."""
    try:
        fate = msgspec.json.decode(record, type=_Fate)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return fate.status == "complete" and not any(outcomes.get("error") for outcomes in fate.counts.values())


def read_index(content: bytes | None) -> Kept:
    """What an index holds; nothing for none and for a damaged one."""
    if content is None:
        return {}
    try:
        unpacked = zlib.decompressobj()
        data = unpacked.decompress(content, _LARGEST)
        if not unpacked.eof:  # cut short: its checksum was not seen
            return {}
        found = msgspec.msgpack.decode(data, type=_Index)
    except (zlib.error, msgspec.MsgspecError, MemoryError, RecursionError):
        return {}
    return found.kept if found.format == _FORMAT else {}


def index_bytes(kept: Kept) -> bytes:
    """An index as it is stored; zlib's checksum shows a damaged one."""
    return zlib.compress(msgspec.msgpack.encode(_Index(_FORMAT, dict(sorted(kept.items())))), 1)


def is_worth_writing(n_read: int, n_runs: int) -> bool:
    """Whether so many runs had to be read for themselves that the next list should find them in the index."""
    return n_read >= max(_FEWEST_NEW, _NEW_SHARE * n_runs)
