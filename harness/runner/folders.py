"""Where a run writes: what its files are copies of, and one message when there is no room.

Decides words; permissions are decided in ``files.permissions``, what is written by ``runs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, refused_by_system


def files_of(golden: Any) -> tuple[Path | None, ...]:
    """The files of a golden set, as far as it has any."""
    return getattr(golden, "path", None), getattr(golden, "items_path", None)


@contextmanager
def named_faults(runs_dir: str | Path) -> Iterator[None]:
    """A full or read-only disk, or too many open files, in words.

    Raises:
        HarnessError: The system refused to write.
    """
    try:
        yield
    except OSError as error:
        named = refused_by_system(error, runs_dir)
        if named is None:
            raise
        named.next_step = (
            f"{named.next_step}, then type the same command again: what was answered is kept in the journal"
        )
        raise HarnessError(named.message, allowed=named.allowed, next_step=named.next_step) from None
