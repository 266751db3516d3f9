"""CSV and TSV files: one pass that hashes and notes where each row begins, then rows by byte offset.

Decides the delimiter (the card's, that of a first line ``sep=;`` as spreadsheets write it, a tab for ``.tsv``, else a
comma) and refuses what CSV readers fill or shift in silence: ragged rows, broken quotes, other encodings.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import FileError
from harness.files.golden.cells import CellReader, check_columns, kept_columns
from harness.files.golden.fields import Row, column_path
from harness.files.golden.propose import resave_hint, written_in
from harness.files.golden.stamp import Stamp, require_unchanged, stamp_of
from harness.files.text import counted, decode, refuse_utf16, shortened, words
from harness.records import GoldenCard

if TYPE_CHECKING:
    from hashlib import _Hash

MAX_CELL = 16_000_000
ENCODINGS = words(
    "utf-8 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 latin-1 iso-8859-2 iso-8859-5 "
    "iso-8859-15 koi8-r mac-roman cp932 shift_jis euc-jp euc-kr cp949 gb18030 gbk big5"
)
_ROW_OF_LETTERS = re.compile(rb"[\x80-\xff]{3}")
_BY_SCRIPT = (
    "cp1251 or koi8-r (Cyrillic), cp1250 (Central Europe), cp1253 (Greek), cp1254 (Turkish), cp1256 (Arabic), "
    "cp1255 (Hebrew), cp932 (Japanese), gb18030 or big5 (Chinese), cp949 (Korean), cp1252 (Western Europe)"
)
_SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'", ",": "','"}
_SEP_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\"?sep=(.)\"?\r?\n?", re.IGNORECASE)
_SAMPLED = 200
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Delimited:
    """Rows of a CSV or TSV file by byte offset."""

    path: Path
    header: tuple[str, ...]
    delimiter: str
    encoding: str
    offsets: array[int]
    lines: array[int]
    stamp: Stamp
    cells: CellReader

    def where(self, index: int) -> tuple[str, int | None]:
        """File and line of a row."""
        return str(self.path), self.lines[index]

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all of them in order; none that was read after the file changed."""
        offsets, header, build = self.offsets, self.header, self.cells.row
        wanted: Sequence[int] = range(len(offsets) - 1) if indices is None else indices
        with _cell_limit(), self.path.open("rb", buffering=0 if indices is not None else 1 << 20) as file:
            require_unchanged(self.path, file.fileno(), self.stamp)
            for start in range(0, len(wanted), _CHUNK):
                rows = []
                for index in wanted[start : start + _CHUNK]:
                    file.seek(offsets[index])
                    text = file.read(offsets[index + 1] - offsets[index]).decode(self.encoding)
                    cells = next(
                        cell for cell in csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter) if cell
                    )
                    rows.append(build(dict(zip(header, cells, strict=True))))
                require_unchanged(self.path, self.path, self.stamp)
                yield from rows


def open_delimited(path: Path, card: GoldenCard, card_path: Path, hasher: _Hash) -> Delimited:
    """One pass over the file: hash, header, columns, ragged rows, and the offset of each row."""
    encoding = card.encoding or "utf-8"
    offsets, lines = array("q"), array("q")
    samples: list[list[str]] = []
    with Scan(path, delimiter=card.delimiter, encoding=encoding, hasher=hasher, card_path=card_path) as scan:
        header = scan.header
        _check_header(scan, card_path)
        for start, line, cells in scan.rows():
            offsets.append(start)
            lines.append(line)
            if len(samples) < _SAMPLED:
                samples.append(cells)
    offsets.append(scan.end)
    by_column = {name: [cells[at] for cells in samples] for at, name in enumerate(header)}
    kept = kept_columns(by_column, card)
    check_columns(str(path), scan.header_line, card, card_path, {name: by_column[name] for name in kept}, is_text=True)
    columns = [(name, column_path(name, card)) for name in kept]
    return Delimited(
        path,
        tuple(header),
        scan.delimiter,
        encoding,
        offsets,
        lines,
        scan.stamp,
        CellReader(columns, card, is_text=True),
    )


class Scan:
    """Cells of a delimited file, with the byte and line at which each row begins."""

    def __init__(
        self,
        path: Path,
        *,
        delimiter: str | None = None,
        encoding: str = "utf-8",
        hasher: _Hash | None = None,
        card_path: Path | None = None,
    ) -> None:
        self.path, self.encoding, self.card_path = path, encoding, card_path
        self._hasher = hasher
        self.end = 0
        self._n_lines = 0
        self._file = path.open("rb", buffering=1 << 20)
        try:
            self._begin(delimiter)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, delimiter: str | None) -> None:
        path = self.path
        self.stamp = stamp_of(self._file.fileno())
        start = self._file.read(4_096)
        if self.encoding == "utf-8":
            refuse_utf16(path, start)
        declared = _SEP_LINE.match(start)
        own = declared[1].decode("latin-1") if declared is not None else "\t" if path.suffix.lower() == ".tsv" else ","
        self.delimiter = delimiter or own
        self._file.seek(0)
        if declared is not None:
            self._take(self._file.readline())
        self._reader = csv.reader(self._decoded(), delimiter=self.delimiter, strict=True)
        self.header_line = self._n_lines + 1
        with _cell_limit():
            self.header = self._next() or []

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self) -> Iterator[tuple[int, int, list[str]]]:
        """Byte and line of each row, and its cells; raises at a row with another number of cells than the header."""
        with _cell_limit():
            while True:
                start, line = self.end, self._n_lines + 1
                cells = self._next()
                if cells is None:
                    break
                if not cells:
                    continue
                if len(cells) != len(self.header):
                    allowed = f"{counted(len(self.header), 'cell')}, as in the header"
                    hint = "quote cells that hold the separator or line breaks"
                    raise self._fault(line, f"has {counted(len(cells), 'cell')}", allowed, hint)
                yield start, line, cells

    def _next(self) -> list[str] | None:
        line = self._n_lines + 1
        try:
            return next(self._reader, None)
        except csv.Error as error:
            hint = "quote the cell correctly"
            if "new-line character" in str(error):
                hint = "end lines with LF or CR LF: " + resave_hint(self.path).removeprefix("or ")
            allowed = "one separator throughout, double quotes doubled inside cells, one header line"
            at = max(line, self._n_lines)
            raise self._fault(at, f"is not CSV: {shortened(error)}", allowed, hint) from None

    def _decoded(self) -> Iterable[str]:
        while line := self._file.readline():
            self._take(line)
            if b"\0" in line and self.encoding == "utf-8":
                raise self._fault(self._n_lines, "has a NUL byte", "UTF-8 text", "remove the byte")
            try:
                text = line.decode(self.encoding)
            except UnicodeDecodeError as error:
                raise self._undecodable(line, error) from None
            yield text.removeprefix("\ufeff") if self._n_lines == 1 else text

    def _take(self, line: bytes) -> None:
        self.end += len(line)
        self._n_lines += 1
        if self._hasher is not None:
            self._hasher.update(line)

    def _undecodable(self, line: bytes, error: UnicodeDecodeError) -> FileError:
        if self.encoding != "utf-8":
            found = f"has a byte that is not {self.encoding}: 0x{line[error.start]:02x}"
            return self._fault(self._n_lines, found, self.encoding, "correct 'encoding'")
        try:
            decode(self.path, line)
        except FileError as fault:
            found = fault.found.rpartition(" at byte ")[0] or fault.found
        steps = ["save the file as UTF-8"]
        if self.card_path is not None:
            steps.append(f"or {written_in(self.card_path, _encoding_lines(line))}")
        found = f"{found} at byte {self.end - len(line) + error.start}"
        return self._fault(self._n_lines, found, "UTF-8 text", "\n  ".join([*steps, resave_hint(self.path)]))

    def _fault(self, line: int, found: str, allowed: str, next_step: str) -> FileError:
        return FileError(str(self.path), found, line=line, allowed=allowed, next_step=next_step)


def _encoding_lines(line: bytes) -> list[str]:
    """The encoding of a Western file; where letters beyond ASCII stand in rows, nobody can tell whose they are."""
    if not _ROW_OF_LETTERS.search(line):
        try:
            line.decode("cp1252")
        except UnicodeDecodeError:
            return ["encoding: latin-1"]
        return ["encoding: cp1252"]
    return [f"encoding: ?   # that of the program that saved it: {_BY_SCRIPT}"]


def _check_header(scan: Scan, card_path: Path) -> None:
    path, header = scan.path, scan.header
    mark = next((mark for mark in _SEPARATORS if len(header) == 1 and mark in header[0]), None)
    if mark is not None:
        shown = '"\\t"' if mark == "\t" else f'"{mark}"'
        raise FileError(
            str(path),
            f"has a header of one cell, '{shortened(header[0])}': the separator looks like {_SEPARATORS[mark]}",
            line=scan.header_line,
            allowed=f"cells separated by {_SEPARATORS[scan.delimiter]}, or as the card declares",
            next_step=f"{written_in(card_path, [f'delimiter: {shown}'])}\n  {resave_hint(path)}",
        )
    nameless = [at for at, name in enumerate(header) if not name.strip()]
    faulty = [name for at, name in enumerate(header) if name in header[:at] or (not name.strip() and at != nameless[0])]
    if faulty or not header:
        raise FileError(
            str(path),
            "has no header" if not header else f"has the column '{shortened(faulty[0])}' twice or without a name",
            line=scan.header_line,
            allowed="a header of different names: id, text, labels.CATEGORY, meta.NAME, ...",
            next_step="correct the first line",
        )


@contextmanager
def _cell_limit() -> Iterator[None]:
    before = csv.field_size_limit(MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
