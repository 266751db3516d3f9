"""Prodigy's JSONL: one answer a line, accepted, rejected or ignored, with the session that gave it.

Format: prodi.gy/docs/api-interfaces. With options, what was accepted is violated and the other options are not; with a
single label, ``accept`` says it holds and ``reject`` that it does not. Ignored answers are no votes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.annotated import Annotated, imported
from harness.goldens.imports.convert import Account
from harness.goldens.imports.flat import NoRow, Row
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    return "answer" in samples and ("_task_hash" in samples or "_input_hash" in samples)


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _records(foreign), plan, account)


def _records(foreign: Foreign) -> Iterator[Annotated]:
    held: dict[str, Annotated] = {}
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            continue
        item_id = str(row.get("id") or row.get("_input_hash") or number)
        text = row.get("text")
        meta = {name.removeprefix("meta."): value for name, value in row.items() if name.startswith("meta.")}
        one = held.setdefault(item_id, Annotated(number, item_id, None if text is None else str(text), [], meta))
        if row.get("answer") == "ignore":
            held[item_id] = Annotated(one.number, one.id, one.text, one.votes, one.meta, (), one.n_skipped + 1)
            continue
        who = str(row.get("_annotator_id") or row.get("_session_id") or "unknown")
        previous = next((said for name, said in one.votes if name == who), None)
        if previous is None:
            one.votes.append((who, _said(row)))  # type: ignore[attr-defined]
        else:
            previous.update(_said(row))  # type: ignore[attr-defined]
    yield from held.values()


def _said(row: Row) -> dict[str, list[str]]:
    label, is_accepted = row.get("label"), row.get("answer") == "accept"
    if row.get("options") is not None or "accept" in row:
        return {"options": [str(one) for one in row.get("accept") or []] if is_accepted else []}
    if label is None:
        return {}
    return {str(label): ["yes" if is_accepted else "no"]}


importer = Importer(
    title="Prodigy annotations",
    source="https://prodi.gy/docs/api-interfaces",
    licence="",
    recognises=_recognises,
    read=_read,
)
