"""promptfoo's JSON output: one result for each test, prompt and provider.

Format: promptfoo.dev/docs/configuration/outputs. The target is the value of the first ``equals`` assertion (or of one
that asks for text), else the variable ``expected``, ``label`` or ``target``; the item is the variable ``text`` or the
longest one. Each prompt and provider is one recorded candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.goldens.imports.account import Account, LeftOut, plain_id
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Imported, Importer
from harness.goldens.imports.plan import Plan
from harness.goldens.imports.recorded import Answered, imported, spoken

_TARGETS = ("expected", "label", "target", "gold", "__expected", "category", "answer")
_TEXTS = ("text", "comment", "content", "message", "input", "post", "prompt", "query")
_EQUAL = ("equals", "iequals", "icontains", "contains", "starts-with", "is-json")


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    results = _results(foreign.document)
    return bool(results) and isinstance(results[0], dict) and "vars" in results[0] and "provider" in results[0]


def _results(document: Any) -> list[Any]:
    inner = document.get("results") if isinstance(document, dict) else None
    if isinstance(inner, dict):
        inner = inner.get("results")
    return inner if isinstance(inner, list) else []


def _read(foreign: Foreign, plan: Plan, account: Account) -> Imported:
    return imported(lambda: _answers(foreign, plan), plan, account)


def _answers(foreign: Foreign, plan: Plan) -> Iterator[Answered | LeftOut]:
    ids: dict[tuple[Any, str], str] = {}
    for number, one in enumerate(_results(foreign.document), start=1):
        if not isinstance(one, dict):
            yield LeftOut(number, "no JSON object")
            continue
        values = one.get("vars") or {}
        named = [name for name in values if name.casefold() in _TEXTS]
        others = [name for name in values if name not in _TARGETS]
        name = plan.text or (named or others or [""])[0]
        text = spoken(values.get(name))
        key = (one.get("testIdx"), text or "")
        item_id = plain_id(values.get("id")) or ids.setdefault(key, f"t-{len(ids) + 1:04d}")
        response = one.get("response")
        response = response if isinstance(response, dict) else {"output": response}
        prompt = one.get("prompt") or {}
        provider = one.get("provider") or {}
        model = provider.get("label") or provider.get("id") if isinstance(provider, dict) else provider
        label = one.get("promptId") or prompt.get("label") if isinstance(prompt, dict) else None
        shown = label if isinstance(label, str) and len(label) <= 40 else f"prompt {one.get('promptIdx', 0)}"
        yield Answered(
            number,
            item_id,
            text,
            _target(one, values),
            f"{model} {shown}",
            response.get("output"),
            _error(one, response),
            one.get("latencyMs"),
            one.get("cost") or response.get("cost"),
            meta={key: value for key, value in values.items() if key not in (name, "id", *_TARGETS)},
        )


def _error(one: Mapping[str, Any], response: Mapping[str, Any]) -> str | None:
    """What failed; an assertion that did not hold is no failed call."""
    failed = response.get("error") or (one.get("error") if response.get("output") is None else None)
    return None if not failed else str(failed)[:200]


def _target(one: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    asserts = (one.get("testCase") or {}).get("assert") or []
    for check in asserts:
        if isinstance(check, dict) and check.get("type") in _EQUAL and check.get("value") not in (None, ""):
            return check["value"]
    return next((values[name] for name in _TARGETS if name in values), None)


importer = Importer(
    title="promptfoo output",
    source="https://www.promptfoo.dev/docs/configuration/outputs/",
    licence="",
    recognises=_recognises,
    read=_read,
)
