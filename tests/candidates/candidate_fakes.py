"""Drives candidates without a runner, and small records to build them from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from harness.files.prompt_messages import compile_prompt
from harness.records import Category, Item, Message, Policy, Prompt, PromptHeader
from harness.records.answers import Answer, Response

CROSSWALKS = {
    "omni": {"hate": ("hate", "hate/threatening"), "scams": ("illicit",), "threats": ("hate/threatening", "violence")},
    "llama_guard_3": {"hate": ("S10",), "scams": ("S2",)},
    "one_score": {"hate": ("score",)},
}


def policy(*ids: str) -> Policy:
    categories = tuple(Category(name, name.title(), f"{name} content") for name in ids or ("hate", "spam"))
    return Policy("community", 1, categories, crosswalks=CROSSWALKS)


def item(text: str | None = "hello", item_id: str = "i1", **fields: Any) -> Item:
    return Item(item_id, text, {}, **fields)


def prompt(header: Mapping[str, Any], of: Policy | None = None, template: str = "Judge: {{ item.text }}"):
    fields = {"prompt": "p", "answer": "json"} | dict(header)
    system = Message("system", "Is it {{ category.id }}?" if fields.get("per") == "category" else "Judge.")
    return compile_prompt(Prompt(PromptHeader(**fields), (system, Message("user", template))), of or policy())


def answered(body: Any, status: int = 200, error: str | None = None) -> Response:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response("key", status, data, 12.0, error=error)


def completion(text: str | None, *, finish: str = "stop", logprobs: Any = None, **message: Any) -> Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return answered({"choices": [choice | ({"logprobs": logprobs} if logprobs else {})]})


def drive(candidate: Any, one: Item, *responses: Response) -> tuple[Answer, list[Any]]:
    """Put an item to a candidate, answering its requests in order."""
    left = list(responses)
    made = []
    decision = candidate.decide(one)
    try:
        requests = next(decision)
        while True:
            made += requests
            given, left = left[: len(requests)], left[len(requests) :]
            requests = decision.send(given)
    except StopIteration as done:
        assert not left, "responses left over"
        return done.value, made


def local(candidate: Any, one: Item) -> Answer:
    """The answer of a candidate that makes no calls."""
    answer, made = drive(candidate, one)
    assert made == []
    return answer
