"""Rows of a foreign file -> rows of a golden set in the default form, and an account of every one of them.

Decides what an item needs (a text or an image, and an id that is its own) and how rows of several annotators become
the votes of one item. Rows stream; only where annotators stand in rows are the items held until the last one is read.
"""

from __future__ import annotations

import html
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.files.text import counted, shortened
from harness.goldens.imports.flat import NoRow, Row
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.plan import LabelReader, Plan, Unread, decided

NO_TEXT = "no text"
_NAMED = 5


@dataclass(slots=True)
class Account:
    """Where every row of the file went."""

    n_rows: int = 0
    n_items: int = 0
    n_votes: int = 0
    n_unlabelled: int = 0
    n_unescaped: int = 0
    n_repaired: int = 0
    left_out: dict[str, list[int]] = field(default_factory=dict)
    n_left_out: dict[str, int] = field(default_factory=dict)
    positives: dict[str, int] = field(default_factory=dict)
    negatives: dict[str, int] = field(default_factory=dict)

    def leave(self, reason: str, number: int) -> None:
        """Note a row that becomes no item."""
        self.n_left_out[reason] = self.n_left_out.get(reason, 0) + 1
        places = self.left_out.setdefault(reason, [])
        if len(places) < _NAMED:
            places.append(number)

    def count(self, labels: Mapping[str, int | None]) -> None:
        """Note the labels of an item."""
        self.n_items += 1
        self.n_unlabelled += not any(code is not None for code in labels.values())
        for category, code in labels.items():
            if code is not None:
                side = self.positives if code else self.negatives
                side[category] = side.get(category, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON and for the card."""
        return {"rows": self.n_rows, "items": self.n_items, "left_out": dict(self.n_left_out)}


class _Ids:
    """Eight bytes an id, so that a million rows take eight megabytes; copies are looked for at the end."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, item_id: str) -> None:
        self._hashes.append(hash(item_id))

    def repeated(self) -> set[int]:
        values, counts = np.unique(np.frombuffer(self._hashes, dtype=np.int64), return_counts=True)
        return {int(value) for value in values[counts > 1]}


def converted(foreign: Foreign, plan: Plan, account: Account) -> Iterator[dict[str, Any]]:
    """Items in the order of the file.

    Raises:
        HarnessError: Values of labels that the plan does not read, or ids that stand twice; after the last row.
    """
    unread, ids = Unread(), _Ids()
    reader = LabelReader(plan, unread)
    cleaned = _cleaner(plan, account)
    items = _voted if plan.annotator is not None else _single
    for item in items(foreign, plan, account, reader, cleaned):
        ids.add(item["id"])
        account.count(item["labels"])
        yield item
    unread.raise_if_any(str(foreign.path), plan)
    repeated = ids.repeated()
    if repeated:
        _raise_repeated(foreign, plan, repeated)


def _single(
    foreign: Foreign, plan: Plan, account: Account, reader: LabelReader, cleaned: Callable[[str], str]
) -> Iterator[dict[str, Any]]:
    for number, row in _rows(foreign, account):
        base = _base(row, number, plan, account, cleaned)
        if base is None:
            continue
        labels = dict.fromkeys(plan.categories) | reader.labels(row, number)
        votes = [{"annotator": who, "labels": said} for who, said in reader.votes(row, number)]
        if votes:
            account.n_votes += len(votes)
            voted = decided([vote["labels"] for vote in votes], plan.vote_rule, plan.categories)  # type: ignore[misc]
            labels = {name: voted[name] if code is None else code for name, code in labels.items()}
            base["votes"] = votes
        yield _ordered(base, labels)


def _voted(
    foreign: Foreign, plan: Plan, account: Account, reader: LabelReader, cleaned: Callable[[str], str]
) -> Iterator[dict[str, Any]]:
    """Rows of one id are the votes of one item."""
    held: dict[str, dict[str, Any]] = {}
    for number, row in _rows(foreign, account):
        base = _base(row, number, plan, account, cleaned)
        if base is None:
            continue
        item = held.setdefault(base["id"], base)
        if item.get("text") != base.get("text"):
            account.leave("another text under an id that was there already", number)
            continue
        who = " ".join(str(row.get(plan.annotator or "") or "").split())
        votes = item.setdefault("votes", [])
        if not who:
            account.leave("a vote without its annotator", number)
        elif any(vote["annotator"] == who for vote in votes):
            account.leave("a second vote of one annotator on one item", number)
        else:
            account.n_votes += 1
            votes.append({"annotator": who, "labels": reader.labels(row, number)})
    for item in held.values():
        votes = item.get("votes") or []
        yield _ordered(item, decided([vote["labels"] for vote in votes], plan.vote_rule, plan.categories))


def _rows(foreign: Foreign, account: Account) -> Iterator[tuple[int, Row]]:
    for number, row in foreign.rows():
        account.n_rows += 1
        if isinstance(row, NoRow):
            account.leave(row.reason, number)
        else:
            yield number, row


def _base(row: Row, number: int, plan: Plan, account: Account, cleaned: Callable[[str], str]) -> dict[str, Any] | None:
    text = row.get(plan.text) if plan.text is not None else None
    text = None if text is None else cleaned(text if isinstance(text, str) else str(text))
    images = _images(row.get(plan.images)) if plan.images is not None else []
    if (text is None or not text.strip()) and not images:
        account.leave(NO_TEXT, number)
        return None
    item_id = str(number) if plan.id is None else _id(row.get(plan.id))
    if not item_id:
        account.leave("no id", number)
        return None
    base: dict[str, Any] = {"id": item_id, "text": text}
    if images:
        base["images"] = images
    if plan.group is not None and row.get(plan.group) not in (None, ""):
        base["group"] = str(row[plan.group])
    used = plan.columns | {*plan.ignore}
    meta = {meta_name(name): value for name, value in row.items() if name not in used and value not in (None, "")}
    for name, column in plan.slices.items():
        if column in plan.columns and row.get(column) not in (None, ""):
            meta[meta_name(name)] = row[column]
    if meta:
        base["meta"] = meta
    return base


def _ordered(base: dict[str, Any], labels: Mapping[str, int | None]) -> dict[str, Any]:
    first = {"id": base["id"], "text": base["text"], "labels": dict(labels)}
    return first | {name: value for name, value in base.items() if name not in first}


def meta_name(column: str) -> str:
    """The name of a column under ``meta``; a dotted path is read as one there, so a dot becomes a line.

    >>> meta_name("meta.lang"), meta_name("Date posted")
    ('lang', 'Date_posted')
    """
    name = column.removeprefix("meta.")
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in name).strip("_") or "column"


def _id(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def _images(value: Any) -> list[str]:
    if value in (None, ""):
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _cleaner(plan: Plan, account: Account) -> Callable[[str], str]:
    import ftfy

    def cleaned(text: str) -> str:
        if plan.unescape and "&" in text:
            plainer = html.unescape(text)
            account.n_unescaped += plainer != text
            text = plainer
        if plan.repair and not text.isascii():
            repaired = ftfy.fix_encoding(text)
            account.n_repaired += repaired != text
            text = repaired
        return text.replace("\0", "")

    return cleaned


def _raise_repeated(foreign: Foreign, plan: Plan, repeated: set[int]) -> None:
    places: dict[str, list[int]] = {}
    for number, row in foreign.rows():
        if isinstance(row, NoRow) or plan.id is None:
            continue
        item_id = _id(row.get(plan.id))
        if hash(item_id) in repeated:
            places.setdefault(item_id, []).append(number)
    twice = {name: rows for name, rows in places.items() if len(rows) > 1}
    if not twice:
        return
    named = ", ".join(
        f"'{shortened(name)}' (rows {', '.join(map(str, rows[:3]))})" for name, rows in list(twice.items())[:3]
    )
    raise HarnessError(
        f"{foreign.path}: {counted(len(twice), 'id')} in column '{plan.id}' stand in several rows: {named}",
        allowed="each id once",
        next_step="rows of several annotators: --annotator COLUMN; else number the rows: --id row",
    )
