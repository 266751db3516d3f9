"""Bytes of a text or JSON file from elsewhere -> characters, or JSON values with their numbers.

Decides the encoding of a text: what its first bytes declare, else UTF-8 where all of it is, else what
charset-normalizer finds most likely. A single byte that does not fit is never replaced in silence.
"""

from __future__ import annotations

import codecs
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson

from harness.errors import FileError
from harness.files.golden.delimited import ENCODINGS
from harness.files.golden.json_array import Elements
from harness.files.golden.jsonl import refuse_other_lines, repeated_key
from harness.files.text import joined, shortened
from harness.goldens.imports.flat import NoRow, Row

T = TypeVar("T")
_WRITTEN = frozenset(name.replace("_", "-") for name in ENCODINGS) - {"utf-8", "latin-1"}
_MOST_WHOLE = 512_000_000
_LOOKED_AT = 200_000


def encoding_of(path: Path, inner: Path, boms: Mapping[bytes, str]) -> str:
    """The encoding of a text file."""
    with inner.open("rb") as file:
        start = file.read(4)
        for bom, name in boms.items():
            if start.startswith(bom):
                return name
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        where = 0
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
                where += len(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            file.seek(max(0, where + error.start - _LOOKED_AT // 2))
            return _detected(path, file.read(_LOOKED_AT))
    return "utf-8"


def _detected(path: Path, data: bytes) -> str:
    from charset_normalizer import from_bytes

    found = [match for match in from_bytes(data, threshold=0.4) if match.encoding.replace("_", "-") in _WRITTEN]
    if not found:
        raise FileError(str(path), "is text in no encoding that could be recognised", allowed="UTF-8 if possible",
                        next_step="name it: --encoding cp1252")  # fmt: skip
    best = min(found, key=lambda match: (match.chaos, -match.coherence))
    # what reads as well in the encoding of Western European spreadsheets was most probably written in it
    western = next((match for match in found if match.encoding == "cp1252"), best)
    best = western if western.chaos <= best.chaos and western.coherence >= best.coherence - 0.02 else best
    return best.encoding.replace("_", "-")


def decoded(path: Path, encoding: str, read: Callable[[], T]) -> T:
    """What ``read`` gives; one message where bytes do not fit the encoding."""
    try:
        return read()
    except (UnicodeDecodeError, LookupError) as error:
        raise _undecodable(path, encoding, error) from None


def decoded_rows(path: Path, encoding: str, rows: Iterator[T]) -> Iterator[T]:
    """The rows; one message where bytes do not fit the encoding."""
    try:
        yield from rows
    except UnicodeDecodeError as error:
        raise _undecodable(path, encoding, error) from None


def _undecodable(path: Path, encoding: str, error: Exception) -> FileError:
    return FileError(str(path), f"is not {encoding}: {shortened(error)}", allowed="the encoding it was written in",
                     next_step="name it: --encoding cp1252 (or utf-8, utf-16, shift_jis, gb18030, ...)")  # fmt: skip


def n_trailing_blank(columns: Sequence[str]) -> int:
    """How many columns at the end have no name: rows may leave their cells out."""
    n = 0
    for name in reversed(columns):
        if name and not name.isdigit():
            break
        n += 1
    return n


# ----------------------------------------------------------------------------------------------------------- JSON


def is_lines(path: Path) -> bool:
    """Whether the first line of a file is a JSON object of its own, and another follows."""
    with path.open("rb") as file:
        first = file.readline(4_000_000).removeprefix(b"\xef\xbb\xbf").strip()
        rest = file.read(1 << 16).strip()
    try:
        return isinstance(orjson.loads(first), dict) and rest[:1] == b"{"
    except orjson.JSONDecodeError:
        return False


def refuse_no_lines(path: Path, inner: Path) -> None:
    """One message for objects over several lines, or with line ends of old, in a file of JSON lines."""
    with inner.open("rb") as file:
        first = file.readline(4_000_000).removeprefix(b"\xef\xbb\xbf")
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        refuse_other_lines(path, first)


def lines(path: Path, inner: Path) -> Iterator[tuple[int, Any]]:
    """The value of each line; ``NoRow`` where a line is none."""
    with inner.open("rb", buffering=1 << 20) as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not line:
                yield number, NoRow("a blank line")
                continue
            yield number, _value(line)


def elements(path: Path, inner: Path) -> Iterator[tuple[int, Any]]:
    """The elements of a JSON array, one after the other, and their numbers from 1."""
    with inner.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for number, (start, end) in enumerate(Elements(path, data).spans(), start=1):
            yield number, _value(data[start:end])


def _value(data: bytes) -> Any:
    """What one row says; ``NoRow`` where that is no JSON, or says two things under one key."""
    try:
        value = orjson.loads(data)
        repeated = repeated_key(data, value)
    except orjson.JSONDecodeError as error:
        return NoRow(f"no JSON: {shortened(error)}")
    except RecursionError:
        return NoRow("nested too deep")
    return value if repeated is None else NoRow(f"a key given twice in one object: {shortened(repeated)}")


def whole(path: Path, inner: Path) -> Any:
    """A JSON document of one value."""
    size = inner.stat().st_size
    if size > _MOST_WHOLE:
        raise FileError(str(path), f"is one JSON value of {size:,} bytes", allowed=f"at most {_MOST_WHOLE:,}",
                        next_step="export one object a line (JSONL)")  # fmt: skip
    try:
        return orjson.loads(inner.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise FileError(str(path), f"is no JSON: {shortened(error)}", allowed="a JSON array, or an object a line",
                        next_step="export it again") from None  # fmt: skip


def list_inside(path: Path, document: Any, wanted: str | None) -> tuple[str, list[Any]]:
    """The list of objects in a document, and its dotted name; the one that is named, else the only one."""
    lists = dict(_lists(document, "", 0))
    if wanted is not None:
        if wanted not in lists:
            raise FileError(str(path), f"has no list '{shortened(wanted)}'", allowed=joined(lists),
                            next_step="name one of these, with dots")  # fmt: skip
        return wanted, lists[wanted]
    if len(lists) == 1:
        return next(iter(lists.items()))
    if not lists:
        return "", [document]
    raise FileError(str(path), f"holds several lists: {joined(lists)}", allowed="one list of rows",
                    next_step="say which: --records NAME")  # fmt: skip


def _lists(value: Any, path: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        yield path, value
    elif isinstance(value, dict) and depth < 3:
        for name, one in value.items():
            yield from _lists(one, f"{path}.{name}" if path else name, depth + 1)


# ---------------------------------------------------------------------------------------------------- Inspect logs


def inspect_header(path: Path, inner: Path) -> Any:
    """The header of an Inspect log."""
    import zipfile

    with zipfile.ZipFile(inner) as packed:
        return _member(path, packed, "header.json")


def inspect_samples(path: Path, inner: Path) -> Iterator[tuple[int, Row | NoRow]]:
    """The samples of an Inspect log, whole."""
    import zipfile

    with zipfile.ZipFile(inner) as packed:
        names = sorted(name for name in packed.namelist() if name.startswith("samples/") and name.endswith(".json"))
        for number, name in enumerate(names, start=1):
            yield number, _member(path, packed, name)


def _member(path: Path, packed: Any, name: str) -> Any:
    try:
        return orjson.loads(packed.read(name))
    except (NotImplementedError, KeyError, RuntimeError, OSError) as error:
        raise FileError(str(path), f"has {name} in a form that cannot be unpacked here: {error}",
                        allowed="a log packed with deflate, or the JSON form of the log",
                        next_step="convert it: inspect log convert --to json LOG") from None  # fmt: skip
    except orjson.JSONDecodeError as error:
        raise FileError(str(path), f"has {name}, which is no JSON: {shortened(error)}", allowed="a whole log",
                        next_step="fetch it again") from None  # fmt: skip
