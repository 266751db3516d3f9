"""Writes a run folder: streaming, complete or not there at all.

Decides how rows become files and how a folder appears: everything is written to ``.partial-<run_id>/`` and renamed at
the end. A folder that is replaced is set aside until its successor stands. Reading is left to ``reader``.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import IO

import numpy as np
import pyarrow as pa
from msgspec import structs
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.records import Item, RunInput, RunMeta
from harness.runs.columns import TOKEN_COLUMNS
from harness.runs.folder import RunFolder
from harness.runs.integrity import sealed, table_hashes
from harness.runs.layout import (
    INPUTS_FOLDER,
    ITEMS_FILE,
    META_FILE,
    OLD_PREFIX,
    PREDICTIONS_FILE,
    InputFile,
    plain_name,
    prediction_schema,
)
from harness.runs.meta import meta_document
from harness.runs.tables import GroupFile, ItemFile, Sink

PARTIAL_PREFIX = ".partial-"
SHOWN_REASONS = 3


class RunWriter:
    """The folder of one run in the making.

    Args:
        unlabelled: Categories of the policy that the golden set does not label: decided, but not stored.
        is_shard: Whether it is a part of another run, whose items say where they stand in that.
    """

    def __init__(
        self,
        runs_dir: str | Path,
        run_id: str,
        *,
        categories: Sequence[str],
        slices: Sequence[str],
        candidates: Sequence[str],
        unlabelled: Sequence[str] = (),
        is_shard: bool = False,
    ) -> None:
        self.run_id = plain_name(run_id, "the name of the run", str(runs_dir))
        self.target = RunFolder(f"{str(runs_dir).rstrip('/')}/{run_id}")
        self._home = self.target.local.parent if self.target.local else None
        self._lock: IO[bytes] | None = None
        try:
            if self._home is None:
                self.target.require_store()
                self._partial = Path(tempfile.mkdtemp(prefix="harness-run-"))
            else:
                if os.path.lexists(self._home) and not self._home.is_dir():
                    raise NotADirectoryError(0, "there is a file, or a link that leads nowhere, of that name")
                self._home.mkdir(parents=True, exist_ok=True)
                self._lock = _lock(self._home / f".lock-{run_id}", run_id)
                _recover(self._home, run_id)
                self._partial = self._home / f"{PARTIAL_PREFIX}{run_id}"
                shutil.rmtree(self._partial, ignore_errors=True)
                self._partial.mkdir()
        except OSError as error:
            raise HarnessError(
                f"{runs_dir}: the run cannot be written there: {error.strerror or error}",
                allowed="a folder that can be written to",
                next_step="name another folder for the runs",
            ) from None
        self._items = ItemFile(self._partial / ITEMS_FILE, categories, slices, is_shard=is_shard)
        self._categories = tuple(categories)
        self._unlabelled = tuple(unlabelled)
        self._groups = GroupFile(self._partial / PREDICTIONS_FILE, prediction_schema(categories), is_shard=is_shard)
        self._sinks: list[Sink | None] = [None] * len(candidates)
        self._candidates = tuple(candidates)
        self._merged = 0

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Rows per candidate and outcome."""
        pairs = zip(self._candidates, self._sinks, strict=True)
        return {name: dict(sorted(sink.columns.counts.items())) if sink else {} for name, sink in pairs}

    @property
    def error_reasons(self) -> dict[str, dict[str, int]]:
        """Per candidate with error rows, the most frequent reasons and their rows, most frequent first."""
        pairs = zip(self._candidates, self._sinks, strict=True)
        errors = {name: sink.columns.errors for name, sink in pairs if sink and sink.columns.errors}
        return {
            name: dict(sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:SHOWN_REASONS])
            for name, counted in errors.items()
        }

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens of all answers."""
        together: Counter[str] = Counter(dict.fromkeys(TOKEN_COLUMNS, 0))
        for sink in self._sinks:
            together.update(sink.columns.tokens if sink else {})
        return dict(together)

    @property
    def answers_cost_usd(self) -> float | None:
        """List price of all answers, wherever they came from; None when none has a price."""
        known = [sink.columns.cost_usd for sink in self._sinks if sink and sink.columns.cost_usd is not None]
        return math.fsum(known) if known else None

    @property
    def unpriced_answers(self) -> int:
        """Answers of which nobody knows what they cost."""
        return sum(sink.columns.n_unpriced for sink in self._sinks if sink)

    def add_item(self, item: Item, labels: NDArray[np.int8], position: int = 0) -> None:
        """Add one item, in golden order; ``labels`` is its row of gold, ``position`` its place in the whole run."""
        self._items.add(item, labels, position)

    def add_items(self, rows: pa.Table) -> None:
        """Add items that are columns already, in golden order."""
        self._items.add_rows(rows)

    def sink(self, number: int) -> Sink:
        """Where the rows of candidate ``number`` go. Only the first unfinished candidate writes to the final file."""
        spill = None if number == self._merged else self._partial / f".rows-{number}.arrow"
        sink = self._sinks[number] = Sink(self._categories, self._groups, spill, unlabelled=self._unlabelled)
        return sink

    def close_sink(self, number: int) -> None:
        """The rows of a candidate are complete: they move to the final file once it is their turn."""
        sink = self._sinks[number]
        if sink is None:
            raise RuntimeError(f"candidate {number} has no rows")
        sink.close()
        while self._merged < len(self._sinks):
            following = self._sinks[self._merged]
            if following is None or not following.is_closed:
                break
            following.merge(self._groups)
            self._merged += 1

    def finish(self, meta: RunMeta, inputs: Mapping[str, InputFile]) -> str:
        """Write what remains, let the folder appear, and return its address."""
        if self._merged != len(self._sinks):
            raise RuntimeError("a candidate's rows are not complete")
        self._items.close()
        self._groups.close()
        stored = _write_inputs(self._partial / INPUTS_FOLDER, inputs)
        described = {
            kind: RunInput(one.name, one.version, one.sha256, one.path, stored.get(kind), one.identity)
            for kind, one in inputs.items()
        }
        content = sealed(meta_document(structs.replace(meta, inputs=described)), table_hashes(RunFolder(self._partial)))
        (self._partial / META_FILE).write_bytes(content)
        if self._home is None:
            self._upload()
        else:
            appear(self._partial, self._home / self.run_id)
        self._unlock()
        return self.target.address

    def abandon(self) -> None:
        """Leave nothing behind but what was there before."""
        closers = [sink.close for sink in self._sinks if sink is not None]
        for close in (*closers, self._items.close, self._groups.close):
            with suppress(Exception):  # whatever broke the run may break this too, and must not hide it
                close()
        shutil.rmtree(self._partial, ignore_errors=True)
        self._unlock()

    def _upload(self) -> None:
        """run.json goes last: a remote folder without it is no run."""
        self.target.note_change()
        self.target.remove()
        paths = sorted(path for path in self._partial.rglob("*") if path.is_file())
        for path in sorted(paths, key=lambda path: path == self._partial / META_FILE):
            self.target.put(path, path.relative_to(self._partial).as_posix())
        self.target.note_change()  # once more: a list may have read what was there before
        self.target.renew_index()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _unlock(self) -> None:
        if self._lock is not None:
            with suppress(OSError):
                os.unlink(self._lock.name)
            self._lock.close()
            self._lock = None


def appear(partial: Path, final: Path) -> None:
    """Let a folder that was written beside its place take that place; what was there goes last."""
    for path in partial.rglob("*"):
        if path.is_file():
            _sync(path)
    old = final.with_name(f"{OLD_PREFIX}{final.name}")
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(final, old)
    os.rename(partial, final)
    _sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _write_inputs(folder: Path, inputs: Mapping[str, InputFile]) -> dict[str, str]:
    stored: dict[str, str] = {}
    for kind, one in inputs.items():
        if one.content is None:
            continue
        folder.mkdir(exist_ok=True)
        stored[kind] = f"{one.sha256[:8]}-{PurePath(one.path).name}"
        (folder / stored[kind]).write_bytes(one.content)
    return stored


def _recover(home: Path, run_id: str) -> None:
    """Finish or undo a replacement that was killed between its two renames."""
    final, old = home / run_id, home / f"{OLD_PREFIX}{run_id}"
    if old.exists():
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, final)


def _lock(path: Path, run_id: str) -> IO[bytes]:
    """Hold the run's lock; the system gives it back however the process ends."""
    while True:
        file = open(path, "ab")  # noqa: SIM115
        try:
            import fcntl
        except ImportError:  # no such locks on this system: two runs of the same inputs are the user's own doing
            return file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise HarnessError(
                f"run {run_id} is under way in another process",
                allowed="one process for each run",
                next_step="wait for it, or stop it; what it has been answered is kept",
            ) from None
        with suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(file.fileno()).st_ino:
                return file
        file.close()  # its owner removed it between our opening and locking it


def _sync(path: Path) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
