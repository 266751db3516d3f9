"""doccano's JSONL: the labels of a text as a list of names, or annotations of several users.

Format: doccano.github.io/doccano/tutorial. A list without any label says that nothing is violated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.annotated import Annotated, imported
from harness.goldens.imports.convert import Account
from harness.goldens.imports.flat import NoRow
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan

_LABELS = ("label", "labels", "cats", "annotations")


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


def _records(foreign: Foreign) -> Iterator[Annotated]:
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            continue
        body = row.get("text") if "text" in row else row.get("data")
        name = next((one for one in _LABELS if one in row), None)
        by_user: dict[str, list[str]] = {}
        for one in row.get(name) or [] if name else []:
            if isinstance(one, dict):
                by_user.setdefault(str(one.get("user", "unknown")), []).append(str(one.get("label")))
            elif isinstance(one, list):
                by_user.setdefault("unknown", []).append(str(one[-1]))  # a span: its label stands last
            else:
                by_user.setdefault("unknown", []).append(str(one))
        votes = [(who, {"label": labels}) for who, labels in by_user.items()] or [("unknown", {"label": []})]
        known = {"text", "data", "id", "Comments", "comments", *_LABELS}
        meta = {key.removeprefix("meta."): value for key, value in row.items() if key not in known}
        yield Annotated(number, str(row.get("id", number)), None if body is None else str(body), votes, meta)


importer = Importer(
    title="doccano export",
    source="https://doccano.github.io/doccano/tutorial/",
    licence="",
    recognises=_recognises,
    read=_read,
)
