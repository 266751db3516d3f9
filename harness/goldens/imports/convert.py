"""Rows of a foreign file -> rows of a golden set in the default form, and an account of every one of them.

Decides what an item needs (a text or an image, and an id that is its own) and how rows of several annotators become
the votes of one item. Rows stream; only where annotators stand in rows are the items held until the last one is read.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.goldens.imports.account import MERGED, NO_TEXT, OTHER_TEXT, Account, plain_id
from harness.goldens.imports.flat import NoRow, Row
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.plan import LabelReader, Plan, Unread, decided


def converted(foreign: Foreign, plan: Plan, account: Account) -> Iterator[dict[str, Any]]:
    """Items in the order of the file.

    Raises:
        HarnessError: Values of labels that the plan does not read; after the last row.
    """
    unread = Unread()
    reader = LabelReader(plan, unread)
    cleaned = cleaner(plan, account)
    items = _voted if plan.annotator is not None else _single
    for item in items(foreign, plan, account, reader, cleaned):
        account.count(item["labels"])
        yield item
    unread.raise_if_any(str(foreign.path), plan)


def _single(
    foreign: Foreign, plan: Plan, account: Account, reader: LabelReader, cleaned: Callable[[str], str]
) -> Iterator[dict[str, Any]]:
    every: dict[str, int | None] = dict.fromkeys(plan.categories)
    for number, row in _rows(foreign, account):
        base = _base(row, number, plan, account, cleaned)
        if base is None:
            continue
        labels = every | reader.labels(row, number)
        votes = [{"annotator": who, "labels": every | said} for who, said in reader.votes(row, number)]
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
    every: dict[str, int | None] = dict.fromkeys(plan.categories)
    for number, row in _rows(foreign, account):
        base = _base(row, number, plan, account, cleaned)
        if base is None:
            continue
        is_further = base["id"] in held
        item = held.setdefault(base["id"], base)
        if item.get("text") != base.get("text"):
            account.left_out.add(OTHER_TEXT, number)
            continue
        who = " ".join(str(row.get(plan.annotator or "") or "").split())
        votes = item.setdefault("votes", [])
        if any(vote["annotator"] == who for vote in votes):
            account.left_out.add("a second vote of one annotator on one item", number)
            continue
        account.n_joined += is_further
        if not who:
            account.note("a vote without its annotator")
        else:
            account.n_votes += 1
            votes.append({"annotator": who, "labels": every | reader.labels(row, number)})
    for item in held.values():
        votes = item.get("votes") or []
        yield _ordered(item, decided([vote["labels"] for vote in votes], plan.vote_rule, plan.categories))


def _rows(foreign: Foreign, account: Account) -> Iterator[tuple[int, Row]]:
    for number, row in foreign.rows():
        account.n_rows += 1
        if isinstance(row, NoRow):
            account.left_out.add(row.reason, number)
        else:
            yield number, row


def _base(row: Row, number: int, plan: Plan, account: Account, cleaned: Callable[[str], str]) -> dict[str, Any] | None:
    text = row.get(plan.text) if plan.text is not None else None
    text = None if text is None else cleaned(text if isinstance(text, str) else str(text))
    images = _images(row.get(plan.images)) if plan.images is not None else []
    if (text is None or not text.strip()) and not images:
        is_below = (
            plan.annotator is not None and row.get(plan.annotator) and plan.id is not None and not row.get(plan.id)
        )
        account.left_out.add(MERGED if is_below else NO_TEXT, number)
        return None
    item_id = str(number) if plan.id is None else plain_id(row.get(plan.id))
    if not item_id:
        account.left_out.add("no id", number)
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


def _images(value: Any) -> list[str]:
    if value in (None, ""):
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def cleaner(plan: Plan, account: Account) -> Callable[[str], str]:
    """Makes texts what the plan says: entities as characters, wrongly decoded text repaired; NUL is in no text."""
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
