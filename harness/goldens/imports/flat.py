"""Nested rows -> flat ones with dotted names, and names that no two columns share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

Row = Mapping[str, Any]
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class NoRow:
    """What stands where a row should be, and why it is none."""

    reason: str


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without mappings inside: ``{"meta": {"lang": "de"}}`` becomes ``{"meta.lang": "de"}``.

    >>> flat({"id": 1, "meta": {"lang": "de", "tags": ["a"]}, "note": {}})
    {'id': 1, 'meta.lang': 'de', 'meta.tags': ['a']}
    """
    found: dict[str, Any] = {}
    _flatten(row, "", found, 0)
    return found


def _flatten(row: Mapping[str, Any], prefix: str, found: dict[str, Any], depth: int) -> None:
    for name, value in row.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and depth < _DEEPEST:
            _flatten(value, f"{path}.", found, depth + 1)
        else:
            found[path] = plain(value)


def nested(row: Row, name: str) -> Any:
    """What stood under a name before the row was made flat: its value, or the mapping of everything below it.

    >>> nested({"output.categories.hate": 0.9, "output.why": "x", "id": 1}, "output")
    {'categories': {'hate': 0.9}, 'why': 'x'}
    """
    if name in row:
        return row[name]
    found: dict[str, Any] = {}
    for path, value in row.items():
        if path.startswith(f"{name}."):
            *above, last = path.removeprefix(f"{name}.").split(".")
            inner = found
            for part in above:
                deeper = inner.setdefault(part, {})
                inner = deeper if isinstance(deeper, dict) else inner
            inner[last] = value
    return found or None


def plain(value: Any) -> Any:
    """A value as JSON holds it: dates as ISO 8601, whole decimal numbers as they are, a missing number as null."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def unique(header: Sequence[Any]) -> tuple[str, ...]:
    """Names of columns: trimmed, on one line, a second column of a name numbered.

    >>> unique([" Comment text ", "label", "label", ""])
    ('Comment text', 'label', 'label 2', '')
    """
    seen: dict[str, int] = {}
    names = []
    for cell in header:
        name = " ".join(str("" if cell is None else cell).replace("\ufeff", "").split())
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}".strip())
    return tuple(names)
