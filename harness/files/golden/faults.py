"""Faults of rows: the same fault of many rows is one message, which names the first of them.

What could be read by declaration (unknown fields, names and values of labels) is collected over all rows, so that the
message can propose the very lines of the card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any

from harness.errors import FileError, GroupedError, HarnessError
from harness.files.golden import guess
from harness.files.golden.propose import card_lines, resave_hint, written_in
from harness.files.golden.values import is_negation, meaning, value_lines, yaml_key
from harness.files.text import joined, nearest, quoted, shortened
from harness.records import GoldenCard

MAX_FAULTS = 20
LABEL_ALLOWED = "1, 0 or null (nobody labelled it), true or false, or values that the card declares"
MISSING_PART = "is missing"
_MAX_LABELS = 1_000
_MAX_VALUES = 50
_MAX_SAMPLES = 200
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

    def __init__(self, where: Callable[[int], tuple[str, int | None]], card: GoldenCard, card_path: str) -> None:
        self.where = where
        self._card, self._card_path = card, card_path
        self._rows: dict[tuple[str | None, str, str, str], _Rows] = {}
        self._labels: dict[str, _Rows] = {}
        self._label_fields: dict[str, str] = {}
        self._values: dict[Any, _Rows] = {}
        self._value_fields: dict[str, None] = {}
        self._fields: dict[str, _Rows] = {}
        self._samples: list[dict[str, Any]] = []
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

    def add_unknown_label(self, index: int, name: str, *, field: str | None = None) -> None:
        """Note a label name that the card does not declare; one fault per name."""
        if name in self._labels or len(self._labels) < _MAX_LABELS:
            self._labels.setdefault(name, _Rows()).add(index)
            self._label_fields.setdefault(name, field or label_field(self._card.fields.labels, name))

    def add_value(self, index: int, field: str, value: Any) -> None:
        """Note a value of a label that the card does not say how to read."""
        plain = value if isinstance(value, str | int | float) else quoted(value)
        key = (type(plain), plain)
        if key in self._values or len(self._values) < _MAX_LABELS:
            self._values.setdefault(key, _Rows()).add(index)
            self._value_fields.setdefault(field)

    def add_unknown_fields(self, index: int, row: dict[str, Any], known: Set[str]) -> None:
        """Note the fields of a row that are no part of an item."""
        if len(self._samples) < _MAX_SAMPLES:
            self._samples.append(row)
        for name in row:
            if name not in known and (name in self._fields or len(self._fields) < _MAX_LABELS):
                self._fields.setdefault(name, _Rows()).add(index)

    def raise_all(self) -> None:
        """Raise what was collected, in the order of the file; nothing when there is nothing."""
        found = [*self._field_errors(), *self._value_errors(), *self._label_errors()]
        for (field_name, text, allowed, next_step), rows in self._rows.items():
            if not (self._fields and text == MISSING_PART):  # the proposal for the unknown fields says where it is
                found.append((rows, self._error(rows, field_name, text, allowed, next_step)))
        found.sort(key=lambda entry: entry[0].first[0])
        kept: list[HarnessError] = [error for _, error in found[:MAX_FAULTS]]
        n_beyond = self._n_beyond + sum(rows.n for rows, _ in found[MAX_FAULTS:])
        if len(kept) == 1 and not n_beyond:
            raise kept[0]
        if n_beyond:
            kept.append(HarnessError(f"... and {n_beyond:,} more fault{'s' if n_beyond > 1 else ''}"))
        if kept:
            raise GroupedError(kept, shown=MAX_FAULTS + 1)

    # ------------------------------------------------------------------------------------------ declarable faults

    def _field_errors(self) -> Iterator[tuple[_Rows, FileError]]:
        if not self._fields:
            return
        rows = next(iter(self._fields.values()))
        names = list(self._fields)
        columns = dict.fromkeys(name for row in self._samples for name in row)
        samples = {name: [row.get(name) for row in self._samples] for name in columns}
        path, _ = self.where(rows.first[0])
        steps = [written_in(self._card_path, card_lines(samples, self._card)), resave_hint(path)]
        found = f"has fields that are no part of an item: {joined(names)}"
        if len(names) == 1:
            found = f"has a field that is no part of an item: {shortened(names[0])}"
        yield rows, self._error(rows, None, found, known_parts(self._card), "\n  ".join(steps))

    def _value_errors(self) -> Iterator[tuple[_Rows, FileError]]:
        if not self._values:
            return
        (_, first), rows = next(iter(self._values.items()))
        every = _Rows(sum(rows.n for rows in self._values.values()), rows.first)
        fields, values = list(self._value_fields), [value for _, value in self._values]
        others = f", and of {len(fields) - 1} more labels" if len(fields) > 1 else ""
        also = f"; values that are not read: {joined(map(quoted, values))}{others}" if len(values) > 1 or others else ""
        yield rows, self._error(every, fields[0], f"is {quoted(first)}{also}", LABEL_ALLOWED, self._value_step(values))

    def _value_step(self, values: list[Any]) -> str:
        steps = [step for value in values[:1] if (step := _text_hint(value)) is not None and len(values) == 1]
        lines = value_lines(values[:_MAX_VALUES])
        step = written_in(self._card_path, lines)
        known = [meaning(value) for value in values]
        if any(line.startswith("cut") for line in lines):
            step += "\n  (cut: the share of votes, count or grade from which on it violates"
            step += "; -1: not scored)" if None in known else ")"
        elif None in known:
            step += "\n  (null: not labelled, not scored)"
        if any(": ?" in line for line in lines):
            step += "\n  with 1 (violates), 0 (does not) or null (nobody knows) in place of each ?"
        return "\n  ".join([*steps, ("or " if steps else "") + step])

    def _label_errors(self) -> Iterator[tuple[_Rows, FileError]]:
        names = tuple(dict.fromkeys([*self._card.labels, *self._card.rename]))
        marks = {name: mark for name in self._labels if (mark := guess.separator_of(name, names)) is not None}
        for name, rows in self._labels.items():
            where = self._label_fields[name]
            if name in marks:
                if name == next(iter(marks)):
                    step = written_in(self._card_path, [f"separator: {yaml_key(marks[name])}"])
                    yield rows, self._error(rows, where, "names several labels at once", joined(names), step)
                continue
            yield (
                rows,
                self._error(rows, where, "is not a declared label", joined(names), self._label_step(name, names)),
            )

    def _label_step(self, name: str, names: tuple[str, ...]) -> str:
        if name.isdigit():  # the number of a class: which one, only its owner knows
            number = yaml_key(name)
            line = written_in(self._card_path, [f"rename: {{{number}: CATEGORY}}"])
            return f"{line}\n  or, where it says that nothing is violated: 'label_values: {{{number}: 0}}'"
        code = 0 if is_negation(name, names) else meaning(name, none_is_zero=True)
        if code in (0, None):
            line = f"label_values: {{{yaml_key(name)}: {'null' if code is None else code}}}"
            return written_in(self._card_path, [line]) + (
                "\n  (nothing is violated)" if code == 0 else "\n  (not labelled)"
            )
        near = nearest(name, names)
        rename = f"rename: {{{yaml_key(name)}: CATEGORY}}"
        otherwise = f"correct the rows, declare the label in {self._card_path}, or map it: {rename}"
        return f"did you mean '{near}'? If not, {otherwise}" if near is not None else otherwise

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


def known_parts(card: GoldenCard) -> str:
    """The parts of an item as a card places them, for messages."""
    from harness.files.golden.fields import Fields

    labels = card.fields.labels
    others = sorted(Fields(card).parts - {"meta", labels})
    return f"{'' if labels == '.' else f'{labels}.LABEL, '}meta.NAME, {joined(others, most=40)}"


def label_field(labels_field: str, name: str) -> str:
    """Where a label stands in a row; labels that are plain columns have no field around them.

    >>> label_field("labels", "hate"), label_field(".", "hate")
    ('labels.hate', 'hate')
    """
    return name if labels_field == "." else f"{labels_field}.{name}"


def _text_hint(value: Any) -> str | None:
    """The correction of a single value whose meaning is plain."""
    if isinstance(value, str) and value.strip() in ("0", "1"):
        return f"write {value.strip()} without quotes"
    if isinstance(value, str) and meaning(value) is None:
        return "write null without quotes (in CSV: an empty cell)"
    if isinstance(value, str) and meaning(value) != "?":
        return f"write {meaning(value)}"
    return None
