"""Argilla's records as JSON: responses of users, suggestions of models.

Format: docs.argilla.io (export records to a dictionary or a list). Responses that were discarded are no votes; a
suggestion of an agent becomes a recorded candidate of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.account import Account, LeftOut, plain_id
from harness.goldens.imports.annotated import SKIPPED, Annotated, imported
from harness.goldens.imports.flat import NoRow
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan

_NO_VALUE = "a response without a value"


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    names = samples.keys()
    is_nested = any(name.startswith("fields.") for name in names) and any(
        name == "responses" or name.startswith(("responses.", "suggestions.")) for name in names
    )
    return is_nested or any(name.endswith(".responses.users") for name in names)


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _records(foreign, plan), plan, account)


def _records(foreign: Foreign, plan: Plan) -> Iterator[Annotated | LeftOut]:
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            yield LeftOut(number, row.reason)
            continue
        votes: dict[str, dict[str, list[str]]] = {}
        notes: dict[str, int] = {}
        for question, who, value, status in _responses(row):
            why = SKIPPED if status in ("discarded", "draft") else _NO_VALUE if value is None else None
            if why is not None:
                notes[why] = notes.get(why, 0) + 1
            else:
                votes.setdefault(who, {})[question] = _words(value)
        predictions: dict[str, dict[str, list[str]]] = {}
        scores: dict[str, float | None] = {}
        for question, agent, value, score in _suggestions(row):
            predictions.setdefault(agent, {})[question] = _words(value)
            scores[agent] = score if isinstance(score, float) else None
        text = plan.text or _text_name(row)
        body = row.get(text)
        meta = {name.removeprefix("metadata."): value for name, value in row.items() if name.startswith("metadata.")}
        yield Annotated(
            number,
            plain_id(row.get("id")) or plain_id(row.get("_server_id")) or str(number),
            None if body is None else str(body),
            list(votes.items()),
            meta,
            [(agent, said, scores[agent]) for agent, said in predictions.items()],
            notes,
        )


def _responses(row: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, str]]:
    """Question, user, value and status, in the nested and in the flat form."""
    for name, value in row.items():
        if name.startswith("responses.") and isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    yield (
                        name.removeprefix("responses."),
                        str(one.get("user_id", "unknown")),
                        one.get("value"),
                        str(one.get("status", "submitted")),
                    )
        elif name.endswith(".responses") and isinstance(value, list):
            users = row.get(f"{name}.users") or ["unknown"] * len(value)
            states = row.get(f"{name}.status") or ["submitted"] * len(value)
            for who, said, status in zip(users, value, states, strict=False):
                yield name.removesuffix(".responses"), str(who), said, str(status)


def _suggestions(row: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    for name, value in row.items():
        if name.startswith("suggestions.") and name.endswith(".value") and value is not None:
            question = name.removeprefix("suggestions.").removesuffix(".value")
            agent = row.get(f"suggestions.{question}.agent")
            yield question, str(agent or "suggestion"), value, row.get(f"suggestions.{question}.score")
        elif name.endswith(".suggestion") and value is not None:
            question = name.removesuffix(".suggestion")
            agent = row.get(f"{name}.agent")
            yield question, str(agent or "suggestion"), value, row.get(f"{name}.score")


def _words(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _text_name(row: Mapping[str, Any]) -> str:
    fields = [name for name in row if name.startswith("fields.")] or ["text"]
    named = [name for name in fields if name.rsplit(".", 1)[-1] in ("text", "comment", "prompt", "content")]
    return named[0] if named else max(fields, key=lambda name: len(str(row.get(name) or "")))


importer = Importer(
    title="Argilla records",
    source="https://docs.argilla.io/latest/how_to_guides/import_export/",
    licence="",
    recognises=_recognises,
    read=_read,
)
