"""JSONL files: one pass that hashes, splits at LF, parses and checks; afterwards rows by byte offset.

A file that begins with ``[`` is a JSON array, whatever its name says (``json_array``).
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from harness.errors import FileError
from harness.files.golden.faults import Faults
from harness.files.golden.fields import Row
from harness.files.golden.plain import Plain, PlainRows, may_repeat_keys, n_keys_in
from harness.files.golden.rows import RowReader
from harness.files.golden.stamp import Stamp, require_unchanged, stamp_of
from harness.files.text import decode, refuse_utf16, shortened

if TYPE_CHECKING:
    from hashlib import _Hash

JSON_LINES = "one JSON object per line, UTF-8"
MAX_LINE_BYTES = 16_000_000
_CHUNK = 1_000
_BLOCK_BYTES = 1 << 17
_SPAN_BYTES = 1 << 22
"""Rows that stand so near each other are read together, with what is between them."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Jsonl:
    """Rows of a JSONL file by byte offset."""

    path: Path
    offsets: array[int]
    stamp: Stamp

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all of them in order; none that was read after the file changed."""
        with self.path.open("rb", buffering=0) as file:
            require_unchanged(self.path, file.fileno(), self.stamp)
            wanted: Sequence[int] = range(len(self.offsets) - 1) if indices is None else indices
            for start in range(0, len(wanted), _CHUNK):
                rows = self._read(file, wanted[start : start + _CHUNK])
                require_unchanged(self.path, self.path, self.stamp)
                yield from rows

    def _read(self, file: BinaryIO, indices: Sequence[int]) -> list[Row]:
        offsets = self.offsets
        base, end = offsets[min(indices)], offsets[max(indices) + 1]
        if end - base > _SPAN_BYTES:
            return [orjson.loads(_bytes_at(file, offsets[at], offsets[at + 1])) for at in indices]
        span = _bytes_at(file, base, end)
        lines = [span[offsets[at] - base : offsets[at + 1] - base] for at in indices]
        rows: list[Row] = orjson.loads(b"[%b]" % b",".join(lines))
        return rows


def _bytes_at(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)


def read_jsonl(path: Path, reader: RowReader, faults: Faults, hasher: _Hash, plain: PlainRows | None = None) -> Jsonl:
    """One pass: hash, split at LF, parse, check, note offsets; line by line where ``plain`` does not read them."""
    reading = _Reading(path, reader, faults, hasher)
    with path.open("rb", buffering=1 << 20) as file:
        stamp = stamp_of(file.fileno())
        while plain is not None and (block := file.read(_BLOCK_BYTES)):
            block += file.readline(MAX_LINE_BYTES)
            n_lines = block.count(b"\n")
            is_short = len(block) <= MAX_LINE_BYTES  # so that no line of it is too long
            found = plain.read(block, n_lines) if is_short and reading.blank is None else None
            if found is not None:
                reading.add_plain(block, n_lines, found)
                continue
            end = reading.at + len(block)
            file.seek(reading.at)
            while reading.at < end:
                reading.add(file.readline(MAX_LINE_BYTES + 1), file)
        while line := file.readline(MAX_LINE_BYTES + 1):
            reading.add(line, file)
    reading.offsets.append(reading.at)
    return Jsonl(path, reading.offsets, stamp)


class _Reading:
    """How far a file is read."""

    def __init__(self, path: Path, reader: RowReader, faults: Faults, hasher: _Hash) -> None:
        self._path, self._reader, self._faults, self._hasher = path, reader, faults, hasher
        self.offsets = array("q")
        self.at, self.index = 0, 0
        self.blank: int | None = None
        """The first of the blank lines just read: a fault unless the file ends with them."""

    def add(self, line: bytes, file: Any) -> None:
        """Read the next line; what of it is too long for one is skipped in the file."""
        self._hasher.update(line)
        start, size, index = self.at, len(line), self.index
        self.at += size
        row: Any = None
        is_read = False
        if size > MAX_LINE_BYTES + line.endswith(b"\n"):
            if not line.endswith(b"\n"):
                self.at += _skip_line(file, self._hasher)
            found = f"is longer than {MAX_LINE_BYTES:,} bytes"
            _line_fault(self._faults, index, found, "shorten the text, or split the item")
        else:
            if start == 0:
                refuse_utf16(self._path, line)
                if line.startswith(_BOM):
                    line, start = line[3:], 3
            try:
                row = orjson.loads(line)
                is_read = True
            except orjson.JSONDecodeError as error:
                if index == 0:
                    refuse_other_lines(self._path, line)
                if not line.strip():
                    self.blank = index if self.blank is None else self.blank
                    self.index += 1
                    return
                found, hint = why_no_json(line, error)
                self._faults.add(index, None, found, JSON_LINES, hint)
        if self.blank is not None:
            _line_fault(self._faults, self.blank, "is blank", "remove the blank line")
            for _ in range(self.blank, index):
                self.offsets.append(start)
                self._reader.add_unread()
            self.blank = None
        self.offsets.append(start)
        if not is_read:
            self._reader.add_unread()
        elif row is None:
            self._reader.add(None, index)
        else:
            _check_keys(self._faults, index, line, row)
            self._reader.add(row, index)
        self.index += 1

    def add_plain(self, block: bytes, n_lines: int, found: Plain) -> None:
        """Take whole lines that were read together."""
        self._hasher.update(block)
        self.offsets.extend(accumulate(map(len, BytesIO(block)), initial=self.at))
        self.at = self.offsets.pop()
        self._reader.add_plain(found, self.index)
        self.index += n_lines


def _check_keys(faults: Faults, index: int, line: bytes, row: Any) -> None:
    try:
        key = repeated_key(line, row)
    except RecursionError:
        faults.add(index, None, "is nested too deep", "a few hundred levels at most", "flatten the row")
        return
    if key is not None:
        faults.add(index, key, "is given twice in one object", "each key once", "remove one of the two")


def _skip_line(file: Any, hasher: _Hash) -> int:
    skipped = 0
    while part := file.readline(1 << 20):
        hasher.update(part)
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _line_fault(faults: Faults, index: int, found: str, next_step: str) -> None:
    faults.add(index, None, found, f"one JSON object per line, at most {MAX_LINE_BYTES:,} bytes", next_step)


def refuse_other_lines(path: Path, line: bytes) -> None:
    """One message where the whole file is written otherwise: an object over several lines, or line ends of old."""
    if line.lstrip()[:1] != b"{":
        return
    found, hint = "", ""
    if b"\r" in line.strip():
        found, hint = "ends its lines with CR alone", "end lines with LF or CR LF"
    elif not line.rstrip().endswith((b"}", b"},")):
        found = "begins an object that does not end on its line"
        hint = f"write each object on one line: jq -c . {path} > NEW.jsonl"
    if found:
        raise FileError(str(path), found, line=1, allowed=JSON_LINES, next_step=hint)


def why_no_json(line: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    """Why a line is not JSON, in the user's terms, and what to do."""
    try:
        text = decode(Path(), line)
    except FileError as fault:
        return fault.found + " of the line", fault.next_step or "save the file as UTF-8"
    column = cast("int", getattr(error, "colno", 0))
    near = text[max(0, column - 1) :]
    bad_number = re.match(r"-?(NaN|Infinity)", near) or re.search(r"[:\[,]\s*(-?(?:NaN|Infinity))\b", text)
    if "surrogate" in error.msg:
        found, hint = "has half of a surrogate pair (\\ud800 to \\udfff) in a string", "remove the broken character"
    elif bad_number and not text[: bad_number.start(0)].count('\\"'):
        name = bad_number[0].lstrip(":[, ")
        found, hint = f"has {name}, which is not JSON", "write null where there is no value"
    elif text.lstrip()[:1] not in ("{", "["):
        found, hint = f"is not JSON: '{shortened(text.strip())}'", "write one object {...} per line"
    elif "after document" in error.msg:
        found = f"goes on after its object, with '{near.strip()[:1]}'"
        hint = "end the line with the object, and write the next one on a line of its own"
    else:
        found = f"is not JSON: {shortened(error.msg.split(': line')[0])} at character {column}"
        hint = "write each object on one line, with names in double quotes"
    return found, hint


def repeated_key(line: bytes, row: Any) -> str | None:
    """A key that one JSON object of the line gives twice, or None."""
    if not may_repeat_keys(line, n_keys_in(row)):
        return None
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in pairs}) < len(pairs):
            repeated.append(next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1))

    json.loads(line, object_pairs_hook=note, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None
