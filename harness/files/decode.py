"""A tree of plain values with line numbers -> a frozen record.

Decides how what a record's type refuses, or a name that is not there, becomes a message with file, line and field. What
a record's values mean together is left to the reader of that record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import orjson

from harness.errors import FileError, raise_all
from harness.files.schema import Loc, describe, faults, field_names, type_at
from harness.files.text import joined, quoted, shortened, suggestion
from harness.files.yaml import Document, Fault

T = TypeVar("T")

_OTHER_WORDS = {
    **dict.fromkeys(("min", "minimum", "at_least", "target", "value"), "floor"),
    **dict.fromkeys(("max_loss", "max_drop", "tolerance", "delta"), "margin"),
}
"""What people write -> the field that it is, where it stands beside what is allowed."""
_SECRET = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)


def to_record(
    document: Document,
    record: type[T],
    tree: Any = None,
    *,
    what: str,
    translate: Callable[[Loc], Loc] = lambda loc: loc,
) -> T:
    """Validate a tree into a frozen record; every fault is reported at its line.

    Args:
        document: The file, for positions.
        record: A record's type, or what stands in a field of one.
        tree: What to validate when it is not ``document.data`` itself.
        what: Noun of the file, for messages.
        translate: Location in ``tree`` -> location in the file.
    """
    plain = orjson.loads(orjson.dumps(document.data if tree is None else tree))
    read: T | None = None
    with suppress(msgspec.ValidationError):
        read = msgspec.convert(plain, type=record)
    found = list(faults(record, plain, is_typed=read is not None))
    if read is not None and not found:
        return read
    errors = [_to_error(document, record, loc, translate(loc), kind, value, what) for loc, kind, value in found]
    errors.sort(key=lambda error: error.line or 0)
    raise_all(errors)
    raise AssertionError("no fault was found in what was refused")


def _to_error(
    document: Document, record: type[Any], loc: Loc, place: Loc, kind: str, value: Any, what: str
) -> FileError:
    if kind == "unknown":
        known = field_names(type_at(record, loc[:-1]))
        hint = _meant(str(loc[-1]), known)
        return document.error(place, "is not a known field", allowed=joined(known, most=40), next_step=hint)
    allowed = describe(type_at(record, loc))
    if kind == "missing":
        return document.error(place, "is missing", allowed=allowed, next_step=f"add it to the {what}")
    is_secret = any(_SECRET.search(str(part)) for part in place)
    text = "a value that is not shown" if is_secret and value is not None else quoted(value)
    if kind == "str" and isinstance(value, int | float):
        hint = "put it in quotes" if not isinstance(value, bool) else "put it in quotes if it is text"
    elif kind == "list" and isinstance(value, str):
        hint = f"write a list: [{'...' if is_secret else shortened(value)}]"
    elif kind == "int" and isinstance(value, str) and value.isdigit():
        hint = "write it without quotes"
    elif kind == "choice" and isinstance(value, str):
        hint = suggestion(value, allowed.removeprefix("one of ").split(", "), "correct the value")
    else:
        hint = _as_fraction(place, kind, value, allowed) or "correct the value"
    return document.error(place, f"is {text}", allowed=allowed, next_step=hint)


def _meant(name: str, known: Sequence[str]) -> str:
    """The field that somebody may have meant: by another word for it, else by its letters."""
    if (other := _OTHER_WORDS.get(name)) in known:
        return f"did you mean '{other}'?"
    return suggestion(name, known, "remove it, or move it to the part it belongs to")


def _as_fraction(place: Loc, kind: str, value: Any, allowed: str) -> str | None:
    """The fraction that was meant where points or percent were written for one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_bounded = kind == "bounds" and any(end in allowed for end in ("below 1", "at most 1"))
    if not is_number or not is_bounded or not 1 <= value <= 100:
        return None
    if place[-1] == "margin":
        return f"{value:g} point{'' if value == 1 else 's'} is {value / 100:g}: write {value / 100:g}"
    return f"{value:g}% is {value / 100:g}: write {value / 100:g}" if 1 < value < 100 else None


def require_names(place: Loc, names: Iterable[str], known: Sequence[str], *, noun: str, where: str) -> Iterator[Fault]:
    """One fault per name that is not known; the allowed names and the nearest one are given."""
    for name in names:
        if name not in known:
            found = f"names the {noun} '{shortened(name)}', which {where} does not have"
            yield place, found, joined(known), suggestion(name, known, f"correct the name, or add it to {where}")


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
NAME_ALLOWED = "letters, digits, '_', '-' and '.', beginning with a letter or digit, at most 100 characters"


def require_name(place: Loc, name: str) -> Iterator[Fault]:
    """Names become folder names, columns and signatures, so they are plain."""
    if not NAME.fullmatch(name) or len(name) > 100:
        yield place, f"is '{shortened(name)}'", NAME_ALLOWED, "rename it"
