"""Rows of a pool as the items of a run, without labels.

Decides what a candidate sees of a row: its text, its context, the slices that the card of the eval's golden set
declares, and its other columns as meta. Items are held in memory: a sample, or one block of a pool.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.files.golden.fields import slice_values
from harness.goldens.imports.flat import Row, nested
from harness.goldens.pool import Pool
from harness.records import GoldenCard, Item
from harness.records.golden import FieldPaths

CONTEXT = FieldPaths().context


@dataclass(frozen=True, slots=True)
class RowShape:
    """Which columns of a pool become which part of an item.

    Attributes:
        slices: Slice -> column that holds its value.
        context: Column, or beginning of columns, of the context; None for none.
    """

    text: str
    slices: Mapping[str, str]
    context: str | None
    categories: tuple[str, ...]

    def item(self, item_id: str, row: Row, weight: float = 1.0) -> Item:
        """The row as an item that nobody has labelled."""
        return Item(
            item_id,
            str(row[self.text]),
            dict.fromkeys(self.categories),
            slices={name: slice_values(row.get(column)) or () for name, column in self.slices.items()},
            weight=weight,
            context=None if self.context is None else nested(row, self.context),
            meta=self._meta(row),
        )

    def _meta(self, row: Row) -> dict[str, Any]:
        """All other columns, as ``golden sample`` keeps them; what stands below ``meta`` under its own name."""
        begins = f"{self.context}." if self.context is not None else None
        found = {
            name: value
            for name, value in row.items()
            if name not in (self.text, self.context)
            and not name.startswith("meta.")
            and not (begins is not None and name.startswith(begins))
        }
        inside = nested(row, "meta")
        return {**found, **inside} if isinstance(inside, dict) else found


def row_shape(pool: Pool, card: GoldenCard, categories: Sequence[str]) -> tuple[RowShape, tuple[str, ...]]:
    """The shape of a pool's rows, and the slices of the card for which it has no column.

    A slice is looked for under its path in the card, the end of that path, and its own name.
    """
    slices: dict[str, str] = {}
    for name, path in card.slices.items():
        found = next((one for one in (path, path.rsplit(".", 1)[-1], name) if one in pool.columns), None)
        if found is not None:
            slices[name] = found
    has_context = any(one == CONTEXT or one.startswith(f"{CONTEXT}.") for one in pool.columns)
    shape = RowShape(pool.text, slices, CONTEXT if has_context else None, tuple(categories))
    return shape, tuple(name for name in card.slices if name not in slices)


class PoolItems:
    """Items of a pool, in the form in which the runner takes a golden set."""

    def __init__(self, name: str, items: Sequence[Item], categories: Sequence[str], slices: Sequence[str]) -> None:
        self.name = name
        self.version = 1
        self.categories = tuple(categories)
        self.slices = tuple(slices)
        self._items = list(items)
        self._labels = np.full((len(items), len(self.categories)), -1, dtype=np.int8)
        digest = hashlib.sha256()
        for one in items:
            asked: dict[str, Any] = {"id": one.id, "text": one.text, "context": one.context, "weight": one.weight}
            asked["meta"] = one.meta
            asked["slices"] = {slice_name: list(values) for slice_name, values in one.slices.items()}
            digest.update(json.dumps(asked, sort_keys=True, default=str).encode() + b"\n")
        self.sha256 = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._items)

    def ids(self) -> Sequence[str]:
        """Ids in their order."""
        return [one.id for one in self._items]

    def items(self, indices: Sequence[int] | None = None) -> Iterator[Item]:
        """The items at these positions; all of them for None."""
        return iter(self._items) if indices is None else (self._items[at] for at in indices)

    def labels(self) -> NDArray[np.int8]:
        """No labels: -1 throughout."""
        return self._labels
