"""Bytes of a user's file -> text, with one clear error for whatever cannot be read.

Decides what counts as a readable text file (present, regular, not too large, UTF-8 without NUL bytes) and how values
and near misses are worded in messages. What the text means is left to ``yamlfile`` and the readers above it.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import FileError

MAX_TEXT_BYTES = 5_000_000
_BOM = b"\xef\xbb\xbf"
_SHORT = 60


@dataclass(frozen=True, slots=True)
class TextFile:
    """Decoded text of a file; ``path`` is written as the user wrote it."""

    path: Path
    text: str
    sha256: str


def read_bytes(path: Path, *, what: str, limit: int | None = None) -> bytes:
    """The bytes of a regular, non-empty file no larger than ``limit``."""
    require_file(path, what=what)
    try:
        if limit is not None and (size := path.stat().st_size) > limit:
            raise FileError(
                str(path),
                f"has {size:,} bytes",
                allowed=f"at most {limit:,} bytes for {with_article(what)}",
                next_step="split the file or remove what does not belong in it",
            )
        data = path.read_bytes()
    except OSError as error:
        raise FileError(
            str(path),
            f"cannot be read: {reason(error)}",
            allowed=f"{with_article(what)} that can be read",
            next_step="check its permissions",
        ) from None
    if not data.strip():
        raise FileError(str(path), "is empty", allowed=with_article(what), next_step="fill the file or remove it")
    return data


def read_text(path: Path, *, what: str, limit: int = MAX_TEXT_BYTES) -> TextFile:
    """The text of a UTF-8 file; a byte order mark at its start is dropped."""
    data = read_bytes(path, what=what, limit=limit)
    digest = hashlib.sha256(data).hexdigest()
    return TextFile(path, decode(path, data.removeprefix(_BOM)), digest)


def decode(path: Path, data: bytes) -> str:
    """UTF-8 text without NUL bytes, or an error with line and byte offset."""
    refuse_utf16(path, data)
    if (at := data.find(b"\0")) >= 0:
        raise FileError(
            str(path),
            f"has a NUL byte at byte {at}",
            line=data.count(b"\n", 0, at) + 1,
            allowed="UTF-8 text without NUL bytes",
            next_step="remove the byte",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            str(path),
            f"has a byte that is not UTF-8: 0x{data[error.start]:02x} at byte {error.start}",
            line=data.count(b"\n", 0, error.start) + 1,
            allowed="UTF-8 text",
            next_step="save the file as UTF-8",
        ) from None


def refuse_utf16(path: Path, data: bytes) -> None:
    """Raise when a file begins like UTF-16: with its byte order mark, or with a NUL in every second byte."""
    start = data[:200]
    has_mark = start[:2] in (b"\xff\xfe", b"\xfe\xff")
    n_even, n_odd = start[::2].count(0), start[1::2].count(0)
    if has_mark or (len(start) >= 4 and min(n_even, n_odd) == 0 and max(n_even, n_odd) > len(start) // 4):
        raise FileError(
            str(path),
            "looks like UTF-16",
            line=1,
            allowed="UTF-8 text",
            next_step="save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
        )


_IN_PLACE_OF_FILES = (
    (
        b"version https://git-lfs.github.com/spec/",
        "is a pointer of Git LFS, not the file itself",
        "fetch it: git lfs pull",
    ),
    (b"<!doctype html", "is a web page", "fetch the file itself: the address it came from answers with a page"),
    (b"<html", "is a web page", "fetch the file itself: the address it came from answers with a page"),
)
"""What stands where a file was meant to be: how it begins, what it is, and what to do."""


def require_file(path: Path, *, what: str) -> None:
    """Raise unless ``path`` is an existing regular file."""
    try:
        is_there, is_file, is_folder = path.exists(), path.is_file(), path.is_dir()
    except (OSError, ValueError) as error:
        raise FileError(
            shortened(path),
            f"cannot be read: {reason(error)}",
            allowed=f"the path of {with_article(what)}",
            next_step="correct the path",
        ) from None
    if is_folder:
        raise FileError(
            str(path),
            "is a folder",
            allowed=f"{with_article(what)} (a file)",
            next_step="name a file inside the folder",
        )
    if not is_there:
        raise FileError(
            str(path),
            "is not there",
            allowed=f"the path of {with_article(what)}",
            next_step=missing_hint(path) or "check the path",
        )
    if not is_file:
        raise FileError(str(path), "is not a regular file", allowed=with_article(what), next_step="name a regular file")
    with suppress(OSError), path.open("rb") as file:  # whoever reads it says what the system refuses
        start = file.read(200).lstrip().lower()
        for begin, found, step in _IN_PLACE_OF_FILES:
            if start.startswith(begin):
                raise FileError(str(path), found, allowed=with_article(what), next_step=step)


def missing_hint(path: Path) -> str | None:
    """The file of the same folder whose name is nearest, else what is there, as a sentence."""
    try:
        names = sorted(
            name for name in os.listdir(path.parent) if Path(name).suffix == path.suffix and name != path.name
        )
    except OSError:
        return f"there is no folder {shortened(path.parent)}"
    near = nearest(path.stem, [Path(name).stem for name in names])
    if near is not None:
        return f"did you mean {path.parent / (near + path.suffix)}?"
    return f"that folder has {joined(names, most=6)}" if names else None


def reason(error: Exception) -> str:
    """The system's words for an OSError, without the path and the number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to ``name``, or None when nothing is near."""
    choices = list(known)
    folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def suggestion(name: str, known: Iterable[str], otherwise: str) -> str:
    """``did you mean 'x'?`` for the nearest known name, else the other sentence."""
    near = nearest(name, known)
    return otherwise if near is None else f"did you mean '{near}'?"


def words(text: str) -> tuple[str, ...]:
    """A table of words, written as one text.

    >>> words("one two")
    ('one', 'two')
    """
    return tuple(text.split())


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 item``, ``1,200 items``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def with_article(noun: str) -> str:
    """A noun with its article: ``an eval``, ``a policy``."""
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def joined(names: Iterable[str], *, most: int = 12) -> str:
    """Names for a message: comma separated, long lists cut with a count."""
    every = list(names)
    text = ", ".join(shortened(name) for name in every[:most])
    return f"{text}, ... ({len(every)} in all)" if len(every) > most else text or "nothing"


def shortened(value: object) -> str:
    """One printable line of at most 60 characters."""
    text = str(value)[: _SHORT + 1]
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "..."


def quoted(value: Any) -> str:
    """A value from a file as a message shows it: its kind in the words of the file format, and a short form."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return shortened(value)
    if isinstance(value, str):
        return f"'{shortened(value)}'" if value else "an empty string"
    if isinstance(value, dict):
        return f"a mapping with {joined(map(str, value), most=4)}" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return shortened(type(value).__name__)
