"""Writes a run folder: streaming, complete or not there at all.

Decides how rows become files and how a folder appears: everything is written to ``.partial-<run_id>/`` and renamed at
the end. A folder that is replaced is set aside until its successor stands. Reading is left to ``runs``.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.records import Item, Prediction
from harness.runner.arrays import array_of, label_array
from harness.runner.request import InputFile, canonical_json
from harness.runner.rows import BATCH_ROWS, TOKEN_COLUMNS, Columns
from harness.runs import (
    INPUTS_FOLDER,
    ITEMS_FILE,
    META_FILE,
    OLD_PREFIX,
    PARTIAL_PREFIX,
    PREDICTIONS_FILE,
    RunFolder,
    item_schema,
    prediction_schema,
)

GROUP_BATCHES = 4
DICTIONARY_COLUMNS = ["candidate", "outcome", "error", "group"]


class RunWriter:
    """The folder of one run in the making.

    Args:
        runs_dir: Local folder or fsspec address of the runs.
        run_id: Name of the folder.
        categories: Categories of the golden set.
        slices: Names of the slices.
        candidates: Ids in the order of the output.
    """

    def __init__(
        self,
        runs_dir: str | Path,
        run_id: str,
        *,
        categories: Sequence[str],
        slices: Sequence[str],
        candidates: Sequence[str],
    ) -> None:
        self.run_id = run_id
        self.target = RunFolder(f"{str(runs_dir).rstrip('/')}/{run_id}")
        self._home = self.target.local.parent if self.target.local else None
        self._lock: IO[bytes] | None = None
        try:
            if self._home is None:
                self._partial = Path(tempfile.mkdtemp(prefix="harness-run-"))
            else:
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
        self._items = ItemFile(self._partial / ITEMS_FILE, categories, slices)
        self._categories = tuple(categories)
        self._groups = GroupFile(self._partial / PREDICTIONS_FILE, prediction_schema(categories))
        self._sinks: list[Sink | None] = [None] * len(candidates)
        self._candidates = tuple(candidates)
        self._merged = 0

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Rows per candidate and outcome."""
        pairs = zip(self._candidates, self._sinks, strict=True)
        return {name: dict(sorted(sink.columns.counts.items())) if sink else {} for name, sink in pairs}

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

    def add_item(self, item: Item, labels: NDArray[np.int8]) -> None:
        """Add one item, in golden order; ``labels`` is its row of gold."""
        self._items.add(item, labels)

    def sink(self, number: int) -> Sink:
        """Where the rows of candidate ``number`` go. Only the first unfinished candidate writes to the final file."""
        spill = None if number == self._merged else self._partial / f".rows-{number}.arrow"
        sink = self._sinks[number] = Sink(self._categories, self._groups, spill)
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

    def finish(self, meta: Mapping[str, Any], inputs: Mapping[str, InputFile]) -> str:
        """Write what remains, let the folder appear, and return its address."""
        if self._merged != len(self._sinks):
            raise RuntimeError("a candidate's rows are not complete")
        self._items.close()
        self._groups.close()
        stored = _write_inputs(self._partial / INPUTS_FOLDER, inputs)
        described = {
            kind: {"name": one.name, "version": one.version, "sha256": one.sha256, "path": one.path}
            | ({"stored": stored[kind]} if kind in stored else {})
            for kind, one in inputs.items()
        }
        content = canonical_json({**meta, "inputs": described}, is_indented=True)
        (self._partial / META_FILE).write_bytes(content)
        if self._home is None:
            self._upload()
        else:
            self._appear(self._home)
        self._unlock()
        return self.target.address

    def abandon(self) -> None:
        """Leave nothing behind but what was there before."""
        self._items.close()
        self._groups.close()
        for sink in self._sinks:
            if sink is not None:
                sink.close()
        shutil.rmtree(self._partial, ignore_errors=True)
        self._unlock()

    def _appear(self, home: Path) -> None:
        for path in self._partial.rglob("*"):
            if path.is_file():
                _sync(path)
        final, old = home / self.run_id, home / f"{OLD_PREFIX}{self.run_id}"
        if final.exists():
            os.rename(final, old)
        os.rename(self._partial, final)
        _sync(home)
        shutil.rmtree(old, ignore_errors=True)

    def _upload(self) -> None:
        """run.json goes last: a remote folder without it is no run."""
        self.target.remove()
        names = sorted(
            path.relative_to(self._partial).as_posix() for path in self._partial.rglob("*") if path.is_file()
        )
        for name in sorted(names, key=lambda name: name == META_FILE):
            self.target.put(self._partial / name, name)
        shutil.rmtree(self._partial, ignore_errors=True)

    def _unlock(self) -> None:
        if self._lock is not None:
            with suppress(OSError):
                os.unlink(self._lock.name)
            self._lock.close()
            self._lock = None


class GroupFile:
    """predictions.parquet: row groups of at most 16,384 rows that never hold two candidates."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, **_options(schema))
        self._batches: list[pa.RecordBatch] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Add one batch of a candidate's rows."""
        self._batches.append(batch)
        if len(self._batches) == GROUP_BATCHES:
            self.end_group()

    def end_group(self) -> None:
        """Write what was collected as one row group."""
        if self._batches:
            table = pa.Table.from_batches(self._batches)
            self._batches = []
            self._writer.write_table(table, row_group_size=table.num_rows)

    def close(self) -> None:
        """Complete the file."""
        self.end_group()
        self._writer.close()


class Sink:
    """Rows of one candidate: straight to the final file, or to a file of their own until it is their turn."""

    def __init__(self, categories: Sequence[str], groups: GroupFile, spill: Path | None) -> None:
        self._spill = spill
        self._stream: Any = None
        self._groups = groups
        if spill is not None:
            self._stream = pa.ipc.new_file(str(spill), prediction_schema(categories))
        self.columns = Columns(categories, groups.add if self._stream is None else self._stream.write_batch)
        self.is_closed = False

    def add(self, row: Prediction) -> None:
        """Add one row, in order."""
        self.columns.add(row)

    def close(self) -> None:
        """No more rows."""
        if not self.is_closed:
            self.is_closed = True
            self.columns.flush()
            if self._stream is None:
                self._groups.end_group()
            else:
                self._stream.close()

    def merge(self, groups: GroupFile) -> None:
        """Move rows that were set aside to the final file."""
        if self._spill is None:
            return
        with pa.OSFile(str(self._spill)) as source, pa.ipc.open_file(source) as reader:
            for number in range(reader.num_record_batches):
                groups.add(reader.get_batch(number))
        groups.end_group()
        self._spill.unlink()
        self._spill = None


class ItemFile:
    """items.parquet."""

    def __init__(self, path: Path, categories: Sequence[str], slices: Sequence[str]) -> None:
        self._schema = item_schema(categories, slices)
        self._slices = tuple(slices)
        self._writer = pq.ParquetWriter(path, self._schema, **_options(self._schema))
        self._items: list[tuple[Any, ...]] = []
        self._labels: list[NDArray[np.int8]] = []
        self._is_open = True

    def add(self, item: Item, labels: NDArray[np.int8]) -> None:
        """Add one item; of its text only the hash is kept."""
        text = item.text
        digest = None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        slices = [list(item.slices.get(name, ())) for name in self._slices]
        self._items.append((item.id, item.group, item.weight, *slices, item.is_withheld, digest))
        self._labels.append(labels)
        if len(self._items) >= BATCH_ROWS:
            self._flush()

    def close(self) -> None:
        """Complete the file."""
        if self._is_open:
            self._is_open = False
            self._flush()
            self._writer.close()

    def _flush(self) -> None:
        if not self._items:
            return
        gold = np.stack(self._labels)
        columns = list(zip(*self._items, strict=True))
        n_categories = gold.shape[1]
        arrays = [array_of(columns[0], pa.string())]
        arrays += [label_array(np.ascontiguousarray(gold[:, k])) for k in range(n_categories)]
        fields = [self._schema.field(n_categories + position) for position in range(1, len(columns))]
        arrays += [array_of(column, one.type) for column, one in zip(columns[1:], fields, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._items, self._labels = [], []


def _options(schema: pa.Schema) -> dict[str, Any]:
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name in DICTIONARY_COLUMNS],
        "store_schema": True,
    }


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
