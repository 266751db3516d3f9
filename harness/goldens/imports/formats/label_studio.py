"""Label Studio's JSON and JSON-MIN exports: every annotator's choices, predictions of models, skipped tasks.

An annotation that is marked as ground truth is the label, whatever the votes say; who skipped a task is kept as a vote
that says nothing.

Format: labelstud.io/guide/export. A prediction of a model becomes a recorded candidate of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.export import GOLD
from harness.goldens.imports.account import Account, LeftOut, plain_id
from harness.goldens.imports.annotated import SKIPPED, Annotated, Tasks, imported
from harness.goldens.imports.flat import NoRow
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan, parted

_MIN = ("annotation_id", "annotator")
_MIN_OTHERS = frozenset((*_MIN, "id", "created_at", "updated_at", "lead_time", "agreement"))
_TEXTS = ("text", "comment", "content", "body", "prompt", "message")


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    if foreign.kind not in ("json", "jsonl"):
        return False
    is_full = "annotations" in samples and any(name.startswith("data.") for name in samples)
    return is_full or all(name in samples for name in _MIN)


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    is_min = "annotations" not in foreign.columns
    return imported(lambda: (_min_records if is_min else _records)(foreign, plan, account), plan, account)


def _records(foreign: Foreign, plan: Plan, account: Account) -> Iterator[Annotated | LeftOut]:
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            yield LeftOut(number, row.reason)
            continue
        data = {name.removeprefix("data."): value for name, value in row.items() if name.startswith("data.")}
        text = plan.text.removeprefix("data.") if plan.text else _text_of(data)
        votes: list[tuple[str, dict[str, list[str]]]] = []
        notes: dict[str, int] = {}
        skipped: list[str] = []
        gold = None
        for annotation in _listed(row.get("annotations")):
            why = None
            if not isinstance(annotation, dict):
                why = "an annotation that is no JSON object"
            elif annotation.get("was_cancelled"):
                why = SKIPPED
                skipped.append(_who(annotation.get("completed_by")))
            else:
                who, said = _who(annotation.get("completed_by")), choices(annotation.get("result"))
                gold = said if annotation.get("ground_truth") is True else gold
                if who != GOLD:
                    votes.append((who, said))
            if why is not None:
                notes[why] = notes.get(why, 0) + 1
        predictions = [
            (str(one.get("model_version") or "model"), choices(one.get("result")), _score(one.get("score")))
            for one in _listed(row.get("predictions"))
            if isinstance(one, dict)
        ]
        meta = {name: value for name, value in data.items() if name != text}
        meta |= {name.removeprefix("meta."): value for name, value in row.items() if name.startswith("meta.")}
        body = data.get(text)
        given = data.get(plan.id.removeprefix("data.")) if plan.id else row.get("id")
        item_id = plain_id(given) or str(number)
        yield Annotated(
            number, item_id, None if body is None else str(body), votes, meta, predictions, notes,
            gold=gold, skipped=skipped,
        )  # fmt: skip


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _min_records(foreign: Foreign, plan: Plan, account: Account) -> Iterator[Annotated | LeftOut]:
    """JSON-MIN has one row an annotation; rows of one task are the votes of one item."""
    texts = plan.text or _text_of(dict.fromkeys(foreign.columns))
    known, tasks = _controls(foreign), Tasks()
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            yield LeftOut(number, row.reason)
            continue
        controls: dict[str, list[str]] = {}
        meta: dict[str, Any] = {}
        for name, value in row.items():
            if name == texts or name in _MIN_OTHERS:
                continue
            top = name.removesuffix(".choices")
            if name.endswith(".choices") or (isinstance(value, str) and top in known):
                controls[top] = parted(value, None)
            else:
                meta[name] = value
        body = row.get(texts or "")
        item_id = plain_id(row.get(plan.id or "id")) or str(number)
        task = tasks.add(number, item_id, None if body is None else str(body), meta)
        if isinstance(task, LeftOut):
            yield task
            continue
        task.votes.append((_who(row.get("annotator")), controls))
    yield from tasks.records()


def _controls(foreign: Foreign) -> frozenset[str]:
    known = frozenset(name.removesuffix(".choices") for name in foreign.columns if name.endswith(".choices"))
    return known or frozenset(("label", "labels", "sentiment", "choice", "choices", "category", "class"))


def choices(result: Any) -> dict[str, list[str]]:
    """Control -> what was chosen in it: choices, taxonomies (their last part) and numbers of a rating."""
    found: dict[str, list[str]] = {}
    for one in _listed(result):
        value = one.get("value") if isinstance(one, dict) else None
        if not isinstance(value, dict):
            continue
        chosen = value.get("choices") or [path[-1] for path in value.get("taxonomy") or [] if path]
        if chosen:
            found.setdefault(str(one.get("from_name", "label")), []).extend(map(str, chosen))
    return found


def _who(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("email") or value.get("id") or value.get("username")
    return plain_id(value) or "unknown"


def _text_of(data: Mapping[str, Any]) -> str:
    named = [name for name in data if name.casefold() in _TEXTS]
    return named[0] if named else max(data, key=lambda name: len(str(data[name])), default="text")


importer = Importer(
    title="Label Studio export",
    source="https://labelstud.io/guide/export",
    licence="",
    recognises=_recognises,
    read=_read,
)
