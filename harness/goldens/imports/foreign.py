"""A file from elsewhere -> its columns and its rows, one after the other, whatever tool wrote it.

Decides what kind of file it is (by its content, not by its name), its encoding and the separator of its cells. Nothing
is dropped in silence: what is no row of the table comes out as ``NoRow`` with its reason. What a column means is
decided in ``guess_plan`` and ``plan``.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import FileError
from harness.files.text import counted, joined, require_file, shortened
from harness.goldens.imports import documents
from harness.goldens.imports.flat import NoRow, Row, flat, unique

_LINES = (".jsonl", ".ndjson")
MARKS = (",", ";", "\t", "|")
_MARK_NAMES = {",": "a comma", ";": "';'", "\t": "a tab", "|": "'|'"}
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_SAMPLE_BYTES = 1 << 18
_MOST_UNFOLDED = 200
_LEAST_LIMIT = 256_000_000
_MAX_CELL = 16_000_000
_SEP_LINE = "sep="


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Foreign:
    """One table of a file: ``rows`` gives (number, row or what stands in its place) anew each time.

    ``objects`` gives the same rows of a JSON file before they are made flat; None for tables. ``guessed_encoding`` is
    what a text was read as although nothing in it or said of it names an encoding.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    facts: tuple[str, ...]
    rows: Callable[[], Iterator[tuple[int, Row | NoRow]]]
    document: Any = None
    objects: Callable[[], Iterator[tuple[int, Any]]] | None = None
    guessed_encoding: str | None = None

    @cached_property
    def sha256(self) -> str:
        """The hash of the file's bytes, taken once."""
        return sha256_of(self.path)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user says about a file; None is found out."""

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    records: str | None = None


_OF_KIND = {"delimiter": "csv", "encoding": "csv", "sheet": "xlsx", "records": "json"}
"""What may be said of a file -> the kind of file it says something about."""


@contextmanager
def open_foreign(path: Path, reading: Reading = Reading()) -> Iterator[Foreign]:
    """Open a file by what is in it.

    Args:
        path: CSV, TSV, xlsx, JSON, JSONL or Parquet, also under gzip; an Inspect log (``.eval``).
        reading: What is known about it already.
    """
    require_file(path, what="file")
    with path.open("rb") as file:
        start = file.read(4_096)
    if not start.strip():
        raise FileError(str(path), "is empty", allowed="a table of items", next_step="export it again")
    if not start.startswith(_GZIP):
        yield _with_effect(_opened(path, path, start, reading, ()), reading)
        return
    with tempfile.NamedTemporaryFile(suffix=Path(path.stem).suffix) as plain:
        _unpack(path, plain)
        inner = Path(plain.name)
        with inner.open("rb") as file:
            start = file.read(4_096)
        yield _with_effect(_opened(path, inner, start, reading, ("gzip",)), reading)


def _with_effect(foreign: Foreign, reading: Reading) -> Foreign:
    """The file, when everything that was said about it is of use for its kind."""
    useless = [name for name, kind in _OF_KIND.items() if getattr(reading, name) is not None and kind != foreign.kind]
    if useless:
        raise FileError(
            str(foreign.path),
            f"is {foreign.kind}, for which --{useless[0]} says nothing",
            allowed=f"--{useless[0]} for {_OF_KIND[useless[0]]}",
            next_step=f"leave --{useless[0]} out, or name the file that was meant",
        )
    return foreign


def _unpack(path: Path, target: Any) -> None:
    most = max(_LEAST_LIMIT, _MOST_UNFOLDED * path.stat().st_size)
    written = 0
    try:
        with gzip.open(path) as packed:
            while block := packed.read(1 << 20):
                written += len(block)
                if written > most:
                    raise FileError(
                        str(path),
                        f"unfolds to more than {most // 1_000_000:,} MB",
                        allowed=f"at most {_MOST_UNFOLDED} times its size, or {_LEAST_LIMIT // 1_000_000:,} MB",
                        next_step="unpack it yourself if you trust it, and import what is inside",
                    )
                target.write(block)
    except (OSError, EOFError) as error:
        raise FileError(
            str(path), f"cannot be unpacked: {error}", allowed="a whole gzip file", next_step="fetch it again"
        ) from None
    target.flush()


def _opened(path: Path, inner: Path, start: bytes, reading: Reading, facts: tuple[str, ...]) -> Foreign:
    """``path`` is what messages name, ``inner`` what is read."""
    if start.startswith(_ZIP):
        return _of_zip(path, inner, reading, facts)
    if start.startswith(_PARQUET):
        return _of_parquet(path, inner, facts)
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    suffix = Path(path.stem).suffix if "gzip" in facts else path.suffix
    if head[:1] in (b"[", b"{") and suffix not in (".csv", ".tsv"):
        return _of_json(path, inner, head, suffix, reading, facts)
    if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileError(
            str(path),
            "is no table that is read here: it holds bytes that no text has",
            allowed="CSV, TSV, xlsx, JSON, JSONL or Parquet, also under gzip",
            next_step="export it in one of these forms (an old .xls: save it as .xlsx)",
        )
    return _of_text(path, inner, reading, facts)


# ----------------------------------------------------------------------------------------------------------- text


def _of_text(path: Path, inner: Path, reading: Reading, facts: tuple[str, ...]) -> Foreign:
    encoding = reading.encoding or documents.encoding_of(path, inner, _BOMS)
    with inner.open(encoding=encoding, newline="", errors="strict") as file:
        sample = documents.decoded(path, encoding, lambda: file.read(_SAMPLE_BYTES))
    first, _, rest = sample.partition("\n")
    n_skipped = 0
    declared = first.strip().strip('"')
    own = declared[len(_SEP_LINE) :] if declared.lower().startswith(_SEP_LINE) else None
    if own is not None:
        n_skipped, sample = 1, rest
    delimiter = reading.delimiter or (own if own in MARKS else None) or _delimiter(sample)
    header = next(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), [])
    columns = unique(header)
    if len(columns) == 1 and reading.delimiter is None and not columns[0]:
        raise FileError(str(path), "has no header", allowed="a first line with the names of the columns",
                        next_step="add one")  # fmt: skip

    def rows() -> Iterator[tuple[int, Row | NoRow]]:
        csv.field_size_limit(min(_MAX_CELL, sys.maxsize))
        with inner.open(encoding=encoding, newline="", errors="strict") as file:
            for _ in range(n_skipped):
                file.readline()
            reader = csv.reader(file, delimiter=delimiter)
            next(reader, None)
            yield from documents.decoded_rows(path, encoding, _cells(path, reader, columns, n_skipped))

    told = [*facts, "CSV"] if delimiter == "," else [*facts, f"cells parted by {_MARK_NAMES.get(delimiter, delimiter)}"]
    if encoding.replace("-sig", "") != "utf-8":
        told.append(f"read as {encoding}")
    is_guessed = reading.encoding is None and encoding not in ("utf-8", *_BOMS.values())
    return Foreign(path, "csv", columns, tuple(told), rows, guessed_encoding=encoding if is_guessed else None)


def _cells(path: Path, reader: Any, columns: Sequence[str], n_skipped: int) -> Iterator[tuple[int, Row | NoRow]]:
    least = len(columns) - documents.n_trailing_blank(columns)
    while True:
        number = reader.line_num + 1 + n_skipped
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise FileError(str(path), f"cannot be read: {error}", line=number,
                            allowed="cells of at most 16 MB, quotes that end",
                            next_step="look for a quote that does not end there") from None  # fmt: skip
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            yield number, NoRow("a blank line")
        elif any(cell.strip() for cell in cells[len(columns) :]) or len(cells) < least:
            yield number, NoRow(f"{counted(len(cells), 'cell')} under {counted(len(columns), 'column')}")
        else:
            yield number, dict(zip(columns, cells, strict=False))


def _delimiter(sample: str) -> str:
    """The mark that parts most lines into the same number of cells, and more than one."""
    best, best_score = ",", 0.0
    for mark in MARKS:
        try:
            reader = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
            counts = [len(cells) for cells in reader if cells]
        except csv.Error:
            continue
        counts = counts[:-1] or counts  # the sample may end inside a row
        if not counts or counts[0] < 2:
            continue
        same = sum(count == counts[0] for count in counts) / len(counts)
        score = same * (1 + min(counts[0], 50) / 1_000)
        if score > best_score:
            best, best_score = mark, score
    return best


# ------------------------------------------------------------------------------------------------------ documents


def _of_json(path: Path, inner: Path, head: bytes, suffix: str, reading: Reading, facts: tuple[str, ...]) -> Foreign:
    if head[:1] == b"{" and reading.records is None and (suffix in _LINES or documents.is_lines(inner)):
        documents.refuse_no_lines(path, inner)
        read: Callable[[], Iterator[tuple[int, Any]]] = lambda: documents.lines(path, inner)  # noqa: E731
        kind, document = "jsonl", None
    elif head[:1] == b"[":
        read, kind, document = lambda: documents.elements(path, inner), "json", None
    else:
        document = documents.whole(path, inner)
        name, found = documents.list_inside(path, document, reading.records)
        read, kind = lambda: enumerate(found, start=1), "json"
        facts = (*facts, f"the list under '{name}'") if name else facts

    def rows() -> Iterator[tuple[int, Row | NoRow]]:
        for number, value in read():
            if isinstance(value, dict):
                yield number, flat(value)
            else:
                yield number, value if isinstance(value, NoRow) else NoRow("no JSON object")

    return Foreign(path, kind, _columns_of(rows), (*facts, kind.upper()), rows, document, read)


def _of_parquet(path: Path, inner: Path, facts: tuple[str, ...]) -> Foreign:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from harness.files.golden.tables import check_unfolded_size

    check_unfolded_size(inner)

    def rows() -> Iterator[tuple[int, Row | NoRow]]:
        number = 0
        try:
            with pq.ParquetFile(inner) as file:
                for batch in file.iter_batches(batch_size=1_000):
                    for value in batch.to_pylist():
                        number += 1
                        yield number, flat(value)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise FileError(str(path), f"cannot be read as Parquet: {shortened(error)}",
                            allowed="a whole Parquet file", next_step="write it again") from None  # fmt: skip

    return Foreign(path, "parquet", _columns_of(rows), (*facts, "Parquet"), rows)


def _columns_of(rows: Callable[[], Iterator[tuple[int, Row | NoRow]]]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for at, (_, row) in enumerate(rows()):
        if not isinstance(row, NoRow):
            names.update(dict.fromkeys(row))
        if at >= 2_000:
            break
    return tuple(names)


def _of_zip(path: Path, inner: Path, reading: Reading, facts: tuple[str, ...]) -> Foreign:
    import zipfile

    try:
        with zipfile.ZipFile(inner) as packed:
            names = packed.namelist()
            size = sum(info.file_size for info in packed.infolist())
    except zipfile.BadZipFile as error:
        raise FileError(str(path), f"cannot be opened: {error}", allowed="a whole file",
                        next_step="fetch it again") from None  # fmt: skip
    if size > max(_LEAST_LIMIT, _MOST_UNFOLDED * inner.stat().st_size):
        raise FileError(str(path), f"unfolds to {size // 1_000_000:,} MB", allowed=f"at most {_MOST_UNFOLDED} times "
                        "its size", next_step="unpack it yourself if you trust it")  # fmt: skip
    if "header.json" in names:
        return Foreign(path, "inspect", (), (*facts, "an Inspect log"), lambda: documents.inspect_samples(path, inner),
                       documents.inspect_header(path, inner))  # fmt: skip
    if "xl/workbook.xml" not in names:
        raise FileError(
            str(path),
            f"is an archive with {joined(names, most=3)}",
            allowed="CSV, TSV, xlsx, JSON, JSONL or Parquet, also under gzip",
            next_step="unpack it, and import the file inside",
        )
    return _of_xlsx(path, inner, reading, facts)


def _of_xlsx(path: Path, inner: Path, reading: Reading, facts: tuple[str, ...]) -> Foreign:
    from harness.goldens.imports.workbook import open_sheet

    columns, sheet, others, cells = open_sheet(path, inner, reading.sheet)
    told = [*facts, f"sheet '{sheet}'"]
    if others:
        told.append(f"not read: {joined(others)} (--sheet NAME)")

    def rows() -> Iterator[tuple[int, Row | NoRow]]:
        for number, values in cells():
            if all(value in (None, "") for value in values):
                yield number, NoRow("a blank line")
            else:
                yield number, dict(zip(columns, values, strict=False))

    return Foreign(path, "xlsx", columns, tuple(told), rows)
