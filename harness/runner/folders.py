"""Where a run writes: no more readable than what went into it, and one message when there is no room.

Decides permissions and words; what is written is decided by ``runs``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

_NAMED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE})


@contextmanager
def no_more_readable_than(golden: Any) -> Iterator[None]:
    """New files get no permission that the golden set's own files do not give: a private set's copies stay private."""
    allowed = 0o777
    for path in (getattr(golden, "path", None), getattr(golden, "items_path", None)):
        if path is not None:
            with suppress(OSError):
                mode = os.stat(path).st_mode & 0o777
                allowed &= mode | 0o700 | (mode & 0o044) >> 2  # who may read a file may enter its folder
    before = os.umask(0o777)
    os.umask(before | (0o777 & ~allowed & 0o077))
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def named_faults(runs_dir: str | Path) -> Iterator[None]:
    """A full or read-only disk, or too many open files, in words.

    Raises:
        HarnessError: The system refused to write.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NAMED:
            raise
        step = "raise the limit (ulimit -n), or lower concurrency" if error.errno == errno.EMFILE else "make room"
        raise HarnessError(
            f"{error.filename or runs_dir}: {os.strerror(error.errno)}",
            allowed="a disk with room, and a folder that can be written to",
            next_step=f"{step}, then type the same command again: what was answered is kept in the journal",
        ) from None
