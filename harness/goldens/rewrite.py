"""The items and the card of the next version of a golden set, with other labels.

Decides how a row is rewritten. JSONL with one mapping of labels a row is edited in place: rows without a changed label
keep their bytes, the others all but their labels. Everything else (CSV, Parquet, hub, label lists, words as labels) is
written out as JSONL with every label as 1, 0 or null, and the card loses what only the old form needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import yaml
from msgspec import NODEFAULT, structs, to_builtins
from numpy.typing import NDArray

from harness.files.golden.sets import GoldenSet
from harness.files.permissions import no_more_readable_than
from harness.records import FieldPaths, GoldenCard, Item

Key = tuple[str, str]
_ONLY_OLD_FORM = ("absent_labels", "rename", "label_values", "cut", "separator", "id", "delimiter", "encoding",
                  "revision", "split", "ignore")  # fmt: skip
_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def write_version(
    golden: GoldenSet,
    card: GoldenCard,
    categories: tuple[str, ...],
    labels: NDArray[np.int8],
    changed: Sequence[Key],
    card_path: Path,
    items_path: Path,
    groups: Mapping[int, str] = {},
) -> None:
    """Write items and card of a version that differs from ``golden`` in some labels.

    ``labels`` are all of the new version, int8 (n_items, n_categories); ``changed`` says whose differ, and ``groups``
    which items, by position, get another group.
    """
    with no_more_readable_than(golden.path, golden.items_path):
        lines = _edited(golden, labels, changed, groups) if categories == golden.categories else None
        if lines is not None:
            items_path.write_bytes(lines)
            card_path.write_text(_card_text(golden, card), encoding="utf-8")
            return
        with open(items_path, "wb") as file:
            for at, (item, codes) in enumerate(zip(golden.items(), labels, strict=True)):
                row = plain_row(item, golden.card.slices)
                if at in groups:
                    row["group"] = groups[at]
                row["labels"] = {
                    name: None if code < 0 else int(code) for name, code in zip(categories, codes.tolist(), strict=True)
                }
                file.write(orjson.dumps(row, option=_JSON, default=str) + b"\n")
        has_must_catch = bool(golden.must_catch)
        card_path.write_text(_plain_card(card, categories, has_must_catch=has_must_catch), encoding="utf-8")


def plain_row(item: Item, slices: Mapping[str, str]) -> dict[str, Any]:
    """An item as a row in the default form; slices that do not lie under ``meta`` move there."""
    meta = dict(item.meta)
    for name, path in slices.items():
        values = item.slices.get(name, ())
        if not path.startswith("meta.") and values:
            meta[name] = values[0] if len(values) == 1 else list(values)
    row: dict[str, Any] = {"id": item.id, "text": item.text, "labels": dict(item.labels)}
    optional = {
        "images": list(item.images),
        "context": item.context,
        "votes": [dict(vote) for vote in item.votes],
        "group": item.group,
        "weight": None if item.weight == 1.0 else item.weight,
        "must_catch": item.must_catch or None,
        "meta": meta,
    }
    return row | {name: value for name, value in optional.items() if value not in (None, [], {})}


def _edited(
    golden: GoldenSet, labels: NDArray[np.int8], changed: Sequence[Key], groups: Mapping[int, str]
) -> bytes | None:
    """The lines of a JSONL set with only what changes written anew; None when its form does not allow it."""
    card, path = golden.card, golden.items_path
    if path is None or path.suffix not in (".jsonl", ".ndjson"):
        return None
    if (
        any(getattr(card, name, None) for name in ("label_values", "separator"))
        or getattr(card, "cut", None) is not None
    ):
        return None
    if groups and "." in card.fields.group:
        return None
    by_row: dict[int, list[str]] = {at: [] for at in groups}
    for item, category in changed:
        by_row.setdefault(golden.index_of(item), []).append(category)
    lines = path.read_bytes().split(b"\n")
    body = lines[:-1] if lines and not lines[-1].strip() else lines
    if len(body) != len(golden) or any(not line.strip() for line in body):
        return None
    for at, categories in by_row.items():
        row = orjson.loads(body[at].removeprefix(b"\xef\xbb\xbf"))
        if at in groups:
            row[card.fields.group] = groups[at]
        if not categories:
            body[at] = orjson.dumps(row)
            continue
        held = row if card.fields.labels == "." else _at(row, card.fields.labels)
        if not isinstance(held, dict):
            return None
        for category, code in zip(golden.categories, labels[at].tolist(), strict=True):
            if code < 0 and category not in categories:
                continue
            names = {name for name in (*card.labels, *card.rename) if card.rename.get(name, name) == category}
            if len(names) != 1 or (code < 0 and card.absent_labels == "negative"):
                return None
            held[names.pop()] = None if code < 0 else code
        body[at] = orjson.dumps(row)
    return b"\n".join(body) + b"\n"


def _at(row: Any, path: str) -> Any:
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _card_text(golden: GoldenSet, card: GoldenCard) -> str:
    """The card with another version, items and policy; its comments stay where its lines allow it."""
    text = golden.path.read_text(encoding="utf-8-sig")
    before = yaml.safe_load(text)
    wanted = {**before, "version": card.version, "items": card.items, "policy": to_builtins(card.policy)}
    edited = re.sub(r"(?m)^version:[ \t]*\d+", f"version: {card.version}", text)
    edited = re.sub(r"(?m)^items:.*$", lambda _: f"items: {json.dumps(card.items)}", edited)
    edited = re.sub(r"(?m)^policy:[ \t]*\{.*\}", lambda _: f"policy: {{name: {card.policy.name}, version: "
                    f"{card.policy.version}}}", edited)  # fmt: skip
    try:
        is_right = yaml.safe_load(edited) == wanted
    except yaml.YAMLError:
        is_right = False
    return edited if is_right else _dumped(wanted)


def _plain_card(card: GoldenCard, categories: Sequence[str], *, has_must_catch: bool) -> str:
    data = {name: value for name, value in to_builtins(card).items() if not _is_default(card, name)}
    for name in (*_ONLY_OLD_FORM, "fields", "must_catch"):
        data.pop(name, None)
    data["labels"] = list(categories)
    if has_must_catch:
        data["must_catch"] = "must_catch"
    if card.slices:
        data["slices"] = {
            name: path if path.startswith("meta.") else f"meta.{name}" for name, path in card.slices.items()
        }
    return _dumped(data)


def _is_default(card: GoldenCard, name: str) -> bool:
    field = next(one for one in structs.fields(card) if one.name == name)
    default = field.default_factory() if field.default_factory is not NODEFAULT else field.default
    return bool(getattr(card, name) == default)


def _dumped(data: Mapping[str, Any]) -> str:
    tree = dict(data)
    if isinstance(tree.get("fields"), dict):
        plain = structs.asdict(FieldPaths())
        tree["fields"] = {name: path for name, path in tree["fields"].items() if path != plain.get(name)}
    return yaml.safe_dump(_plain(tree), sort_keys=False, allow_unicode=True, width=118)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
