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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from harness import __version__
from harness.core.results import MetricResult
from harness.measure.score import UNMEASURED, CandidateScore, score_run
from harness.runs import Run, RunMeta
from harness.runs.folder import is_remote

FORMAT = 6
T = TypeVar("T")
NOT_MEASURED = MetricResult.undefined("not measured")
CACHE_FILE = ".weekly.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS kept (key TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"


@dataclass(frozen=True, slots=True)
class Summary:
    """A run without its items.

    Attributes:
        gold: Per category, items that violate, that do not, and that nobody labelled.
        n_withheld: Items that had nothing to show.
        candidates: Scores of every candidate, without slices and readings of failures.
    """

    gold: Mapping[str, tuple[int, int, int]]
    n_withheld: int
    candidates: Mapping[str, CandidateScore]


def summary_of(run: Run) -> Summary:
    """Scores of every candidate, with the gold counts they rest on."""
    gold = {}
    for column, name in enumerate(run.categories):
        violating, not_violating, unknown = (int((run.y_true[:, column] == code).sum()) for code in (1, 0, -1))
        gold[name] = (violating, not_violating, unknown)
    return Summary(
        gold,
        int(run.is_withheld.sum()),
        {name: _without_readings(one) for name, one in score_run(run, with_slices=False).candidates.items()},
    )


def _without_readings(scored: CandidateScore) -> CandidateScore:
    categories = {name: replace(one, sensitivity={}) for name, one in scored.categories.items()}
    return replace(scored, categories=categories)


SliceScores = dict[str, dict[str, dict[str, dict[str, dict[str, MetricResult]]]]]
"""Candidate -> slice -> value -> category -> metric."""
SLICE_METRICS = ("recall", "precision", "fpr")
MOST_VALUES = 40
"""Values of a slice that are kept: those with most items."""


def slices_of(run: Run) -> SliceScores:
    """Figures of every candidate by slice value and category, of the larger values."""
    kept = {
        name: sorted(values, key=lambda one, values=values: (-len(values[one]), one))[:MOST_VALUES]  # type: ignore[misc]
        for name, values in run.slices.items()
    }
    found: SliceScores = {}
    for candidate, scored in score_run(run).candidates.items():
        found[candidate] = {
            name: {
                value: {
                    category: {
                        metric: one.metrics[metric]
                        for metric in SLICE_METRICS
                        if metric in one.metrics and one.metrics[metric].n
                    }
                    for category, one in values[value].items()
                }
                for value in kept[name]
                if value in values
            }
            for name, values in scored.slices.items()
        }
    return found


def metric(summary: Summary, candidate: str, category: str, name: str) -> MetricResult:
    """One metric of a summary; undefined when the candidate does not have it."""
    scored = summary.candidates.get(candidate)
    found = scored.categories.get(category) if scored is not None else None
    return NOT_MEASURED if found is None else found.metrics.get(name, UNMEASURED.get(name, NOT_MEASURED))


class SummaryCache:
    """Keeps records under a key; a cache that cannot be used is left aside in silence: it only saves time."""

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


def _number(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
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
