"""What ``harness golden export`` writes as JSONL, CSV or xlsx, and any file in that form: each part as it is.

Decides that nothing of an item is guessed here: a withheld text stays withheld, texts are neither unescaped nor
repaired, and what stands under ``meta`` keeps its names and depth. In a table a value of ``meta`` is what its cell says
(``export_cells``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.errors import FileError
from harness.files.golden.guess import slice_columns
from harness.goldens.export_cells import unguarded, value_of
from harness.goldens.imports.account import Account, plain_id
from harness.goldens.imports.flat import NoRow, Row
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import LabelColumn, LabelReader, Plan, Unread

_PARTS = ("group", "images", "context", "votes", "weight", "must_catch")
KNOWN_MODALITIES = ("frames", "transcript", "ocr", "audio", "captions", "screenshots")
"""Names that stand for a modality without being told so; with ``--format harness`` any other name does."""
_LABELS, _META = "labels.", "meta."
_CODES = frozenset({"0", "1", "true", "false", "", "none"})


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    labels = [name for name in foreign.columns if name.startswith(_LABELS)]
    tops = {name.split(".")[0] for name in foreign.columns}
    if not labels or not {"id", "text"} <= tops or foreign.kind not in ("json", "jsonl", "csv", "xlsx"):
        return False
    if tops - {"id", "text", "labels", "meta", *_PARTS, *KNOWN_MODALITIES}:
        return False
    return all(str(value).casefold() in _CODES for name in labels for value in samples.get(name, ()))


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    categories, modalities, samples = _looked_through(foreign)
    labels = [LabelColumn(name, plan.names.get(name, name)) for name in categories]
    slices = {name: f"{_META}{column.removeprefix(_META)}" for name, column in plan.slices.items()}
    return Imported(
        _items(foreign, plan, labels, modalities, account),
        tuple(dict.fromkeys(label.category for label in labels)),
        slices or _slices(samples),
        modalities={name: name for name in modalities},
    )


def _looked_through(foreign: Foreign) -> tuple[list[str], list[str], dict[str, list[Any]]]:
    """Categories, modalities, and values by name under ``meta``, of the whole file."""
    categories: dict[str, None] = {}
    modalities: dict[str, None] = {}
    samples: dict[str, list[Any]] = {}
    for at, (number, row) in enumerate(_rows(foreign)):
        if isinstance(row, NoRow):
            continue
        labels = row["labels"]
        if not isinstance(labels, Mapping):
            raise FileError(str(foreign.path), f"has labels that are {type(labels).__name__}", line=number,
                            allowed='labels by name: {"hate": 1}',
                            next_step="leave --format out, so that the columns are asked for")  # fmt: skip
        categories.update(dict.fromkeys(labels))
        known = ("id", "text", "labels", "meta", *_PARTS)
        modalities.update(dict.fromkeys(name for name in row if name not in known))
        if at < 5_000:
            for name, value in row["meta"].items():
                samples.setdefault(name, []).append(value)
    return list(categories), list(modalities), samples


def _slices(samples: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    plain = {
        name: values for name, values in samples.items()
        if "." not in name and all(value is None or isinstance(value, str | int | float) for value in values)
    }  # fmt: skip
    return {name: f"{_META}{name}" for name in slice_columns(plain)}


def _items(
    foreign: Foreign, plan: Plan, labels: Sequence[LabelColumn], modalities: Sequence[str], account: Account
) -> Iterator[dict[str, Any]]:
    unread = Unread()
    reader = LabelReader(plan, unread)
    for number, row in _rows(foreign):
        account.n_rows += 1
        if isinstance(row, NoRow):
            account.left_out.add(row.reason, number)
            continue
        item_id = plain_id(row.get("id"))
        if not item_id:
            account.left_out.add("no id", number)
            continue
        text = row.get("text")
        said = row["labels"]
        item: dict[str, Any] = {"id": item_id, "text": text if text is None or isinstance(text, str) else str(text)}
        item["labels"] = {one.category: reader.code(one.column, said.get(one.column), number) for one in labels}
        parts = {name: row.get(name) for name in (*_PARTS, *modalities)} | {"meta": row["meta"]}
        item |= {name: value for name, value in parts.items() if value not in (None, [], {})}
        account.n_votes += len(votes) if isinstance(votes := item.get("votes"), list) else 0
        account.count(item["labels"])
        yield item
    unread.raise_if_any(str(foreign.path), plan)


def _rows(foreign: Foreign) -> Iterator[tuple[int, Any]]:
    """Rows in the default form, with ``labels`` and ``meta`` in each."""
    if foreign.objects is not None:
        for number, value in foreign.objects():
            if isinstance(value, dict):
                meta = value.get("meta")
                is_odd = meta is not None and not isinstance(meta, dict)
                yield (
                    number,
                    NoRow("meta is no mapping")
                    if is_odd
                    else {**value, "labels": value.get("labels") or {}, "meta": meta or {}},
                )
            else:
                yield number, value if isinstance(value, NoRow) else NoRow("no JSON object")
        return
    for number, cells in foreign.rows():
        yield number, cells if isinstance(cells, NoRow) else _nested(cells, is_text=foreign.kind == "csv")


def _nested(cells: Row, *, is_text: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"labels": {}, "meta": {}}
    for column, cell in cells.items():
        if column.startswith(_LABELS):
            row["labels"][column.removeprefix(_LABELS)] = unguarded(cell) if isinstance(cell, str) else cell
            continue
        value = value_of(column, cell, is_text=is_text)
        if column == "images" and isinstance(value, str):
            value = value.split("|")
        if value is None:
            continue
        outer, dot, inner = column.removeprefix(_META).partition(".") if column.startswith(_META) else (column, "", "")
        if not column.startswith(_META):
            row[outer] = value
        elif not dot:
            row["meta"][outer] = value
        elif isinstance(below := row["meta"].setdefault(outer, {}), dict):
            below[inner] = value
        else:
            row["meta"][f"{outer}.{inner}"] = value
    return row


importer = Importer(
    title="an export of a golden set",
    source="docs/FORMATS.md, item",
    licence="",
    recognises=_recognises,
    read=_read,
)
