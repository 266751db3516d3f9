"""A golden set's card -> ``GoldenCard``, with every fault of what it declares at its line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import FileError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.golden.delimited import ENCODINGS
from harness.files.golden.fields import label_names, read_paths
from harness.files.golden.values import folded
from harness.files.schema import MARKS, Loc
from harness.files.text import joined, read_text, require_file, shortened, suggestion
from harness.files.yaml import Document, Fault, parse_yaml
from harness.records import GoldenCard, Policy

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
TEXT_TABLES = (".csv", ".tsv")
HUB = re.compile(r"hub:\s*(\S+)")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_REVISION = re.compile(r"[0-9a-f]{40}")


def read_card(path: Path, policy: Policy | None) -> tuple[Document, GoldenCard]:
    """Read a card; None as policy leaves its categories unchecked."""
    file = read_text(path, what="golden set card")
    document = parse_yaml(file, what="golden set card", kind="golden_set")
    card = to_record(document, GoldenCard, _with_codes(document.data), what="golden set card")
    raise_all(document.errors(_card_faults(card, policy)))
    return document, card


def _with_codes(tree: Any) -> Any:
    """The card with ``true`` and ``false`` as the codes of label values, 1 and 0, and its delimiter as the mark."""
    if not isinstance(tree, dict):
        return tree
    if isinstance(named := tree.get("delimiter"), str):
        tree = tree | {"delimiter": {name: mark for mark, name in MARKS.items()}.get(named, named)}
    if not isinstance(values := tree.get("label_values"), dict):
        return tree
    return tree | {"label_values": {name: int(one) if one in (0, 1) else one for name, one in values.items()}}


def items_path_of(document: Document, card: GoldenCard) -> Path | None:
    """The file of items beside a card; None for a set of the hub."""
    if HUB.fullmatch(card.items):
        return None
    path = Path(os.path.normpath(document.path.parent / card.items))
    _require_items(document, path)
    return path


def _card_faults(card: GoldenCard, policy: Policy | None) -> Iterator[Fault]:
    yield from require_name(("golden_set",), card.golden_set)
    yield from _label_faults(card)
    for field, paths in (("slices", card.slices), ("modalities", card.modalities)):
        for name, path in paths.items():
            yield from require_name((field, name), name)
            yield from _path_fault((field, name), path)
    yield from _path_fault(("must_catch",), card.must_catch)
    yield from _value_faults(card)
    for name in ("id", "text", "labels", "images", "context", "votes", "weight", "group"):
        path = getattr(card.fields, name)
        if name != "labels" or path != ".":
            yield from _path_fault(("fields", name), path)
    hub = HUB.fullmatch(card.items)
    yield from _file_faults(card) if hub is None else _hub_faults(card, hub[1])
    yield from _ignore_faults(card)
    if policy is not None:
        yield from _policy_faults(card, policy)


def _policy_faults(card: GoldenCard, policy: Policy) -> Iterator[Fault]:
    if (card.policy.name, card.policy.version) != (policy.policy, policy.version):
        yield (
            ("policy",),
            f"is '{shortened(card.policy.name)}' version {card.policy.version}",
            f"the policy in use: '{policy.policy}' version {policy.version}",
            "use the policy the items were labelled under, or review the labels and release a new version of the "
            "golden set",
        )
        return
    ids, where = policy.category_ids, f"policy '{policy.policy}'"
    for at, name in enumerate(card.labels):
        if name not in card.rename:
            yield from require_names(("labels", at), [name], ids, noun="category", where=where)
    for name, target in card.rename.items():
        yield from require_names(("rename", name), [target], ids, noun="category", where=where)


def _label_faults(card: GoldenCard) -> Iterator[Fault]:
    for at, name in enumerate(card.labels):
        if not name or name in card.labels[:at]:
            found = f"is '{shortened(name)}' a second time" if name else "is an empty name"
            yield ("labels", at), found, "each label once", "remove the entry"
    targets = {card.rename.get(name, name) for name in card.labels}
    for name, target in card.rename.items():
        if target not in targets:
            found = f"renames to '{shortened(target)}', which is not among the labels"
            hint = suggestion(name, card.labels, f"add '{shortened(name)}' or the new name to labels")
            yield ("rename", name), found, joined([*card.labels]), hint


def _value_faults(card: GoldenCard) -> Iterator[Fault]:
    """What the card declares of values: each once, cuts of labels it has, and what only text tables need."""
    seen: dict[str, int | None] = {}
    for value, code in card.label_values.items():
        if seen.setdefault(folded(value), code) != code:
            found = f"is declared twice: '{shortened(value)}' differs from another value only in case or blanks"
            yield ("label_values", value), found, "each value once", "keep one of the two"
    if card.cut is not None and not isinstance(card.cut, float | int):
        names = label_names(card)
        for name in card.cut:
            yield from require_names(("cut", name), [name], names, noun="label", where="the card")
    if card.id == "row" and card.fields.id != "id":
        found = f"is 'row', and 'fields' says that ids are in '{shortened(card.fields.id)}'"
        yield ("id",), found, "one of the two", "remove 'id: row', or the id from 'fields'"
    if card.encoding is not None and card.encoding.lower() not in ENCODINGS:
        near = suggestion(card.encoding.lower(), ENCODINGS, "save the file as UTF-8")
        yield ("encoding",), f"is '{shortened(card.encoding)}'", joined(ENCODINGS, most=40), near
    if not card.items.lower().endswith(TEXT_TABLES):
        given = f"is given for '{shortened(card.items)}'"
        for name in ("delimiter", "encoding"):
            if getattr(card, name) is not None:
                yield (name,), given, f"{name} only with items in {' or '.join(TEXT_TABLES)}", "remove it"


def _ignore_faults(card: GoldenCard) -> Iterator[Fault]:
    """What the set cannot do without is not ignored; images, context, votes, weight and group may be."""
    labels = set(card.labels) - set(card.rename) if card.fields.labels == "." else set()
    needed = {path.split(".")[0] for path in read_paths(card)} | {"meta"} | labels
    for at, name in enumerate(card.ignore):
        if name in needed:
            found, allowed = (
                f"is '{shortened(name)}', which the card reads",
                "fields of the rows that the card does not read",
            )
            yield ("ignore", at), found, allowed, "remove it from 'ignore'"


def _path_fault(place: Loc, path: str) -> Iterator[Fault]:
    if not path or not all(path.split(".")):
        yield place, f"is '{shortened(path)}'", "a dotted path inside a row, such as meta.lang", "correct the path"


def _file_faults(card: GoldenCard) -> Iterator[Fault]:
    for name in ("revision", "split"):
        if getattr(card, name) is not None:
            found = f"is given for the file '{shortened(card.items)}'"
            yield (name,), found, f"{name} only with 'items: hub:ORG/NAME'", "remove it"
    if Path(card.items).suffix.lower() not in SUFFIXES or "://" in card.items:
        allowed = f"a file ending in {', '.join(SUFFIXES)}, or hub:ORG/NAME with revision and split"
        hint = f"save {shortened(card.items)} as CSV (UTF-8), JSONL or Parquet, one row an item"
        yield ("items",), f"is '{shortened(card.items)}'", allowed, hint


def _hub_faults(card: GoldenCard, name: str) -> Iterator[Fault]:
    if not _HUB_NAME.fullmatch(name):
        yield ("items",), f"is '{shortened(card.items)}'", "hub:ORG/NAME", "correct the name"
    if card.revision is None or not _REVISION.fullmatch(card.revision):
        found = "is missing" if card.revision is None else f"is '{shortened(card.revision)}'"
        allowed = "the full commit (40 hexadecimal digits): branches and tags move"
        yield ("revision",), found, allowed, "copy the commit from the dataset's history page"
    if not card.split:
        yield ("split",), "is missing", "the split to read, such as test", "add 'split: NAME'"


def _require_items(document: Document, items_path: Path) -> None:
    try:
        require_file(items_path, what="file of items")
    except FileError as error:
        raise document.error(
            ("items",),
            f"names {shortened(items_path)}, which {error.found}",
            allowed="the items file, relative to the card",
            next_step=error.next_step or "check the path",
        ) from None
