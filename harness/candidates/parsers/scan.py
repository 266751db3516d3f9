"""JSON objects inside an answer, found by a real scanner.

Decides which objects stand in a text: bare, fenced, between prose, and which slips of writing leave an object one: a
comma too many, a comment, quotes of another kind, the constants of Python. A brace that begins something which looks
like an object and does not end makes the whole answer unreadable: what stands inside a broken object is no verdict.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_FALSE_STARTS = 1_000
_MOST_REPAIRS = 20
_BRACE = re.compile(r"\{\s*(.?)", re.DOTALL)
_LIKE_OBJECT = re.compile(r"\{\s*(?:'[^'\n]{1,60}'|“[^“”\n]{1,60}”)\s*:")
_TOKEN = re.compile(
    r"""(?xs)\s*(?:
      (?P<aside>//[^\n]*|\#[^\n]*|/\*.*?\*/)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|“[^“”"]*”)
    | (?P<word>(?:[Tt]rue|[Ff]alse|None|null)\b)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<sign>[{}\[\]:,])
    )"""
)
_CONSTANTS = {"True": "true", "False": "false", "None": "null"}
_BARE_QUOTE = re.compile(r'(?<!\\)"')


class BrokenObjectError(ValueError):
    """A JSON object is cut off, malformed, too deep, or gives a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BrokenObjectError("an object gives a key twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise BrokenObjectError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, strict=False)
"""Not strict: models write raw line breaks inside strings, and those mean nothing else."""


def whole_objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects of a worded answer; none where it holds none, or broken ones."""
    try:
        return json_objects(text) if "{" in text else []
    except BrokenObjectError:
        return []


def json_objects(text: str) -> list[dict[str, Any]]:
    """The outermost JSON objects of a text, in order.

    Raises:
        BrokenObjectError: Something begins like an object (a brace, then a quote) and is not one.
    """
    objects: list[dict[str, Any]] = []
    position, false_starts, repairs = 0, 0, 0
    while found := _BRACE.search(text, position):
        if found[1] and found[1] in "'“/#" and repairs < _MOST_REPAIRS:
            repairs += 1
            if repaired := _repaired(text, found.start()):
                objects.append(repaired[0])
                position = repaired[1]
                continue
        if _LIKE_OBJECT.match(text, found.start()):
            raise BrokenObjectError("an object is cut off or malformed")
        if found[1] not in ('"', "}"):
            position = found.start() + 1
            false_starts += 1
            if false_starts > MAX_FALSE_STARTS:
                raise BrokenObjectError("there are too many braces")
            continue
        try:
            value, position = _DECODER.raw_decode(text, found.start())
        except BrokenObjectError:
            raise
        except (ValueError, RecursionError):
            repaired = _repaired(text, found.start()) if repairs < _MOST_REPAIRS else None
            if repaired is None:
                raise BrokenObjectError("an object is cut off or malformed") from None
            value, position = repaired
            repairs += 1
        objects.append(value)
    return objects


def _repaired(text: str, start: int) -> tuple[dict[str, Any], int] | None:
    r"""The object that begins at a brace, without slips of writing, and its end; None where it is broken otherwise.

    >>> _repaired("{'a': [True,], // why\n}", 0)
    ({'a': [True]}, 23)
    """
    parts: list[str] = []
    at, depth = start, 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        if found["string"]:
            parts.append(_string(found["string"]))
        elif found["word"] or found["number"]:
            parts.append(_CONSTANTS.get(found["word"], found["word"]) if found["word"] else found["number"])
        elif sign := found["sign"]:
            if sign in "]}" and parts[-1:] == [","]:
                parts.pop()
            parts.append(sign)
            depth += (sign in "[{") - (sign in "]}")
            if depth == 0:
                break
    if depth or not parts:
        return None
    try:
        value = _DECODER.decode("".join(parts))
    except BrokenObjectError:
        raise
    except (ValueError, RecursionError):
        return None
    return (value, at) if isinstance(value, dict) else None


def _string(written: str) -> str:
    """A string in double quotes."""
    if written[0] == '"':
        return written
    return '"' + _BARE_QUOTE.sub(r"\"", written[1:-1].replace(r"\'", "'")) + '"'
