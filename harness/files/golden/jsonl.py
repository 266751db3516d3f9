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
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from harness.errors import FileError
from harness.files.golden.faults import Faults
from harness.files.golden.fields import Row
from harness.files.golden.rows import RowReader
from harness.files.golden.stamp import Stamp, require_unchanged, stamp_of
from harness.files.text import decode, refuse_utf16, shortened

if TYPE_CHECKING:
    from hashlib import _Hash

MAX_LINE_BYTES = 16_000_000
_CHUNK = 1_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Jsonl:
    """Rows of a JSONL file by byte offset."""

    path: Path
    offsets: array[int]
    stamp: Stamp

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all of them in order; none that was read after the file changed."""
        offsets, loads = self.offsets, orjson.loads
        with self.path.open("rb", buffering=0 if indices is not None else 1 << 20) as file:
            require_unchanged(self.path, file.fileno(), self.stamp)
            if indices is None:
                file.seek(offsets[0])
            wanted: Sequence[int] = range(len(offsets) - 1) if indices is None else indices
            for start in range(0, len(wanted), _CHUNK):
                rows = []
                for index in wanted[start : start + _CHUNK]:
                    if indices is not None:
                        file.seek(offsets[index])
                    rows.append(loads(file.read(offsets[index + 1] - offsets[index])))
                require_unchanged(self.path, self.path, self.stamp)
                yield from rows


def read_jsonl(path: Path, reader: RowReader, faults: Faults, hasher: _Hash) -> Jsonl:
    """One pass: hash, split at LF, parse, check, note offsets."""
    offsets = array("q")
    at, index = 0, 0
    blank: int | None = None
    loads, add, update, most = orjson.loads, reader.add, hasher.update, MAX_LINE_BYTES
    with path.open("rb", buffering=1 << 20) as file:
        stamp = stamp_of(file.fileno())
        while line := file.readline(most + 1):
            update(line)
            start, size = at, len(line)
            at += size
            if size > most and not line.endswith(b"\n"):
                at += _skip_line(file, hasher)
                _line_fault(faults, index, f"is longer than {most:,} bytes", "shorten the text, or split the item")
                row: Any = None
            else:
                if start == 0:
                    refuse_utf16(path, line)
                    if line.startswith(_BOM):
                        line, start = line[3:], 3
                try:
                    row = loads(line)
                except orjson.JSONDecodeError as error:
                    if not line.strip():
                        blank = index if blank is None else blank
                        index += 1
                        continue
                    _json_fault(faults, index, line, error)
                    row = None
            if blank is not None:
                _line_fault(faults, blank, "is blank", "remove the blank line")
                for _ in range(blank, index):
                    offsets.append(start)
                    reader.codes += reader.blank
                blank = None
            offsets.append(start)
            if row is None:
                reader.codes += reader.blank
                if line.strip() == b"null":
                    add(None, index)
            else:
                _check_keys(faults, index, line, row)
                add(row, index)
            index += 1
    offsets.append(at)
    return Jsonl(path, offsets, stamp)


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


def _json_fault(faults: Faults, index: int, line: bytes, error: orjson.JSONDecodeError) -> None:
    """Say why a line is not JSON, in the user's terms."""
    allowed = "one JSON object per line, UTF-8"
    try:
        text = decode(Path(), line)
    except FileError as fault:
        faults.add(index, None, fault.found + " of the line", allowed, fault.next_step or "save the file as UTF-8")
        return
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
    else:
        found = f"is not JSON: {shortened(error.msg.split(': line')[0])} at character {column}"
        hint = "write each object on one line, with names in double quotes"
    faults.add(index, None, found, allowed, hint)


def repeated_key(line: bytes, row: Any) -> str | None:
    """A key that one JSON object of the line gives twice, or None.

    Counting ``":`` is a fast test that is only trusted when it agrees with the number of keys that were read.
    """
    if line.count(b'":') == _n_keys(row):
        return None
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in pairs}) < len(pairs):
            repeated.append(next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1))

    json.loads(line, object_pairs_hook=note, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None


def _n_keys(value: Any) -> int:
    if type(value) is dict:
        n_keys = len(value)
        for part in value.values():
            if type(part) is dict or type(part) is list:
                n_keys += _n_keys(part)
        return n_keys
    if type(value) is list:
        return sum(_n_keys(part) for part in value if type(part) is dict or type(part) is list)
    return 0
