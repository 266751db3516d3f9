"""Who may read what is written: no more people than may read what it was made from.

Decides permissions of copies alone: of runs, baselines, released and imported sets, queues of items, unfolded tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def no_more_readable_than(*sources: Path | None) -> Iterator[None]:
    """New files get no permission that one of the sources does not give; None and missing ones forbid nothing.

    A process has one mask for new files, so the block is for work that no other thread's files are made during.
    """
    allowed = 0o777
    for path in sources:
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
