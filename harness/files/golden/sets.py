"""Golden set (card and items) -> ``GoldenSet``: every row checked once, then streamed.

Decides how a card is resolved against a policy: renamed labels, absent labels, and a child's 1 that implies its
parent's 1. What one row may hold is decided in ``rows``; CSV, Parquet and the hub are opened in ``tables``. Memory
holds one offset, one id and one byte per category for each row; the rows themselves stay in the file.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import NODEFAULT, structs

from harness.errors import FileError
from harness.files.golden.card import HUB, TEXT_TABLES, items_path_of, read_card
from harness.files.golden.faults import Faults
from harness.files.golden.fields import Row
from harness.files.golden.ids import Ids
from harness.files.golden.items import ItemBuilder
from harness.files.golden.json_array import is_json_array, no_array, read_json_array
from harness.files.golden.jsonl import read_jsonl
from harness.files.golden.labels import resolve
from harness.files.golden.plain import PlainRows
from harness.files.golden.rows import RowReader
from harness.files.pictures import add_pictures
from harness.files.yaml import Document
from harness.records import FieldPaths, GoldenCard, Item, Policy, PolicyRef

if TYPE_CHECKING:
    from hashlib import _Hash

    import numpy as np
    from numpy.typing import NDArray

    from harness.files.golden.delimited import Delimited
    from harness.files.golden.tables import Table


class Source(Protocol):
    """Checked rows, by position or in order."""

    def rows(self, indices: Sequence[int] | None) -> Iterator[Row]:
        """Rows at the indices, or all of them in order."""


@dataclass(frozen=True, slots=True, eq=False)
class GoldenSet:
    """Labelled items under one policy version; items stream from the file each time they are asked for."""

    name: str
    version: int
    card: GoldenCard
    path: Path
    sha256: str
    categories: tuple[str, ...]
    items_path: Path | None
    n_implied: Mapping[str, int]
    source: Source
    _builder: ItemBuilder
    _codes: bytes
    _ids: Ids
    must_catch: frozenset[int] = frozenset()
    pictures: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._ids)

    def items(self, indices: Sequence[int] | None = None) -> Iterator[Item]:
        """Items at the indices, or all of them in the order of the file."""
        width = len(self.categories)
        codes = self._codes
        positions = range(len(self)) if indices is None else indices
        build = self._builder.item
        for index, row in zip(positions, self.source.rows(indices), strict=True):
            item = build(row, codes[index * width : (index + 1) * width], index)
            yield structs.replace(item, must_catch=True) if index in self.must_catch else item

    def item(self, index: int) -> Item:
        """The item at a position."""
        return next(self.items([range(len(self))[index]]))

    def ids(self) -> Sequence[str]:
        """Ids in the order of the file."""
        return self._ids.names

    def labels(self) -> NDArray[np.int8]:
        """Gold labels, shape (n_items, n_categories), -1 where nobody labelled; read-only."""
        import numpy as np

        return np.frombuffer(self._codes, dtype=np.int8).reshape(len(self), len(self.categories))

    def n_violating(self) -> tuple[int, ...]:
        """Items with a label of 1, per category."""
        width = len(self.categories)
        return tuple(self._codes[at::width].count(1) for at in range(width))

    def with_must_catch(self, ids: Iterable[str]) -> GoldenSet:
        """The same set with further items that no candidate may miss."""
        return replace(self, must_catch=self.must_catch | {self._ids.index[item_id] for item_id in ids})

    def index_of(self, item_id: str) -> int:
        """Position of an id; KeyError when the set does not have it."""
        return self._ids.index[item_id]


def load_golden(card_path: str | Path, policy: Policy | None, *, cache_dir: Path | None = None) -> GoldenSet:
    """Read a card and check every row of its items.

    Args:
        card_path: The card, a YAML file.
        policy: The policy the labels are judged under. None leaves categories unchecked and implies no parents.
        cache_dir: Where tables (Parquet, hub) keep their memory-mapped form, and pictures their digests; the
            user's cache folder by default.
    """
    path = Path(card_path)
    document, card = read_card(path, policy)
    categories = tuple(dict.fromkeys(card.rename.get(name, name) for name in card.labels))
    hasher = hashlib.sha256(identity_of(card))
    items_path = items_path_of(document, card)
    is_text = items_path is not None and items_path.suffix.lower() in TEXT_TABLES
    source, reader = _read(card, document, items_path, hasher, cache_dir, is_text=is_text)
    n_rows = len(reader.codes) // len(reader.file_labels)
    codes, n_implied = resolve(card, policy, categories, reader.file_labels, reader.codes, reader.faults)
    _check_must_catch(card, reader, codes, len(categories))
    reader.check_ids()
    reader.faults.raise_all()
    if n_rows == 0:
        raise FileError(
            str(items_path or card.items), "has no items", allowed="at least one row", next_step="add the items"
        )
    if reader.pictures:
        add_pictures(hasher, reader.pictures, None if items_path is None else items_path.parent, cache_dir)
    return GoldenSet(
        name=card.golden_set,
        version=card.version,
        card=card,
        path=path,
        sha256=hasher.hexdigest(),
        categories=categories,
        items_path=items_path,
        n_implied=n_implied,
        source=source,
        _builder=ItemBuilder(card, categories, is_text=is_text),
        _codes=codes,
        _ids=Ids(tuple(filter(None, reader.ids))),
        must_catch=frozenset(reader.must_catch),
        pictures=tuple(reader.pictures),
    )


def _check_must_catch(card: GoldenCard, reader: RowReader, codes: bytes, width: int) -> None:
    for index in sorted(reader.must_catch):
        if 1 not in codes[index * width : (index + 1) * width]:
            reader.faults.add(
                index,
                card.must_catch,
                "is true for an item that violates nothing by its labels",
                "true for items with a label of 1",
                "correct the labels, or leave the field out: there is nothing to catch",
            )


def identity_of(card: GoldenCard) -> bytes:
    """What of a card can change a label or a decision, as bytes for the set's hash.

    Comments, source, licence, description, provenance, ignored fields and the name of the items' file change none;
    slices do, since rules may depend on them. The items themselves are hashed as they are, and so are
    their pictures.
    """
    left_out = {"source", "licence", "description", "provenance", "ignore", "must_catch"}
    if not HUB.fullmatch(card.items):
        left_out.add("items")
    declared = {}
    for part in structs.fields(card):  # a default adds nothing, so that a field of a later version changes no hash
        default = part.default if part.default_factory is NODEFAULT else part.default_factory()
        value = getattr(card, part.name)
        if part.name not in left_out and value != default:
            declared[part.name] = structs.asdict(value) if isinstance(value, PolicyRef | FieldPaths) else value
    return json.dumps(declared, sort_keys=True).encode()


def _read(
    card: GoldenCard,
    document: Document,
    items_path: Path | None,
    hasher: _Hash,
    cache_dir: Path | None,
    *,
    is_text: bool,
) -> tuple[Source, RowReader]:
    """Open the items by their kind and check every row."""
    where: Callable[[int], tuple[str, int | None]]
    if items_path is not None and items_path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        lines = array("q")
        is_array = is_json_array(items_path)
        if items_path.suffix.lower() == ".json" and not is_array:
            raise no_array(items_path)
        where = (
            (lambda index: (str(items_path), lines[index]))
            if is_array
            else (lambda index: (str(items_path), index + 1))
        )
        reader = RowReader(card, Faults(where, card, str(document.path)))
        if is_array:
            return read_json_array(items_path, reader, lines, hasher), reader
        return read_jsonl(items_path, reader, reader.faults, hasher, PlainRows.of(card)), reader
    source: Delimited | Table
    if items_path is not None and is_text:
        from harness.files.golden.delimited import open_delimited

        source = open_delimited(items_path, card, document.path, hasher)
    else:
        from harness.files.golden.tables import open_table

        source = open_table(card, document, items_path, hasher, cache_dir)
    reader = RowReader(card, Faults(source.where, card, str(document.path)), is_text=is_text)
    for index, row in enumerate(source.rows(None)):
        reader.add(row, index)
    return source, reader
