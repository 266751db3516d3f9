"""Langfuse exports (CSV, JSON or JSONL) of a dataset's runs or of observations: input, output, expected output.

Format: langfuse.com/docs (exports from the UI, dataset items by the API). The candidate is the run's name, the model or
the prompt's name and version, whichever is there. Dataset items without an output are items without a decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.files.golden.guess import structure
from harness.goldens.imports.account import Account, LeftOut, plain_id
from harness.goldens.imports.flat import NoRow, nested
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan
from harness.goldens.imports.recorded import Answered, imported, spoken

_EXPECTED = ("expectedOutput", "expected_output", "datasetItemExpectedOutput", "itemExpectedOutput")
_NAMES = ("runName", "run_name", "datasetRunName", "providedModelName", "model", "modelId", "promptName", "name")
_ITEMS = ("datasetItemId", "dataset_item_id", "itemId", "traceId", "trace_id", "id")
_TEXTS = ("text", "comment", "content", "message", "input", "prompt", "query")


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    tops = {name.split(".")[0] for name in samples}
    return bool(tops & {*_EXPECTED}) and "input" in tops


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _answers(foreign, plan), plan, account)


def _answers(foreign: Foreign, plan: Plan) -> Iterator[Answered | LeftOut]:
    has_output = any(name.split(".")[0] == "output" for name in foreign.columns)
    for number, row in foreign.rows():
        if isinstance(row, NoRow):
            yield LeftOut(number, row.reason)
            continue
        given, output = _part(row, "input"), _part(row, "output")
        expected = next((value for name in _EXPECTED if (value := _part(row, name)) is not None), None)
        name = next((str(row[one]) for one in _NAMES if row.get(one)), "langfuse")
        item_id = next((found for one in _ITEMS if (found := plain_id(row.get(one)))), str(number))
        latency = row.get("latency")
        yield Answered(
            number,
            item_id,
            _text(given, plan),
            expected,
            name,
            spoken(output) if has_output else None,
            "no output" if has_output and output in (None, "") else None,
            _milliseconds(latency),
            meta={key.removeprefix("metadata."): value for key, value in row.items() if key.startswith("metadata.")},
        )


def _part(row: Mapping[str, Any], name: str) -> Any:
    value = nested(row, name)
    return structure(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else value


def _text(given: Any, plan: Plan) -> str | None:
    if isinstance(given, dict):
        wanted = [plan.text] if plan.text else [name for name in given if name.casefold() in _TEXTS]
        if wanted and wanted[0] in given:
            return spoken(given[wanted[0]])
        if "messages" in given:
            given = given["messages"]
    if isinstance(given, list):
        users = [one for one in given if isinstance(one, dict) and one.get("role") == "user"]
        return spoken(users[-1].get("content")) if users else spoken(given)
    return spoken(given)


def _milliseconds(latency: Any) -> float | None:
    """Langfuse counts seconds."""
    try:
        return 1_000 * float(latency)
    except (TypeError, ValueError):
        return None


importer = Importer(
    title="Langfuse export",
    source="https://langfuse.com/docs/evaluation/dataset-runs/datasets",
    licence="",
    recognises=_recognises,
    read=_read,
)
