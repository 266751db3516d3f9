"""Where every row of a foreign file went, and whether each item has an id of its own.

Decides that rows add up: each becomes an item, joins one as a further vote or answer, or is left out with a reason.
What is no row of its own (an annotation that was skipped, a vote that another one replaces) is noted apart.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

NO_TEXT = "no text"
MERGED = "a vote without id and text (cells merged with those above? fill them down first)"
OTHER_TEXT = "another text under an id that was there already"
SECOND_VOTE = "a second vote of one annotator on one item (the last one counts)"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that becomes no item, as a reader of a format passes it on."""

    number: int
    reason: str


Place = TypeVar("Place", int, str)


@dataclass(slots=True)
class NoItems(Generic[Place]):
    """Rows that become no item: how many for each reason, and where the first ones stand."""

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, reason: str, place: Place) -> None:
        """Note one row."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        named = self.places.setdefault(reason, [])
        if len(named) < _NAMED:
            named.append(place)


@dataclass(slots=True)
class Account:
    """Where every row of the file went."""

    n_rows: int = 0
    n_items: int = 0
    n_joined: int = 0
    n_votes: int = 0
    n_unlabelled: int = 0
    n_unescaped: int = 0
    n_repaired: int = 0
    left_out: NoItems[int] = field(default_factory=NoItems)
    notes: dict[str, int] = field(default_factory=dict)
    positives: dict[str, int] = field(default_factory=dict)
    negatives: dict[str, int] = field(default_factory=dict)

    def note(self, reason: str, n: int = 1) -> None:
        """Note something that is left out and is no row: its item stays."""
        if n:
            self.notes[reason] = self.notes.get(reason, 0) + n

    def count(self, labels: Mapping[str, int | None]) -> None:
        """Note the labels of an item."""
        self.n_items += 1
        self.n_unlabelled += not any(code is not None for code in labels.values())
        for category, code in labels.items():
            if code is not None:
                side = self.positives if code else self.negatives
                side[category] = side.get(category, 0) + 1

    def require_every_row(self) -> None:
        """Rows are items, further votes or answers, or left out; an importer that counts otherwise is wrong."""
        n_left = sum(self.left_out.counts.values())
        if self.n_rows != self.n_items + self.n_joined + n_left:
            parts = f"{self.n_items} items, {self.n_joined} rows that joined one, {n_left} left out"
            raise RuntimeError(f"{self.n_rows} rows, but {parts}")

    def as_dict(self) -> dict[str, Any]:
        """For JSON and for the card."""
        told: dict[str, Any] = {"rows": self.n_rows, "items": self.n_items}
        if self.n_joined:
            told["joined"] = self.n_joined
        told["left_out"] = dict(self.left_out.counts)
        if self.notes:
            told["not_counted"] = dict(self.notes)
        return told


class Ids:
    """Eight bytes an id, so that a million rows take eight megabytes; copies are looked for at the end."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, item_id: str) -> None:
        """Note the id of the next item."""
        self._hashes.append(hash(item_id))

    def repeated(self) -> list[int]:
        """Positions of items whose id another one (most probably) has too."""
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        return np.flatnonzero(counts[inverse] > 1).tolist()


def plain_id(value: Any) -> str:
    r"""An id as text on one line; empty where there is none.

    >>> plain_id(12.0), plain_id(" a\tb "), plain_id(None), plain_id(0)
    ('12', 'a b', '', '0')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
