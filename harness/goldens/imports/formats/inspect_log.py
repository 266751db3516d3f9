"""Logs of Inspect (UK AI Security Institute), ``.eval`` or JSON: each sample's target and the model's answer.

Format: inspect.aisi.org.uk/eval-logs. The answer is the one the first scorer took, else the completion. Further epochs
of a sample are counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.account import Account, LeftOut, plain_id
from harness.goldens.imports.flat import NoRow
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan
from harness.goldens.imports.recorded import Answered, imported, spoken


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    document = foreign.document
    is_log = isinstance(document, dict) and isinstance(document.get("eval"), dict) and "model" in document["eval"]
    return foreign.kind == "inspect" or (is_log and "samples" in document)


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _answers(foreign), plan, account)


def _answers(foreign: Foreign) -> Iterator[Answered | LeftOut]:
    model = str(foreign.document["eval"].get("model", "model"))
    rows: Iterator[tuple[int, Any]] = (
        foreign.rows() if foreign.kind == "inspect" else enumerate(foreign.document["samples"], start=1)
    )
    for number, sample in rows:
        if not isinstance(sample, dict):
            yield LeftOut(number, sample.reason if isinstance(sample, NoRow) else "no JSON object")
            continue
        scores = [one for one in _mapping(sample.get("scores")).values() if isinstance(one, dict)]
        said = next((one["answer"] for one in scores if one.get("answer") not in (None, "")), None)
        output = _mapping(sample.get("output"))
        choices = [one for one in output.get("choices") or [] if isinstance(one, dict)]
        completion = output.get("completion") or spoken([one.get("message") or {} for one in choices])
        error = sample.get("error") or output.get("error")
        seconds = output.get("time")
        yield Answered(
            number,
            plain_id(sample.get("id")) or str(number),
            _input(sample.get("input")),
            sample.get("target"),
            model,
            completion if said is None else said,
            None if not error else str(error)[:200],
            1_000 * seconds if isinstance(seconds, int | float) else None,
            meta=_mapping(sample.get("metadata")),
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _input(value: Any) -> str | None:
    """The item: the text itself, or the last message of the user."""
    if isinstance(value, list):
        users = [one for one in value if isinstance(one, dict) and one.get("role") == "user"]
        return spoken(users[-1].get("content")) if users else None
    return spoken(value)


importer = Importer(
    title="Inspect log",
    source="https://inspect.aisi.org.uk/eval-logs.html",
    licence="",
    recognises=_recognises,
    read=_read,
)
