"""Prodigy's JSONL: one answer a line, accepted, rejected or ignored, with the session that gave it.

Format: prodi.gy/docs/api-interfaces. With options, what was accepted is violated and the other options are not; with a
single label, ``accept`` says it holds and ``reject`` that it does not. Ignored answers are no votes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.account import SECOND_VOTE, Account, LeftOut, plain_id
from harness.goldens.imports.annotated import SKIPPED, Annotated, Tasks, imported
from harness.goldens.imports.flat import NoRow, Row
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    return "answer" in samples and ("_task_hash" in samples or "_input_hash" in samples)


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _records(foreign), plan, account)


def _records(foreign: Foreign) -> Iterator[Annotated | LeftOut]:
    tasks = Tasks()
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            yield LeftOut(number, row.reason)
            continue
        item_id = plain_id(row.get("id")) or plain_id(row.get("_input_hash")) or str(number)
        text = row.get("text")
        meta = {name.removeprefix("meta."): value for name, value in row.items() if name.startswith("meta.")}
        task = tasks.add(number, item_id, None if text is None else str(text), meta)
        if isinstance(task, LeftOut):
            yield task
            continue
        said = _said(row)
        if said is None:
            task.note(SKIPPED if row.get("answer") == "ignore" else "an answer without a label or options")
            continue
        who = plain_id(row.get("_annotator_id")) or plain_id(row.get("_session_id")) or "unknown"
        previous = next((own for name, own in task.votes if name == who), None)
        if previous is None:
            task.votes.append((who, said))
            continue
        if previous.keys() & said.keys():
            task.note(SECOND_VOTE)
        previous.update(said)
    yield from tasks.records()


def _said(row: Row) -> dict[str, list[str]] | None:
    label, answer = row.get("label"), row.get("answer")
    if answer not in ("accept", "reject"):
        return None
    is_accepted = answer == "accept"
    if row.get("options") is not None or "accept" in row:
        return {"options": [str(one) for one in row.get("accept") or []] if is_accepted else []}
    if label is None:
        return None
    return {str(label): ["yes" if is_accepted else "no"]}


importer = Importer(
    title="Prodigy annotations",
    source="https://prodi.gy/docs/api-interfaces",
    licence="",
    recognises=_recognises,
    read=_read,
)
