"""The two tables of a run folder, written batch by batch.

Decides row groups, columns and compression. Which folder they lie in is decided by ``writer``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.records import Item
from harness.records.answers import Prediction
from harness.runs.arrow import array_of, label_array
from harness.runs.columns import BATCH_ROWS, Columns
from harness.runs.layout import item_schema, prediction_schema

GROUP_BATCHES = 4
DICTIONARY_COLUMNS = ["candidate", "outcome", "error", "group"]


class GroupFile:
    """predictions.parquet: row groups of at most 16,384 rows that never hold two candidates."""

    def __init__(self, path: Path, schema: pa.Schema, *, is_shard: bool = False) -> None:
        self._writer = pq.ParquetWriter(path, schema, **_options(schema, is_shard=is_shard))
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

    def __init__(
        self, categories: Sequence[str], groups: GroupFile, spill: Path | None, *, unlabelled: Sequence[str] = ()
    ) -> None:
        self._spill = spill
        self._stream: Any = None if spill is None else pa.ipc.new_file(str(spill), prediction_schema(categories))
        self._groups = groups
        emit = groups.add if self._stream is None else self._stream.write_batch
        self.columns = Columns(categories, emit, unlabelled=unlabelled)
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

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Add rows that are columns already, in order."""
        self.columns.add_batch(batch)

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

    def __init__(self, path: Path, categories: Sequence[str], slices: Sequence[str], *, is_shard: bool = False) -> None:
        self._schema = item_schema(categories, slices, is_shard=is_shard)
        self._is_shard = is_shard
        self._slices = tuple(slices)
        self._writer = pq.ParquetWriter(path, self._schema, **_options(self._schema, is_shard=is_shard))
        self._items: list[tuple[Any, ...]] = []
        self._labels: list[NDArray[np.int8]] = []
        self._is_open = True

    def add(self, item: Item, labels: NDArray[np.int8], position: int = 0) -> None:
        """Add one item; of its text only the hash is kept."""
        text = item.text
        digest = None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        slices = [list(item.slices.get(name, ())) for name in self._slices]
        place = (position,) if self._is_shard else ()
        row = (item.id, item.group, item.weight, *slices, item.is_withheld, digest, item.must_catch, *place)
        self._items.append(row)
        self._labels.append(labels)
        if len(self._items) >= BATCH_ROWS:
            self._flush()

    def add_rows(self, rows: pa.Table) -> None:
        """Add up to ``BATCH_ROWS`` items that are columns already."""
        if not rows.schema.equals(self._schema):
            rows = rows.cast(self._schema)
        self._writer.write_table(rows)

    def close(self) -> None:
        """Complete the file."""
        if self._is_open:
            self._is_open = False
            self._flush()
            self._writer.close()

    def _flush(self) -> None:
        if not self._items:
            return
        gold = np.concatenate(self._labels).reshape(len(self._labels), -1)
        columns = list(zip(*self._items, strict=True))
        n_categories = gold.shape[1]
        arrays = [array_of(columns[0], pa.string())]
        arrays += [label_array(np.ascontiguousarray(gold[:, k])) for k in range(n_categories)]
        fields = [self._schema.field(n_categories + position) for position in range(1, len(columns))]
        arrays += [array_of(column, one.type) for column, one in zip(columns[1:], fields, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._items, self._labels = [], []


def _options(schema: pa.Schema, *, is_shard: bool) -> dict[str, Any]:
    return {
        "compression": "lz4" if is_shard else "zstd",  # a shard is soon read again, and put together with the others
        "use_dictionary": [name for name in schema.names if name in DICTIONARY_COLUMNS],
        "store_schema": True,
    }
