"""What the weekly report keeps of a run: its scores without items, cached so that no run is scored twice.

Decides the content of a summary and where it is kept: one small SQLite file beside the runs, or in the user's cache
folder where the runs cannot be written to. A run never changes under its id, time and duration; a summary belongs to
one version of the harness.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from harness import __version__
from harness.core.results import MetricResult, result_from
from harness.measure.score import score_run
from harness.runs import Run, RunMeta
from harness.runs.folder import is_remote

FORMAT = 1
CACHE_FILE = ".weekly.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS kept (key TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"


def summary_of(run: Run) -> dict[str, Any]:
    """Scores of every candidate as plain data, with the gold counts they rest on."""
    scored = score_run(run, with_slices=False).as_dict()
    gold = {
        name: [int((run.y_true[:, column] == code).sum()) for code in (1, 0, -1)]
        for column, name in enumerate(run.categories)
    }
    for candidate in scored["candidates"].values():
        for category in candidate["categories"].values():
            category.pop("sensitivity", None)
    return {"gold": gold, "n_withheld": int(run.is_withheld.sum()), "candidates": scored["candidates"]}


def metric(summary: Mapping[str, Any], candidate: str, category: str, name: str) -> MetricResult:
    """One metric of a summary; undefined when the candidate does not have it."""
    scored = summary["candidates"].get(candidate, {}).get("categories", {}).get(category, {})
    found = result_from(scored.get(name))
    return found if found is not None else MetricResult.undefined("not measured")


class SummaryCache:
    """Keeps plain data under a key; a cache that cannot be used is left aside in silence: it only saves time."""

    def __init__(self, runs_dir: str | Path) -> None:
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

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """What is kept under the key, or made now and kept from here on."""
        if self._connection is not None:
            with suppress(sqlite3.Error, orjson.JSONDecodeError):
                row = self._connection.execute("SELECT content FROM kept WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    return orjson.loads(row[0])
        content = orjson.dumps(make())
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, content))
        return orjson.loads(content)


def run_key(meta: RunMeta) -> str:
    """Key of a run's summary."""
    parts = (FORMAT, __version__, meta.run_id, meta.status, meta.created_at, meta.wall_s, meta.n_items)
    return "run|" + "|".join(map(str, parts))


def _places(runs_dir: str | Path) -> list[Path]:
    from platformdirs import user_cache_path

    address = str(runs_dir)
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    elsewhere = user_cache_path("moderation-harness") / "weekly" / f"{name}.sqlite"
    return [elsewhere] if is_remote(address) else [Path(address) / CACHE_FILE, elsewhere]
