"""What a record's type allows: which values it refuses, and what is said of that in words.

Walks the types of the records' fields: "allowed" in a message always comes from the type that refused the value.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union

from msgspec import NODEFAULT, Struct, structs

Loc = tuple[str | int, ...]
Refused = tuple[Loc, str, Any]
"""Where a value is refused, why in one word of ``faults``, and the value."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WORDS: dict[Any, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    datetime.date: "a date (YYYY-MM-DD)",
    Any: "a value",
}


def type_at(record: Any, loc: Loc) -> Any:
    """The type a record declares at a location; ``Any`` where it declares none."""
    here = record
    for part in loc:
        here = _inside(here, part)
    return here


def faults(hint: Any, value: Any, loc: Loc = (), *, is_typed: bool = False) -> Iterator[Refused]:
    """Everything in a tree of plain values that a type refuses; of one whose types are known to be right, the rest.

    Why: ``missing``, ``unknown`` (no name that may stand there), ``choice`` (it is none of those listed), ``bounds``,
    or the name of the type that it is not.
    """
    if is_typed and not _says_more(hint):
        return
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        found = list(faults(args[0], value, loc, is_typed=is_typed))
        yield from found
        if not found and any(_is_beyond(mark, value) for mark in args[1:]):
            yield loc, "bounds", value
    elif origin is Literal:
        if not any(value == one and type(value) is type(one) for one in args):
            yield loc, "choice", value
    elif origin in (Union, types.UnionType):
        if all(any(faults(one, value)) for one in args):
            kept = [one for one in args if one is not type(None)]
            yield from faults(kept[0], value, loc) if len(kept) == 1 else [(loc, "bounds", value)]
    elif origin in (tuple, list):
        if not isinstance(value, list):
            yield loc, "list", value
            return
        for at, one in enumerate(value):
            yield from faults(args[0], one, (*loc, at), is_typed=is_typed)
    elif origin in (dict, Mapping):
        if not isinstance(value, dict):
            yield loc, "mapping", value
            return
        for name, one in value.items():
            if any(faults(args[0], name)):
                yield (*loc, name), "unknown", name
            yield from faults(args[1], one, (*loc, name), is_typed=is_typed)
    elif is_record(hint):
        if not isinstance(value, dict):
            yield loc, "mapping", value
            return
        hints, required, more = _fields(hint)
        for name, field in (more if is_typed else hints).items():
            if name in value:
                yield from faults(field, value[name], (*loc, name), is_typed=is_typed)
            elif name in required:
                yield (*loc, name), "missing", value
        if not value.keys() <= hints.keys():
            yield from (((*loc, name), "unknown", one) for name, one in value.items() if name not in hints)
    elif not _is_of(hint, value):
        yield loc, hint.__name__, value


@functools.cache
def _says_more(hint: Any) -> bool:
    """Whether a type refuses what a reader of types alone accepts: bounds, and names that a record does not have."""
    return typing.get_origin(hint) is Annotated or is_record(hint) or any(map(_says_more, typing.get_args(hint)))


def _is_of(hint: Any, value: Any) -> bool:
    if hint is datetime.date:
        return isinstance(value, str) and _DATE.fullmatch(value) is not None and _is_day(value)
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint if hint in (int, bool, str, type(None)) else True


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_beyond(mark: Any, value: Any) -> bool:
    """Whether a value is beyond bounds, each a field of the mark."""
    return (
        ((low := getattr(mark, "ge", None)) is not None and value < low)
        or ((low := getattr(mark, "gt", None)) is not None and value <= low)
        or ((high := getattr(mark, "le", None)) is not None and value > high)
        or ((high := getattr(mark, "lt", None)) is not None and value >= high)
        or ((least := getattr(mark, "min_length", None)) is not None and len(value) < least)
    )


def field_names(record: Any) -> tuple[str, ...]:
    """Field names of a record's type, or those that a mapping may have alone; empty for any other type."""
    bare = _bare(record)
    if typing.get_origin(bare) in (dict, Mapping) and typing.get_origin(keys := typing.get_args(bare)[0]) is Literal:
        return tuple(typing.get_args(keys))
    return tuple(_fields(bare)[0]) if is_record(bare) else ()


MARKS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
"""Values that cannot be seen, or that would end a cell of a table: files may have them by these names."""


def describe(hint: Any) -> str:
    """The values a type allows, in the words of the file formats."""
    if typing.get_origin(hint) is Annotated:
        base, *marks = typing.get_args(hint)
        return _with_bounds(describe(base), marks)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _WORDS:
        return _WORDS[hint]
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(MARKS.get(value, str(value)) for value in args)
    if origin in (Union, types.UnionType):
        parts = [describe(part) for part in args if part is not type(None)]
        return " or ".join([*parts, "null"] if type(None) in args else parts)
    if origin is tuple:
        return "a list, each entry " + describe(args[0])
    if origin in (dict, Mapping):
        return "a mapping of names, each to " + describe(args[1])
    names = field_names(hint)
    return "a mapping with the fields " + ", ".join(names) if names else "a value"


def _with_bounds(words: str, marks: list[Any]) -> str:
    for mark in marks:
        for name, said in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
            if (end := getattr(mark, name, None)) is not None:
                words += f", {said} {end:g}"
        if getattr(mark, "min_length", None):
            words += ", not empty"
    return words


def _inside(hint: Any, part: str | int) -> Any:
    bare = _bare(hint)
    origin, args = typing.get_origin(bare), typing.get_args(bare)
    if origin is tuple:
        return args[0]
    if origin in (dict, Mapping):
        return args[1]
    if is_record(bare):
        return _fields(bare)[0].get(str(part), Any)
    return Any


def _bare(hint: Any) -> Any:
    """The type without ``Annotated`` and ``| None``."""
    while True:
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            hint = args[0]
        elif origin in (Union, types.UnionType):
            kept = [part for part in args if part is not type(None)]
            if len(kept) != 1:
                return Any
            hint = kept[0]
        else:
            return hint


def is_record(hint: Any) -> bool:
    """Whether a type is that of a record: a mapping of its fields in a file."""
    return isinstance(hint, type) and (issubclass(hint, Struct) or dataclasses.is_dataclass(hint))


@functools.cache
def _fields(record: type[Any]) -> tuple[dict[str, Any], frozenset[str], dict[str, Any]]:
    """Field -> its type, in the order of the record; those without a default; and those whose type says more."""
    found: tuple[Any, ...] = structs.fields(record) if issubclass(record, Struct) else dataclasses.fields(record)
    hints, none = typing.get_type_hints(record, include_extras=True), (NODEFAULT, dataclasses.MISSING)
    required = frozenset(one.name for one in found if one.default in none and one.default_factory in none)
    ordered = {one.name: hints[one.name] for one in found}
    return ordered, required, {name: hint for name, hint in ordered.items() if _says_more(hint)}
