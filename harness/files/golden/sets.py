"""Golden set (card and items) -> ``GoldenSet``: every row checked once, then streamed.

Decides how a card is resolved against a policy: renamed labels, absent labels, and a child's 1 that implies its
parent's 1. What one row may hold is decided in ``rows``; CSV, Parquet and the hub are opened in ``tables``. Memory
holds one offset, one id and one byte per category for each row; the rows themselves stay in the file.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from harness.errors import FileError, HarnessError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.golden.faults import Faults
from harness.files.golden.jsonl import read_jsonl
from harness.files.golden.rows import ABSENT, Row, RowReader
from harness.files.policy import implied_parents
from harness.files.text import listed, missing_hint, read_text, require_file, shortened, suggestion
from harness.files.yaml import Document, parse_yaml
from harness.records import GoldenCard, Item, Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".parquet")
_HUB = re.compile(r"hub:\s*(\S+)")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_REVISION = re.compile(r"[0-9a-f]{40}")


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
    _source: Source
    _reader: RowReader
    _labels: NDArray[np.int8]
    _index: Mapping[str, int]
    _ids: tuple[str, ...]
    must_catch: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self._ids)

    def items(self, indices: Sequence[int] | None = None) -> Iterator[Item]:
        """Items at the indices, or all of them in the order of the file."""
        width = len(self.categories)
        codes = self._labels.reshape(-1).view(np.uint8).data
        positions = range(len(self)) if indices is None else indices
        build = self._reader.item
        for index, row in zip(positions, self._source.rows(indices), strict=True):
            item = build(row, bytes(codes[index * width : (index + 1) * width]))
            yield replace(item, must_catch=True) if index in self.must_catch else item

    def item(self, index: int) -> Item:
        """The item at a position."""
        return next(self.items([range(len(self))[index]]))

    def ids(self) -> Sequence[str]:
        """Ids in the order of the file."""
        return self._ids

    def labels(self) -> NDArray[np.int8]:
        """Gold labels, shape (n_items, n_categories), -1 where nobody labelled; read-only."""
        return self._labels

    def with_must_catch(self, ids: Iterable[str]) -> GoldenSet:
        """The same set with further items that no candidate may miss."""
        return replace(self, must_catch=self.must_catch | {self._index[item_id] for item_id in ids})

    def index_of(self, item_id: str) -> int:
        """Position of an id; KeyError when the set does not have it."""
        return self._index[item_id]


def load_golden(card_path: str | Path, policy: Policy | None, *, cache_dir: Path | None = None) -> GoldenSet:
    """Read a card and check every row of its items.

    Args:
        card_path: The card, a YAML file.
        policy: The policy the labels are judged under. None leaves categories unchecked and implies no parents.
        cache_dir: Where tables (CSV, Parquet, hub) keep their memory-mapped form; the user's cache folder by default.
    """
    path = Path(card_path)
    file = read_text(path, what="golden set card")
    document = parse_yaml(file, what="golden set card", kind="golden_set")
    card = to_record(document, GoldenCard, what="golden set card")
    raise_all(_card_faults(document, card, policy))
    categories = tuple(dict.fromkeys(card.rename.get(name, name) for name in card.labels))
    hasher = hashlib.sha256(path.read_bytes())
    if _HUB.fullmatch(card.items):
        items_path = None
    else:
        items_path = Path(os.path.normpath(path.parent / card.items))
        _require_items(document, items_path)
    source: Source
    if items_path is not None and items_path.suffix in (".jsonl", ".ndjson"):
        faults = Faults(lambda index: (str(items_path), index + 1))
        reader = RowReader(card, categories, faults)
        source = read_jsonl(items_path, reader, faults, hasher)
    else:
        from harness.files.golden.tables import open_table

        table = open_table(card, document, items_path, hasher, cache_dir)
        faults = Faults(table.where)
        reader = RowReader(card, categories, faults)
        for index, row in enumerate(table.rows(None)):
            reader.add(row, index)
        source = table
    n_rows = len(reader.codes) // len(reader.file_labels)
    labels, n_implied = _resolve(card, policy, categories, reader, faults, n_rows)
    for index in sorted(reader.must_catch):
        if not (labels[index] == 1).any():
            faults.add(
                index,
                card.must_catch,
                "is true for an item that violates nothing by its labels",
                "true for items with a label of 1",
                "correct the labels, or leave the field out: there is nothing to catch",
            )
    faults.raise_all(reader.file_labels, card.fields.labels, str(path))
    if n_rows == 0:
        raise FileError(
            str(items_path or card.items), "has no items", allowed="at least one row", next_step="add the items"
        )
    reader.faults = None
    reader.codes = bytearray()
    index_of = reader.ids
    reader.ids = {}
    labels.setflags(write=False)
    return GoldenSet(
        name=card.golden_set,
        version=card.version,
        card=card,
        path=path,
        sha256=hasher.hexdigest(),
        categories=categories,
        items_path=items_path,
        n_implied=n_implied,
        _source=source,
        _reader=reader,
        _labels=labels,
        _index=index_of,
        _ids=tuple(index_of),
        must_catch=frozenset(reader.must_catch),
    )


# --------------------------------------------------------------------------------------------------------- labels


def _resolve(
    card: GoldenCard,
    policy: Policy | None,
    categories: Sequence[str],
    reader: RowReader,
    faults: Faults,
    n_rows: int,
) -> tuple[NDArray[np.int8], Mapping[str, int]]:
    """File labels -> categories: merge renamed labels, imply parents, fill absent labels.

    Several labels renamed to one category are joined by a three-valued or: 1 if any is 1, else null if any is null or
    absent, else 0. A child's 1 makes a null parent 1; against a parent's 0 it is a fault.
    """
    written = np.frombuffer(reader.codes, dtype=np.int8).reshape(n_rows, len(reader.file_labels))
    absent = np.int8(ABSENT - 256)
    labels = np.empty((n_rows, len(categories)), dtype=np.int8)
    for at, category in enumerate(categories):
        columns = [i for i, name in enumerate(reader.file_labels) if card.rename.get(name, name) == category]
        own = [i for i in columns if reader.file_labels[i] == category]
        is_settled = written[:, own[0]] != absent if own and len(columns) > 1 else np.zeros(n_rows, dtype=np.bool_)
        merged = np.zeros(n_rows, dtype=np.int8)
        for column in columns:
            codes = written[:, column]
            is_expected = column not in own or len(columns) == 1
            is_null = (codes == -1) | ((codes == absent) & ~is_settled) if is_expected else codes == -1
            merged[is_null & (merged == 0)] = -1
            merged[codes == 1] = 1
        labels[:, at] = merged
    del written
    n_implied: dict[str, int] = {}
    column_of = {category: at for at, category in enumerate(categories)}
    for child, ancestors in implied_parents(policy).items() if policy is not None else ():
        for parent in ancestors:
            if child not in column_of or parent not in column_of:
                continue
            is_child = labels[:, column_of[child]] == 1
            parents = labels[:, column_of[parent]]
            for row in np.flatnonzero(is_child & (parents == 0)):
                faults.add(
                    int(row),
                    f"{card.fields.labels}",
                    f"has '{child}' 1 and its parent '{parent}' 0",
                    "a child's 1 only with the parent's 1 (or null, which it implies)",
                    f"set '{parent}' to 1 or '{child}' to 0",
                )
            is_implied = is_child & (parents == -1)
            if is_implied.any():
                n_implied[parent] = n_implied.get(parent, 0) + int(is_implied.sum())
                parents[is_implied] = 1
    if card.absent_labels == "negative":
        labels[labels == -1] = 0
    return labels, n_implied


# ----------------------------------------------------------------------------------------------------------- card


def _card_faults(document: Document, card: GoldenCard, policy: Policy | None) -> list[HarnessError]:
    errors: list[HarnessError] = [*require_name(document, ("golden_set",), card.golden_set)]
    errors += _label_faults(document, card)
    for name, path in card.slices.items():
        errors += require_name(document, ("slices", name), name)
        errors += _path_fault(document, ("slices", name), path)
    for name in ("id", "text", "labels", "images", "context", "votes", "weight", "group"):
        path = getattr(card.fields, name)
        if name != "labels" or path != ".":
            errors += _path_fault(document, ("fields", name), path)
    errors += _items_faults(document, card)
    errors += _ignore_faults(document, card)
    if policy is None:
        return errors
    if (card.policy.name, card.policy.version) != (policy.policy, policy.version):
        errors.append(
            document.error(
                ("policy",),
                f"is '{shortened(card.policy.name)}' version {card.policy.version}",
                allowed=f"the policy in use: '{policy.policy}' version {policy.version}",
                next_step="use the policy the items were labelled under, or review the labels and release a new "
                "version of the golden set",
            )
        )
        return errors
    ids, where = policy.category_ids, f"policy '{policy.policy}'"
    for at, name in enumerate(card.labels):
        if card.rename.get(name, name) not in ids and name not in card.rename:
            errors += require_names(document, ("labels", at), [name], ids, noun="category", where=where)
    for name, target in card.rename.items():
        errors += require_names(document, ("rename", name), [target], ids, noun="category", where=where)
    return errors


def _label_faults(document: Document, card: GoldenCard) -> list[FileError]:
    errors = []
    for at, name in enumerate(card.labels):
        if not name or name in card.labels[:at]:
            errors.append(
                document.error(
                    ("labels", at),
                    "is an empty name" if not name else f"is '{shortened(name)}' a second time",
                    allowed="each label once",
                    next_step="remove the entry",
                )
            )
    targets = {card.rename.get(name, name) for name in card.labels}
    for name, target in card.rename.items():
        if target not in targets:
            errors.append(
                document.error(
                    ("rename", name),
                    f"renames to '{shortened(target)}', which is not among the labels",
                    allowed=listed([*card.labels]),
                    next_step=suggestion(name, card.labels, f"add '{shortened(name)}' or the new name to labels"),
                )
            )
    return errors


def _ignore_faults(document: Document, card: GoldenCard) -> list[FileError]:
    """What the set cannot do without is not ignored; images, context, votes, weight and group may be."""
    fields = card.fields
    read = [fields.id, fields.text, fields.labels, *card.slices.values()]
    needed = {path.split(".")[0] for path in read} | {"meta"} | (set(card.labels) if fields.labels == "." else set())
    return [
        document.error(
            ("ignore", at),
            f"is '{shortened(name)}', which the card reads",
            allowed="fields of the rows that the card does not read",
            next_step="remove it from 'ignore'",
        )
        for at, name in enumerate(card.ignore)
        if name in needed
    ]


def _path_fault(document: Document, loc: tuple[str, str], path: str) -> list[FileError]:
    if path and all(path.split(".")):
        return []
    return [
        document.error(
            loc,
            f"is '{shortened(path)}'",
            allowed="a dotted path inside a row, such as meta.lang",
            next_step="correct the path",
        )
    ]


def _items_faults(document: Document, card: GoldenCard) -> list[FileError]:
    hub = _HUB.fullmatch(card.items)
    if hub is None:
        errors = [
            document.error(
                (name,),
                f"is given for the file '{shortened(card.items)}'",
                allowed=f"{name} only with 'items: hub:ORG/NAME'",
                next_step="remove it",
            )
            for name in ("revision", "split")
            if getattr(card, name) is not None
        ]
        if Path(card.items).suffix not in SUFFIXES or "://" in card.items:
            errors.append(
                document.error(
                    ("items",),
                    f"is '{shortened(card.items)}'",
                    allowed=f"a file ending in {', '.join(SUFFIXES)}, or hub:ORG/NAME with revision and split",
                    next_step="convert the items to JSONL",
                )
            )
        return errors
    errors = []
    if not _HUB_NAME.fullmatch(hub[1]):
        errors.append(
            document.error(
                ("items",), f"is '{shortened(card.items)}'", allowed="hub:ORG/NAME", next_step="correct the name"
            )
        )
    if card.revision is None or not _REVISION.fullmatch(card.revision):
        errors.append(
            document.error(
                ("revision",),
                "is missing" if card.revision is None else f"is '{shortened(card.revision)}'",
                allowed="the full commit (40 hexadecimal digits): branches and tags move",
                next_step="copy the commit from the dataset's history page",
            )
        )
    if not card.split:
        errors.append(
            document.error(
                ("split",), "is missing", allowed="the split to read, such as test", next_step="add 'split: NAME'"
            )
        )
    return errors


def _require_items(document: Document, items_path: Path) -> None:
    try:
        require_file(items_path, what="file of items")
    except FileError as error:
        raise document.error(
            ("items",),
            f"names {shortened(items_path)}, which {error.found}",
            allowed="the items file, relative to the card",
            next_step=missing_hint(items_path) or "check the path",
        ) from None
