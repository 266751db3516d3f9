"""Where the parts of an item stand in a row: dotted paths, the labels a row may name, and the values of a slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from harness.records import GoldenCard

Row = dict[str, Any]
MISSING: Final = object()
_SCALARS = (str, int, float)
_OPTIONAL = ("images", "context", "votes", "weight", "group")


class Fields:
    """Getters of one card: from a row to the part of an item."""

    def __init__(self, card: GoldenCard) -> None:
        paths = card.fields
        self.paths = paths
        self.file_labels: tuple[str, ...] = label_names(card)
        self.is_flat = paths.labels == "."
        self.id, self.text = getter(paths.id), getter(paths.text)
        self.labels = self._flat_labels if self.is_flat else getter(paths.labels)
        self.images, self.context, self.votes, self.weight, self.group = (
            nothing if getattr(paths, name).split(".")[0] in card.ignore else getter(getattr(paths, name))
            for name in _OPTIONAL
        )
        self.must_catch = nothing if card.must_catch.split(".")[0] in card.ignore else getter(card.must_catch)
        self.slices = tuple((name, path, getter(path)) for name, path in card.slices.items())
        self.modalities = tuple((name, path, getter(path)) for name, path in card.modalities.items())
        self.parts = frozenset(
            {path.split(".")[0] for path in read_paths(card, *_OPTIONAL, "must_catch") if path != "."}
            | {"meta"}
            | (set(self.file_labels) if self.is_flat else set())
        ) - {*card.ignore}
        self.known = self.parts | {*card.ignore}

    def _flat_labels(self, row: Row) -> Any:
        return {name: row[name] for name in self.file_labels if name in row}


def read_paths(card: GoldenCard, *optional: str) -> list[str]:
    """Every dotted path that a card reads; of the optional parts those that are asked for."""
    fields = card.fields
    return [
        *(() if card.id == "row" else (fields.id,)),
        fields.text,
        fields.labels,
        *(getattr(fields, name) for name in optional if name != "must_catch"),
        *card.slices.values(),
        *card.modalities.values(),
        *((card.must_catch,) if "must_catch" in optional else ()),
    ]


def label_names(card: GoldenCard) -> tuple[str, ...]:
    """Label names a row may use: the card's, and the left side of its ``rename``."""
    return tuple(dict.fromkeys([*card.labels, *card.rename]))


def column_path(column: str, card: GoldenCard) -> tuple[str, ...]:
    """Where the cells of a column go in a row; dots part the path, but never the name of a label.

    >>> from harness.records import PolicyRef
    >>> card = GoldenCard("community", 1, PolicyRef("community", 3), "items.csv", ("TVEC.01",))
    >>> column_path("labels.TVEC.01", card), column_path("meta.lang", card)
    (('labels', 'TVEC.01'), ('meta', 'lang'))
    """
    labels = card.fields.labels
    if labels == ".":
        return (column,) if column in label_names(card) else tuple(column.split("."))
    label = column.removeprefix(f"{labels}.")
    return (*labels.split("."), label) if label not in (column, "") else tuple(column.split("."))


def nothing(row: Row) -> Any:
    """What a part has that no row holds."""
    return MISSING


def getter(path: str) -> Callable[[Row], Any]:
    """Row -> the value at a dotted path, or ``MISSING``."""
    parts = path.split(".")
    if len(parts) == 1:
        return lambda row: row.get(path, MISSING)
    if len(parts) == 2:
        outer, inner = parts

        def pair(row: Row) -> Any:
            part = row.get(outer)
            return part.get(inner, MISSING) if type(part) is dict else MISSING

        return pair

    def walk(row: Row) -> Any:
        here: Any = row
        for part in parts:
            here = here.get(part, MISSING) if type(here) is dict else MISSING
        return here

    return walk


def slice_values(value: Any) -> tuple[str, ...] | None:
    """Slice values as text, a blank one as none as in an empty cell of CSV; None when the value cannot be one."""
    if type(value) is str:
        return (value,) if value.strip() else ()
    if value is MISSING or value is None:
        return ()
    if type(value) is bool:
        return ("true" if value else "false",)
    if type(value) is int or type(value) is float:
        return (str(value),)
    if type(value) is list:
        parts = []
        for entry in value:
            if not isinstance(entry, _SCALARS):
                return None
            parts.append(slice_values(entry) or ())
        return tuple(dict.fromkeys(name for part in parts for name in part))
    return None
