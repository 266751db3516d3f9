"""A JSON array of rows, as many tools export it: one pass that notes where each row stands, then rows by offset."""

from __future__ import annotations

import mmap
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from harness.errors import FileError
from harness.files.golden.fields import Row
from harness.files.golden.propose import resave_hint
from harness.files.golden.stamp import Stamp, require_unchanged, stamp_of
from harness.files.text import refuse_utf16, shortened

if TYPE_CHECKING:
    from hashlib import _Hash

    from harness.files.golden.rows import RowReader

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\],]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_BLOCK = 1 << 20
_MOST_LOOKED_AT = 100 << 20
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class JsonArray:
    """Rows of a JSON array by where they begin and end."""

    path: Path
    starts: array[int]
    ends: array[int]
    stamp: Stamp

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all of them in order; none that was read after the file changed."""
        wanted: Sequence[int] = range(len(self.starts)) if indices is None else indices
        with self.path.open("rb") as file:
            require_unchanged(self.path, file.fileno(), self.stamp)
            for start in range(0, len(wanted), _CHUNK):
                rows = []
                for index in wanted[start : start + _CHUNK]:
                    file.seek(self.starts[index])
                    rows.append(orjson.loads(file.read(self.ends[index] - self.starts[index])))
                require_unchanged(self.path, self.path, self.stamp)
                yield from rows


def is_json_array(path: Path) -> bool:
    """Whether the first character of a file opens an array that is not closed on the first line."""
    with path.open("rb") as file:
        start = file.read(4_096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"[")


def no_array(path: Path) -> FileError:
    """What a ``.json`` file holds that begins with no ``[``, and how its rows come to be read."""
    found, step = "is no JSON array", resave_hint(path).removeprefix("or ")
    if path.stat().st_size <= _MOST_LOOKED_AT:
        with suppress(orjson.JSONDecodeError):
            held = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
            inner = next((name for name, rows in held.items() if _are_rows(rows)), None) if type(held) is dict else None
            if inner is not None:
                found = f"is an object, and its rows stand under '{shortened(inner)}'"
                step = f"save what stands there as a file of its own: jq '.[\"{shortened(inner)}\"]' {path} > NEW.json"
            elif type(held) is dict and len(held) > 1 and all(type(values) in (dict, list) for values in held.values()):
                found = "is an object of columns, as data frames write it"
                step = f"write the rows (pandas: to_json(..., orient='records', lines=True)), {resave_hint(path)}"
    allowed = "an array of objects, [{...}, {...}], or one object per line in a file ending in .jsonl"
    return FileError(str(path), found, line=1, allowed=allowed, next_step=step)


def _are_rows(value: object) -> bool:
    return type(value) is list and bool(value) and all(type(row) is dict for row in value)


class Elements:
    """Where the elements of the array in a buffer begin and end."""

    def __init__(self, path: Path, data: bytes | mmap.mmap) -> None:
        self.path, self.data = path, data

    def spans(self) -> Iterator[tuple[int, int]]:
        """Begin and end of each element, in order."""
        data, depth, start, is_closed = self.data, 0, -1, False
        at = 0
        for token in _TOKEN.finditer(data):
            mark = data[token.start()]
            at = token.end()
            if is_closed:
                raise self._error("has more after the array", token.start(), "remove what follows the last ']'")
            if mark in b"[{":
                depth += 1
                if depth == 1:
                    start = at
            elif mark in b"]}":
                depth -= 1
                if depth == 0:
                    is_closed = True
                    begin, end = self._trimmed(start, token.start())
                    if end > begin:
                        yield begin, end
            elif mark == ord(",") and depth == 1:
                yield self._trimmed(start, token.start())
                start = at
        if not is_closed:
            raise self._error("is a JSON array that does not end", at, "write the file again: its end is missing")

    def line_at(self, offset: int) -> int:
        """The line of a byte, from 1."""
        return bytes(self.data[:offset]).count(b"\n") + 1

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        space = _SPACE.match(self.data, start, end)
        begin = start if space is None else space.end()
        while end > begin and self.data[end - 1] in b" \t\r\n":
            end -= 1
        return begin, end

    def _error(self, found: str, at: int, next_step: str) -> FileError:
        return FileError(
            str(self.path),
            found,
            line=self.line_at(at),
            allowed="one JSON array of objects, or one JSON object per line",
            next_step=next_step,
        )


def read_json_array(path: Path, reader: RowReader, lines: array[int], hasher: _Hash) -> JsonArray:
    """One pass: hash, part the array, parse and check its elements; ``lines`` receives the line of each."""
    starts, ends = array("q"), array("q")
    with path.open("rb") as file:
        stamp = stamp_of(file.fileno())
        while block := file.read(_BLOCK):
            hasher.update(block)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            refuse_utf16(path, data[:200])
            elements = Elements(path, data)
            line, before = 1, 0
            for index, (begin, end) in enumerate(elements.spans()):
                element = data[begin:end]
                line += data[before:begin].count(b"\n")
                before = begin
                starts.append(begin)
                ends.append(end)
                lines.append(line)
                reader.add(_parsed(path, element, line), index)
    return JsonArray(path, starts, ends, stamp)


def _parsed(path: Path, element: bytes, line: int) -> object:
    from harness.files.golden.jsonl import repeated_key

    try:
        row = orjson.loads(element)
    except orjson.JSONDecodeError as error:
        found = "has an entry that is not JSON" if element else "has an empty entry (two commas, or one before the ']')"
        detail = f": {shortened(error.msg.split(': line')[0])}" if element else ""
        hint = (
            "write null where there is no value"
            if re.search(rb"\b(NaN|-?Infinity)\b", element)
            else "correct the entry"
        )
        raise FileError(
            str(path), found + detail, line=line, allowed="a JSON array of objects", next_step=hint
        ) from None
    try:
        key = repeated_key(element, row)
    except RecursionError:
        key = None
    if key is not None:
        raise FileError(
            str(path),
            "is given twice in one object",
            line=line,
            field=key,
            allowed="each key once",
            next_step="remove one",
        )
    return row
