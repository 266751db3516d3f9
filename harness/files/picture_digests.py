"""Digests of picture files, kept from one command to the next.

A set's hash covers its pictures, and reading them all takes seconds where looking at them does not.
Decides when a digest may be taken as kept: the file is the same by device, inode, size and both its times, of which
nobody can set back the time of change; one that was changed a moment before it was read is read again. Few or small
pictures are read each time, and nothing is written down.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from functools import cached_property
from pathlib import Path

import orjson

from harness.files.golden.stamp import Stamp, stamp_of

WORTH_BYTES = 32 * 1024 * 1024
"""So much must have been read for the digests to be written down."""
SETTLED_NS = 2_000_000_000
"""Older than a file system's clock is coarse: what is written later gets another time."""


class PictureDigests:
    """The digests of the pictures in one folder.

    Args:
        cache_dir: Where digests are kept; the user's cache folder for None.
    """

    def __init__(self, folder: Path, cache_dir: Path | None = None) -> None:
        self._folder, self._cache_dir = folder, cache_dir
        self._found: dict[str, tuple[list[int], str]] = {}
        self._n_bytes = 0

    def of(self, path: Path) -> bytes:
        """The sha256 of a file's bytes.

        Raises:
            OSError: It cannot be read.
        """
        stamp = stamp_of(path)
        digest = self._known(str(path), stamp)
        if digest is None:
            now_ns = time.time_ns()
            with path.open("rb") as file:
                stamp = stamp_of(file.fileno())
                digest = hashlib.file_digest(file, "sha256").digest()
                self._n_bytes += stamp.size
                if stamp_of(file.fileno()) != stamp or max(stamp.written_ns, stamp.changed_ns) > now_ns - SETTLED_NS:
                    return digest
        self._found[str(path)] = (list(stamp), digest.hex())
        return digest

    def keep(self) -> None:
        """Write the digests down, where that is worth it; a folder that takes no file costs the next command time."""
        if self._n_bytes < WORTH_BYTES:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            mine = self._path.with_suffix(f".{os.getpid()}")
            mine.write_bytes(orjson.dumps(self._found))
            mine.replace(self._path)

    @cached_property
    def _path(self) -> Path:
        import platformdirs  # most sets have no pictures

        cache_dir = self._cache_dir or Path(platformdirs.user_cache_dir("moderation-harness"))
        name = hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:32]
        return cache_dir / "pictures" / f"{name}.json"

    @cached_property
    def _kept(self) -> dict[str, list[object]]:
        with contextlib.suppress(OSError, ValueError):
            kept = orjson.loads(self._path.read_bytes())
            if isinstance(kept, dict):
                return kept
        return {}

    def _known(self, path: str, stamp: Stamp) -> bytes | None:
        match self._kept.get(path):
            case [list() as kept, str() as digest] if kept == list(stamp):
                with contextlib.suppress(ValueError):
                    found = bytes.fromhex(digest)
                    return found if len(found) == hashlib.sha256().digest_size else None
        return None
