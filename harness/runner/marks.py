"""Which requests are with the server at this moment: what a killed process leaves behind of its calls.

Decides that a mark is set before a call leaves and taken away when its outcome is committed, in a small file beside the
journal that is mapped into memory: a mark costs no transaction, and it outlives ``kill -9`` as any written page does.
The file is locked while its owner lives, however processes are numbered and machines are called. What a claim without a
mark means is decided by ``claims``.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from harness.runner.journal import broken

KEY_BYTES = 32
FIRST_BYTES = 4096
"""Room for 128 calls at one time; twice as much whenever that is not enough."""
_NOTHING = bytes(KEY_BYTES)


def path_of(journal: Path, owner: str) -> Path:
    """Where the marks of an owner lie: beside the file itself, whatever link it was opened by.

    >>> path_of(Path("home/responses.sqlite"), "a1").name
    'responses.sqlite-a1.sent'
    """
    journal = journal.resolve()
    return journal.with_name(f"{journal.name}-{owner}.sent")


class Marks:
    """The marks of one owner; the file has all its bytes before it is mapped, so that a full disk is told and no fault.

    Args:
        journal: The journal's file.
        owner: Whose calls they are.

    Raises:
        HarnessError: The file cannot be made, or has no room to grow.
    """

    def __init__(self, journal: Path, owner: str) -> None:
        self._journal, self._path = journal, path_of(journal, owner)
        self._free: list[int] = []
        self._at: dict[bytes, int] = {}
        try:
            self._file = open(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600), "r+b", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise broken(journal, error) from None
        try:
            self._map = self._longer(0, FIRST_BYTES)
        except BaseException:
            self._file.close()
            remove_marks(journal, owner)
            raise
        with suppress(OSError, ImportError):  # where there are no locks, an owner lives while it is heard of
            _lock(self._file)

    def set(self, key: bytes) -> None:
        """A call is about to leave."""
        if key in self._at:
            return
        if not self._free:
            size = len(self._map)
            longer = self._longer(size, 2 * size)
            self._map.close()
            self._map = longer
        at = self._at[key] = self._free.pop()
        self._map[at : at + KEY_BYTES] = key

    def clear(self, key: bytes) -> None:
        """Its outcome stands in the journal, or nothing was spent."""
        at = self._at.pop(key, None)
        if at is not None:
            self._map[at : at + KEY_BYTES] = _NOTHING
            self._free.append(at)

    @property
    def marked(self) -> frozenset[bytes]:
        """What is with the server."""
        return frozenset(self._at)

    def close(self) -> None:
        """Leave the file to whoever reads it."""
        self._map.close()
        self._file.close()

    def _longer(self, size: int, new_size: int) -> mmap.mmap:
        try:
            self._file.seek(size)
            left = new_size - size
            while left:
                left -= self._file.write(bytes(left))
            longer = mmap.mmap(self._file.fileno(), new_size)
        except OSError as error:
            raise broken(self._journal, error) from None
        self._free.extend(range(new_size - KEY_BYTES, size - 1, -KEY_BYTES))
        return longer


def is_held(journal: Path, owner: str) -> bool | None:
    """Whether an owner on this machine holds its marks, as it does until it ends; None where that cannot be told."""
    try:
        with open(path_of(journal, owner), "r+b") as file:
            _lock(file)
    except BlockingIOError:
        return True
    except (OSError, ImportError):
        return None
    return False


def _lock(file: BinaryIO) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def read_marks(journal: Path, owner: str) -> frozenset[bytes] | None:
    """The requests that an owner on this machine had sent when it ended; None where that cannot be told."""
    try:
        content = path_of(journal, owner).read_bytes()
    except OSError:
        return None
    if not content or len(content) % FIRST_BYTES:  # cut off by somebody else
        return None
    return frozenset(content[at : at + KEY_BYTES] for at in range(0, len(content), KEY_BYTES)) - {_NOTHING}


def remove_marks(journal: Path, owner: str) -> None:
    """Delete the marks of an owner whose claims are gone."""
    with suppress(OSError):
        path_of(journal, owner).unlink()
