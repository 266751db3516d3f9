"""JSON objects inside an answer, found by a real scanner.

Decides which objects stand in a text: bare, fenced, between prose. A brace that begins something which looks like an
object and does not end makes the whole answer unreadable: what stands inside a broken object is no verdict.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_FALSE_STARTS = 1_000
_BRACE = re.compile(r"\{\s*(.?)", re.DOTALL)


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
    position, false_starts = 0, 0
    while found := _BRACE.search(text, position):
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
            raise BrokenObjectError("an object is cut off or malformed") from None
        objects.append(value)
    return objects
