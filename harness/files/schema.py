"""What a record's type allows, in words.

Walks the dataclasses of ``records`` so that "allowed" in a message always comes from the type that refused the value.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt, MinLen

Loc = tuple[str | int, ...]

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


def union_at(record: Any, loc: Loc) -> int | None:
    """How many parts of a location lead to a choice between types inside which it goes on; None where none does."""
    for at in range(1, len(loc)):
        bare = _bare(type_at(record, loc[:at]))
        hint = type_at(record, loc[:at])
        if bare is Any and typing.get_origin(hint) in (Union, types.UnionType):
            return at
    return None


def value_at(tree: Any, loc: Loc) -> Any:
    """What stands at a location of a tree; None where nothing does."""
    for part in loc:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def field_names(record: Any) -> tuple[str, ...]:
    """Field names of a dataclass type, or those that a mapping may have alone; empty for any other type."""
    bare = _bare(record)
    if typing.get_origin(bare) in (dict, Mapping) and typing.get_origin(keys := typing.get_args(bare)[0]) is Literal:
        return tuple(typing.get_args(keys))
    if not (isinstance(bare, type) and dataclasses.is_dataclass(bare)):
        return ()
    return tuple(field.name for field in dataclasses.fields(bare))


def describe(hint: Any) -> str:
    """The values a type allows, in the words of the file formats."""
    if typing.get_origin(hint) is Annotated:
        base, *marks = typing.get_args(hint)
        return _with_bounds(describe(base), marks)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _WORDS:
        return _WORDS[hint]
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(str(value) for value in args)
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
        match mark:
            case Ge(ge=low):
                words += f", at least {low:g}"
            case Gt(gt=low):
                words += f", above {low:g}"
            case Le(le=high):
                words += f", at most {high:g}"
            case Lt(lt=high):
                words += f", below {high:g}"
            case MinLen():
                words += ", not empty"
    return words


def _inside(hint: Any, part: str | int) -> Any:
    bare = _bare(hint)
    origin, args = typing.get_origin(bare), typing.get_args(bare)
    if origin is tuple:
        return args[0]
    if origin in (dict, Mapping):
        return args[1]
    if isinstance(bare, type) and dataclasses.is_dataclass(bare):
        return _hints(bare).get(str(part), Any)
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


@functools.cache
def _hints(record: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(record, include_extras=True)
