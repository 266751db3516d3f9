"""Faults of rows: the same fault of many rows is one message, which names the first of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.errors import FileError, GroupedError, HarnessError
from harness.files.text import listed, shortened, suggestion

MAX_FAULTS = 20
_MAX_LABELS = 1_000
_NAMED = 3


@dataclass(slots=True)
class _Rows:
    """The rows that have one fault."""

    n: int = 0
    first: list[int] = field(default_factory=list)
    last: int = -1

    def add(self, index: int) -> None:
        if index == self.last:
            return
        self.n, self.last = self.n + 1, index
        if len(self.first) < _NAMED:
            self.first.append(index)


class Faults:
    """Collects faults of rows; the first ones are kept, all are counted."""

    def __init__(self, where: Callable[[int], tuple[str, int | None]]) -> None:
        self.where = where
        self._rows: dict[tuple[str | None, str, str, str], _Rows] = {}
        self._unknown: dict[str, _Rows] = {}
        self._n_beyond = 0

    def add(self, index: int, field: str | None, found: str, allowed: str, next_step: str) -> None:
        """Note a fault of the row at ``index``."""
        key = (field, found, allowed, next_step)
        rows = self._rows.get(key)
        if rows is None:
            if len(self._rows) >= MAX_FAULTS:
                self._n_beyond += 1
                return
            rows = self._rows[key] = _Rows()
        rows.add(index)

    def add_unknown_label(self, index: int, name: str) -> None:
        """Note a label name that the card does not declare; one fault per name."""
        if name in self._unknown or len(self._unknown) < _MAX_LABELS:
            self._unknown.setdefault(name, _Rows()).add(index)

    def raise_all(self, names: Sequence[str], labels_field: str, card: str) -> None:
        """Raise what was collected, in the order of the file; nothing when there is nothing."""
        found: list[tuple[_Rows, FileError]] = []
        for (field_name, text, allowed, next_step), rows in self._rows.items():
            found.append((rows, self._error(rows, field_name, text, allowed, next_step)))
        for name, rows in self._unknown.items():
            next_step = suggestion(name, names, f"correct the rows, or declare the label in {card}")
            where = label_field(labels_field, name)
            found.append((rows, self._error(rows, where, "is not a declared label", listed(names), next_step)))
        found.sort(key=lambda entry: entry[0].first[0])
        kept: list[HarnessError] = [error for _, error in found[:MAX_FAULTS]]
        n_beyond = self._n_beyond + sum(rows.n for rows, _ in found[MAX_FAULTS:])
        if len(kept) == 1 and not n_beyond:
            raise kept[0]
        if n_beyond:
            kept.append(HarnessError(f"... and {n_beyond:,} more fault{'s' if n_beyond > 1 else ''}"))
        if kept:
            raise GroupedError(kept, shown=MAX_FAULTS + 1)

    def _error(self, rows: _Rows, field: str | None, found: str, allowed: str, next_step: str) -> FileError:
        path, line = self.where(rows.first[0])
        return FileError(
            path,
            found if rows.n == 1 else f"{found} (in {rows.n:,} rows: {self._places(rows)})",
            line=line,
            field=None if field is None else shortened(field),
            allowed=allowed,
            next_step=next_step,
        )

    def _places(self, rows: _Rows) -> str:
        lines = [self.where(index)[1] for index in rows.first]
        noun = "rows" if None in lines else "lines"
        numbers = [str(index + 1 if line is None else line) for index, line in zip(rows.first, lines, strict=True)]
        return f"{noun} {', '.join(numbers)}" + (", ..." if rows.n > len(numbers) else "")


def label_field(labels_field: str, name: str) -> str:
    """Where a label stands in a row; labels that are plain columns have no field around them.

    >>> label_field("labels", "hate"), label_field(".", "hate")
    ('labels.hate', 'hate')
    """
    return name if labels_field == "." else f"{labels_field}.{name}"
