"""CSV, Parquet and hub tables -> rows shaped like JSONL rows, memory-mapped by Hugging Face ``datasets``.

Decides how columns become the parts of a row:

* a dotted column name is a path: ``labels.hate`` and ``meta.lang`` are columns;
* with ``fields: {labels: .}`` the columns named like the card's labels are the labels;
* in CSV an empty cell is absent, but an empty label is null and an empty text is withheld; label cells are ``1``, ``0``
  or empty, or what spreadsheets make of them (``1.0``, ``TRUE``); a column of label lists holds names joined by ``|``,
  and an empty cell is an empty list; ``weight`` is a number; ``images`` holds paths joined by ``|``; ``votes``,
  ``context`` and the labels are JSON where they begin with ``[`` or ``{``; everything else is text;
* columns that the card names under ``ignore`` are left out;
* whole floats (1.0) are labels in Parquet and hub tables, since a column with nulls is often stored as floats;
* columns of a hub table that the card does not mention are kept under ``meta``, since nobody can rename them.

Importing ``datasets`` costs seconds, so it happens only when a table is opened.
"""

from __future__ import annotations

import csv
import json
import logging
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import FileError
from harness.files.golden.rows import Row, RowReader, label_names
from harness.files.text import counted, decode, listed, nearest, reason, refuse_utf16, shortened
from harness.files.yaml import Document
from harness.records import GoldenCard

if TYPE_CHECKING:
    from hashlib import _Hash

_MAX_CELL = 16_000_000
_CHUNK = 1_000
_LABEL_CELLS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
_SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a memory-mapped table."""

    name: str
    dataset: Any
    lines: array[int] | None
    kind: str
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    label_columns: frozenset[str]
    card: GoldenCard

    def where(self, index: int) -> tuple[str, int | None]:
        """File and line of a row; tables without lines count rows from 1."""
        return (f"{self.name} row {index + 1}", None) if self.lines is None else (self.name, self.lines[index])

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all in order."""
        wanted = range(len(self.dataset)) if indices is None else indices
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            cells = self.dataset[part if isinstance(part, range) else list(part)]
            for at in range(len(part)):
                yield self._row({name: values[at] for name, values in cells.items()})

    def _row(self, cells: dict[str, Any]) -> Row:
        row: Row = {}
        fields = self.card.fields
        for name, path in self.columns:
            value = cells[name]
            if self.kind == "csv":
                value = self._csv_value(path, value)
                if value is None and ".".join(path) != fields.text and not self._is_label(path):
                    continue
            here = row
            for part in path[:-1]:
                inner = here.setdefault(part, {})
                if not isinstance(inner, dict):
                    break
                here = inner
            else:
                here[path[-1]] = value
        if self.kind != "csv":
            _whole_numbers(row if fields.labels == "." else _at(row, fields.labels.split(".")), label_names(self.card))
        return row

    def _is_label(self, path: tuple[str, ...]) -> bool:
        labels = self.card.fields.labels
        return path[-1] in self.label_columns and ".".join(path[:-1]) == ("" if labels == "." else labels)

    def _csv_value(self, path: tuple[str, ...], cell: str | None) -> Any:
        fields, dotted = self.card.fields, ".".join(path)
        if cell is None or cell == "":
            return [] if dotted == fields.labels else None
        if self._is_label(path):
            return _LABEL_CELLS.get(cell.strip().casefold(), cell)
        if dotted == fields.weight:
            try:
                return float(cell)
            except ValueError:
                return cell
        if dotted == fields.images:
            return cell.split("|")
        if dotted in (fields.votes, fields.context, fields.labels) and cell[0] in "[{":
            try:
                return orjson.loads(cell)
            except orjson.JSONDecodeError:
                return cell
        return [name.strip() for name in cell.split("|")] if dotted == fields.labels else cell


def open_table(
    card: GoldenCard, document: Document, items_path: Path | None, hasher: _Hash, cache_dir: Path | None
) -> Table:
    """Open the items of a card that are not JSONL, and add them to the hash."""
    lines: array[int] | None = None
    if items_path is None:
        kind, name = "hub", card.items
        dataset = _load_hub(card, document, cache_dir)
    else:
        kind, name = items_path.suffix[1:], str(items_path)
        with items_path.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
        columns: list[str] = []
        if kind == "csv":
            columns, lines = _scan_csv(items_path)
        dataset = _load_file(items_path, kind, columns, cache_dir)
        if lines is not None and len(lines) != len(dataset):
            raise FileError(
                name,
                f"reads as {len(lines):,} rows by one reader and {len(dataset):,} by another",
                allowed="plain CSV: commas, double quotes, one header line",
                next_step="convert the items to JSONL",
            )
    parts = RowReader(card, ()).parts
    paths = {column: tuple(column.split(".")) for column in dataset.column_names if column not in card.ignore}
    if kind == "hub":
        paths = {column: path if path[0] in parts else ("meta", *path) for column, path in paths.items()}
    else:
        _check_columns(name, 1 if kind == "csv" else None, list(paths), card, parts, document.path)
    table = Table(name, dataset, lines, kind, tuple(paths.items()), frozenset(label_names(card)), card)
    if kind == "hub":
        for row in table.rows(None):
            hasher.update(json.dumps(row, sort_keys=True, default=str).encode())
    return table


def _load_file(path: Path, kind: str, columns: Sequence[str], cache_dir: Path | None) -> Any:
    datasets = _datasets()
    options: dict[str, Any] = {}
    if kind == "csv":
        options = {
            "features": datasets.Features({column: datasets.Value("string") for column in columns}),
            "keep_default_na": False,
            "skip_blank_lines": True,
        }
    try:
        return datasets.load_dataset(
            kind, data_files=str(path.absolute()), split="train", cache_dir=str(_cache(cache_dir)), **options
        )
    except Exception as error:
        cause = error.__cause__ or error
        raise FileError(
            str(path),
            f"cannot be read as {kind.upper() if kind == 'csv' else 'Parquet'}: {shortened(reason(cause))}",  # type: ignore[arg-type]
            allowed=f"a valid {kind} file",
            next_step="write the file again, or convert the items to JSONL",
        ) from None


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


def _scan_csv(path: Path) -> tuple[list[str], array[int]]:
    """Header and the first line of each row; refuses ragged rows, which CSV readers fill or shift in silence."""
    lines = array("q")
    with path.open("rb") as start:
        refuse_utf16(path, start.read(200))
    with _cell_limit(), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        before = 0
        try:
            header = next(reader, [])
            _check_header(path, header)
            before = reader.line_num
            for cells in reader:
                first, before = before + 1, reader.line_num
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise FileError(
                        str(path),
                        f"has {counted(len(cells), 'cell')}",
                        line=first,
                        allowed=f"{counted(len(header), 'cell')}, as in the header",
                        next_step="quote cells that hold commas or line breaks",
                    )
                if any("\0" in cell for cell in cells):
                    raise FileError(
                        str(path), "has a NUL byte", line=first, allowed="UTF-8 text", next_step="remove the byte"
                    )
                lines.append(first)
        except UnicodeDecodeError:
            decode(path, path.read_bytes())
            raise
        except csv.Error as error:
            raise FileError(
                str(path),
                f"is not CSV: {shortened(error)}",
                line=max(1, reader.line_num),
                allowed="commas, double quotes doubled inside cells, one header line",
                next_step="quote the cell correctly",
            ) from None
    return header, lines


def _check_header(path: Path, header: Sequence[str]) -> None:
    separator = next((mark for mark in _SEPARATORS if len(header) == 1 and mark in header[0]), None)
    if separator is not None:
        raise FileError(
            str(path),
            f"has a header of one cell, '{shortened(header[0])}': the separator looks like {_SEPARATORS[separator]}",
            line=1,
            allowed="cells separated by ','",
            next_step="save the file with commas (in a spreadsheet: 'CSV UTF-8'), or convert it to JSONL",
        )
    faulty = [name for at, name in enumerate(header) if not name.strip() or name in header[:at]]
    if faulty or not header:
        raise FileError(
            str(path),
            "has no header" if not header else f"has the column '{shortened(faulty[0])}' twice or without a name",
            line=1,
            allowed="a header of different names: id, text, labels.CATEGORY, meta.NAME, ...",
            next_step="correct the first line",
        )


def _check_columns(
    name: str, line: int | None, columns: Sequence[str], card: GoldenCard, parts: frozenset[str], card_path: Path
) -> None:
    """Refuse columns that belong to no part of an item, with the name each should have."""
    double = next((column for column in columns if any(other.startswith(f"{column}.") for other in columns)), None)
    if double is not None:
        raise FileError(
            name,
            f"has the column '{shortened(double)}' and others that begin with '{shortened(double)}.'",
            line=line,
            allowed="a part of an item in one column, or in several with dotted names",
            next_step=f"remove one of the two, or write 'ignore: [{shortened(double)}]' in {card_path}",
        )
    unknown = [column for column in columns if column.split(".")[0] not in parts]
    if not unknown:
        return
    labels = [column for column in unknown if column in label_names(card)]
    near = {column: nearest(column, parts) for column in unknown if column not in labels}
    others = [column for column, part in near.items() if part is None]
    steps = [f"'{shortened(column)}': did you mean '{part}'?" for column, part in near.items() if part is not None]
    if labels:
        renamed = listed(f"{card.fields.labels}.{column}" for column in labels)
        steps.append(f"rename to {renamed}, or write 'fields: {{labels: .}}' in {card_path} for plain label columns")
    if others:
        renamed = listed(f"meta.{column}" for column in others)
        steps.append(f"rename to {renamed}, or leave out with 'ignore: [{listed(others)}]' in {card_path}")
    found = "a column that is no part" if len(unknown) == 1 else "columns that are no part"
    prefix = "" if card.fields.labels == "." else f"{card.fields.labels}.LABEL, "
    raise FileError(
        name,
        f"has {found} of an item: {listed(unknown)}",
        line=line,
        allowed=f"{prefix}meta.NAME, {listed(sorted(parts - {'meta', card.fields.labels}), most=40)}",
        next_step="\n  ".join(steps),
    )


@contextmanager
def _cell_limit() -> Iterator[None]:
    before = csv.field_size_limit(_MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _at(row: Any, path: Sequence[str]) -> Any:
    for part in path:
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _whole_numbers(labels: Any, names: Sequence[str]) -> None:
    if isinstance(labels, dict):
        for name in names:
            if isinstance(labels.get(name), float) and labels[name] in (0.0, 1.0):
                labels[name] = int(labels[name])
