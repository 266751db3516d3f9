"""Where what was read of a run is kept, so that no run is scored twice.

Decides the place: one small SQLite file beside the runs, or in the user's cache folder where the runs cannot be written
to; and what it is kept under. A run never changes under its id, time and duration; what is kept belongs to one version
of the harness. Loads nothing that scores, so a list of runs opens at once.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness import __version__
from harness.core.results import MetricResult
from harness.records import RunMeta
from harness.runs.folder import is_remote

FORMAT = 11
T = TypeVar("T")
NOT_MEASURED = MetricResult.undefined("not measured")
CACHE_FILE = ".weekly.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS kept (key TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"


class SummaryCache:
    """Keeps records under a key; a cache that cannot be used is left aside in silence: it only saves time."""

    def __init__(self, runs_dir: str | Path) -> None:
        self._runs_dir = runs_dir
        self._connection: sqlite3.Connection | None = None
        for path in _places(runs_dir):
            with suppress(sqlite3.Error, OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(path, timeout=30)
                connection.execute(_TABLE)
                connection.execute("DELETE FROM kept WHERE key = ''")  # fails where the file cannot be written
                connection.commit()
                self._connection = connection
                break

    def __enter__(self) -> SummaryCache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.commit()
            self._connection.close()
            self._connection = None

    def get(self, key: str, kind: type[T], make: Callable[[], T]) -> T:
        """What is kept under the key, or made now and kept from here on."""
        key = f"{FORMAT}|{key}"
        if self._connection is not None:
            with suppress(sqlite3.Error, msgspec.MsgspecError):
                row = self._connection.execute("SELECT content FROM kept WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    return msgspec.msgpack.decode(row[0], type=kind)
        content = msgspec.msgpack.encode(make(), enc_hook=_number)
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, content))
        return msgspec.msgpack.decode(content, type=kind)

    def of_runs(self, what: str, kind: type[T], make: Callable[..., T], *metas: RunMeta) -> T:
        """What ``make`` makes of stored runs, under what it is called and the keys of the runs."""
        from harness.runs import open_run

        key = "|".join([*([what] if what else []), *map(run_key, metas)])
        return self.get(key, kind, lambda: make(*(open_run(one.run_id, self._runs_dir) for one in metas)))


def _number(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} cannot be kept")


def run_key(meta: RunMeta) -> str:
    """Key of a run's summary."""
    parts = (__version__, meta.run_id, meta.status, meta.created_at, meta.wall_s, meta.n_items)
    return "run|" + "|".join(map(str, parts))


def _places(runs_dir: str | Path) -> list[Path]:
    from platformdirs import user_cache_path

    address = str(runs_dir)
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    elsewhere = user_cache_path("moderation-harness") / "weekly" / f"{name}.sqlite"
    return [elsewhere] if is_remote(address) else [Path(address) / CACHE_FILE, elsewhere]
