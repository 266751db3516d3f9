"""The error tree: what the user can mend.

::

    Exception
    └── HarnessError            a mistake to mend: where, found, allowed, next step         exit code 1
        ├── FileError           one fault in a user's file, with its line and field         exit code 1
        ├── GroupedError        several faults found together                               exit code 1
        ├── IncompleteRunError  too many failed items, a budget reached, an interrupt       exit code 5
        └── UnusableError       an optimiser's answer without a proposal (``jobs.optimise``)  exit code 1

``cli`` alone turns one into text and an exit code; any other exception is a bug and keeps its traceback. What other
packages raise becomes one of these, or the outcome of a row, where it is caught first:

=============  ======================================================  =================================================
package        where                                                   what becomes of it
=============  ======================================================  =================================================
aiohttp        ``runner.transport``                                    a failed attempt: asked again, then ``error``
openai         ``runner.endpoint`` (set-up only; it makes no calls)    HarnessError about the model's entry
sqlite3        ``runner.journal``, ``runner.cache``                    HarnessError about the journal
pyarrow        ``runs.reader``, ``runs.writer``, ``files.golden``      HarnessError about the run or the set
=============  ======================================================  =================================================

How a command ends is one table, ``Exit``; a wrong use of the command line (an unknown option) is click's.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """How a command ends."""

    DONE = 0
    """Done, or PASS."""
    MISTAKE = 1
    USAGE = 2
    REGRESSION = 3
    INCONCLUSIVE = 4
    INCOMPLETE = 5
    """INVALID too: too many failed items, a budget reached, an interrupt."""


_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text without what moves a terminal or turns its letters: control characters, marks of direction.

    >>> printable("model \x1b]52;c;aGk=\x07 said no")
    'model ?]52;c;aGk=? said no'
    """
    return _UNPRINTABLE.sub("?", text)


_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"<>]*@")


def without_password(text: str) -> str:
    """The text with user and password taken out of every address in it.

    >>> without_password("https://me:secret@host/runs is no folder, https://host/a@b is one")
    'https://[not shown]@host/runs is no folder, https://host/a@b is one'
    """
    return _USER_INFO.sub(r"\1[not shown]@", text) if "@" in text else text


class HarnessError(Exception):
    """A mistake the user can mend; exit code 1 unless a subclass says otherwise. Its words may be a server's."""

    exit_code: int = Exit.MISTAKE

    def __init__(self, message: str, *, allowed: str | None = None, next_step: str | None = None) -> None:
        self.message = without_password(printable(message))
        self.allowed = allowed
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.message]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.next_step:
            lines.append(f"  {self.next_step}")
        return "\n".join(lines)


_REFUSALS = {
    errno.ENOSPC: ("a disk with room", "make room"),
    errno.EDQUOT: ("a disk with room", "make room, or have the quota raised"),
    errno.EFBIG: ("files of any size", "raise the limit (ulimit -f)"),
    errno.EROFS: ("a disk that can be written to", "name another folder"),
    errno.EACCES: ("a folder that can be written to", "give write permission there, or name another folder"),
    errno.EPERM: ("a folder that can be written to", "give write permission there, or name another folder"),
    errno.EBADF: ("an output that is open", "leave it open, or send it to a file or to /dev/null"),
    errno.EIO: ("a disk that works", "see what the system's log says of it"),
    errno.EMFILE: ("more open files", "raise the limit (ulimit -n), or lower concurrency"),
    errno.ENFILE: ("more open files", "close other programs"),
}


def refused_by_system(error: OSError, where: object = None) -> HarnessError | None:
    """What the system refused (no room, read-only, too many open files) in words; None for what may be a fault of ours.

    ``where`` says what was being written, where the error does not.
    """
    if error.errno not in _REFUSALS:
        return None
    allowed, step = _REFUSALS[error.errno]
    return HarnessError(f"{error.filename or where}: {os.strerror(error.errno)}", allowed=allowed, next_step=step)


@contextmanager
def writing(what: str, *, allowed: str = "a folder that can be written to", next_step: str) -> Iterator[None]:
    """Whatever the system refuses in here is a mistake to mend; ``what`` begins the message: ``out: the report``."""
    try:
        yield
    except OSError as error:
        message = f"{what} cannot be written: {error.strerror or error}"
        raise HarnessError(message, allowed=allowed, next_step=next_step) from None


class FileError(HarnessError):
    """One fault in a user's file."""

    def __init__(
        self,
        path: str,
        found: str,
        *,
        line: int | None = None,
        field: str | None = None,
        allowed: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.path = path
        self.line = line
        self.field = field
        self.found = found
        where = path if line is None else f"{path}:{line}"
        what = found if field is None else f"field '{field}' {found}"
        super().__init__(f"{where}: {what}", allowed=allowed, next_step=next_step)


class GroupedError(HarnessError):
    """Several faults reported together, in the order they were found."""

    def __init__(self, errors: Sequence[HarnessError], *, shown: int = 20) -> None:
        self.errors = tuple(errors)
        parts = [str(error) for error in self.errors[:shown]]
        if len(self.errors) > shown:
            parts.append(f"... and {len(self.errors) - shown} more")
        super().__init__("\n".join(parts))


class IncompleteRunError(HarnessError):
    """The run is invalid or unfinished: too many failed items, the budget, an interrupt."""

    exit_code: int = Exit.INCOMPLETE


def raise_all(errors: Sequence[HarnessError]) -> None:
    """Raise nothing, the one error, or all of them together; the same fault on several lines is one error."""
    errors = merged(errors)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise GroupedError(errors)


_NAMED = 3
_MIN_MERGED = 3


def merged(errors: Sequence[HarnessError]) -> list[HarnessError]:
    """The errors in their order; the first of three or more that differ only in the line stands for all of them."""
    lines: dict[Any, set[int]] = {}
    for error in errors:
        if isinstance(error, FileError) and error.line is not None:
            lines.setdefault(_key(error), set()).add(error.line)
    kept: list[HarnessError] = []
    joined: set[Any] = set()
    for error in errors:
        if not isinstance(error, FileError) or len(lines.get(_key(error), ())) < _MIN_MERGED:
            kept.append(error)
        elif _key(error) not in joined:
            joined.add(_key(error))
            kept.append(_with_lines(error, sorted(lines[_key(error)] - {error.line or 0})))
    return kept


def _key(error: FileError) -> tuple[str | None, ...]:
    return error.path, error.field, error.found, error.allowed, error.next_step


def _with_lines(error: FileError, others: Sequence[int]) -> FileError:
    more = ", ..." if len(others) > _NAMED else ""
    return FileError(
        error.path,
        f"{error.found} (also on lines {', '.join(map(str, others[:_NAMED]))}{more})",
        line=error.line,
        field=error.field,
        allowed=error.allowed,
        next_step=error.next_step,
    )
