"""Cells of a table -> a row shaped like a JSONL row, and the columns a table may have.

Decides how columns become the parts of a row:

* a dotted column name is a path: ``labels.hate`` and ``meta.lang`` are columns;
* with ``fields: {labels: .}`` the columns named like the card's labels are the labels;
* in CSV an empty cell is absent, but an empty label is null and an empty text is withheld, where ``label_values`` does
  not say otherwise; label cells are ``1``, ``0`` or empty, what spreadsheets make of them (``1.0``, ``TRUE``), or
  values that the card declares; a column of label lists holds names joined by ``|`` or the card's ``separator``, and an
  empty cell is an empty list; ``weight`` is a number; ``images`` and lists of modalities hold paths joined by ``|``;
  ``votes``, ``context``, modalities and the labels are JSON, or a list as Python prints it, where they begin with ``[``
  or ``{``; everything else is text;
* columns that the card names under ``ignore`` are left out, and so is a column without a name of its own that only
  numbers the rows, which data frames write;
* columns of a hub table that the card does not mention are kept under ``meta``, since nobody can rename them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import FileError
from harness.files.golden.fields import Fields, Row, column_path
from harness.files.golden.guess import is_index, structure
from harness.files.golden.propose import card_lines, resave_hint, written_in
from harness.files.golden.values import LabelValues
from harness.files.text import joined, nearest, shortened
from harness.records import GoldenCard

LIST_MARK = "|"


class CellReader:
    """Builds rows from the cells of one table under one card."""

    def __init__(self, columns: Sequence[tuple[str, tuple[str, ...]]], card: GoldenCard, *, is_text: bool) -> None:
        self._columns = tuple((name, path, ".".join(path)) for name, path in columns)
        self._card = card
        self._is_text = is_text
        self._labels = frozenset(Fields(card).file_labels)
        self._values = LabelValues(card, is_text=is_text)
        fields = card.fields
        self._lists = {fields.images}
        self._json = {fields.votes, fields.context, fields.labels, fields.images, *card.modalities.values()}

    def __reduce__(self) -> tuple[Any, ...]:
        return _build, (tuple((name, path) for name, path, _ in self._columns), self._card, self._is_text)

    def row(self, cells: Mapping[str, Any]) -> Row:
        """The row of cells by column."""
        row: Row = {}
        text = self._card.fields.text
        for name, path, dotted in self._columns:
            value = cells[name]
            if self._is_text:
                value = self._from_text(path, dotted, value)
                if value is None and dotted != text and not self._is_label(path):
                    continue
            here = row
            for part in path[:-1]:
                inner = here.setdefault(part, {})
                if not isinstance(inner, dict):
                    break
                here = inner
            else:
                here[path[-1]] = value
        return row

    def _is_label(self, path: tuple[str, ...]) -> bool:
        labels = self._card.fields.labels
        return path[-1] in self._labels and ".".join(path[:-1]) == ("" if labels == "." else labels)

    def _from_text(self, path: tuple[str, ...], dotted: str, cell: str | None) -> Any:
        fields = self._card.fields
        if cell is None or cell == "":
            is_declared = self._values.declared("") is not None
            if dotted == fields.labels:
                return "" if is_declared else []
            return "" if is_declared and self._is_label(path) else None
        if self._is_label(path):
            return cell
        if dotted == fields.weight:
            try:
                return float(cell)
            except ValueError:
                return cell
        if dotted in self._json and cell.lstrip()[:1] in ("[", "{"):
            return structure(cell)
        if dotted in self._lists or (
            dotted in self._json and dotted in self._card.modalities.values() and LIST_MARK in cell
        ):
            return cell.split(LIST_MARK)
        if dotted == fields.labels and self._card.separator is None and self._values.declared(cell) is None:
            return [name.strip() for name in cell.split(LIST_MARK)]
        return cell


def _build(columns: Sequence[tuple[str, tuple[str, ...]]], card: GoldenCard, is_text: bool) -> CellReader:
    return CellReader(columns, card, is_text=is_text)


def kept_columns(samples: Mapping[str, Sequence[Any]], card: GoldenCard) -> list[str]:
    """Columns that are read: neither ignored nor a data frame's numbering of the rows."""
    read = Fields(card).parts
    return [
        name
        for name, values in samples.items()
        if name not in card.ignore and (name in read or not is_index(name, values))
    ]


def check_columns(
    name: str,
    line: int | None,
    card: GoldenCard,
    card_path: Path,
    samples: Mapping[str, Sequence[Any]],
    *,
    is_text: bool,
) -> None:
    """Refuse columns that belong to no part of an item, with the lines of a card that would read them."""
    columns = list(samples)
    names = Fields(card).file_labels
    paths = {(column,) if column in names else column_path(column, card): column for column in columns}
    double = next(
        (column for path, column in paths.items() if any(path == other[: len(path)] != other for other in paths)), None
    )
    if double is not None:
        raise FileError(
            name,
            f"has the column '{shortened(double)}' and others that begin with '{shortened(double)}.'",
            line=line,
            allowed="a part of an item in one column, or in several with dotted names",
            next_step=f"remove one of the two, or write 'ignore: [{shortened(double)}]' in {card_path}",
        )
    parts = Fields(card).parts
    tops = {path[0] for path in paths}
    unknown = [column for path, column in paths.items() if path[0] not in parts]
    if not unknown:
        return
    near = {column: nearest(column, [part for part in parts if part not in tops]) for column in unknown}
    steps = [f"'{shortened(column)}': did you mean '{part}'?" for column, part in near.items() if part is not None]
    steps.append(written_in(card_path, card_lines(samples, card, is_text=is_text)))
    if not all(column.strip() for column in unknown):
        steps.append("give the column a name in the first line, or remove it: separators at the ends of lines make one")
    elif len(unknown) <= 3 and not any(near.values()):
        renamed = joined(f"meta.{column}" for column in unknown)
        steps.append(f"or rename to {renamed}")
    steps.append(resave_hint(name.split(" row ")[0]))
    found = "a column that is no part" if len(unknown) == 1 else "columns that are no part"
    prefix = "" if card.fields.labels == "." else f"{card.fields.labels}.LABEL, "
    raise FileError(
        name,
        f"has {found} of an item: {joined(map(_named, unknown))}",
        line=line,
        allowed=f"{prefix}meta.NAME, {joined(sorted(parts - {'meta', card.fields.labels}), most=40)}",
        next_step="\n  ".join(steps),
    )


def _named(column: str) -> str:
    return column if column.strip() else "a column without a name"
