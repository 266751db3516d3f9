"""A golden set's card -> ``GoldenCard``, with every fault of what it declares at its line."""

from __future__ import annotations

import os
import re
from pathlib import Path

from harness.errors import FileError, HarnessError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.golden.delimited import ENCODINGS
from harness.files.golden.fields import label_names, read_paths
from harness.files.golden.values import folded
from harness.files.text import joined, missing_hint, read_text, require_file, shortened, suggestion
from harness.files.yaml import Document, parse_yaml
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
    card = to_record(document, GoldenCard, what="golden set card")
    raise_all(_card_faults(document, card, policy))
    return document, card


def items_path_of(document: Document, card: GoldenCard) -> Path | None:
    """The file of items beside a card; None for a set of the hub."""
    if HUB.fullmatch(card.items):
        return None
    path = Path(os.path.normpath(document.path.parent / card.items))
    _require_items(document, path)
    return path


def _card_faults(document: Document, card: GoldenCard, policy: Policy | None) -> list[HarnessError]:
    errors: list[HarnessError] = [*require_name(document, ("golden_set",), card.golden_set)]
    errors += _label_faults(document, card)
    for name, path in card.slices.items():
        errors += require_name(document, ("slices", name), name)
        errors += _path_fault(document, ("slices", name), path)
    for name, path in card.modalities.items():
        errors += require_name(document, ("modalities", name), name)
        errors += _path_fault(document, ("modalities", name), path)
    errors += _path_fault(document, ("must_catch",), card.must_catch)
    errors += _value_faults(document, card)
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
                    allowed=joined([*card.labels]),
                    next_step=suggestion(name, card.labels, f"add '{shortened(name)}' or the new name to labels"),
                )
            )
    return errors


def _value_faults(document: Document, card: GoldenCard) -> list[FileError]:
    """What the card declares of values: each once, cuts of labels it has, and what only text tables need."""
    errors: list[FileError] = []
    seen: dict[str, int | None] = {}
    for value, code in card.label_values.items():
        if seen.setdefault(folded(value), code) != code:
            errors.append(
                document.error(
                    ("label_values", value),
                    f"is declared twice: '{shortened(value)}' differs from another value only in case or blanks",
                    allowed="each value once",
                    next_step="keep one of the two",
                )
            )
    if card.cut is not None and not isinstance(card.cut, float | int):
        names = label_names(card)
        for name in card.cut:
            errors += require_names(document, ("cut", name), [name], names, noun="label", where="the card")
    if card.id == "row" and card.fields.id != "id":
        errors.append(
            document.error(
                ("id",),
                f"is 'row', and 'fields' says that ids are in '{shortened(card.fields.id)}'",
                allowed="one of the two",
                next_step="remove 'id: row', or the id from 'fields'",
            )
        )
    if card.encoding is not None and card.encoding.lower() not in ENCODINGS:
        near = suggestion(card.encoding.lower(), ENCODINGS, "save the file as UTF-8")
        errors.append(
            document.error(
                ("encoding",), f"is '{shortened(card.encoding)}'", allowed=joined(ENCODINGS, most=40), next_step=near
            )
        )
    if not card.items.endswith(TEXT_TABLES):
        errors += [
            document.error(
                (name,),
                f"is given for '{shortened(card.items)}'",
                allowed=f"{name} only with items in {' or '.join(TEXT_TABLES)}",
                next_step="remove it",
            )
            for name in ("delimiter", "encoding")
            if getattr(card, name) is not None
        ]
    return errors


def _ignore_faults(document: Document, card: GoldenCard) -> list[FileError]:
    """What the set cannot do without is not ignored; images, context, votes, weight and group may be."""
    labels = set(card.labels) - set(card.rename) if card.fields.labels == "." else set()
    needed = {path.split(".")[0] for path in read_paths(card)} | {"meta"} | labels
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


def _path_fault(document: Document, loc: tuple[str, ...], path: str) -> list[FileError]:
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
    hub = HUB.fullmatch(card.items)
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
                    next_step=f"save {shortened(card.items)} as CSV (UTF-8), JSONL or Parquet, one row an item",
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
