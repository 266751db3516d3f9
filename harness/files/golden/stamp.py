"""Whether a file of items is still the file that was checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from harness.errors import FileError


class Stamp(NamedTuple):
    """What changes when a file is written or replaced; a writer can set back ``written_ns``, but not ``changed_ns``."""

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


def stamp_of(file: int | Path) -> Stamp:
    """The stamp of an open file, or of a path."""
    status = os.fstat(file) if isinstance(file, int) else os.stat(file)
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def require_unchanged(path: Path, file: int | Path, stamp: Stamp) -> None:
    """Raise when a file is not what it was when its hash was taken."""
    now = stamp_of(file)
    if now[:4] != stamp[:4] or now.changed_ns != stamp.changed_ns:
        raise FileError(
            str(path),
            "changed while it was in use",
            allowed="the file as it was checked",
            next_step="start again; a published golden set never changes",
        )
