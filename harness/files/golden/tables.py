"""Parquet and hub tables -> rows shaped like JSONL rows, memory-mapped by Hugging Face ``datasets``.

Decides that a table is opened only when it unfolds to a size that its file warrants: repeated values take next to
nothing in Parquet, so a few kilobytes can hold gigabytes. How cells become the parts of a row is decided in ``cells``.
Importing ``datasets`` costs seconds, so it happens only when a table is opened.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import FileError
from harness.files.golden.cells import CellReader, check_columns, kept_columns
from harness.files.golden.fields import Fields, Row, column_path
from harness.files.golden.propose import resave_hint
from harness.files.golden.stamp import require_unchanged, stamp_of
from harness.files.permissions import no_more_readable_than
from harness.files.text import reason, shortened
from harness.files.yaml import Document
from harness.records import GoldenCard

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK = 1_000
_SAMPLED = 200
MAX_CELL = 16_000_000
UNFOLDS_AT_LEAST = 256_000_000
UNFOLDS_AT_MOST = 200
_BATCH = 64
_BYTES_A_VALUE = 8


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a memory-mapped table."""

    name: str
    dataset: Any
    cells: CellReader

    def where(self, index: int) -> tuple[str, int | None]:
        """Where a row stands; tables without lines count rows from 1."""
        return f"{self.name} row {index + 1}", None

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all in order."""
        wanted = range(len(self.dataset)) if indices is None else indices
        build = self.cells.row
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            columns = self.dataset[part if isinstance(part, range) else list(part)]
            for at in range(len(part)):
                yield build({name: values[at] for name, values in columns.items()})


def open_table(
    card: GoldenCard, document: Document, items_path: Path | None, hasher: _Hash, cache_dir: Path | None
) -> Table:
    """The table of a card; its bytes, or the rows of a hub table, go into the hash."""
    if items_path is None:
        name, dataset = card.items, _load_hub(card, document, cache_dir)
    else:
        name = str(items_path)
        stamp = stamp_of(items_path)
        with items_path.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
        check_unfolded_size(items_path)
        dataset = _load_file(items_path, cache_dir)
        require_unchanged(items_path, items_path, stamp)
    n_sampled = min(_SAMPLED, len(dataset))
    sampled = dataset[range(n_sampled)] if n_sampled else {column: [] for column in dataset.column_names}
    samples = {column: sampled[column] for column in dataset.column_names}
    kept = kept_columns(samples, card)
    if items_path is None:
        parts = Fields(card).parts
        paths = {column: column_path(column, card) for column in kept}
        paths = {column: path if path[0] in parts else ("meta", *path) for column, path in paths.items()}
    else:
        check_columns(name, None, card, document.path, {column: samples[column] for column in kept}, is_text=False)
        paths = {column: column_path(column, card) for column in kept}
    table = Table(name, dataset, CellReader(tuple(paths.items()), card, is_text=False))
    if items_path is None:
        for row in table.rows(None):
            hasher.update(json.dumps(row, sort_keys=True, default=str).encode())
    return table


def check_unfolded_size(path: Path) -> None:
    """Refuse a Parquet file whose values take far more room than its bytes warrant, before they are unfolded."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    size = path.stat().st_size
    most = max(UNFOLDS_AT_LEAST, UNFOLDS_AT_MOST * size)
    try:
        with pq.ParquetFile(path) as file:
            meta = file.metadata
            n_values = sum(
                meta.row_group(group).column(column).num_values
                for group in range(meta.num_row_groups)
                for column in range(meta.num_columns)
            )
            _require_size(path, n_values * _BYTES_A_VALUE, most)
            stored = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
            _require_size(path, stored, most)
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        total = 0
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=_BATCH * 16, columns=texts) if texts else ():
                for column in batch.columns:
                    if pa.types.is_dictionary(column.type):
                        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
                    else:
                        lengths = pc.binary_length(column)
                    total += pc.sum(lengths).as_py() or 0
                _require_size(path, total, most)
            others = [
                field.name for field in file.schema_arrow if field.name not in texts and pa.types.is_nested(field.type)
            ]
            for batch in file.iter_batches(batch_size=_BATCH, columns=others) if others else ():
                total += batch.nbytes
                _require_size(path, total, most)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _require_size(path: Path, n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise FileError(
            str(path),
            f"unfolds from {path.stat().st_size:,} bytes to {n_bytes:,} or more",
            allowed=f"at most {UNFOLDS_AT_MOST} times its size, or {UNFOLDS_AT_LEAST // 1_000_000:,} MB",
            next_step="write the items as JSONL, without what repeats",
        )


def _load_file(path: Path, cache_dir: Path | None) -> Any:
    datasets = _datasets()
    try:
        with no_more_readable_than(path):  # the unfolded table is a copy of the items
            return datasets.load_dataset(
                "parquet", data_files=str(path.absolute()), split="train", cache_dir=str(_cache(cache_dir))
            )
    except Exception as error:
        raise _unreadable(path, error.__cause__ or error) from None


def _unreadable(path: Path, error: BaseException) -> FileError:
    return FileError(
        str(path),
        f"cannot be read as Parquet: {shortened(reason(error))}",  # type: ignore[arg-type]
        allowed="a valid Parquet file",
        next_step=f"write the file again\n  {resave_hint(path)}",
    )


def _load_hub(card: GoldenCard, document: Document, cache_dir: Path | None) -> Any:
    datasets = _datasets()
    name = card.items.removeprefix("hub:").strip()
    try:
        return datasets.load_dataset(name, revision=card.revision, split=card.split, cache_dir=str(_cache(cache_dir)))
    except Exception as error:
        raise document.error(
            ("items",),
            f"cannot be fetched: {shortened(reason(error))}",
            allowed="a data set on the hub, its full commit as revision, and one of its splits",
            next_step="check the name, the revision, the split and the network",
        ) from None


def _datasets() -> Any:
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)  # its faults are reported as ours
    return datasets


def _cache(cache_dir: Path | None) -> Path:
    if cache_dir is not None:
        return cache_dir
    import platformdirs

    return Path(platformdirs.user_cache_dir("moderation-harness")) / "tables"
