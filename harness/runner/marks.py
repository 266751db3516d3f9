"""Which requests are with the server at this moment: what a killed process leaves behind of its calls.

Decides that a mark is set before a call leaves and taken away when its outcome is committed, in a small file beside the
journal that is mapped into memory: a mark costs no transaction, and it outlives ``kill -9`` as any written page does.
What a claim without a mark means is decided by ``claims``.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

from harness.runner.journal import broken

KEY_BYTES = 32
MOST = 2047
"""Calls of one owner that are marked at one time; with more, none can be told from a claim."""
_SIZE = KEY_BYTES * (1 + MOST)
_NOTHING = bytes(KEY_BYTES)
_TOO_MANY = b"\xff" * KEY_BYTES
"""In the first place of a file in which not all marks had room."""


def path_of(journal: Path, owner: str) -> Path:
    """Where the marks of an owner lie.

    >>> path_of(Path("home/responses.sqlite"), "a1").as_posix()
    'home/responses.sqlite-a1.sent'
    """
    return journal.with_name(f"{journal.name}-{owner}.sent")


class Marks:
    """The marks of one owner; the file is written whole at first, so that a full disk is told before any call.

    Args:
        journal: The journal's file.
        owner: Whose calls they are.

    Raises:
        HarnessError: The file cannot be made.
    """

    def __init__(self, journal: Path, owner: str) -> None:
        try:
            with open(os.open(path_of(journal, owner), os.O_CREAT | os.O_RDWR, 0o600), "w+b") as file:
                file.write(bytes(_SIZE))
                file.flush()
                self._map = mmap.mmap(file.fileno(), _SIZE)
        except OSError as error:
            raise broken(journal, error) from None
        self._free = list(range(_SIZE - KEY_BYTES, 0, -KEY_BYTES))
        self._at: dict[bytes, int] = {}
        self._is_full = False

    def set(self, key: bytes) -> None:
        """A call is about to leave."""
        if key in self._at:
            return
        if not self._free:
            self._is_full = True
            self._map[:KEY_BYTES] = _TOO_MANY
            return
        at = self._at[key] = self._free.pop()
        self._map[at : at + KEY_BYTES] = key

    def clear(self, key: bytes) -> None:
        """Its outcome stands in the journal, or nothing was spent."""
        at = self._at.pop(key, None)
        if at is not None:
            self._map[at : at + KEY_BYTES] = _NOTHING
            self._free.append(at)

    @property
    def marked(self) -> frozenset[bytes] | None:
        """What is with the server; None where that cannot be told."""
        return None if self._is_full else frozenset(self._at)

    def close(self) -> None:
        """Leave the file to whoever reads it."""
        self._map.close()


def read_marks(journal: Path, owner: str) -> frozenset[bytes] | None:
    """The requests that an owner on this machine had sent when it ended; None where that cannot be told."""
    try:
        content = path_of(journal, owner).read_bytes()
    except OSError:
        return None
    if len(content) != _SIZE or content.startswith(_TOO_MANY):
        return None
    places = (content[at : at + KEY_BYTES] for at in range(KEY_BYTES, _SIZE, KEY_BYTES))
    return frozenset(key for key in places if key != _NOTHING)


def remove_marks(journal: Path, owner: str) -> None:
    """Delete the marks of an owner whose claims are gone."""
    with suppress(OSError):
        path_of(journal, owner).unlink()
