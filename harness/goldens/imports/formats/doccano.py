"""doccano's JSONL: the labels of a text as a list of names, or annotations of several users.

Format: doccano.github.io/doccano/tutorial. An empty list of labels says that nothing is violated; no list, or no
annotation of any user, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.account import Account, LeftOut, plain_id
from harness.goldens.imports.annotated import Annotated, imported
from harness.goldens.imports.flat import NoRow, nested
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan

_LISTS = ("label", "labels", "cats")
_LABELS = (*_LISTS, "annotations")


_NO_LABEL = "an annotation without a label"


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    if foreign.kind not in ("json", "jsonl") or not ("text" in samples or "data" in samples):
        return False
    has_comments = "Comments" in samples or "comments" in samples
    users = any(
        isinstance(one, dict) and "label" in one and "user" in one
        for value in samples.get("annotations", ())
        if isinstance(value, list)
        for one in value
    )
    return users or (has_comments and any(name in samples for name in _LABELS))


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _records(foreign), plan, account)


def _records(foreign: Foreign) -> Iterator[Annotated | LeftOut]:
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            yield LeftOut(number, row.reason)
            continue
        body = row.get("text") if "text" in row else row.get("data")
        name = next((one for one in _LABELS if nested(row, one) is not None), None)
        by_user: dict[str, list[str]] = {"unknown": []} if name in _LISTS else {}
        notes: dict[str, int] = {}
        for user, label in _said(None if name is None else nested(row, name)):
            if label is None:
                notes[_NO_LABEL] = notes.get(_NO_LABEL, 0) + 1
            else:
                by_user.setdefault(user, []).append(label)
        if len(by_user) > 1 and not by_user.get("unknown", [""]):
            del by_user["unknown"]
        known = ("text", "data", "id", "Comments", "comments", *_LABELS)
        meta = {key.removeprefix("meta."): value for key, value in row.items() if key.split(".")[0] not in known}
        yield Annotated(
            number,
            plain_id(row.get("id")) or str(number),
            None if body is None else str(body),
            [(who, {"label": labels}) for who, labels in by_user.items()],
            meta,
            notes=notes,
        )


def _said(value: Any) -> Iterator[tuple[str, str | None]]:
    """User and label of each annotation: a name, a span (its label stands last), or a mapping of names or of fields."""
    if isinstance(value, dict):
        yield from (("unknown", str(name)) for name, one in value.items() if one in (1, True))
        return
    for one in value if isinstance(value, list) else [] if value is None else [value]:
        if isinstance(one, dict):
            label = one.get("label")
            yield plain_id(one.get("user")) or "unknown", None if label is None else str(label)
        elif isinstance(one, list):
            yield "unknown", str(one[-1]) if one else None
        else:
            yield "unknown", None if one is None else str(one)


importer = Importer(
    title="doccano export",
    source="https://doccano.github.io/doccano/tutorial/",
    licence="",
    recognises=_recognises,
    read=_read,
)
