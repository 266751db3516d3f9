"""The shapes in which servers send an answer -> one ``Choice``.

Decides where an answer's text, reasoning, refusal, tool calls, reason of ending and log probabilities stand: in chat
completions and what routers make of them, Anthropic messages, Gemini generateContent, Bedrock converse, OpenAI
responses, Ollama and Cohere. What they mean is left to ``outcomes``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "thought")
REASONING_PARTS = frozenset(
    {"thinking", "reasoning", "redacted_thinking", "reasoning_text", "summary_text", "reasoningContent"}
)
PLAIN_FIELDS = frozenset({"role", "content"})
TOOL_PARTS = frozenset({"tool_use", "tool_call", "function_call", "toolUse", "functionCall", "server_tool_use"})


class Choice(Struct, frozen=True, gc=False):
    """One answer, wherever its parts stood.

    Attributes:
        finish: Why it ended, as the server says it; empty when it does not say.
        native_finish: Why it ended in the words of the server behind a router.
        reasoning: What was thought, where the server keeps it apart.
        tools: Names of tools the model called instead of answering, or beside it.
        is_filtered: Whether the server marks the content as stopped by its filter.
    """

    text: str = ""
    finish: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: tuple[str, ...] = ()
    logprobs: Any = None
    error: Any = None
    is_filtered: bool = False
    native_finish: str = ""


def choice_of(document: Any) -> Choice | None:
    """The first answer of a document; None when it holds none."""
    if not isinstance(document, dict):
        return None
    for reader in (_chat, _anthropic, _bedrock, _gemini, _responses, _message):
        found = reader(document)
        if found is not None:
            return found
    return None


def is_marked_filtered(found: Any) -> bool:
    """Whether Azure's filter results say that something was filtered."""
    if not isinstance(found, dict):
        return False
    for name in ("content_filter_results", "content_filter_result"):
        results = found.get(name)
        if isinstance(results, dict) and any(
            isinstance(one, dict) and one.get("filtered") is True for one in results.values()
        ):
            return True
    return False


def _chat(document: Mapping[str, Any]) -> Choice | None:
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return None
    found = choice.get("message")
    message: Mapping[str, Any] = found if isinstance(found, dict) else {}
    content = message.get("content")
    if not message and isinstance(choice.get("text"), str):  # completions without messages
        content = choice["text"]
    finish = _word(choice, "finish_reason", "finishReason", "stop_reason")
    native = _word(choice, "native_finish_reason")
    is_filtered = is_marked_filtered(choice)
    return _choice(message, content, finish or native, choice.get("logprobs"), choice.get("error"), is_filtered, native)


def _anthropic(document: Mapping[str, Any]) -> Choice | None:
    content = document.get("content")
    if not isinstance(content, list) or "stop_reason" not in document:
        return None
    return _choice({}, content, _word(document, "stop_reason"))


def _bedrock(document: Mapping[str, Any]) -> Choice | None:
    output = document.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict) or "stopReason" not in document:
        return None
    return _choice({}, message.get("content"), _word(document, "stopReason"))


def _gemini(document: Mapping[str, Any]) -> Choice | None:
    candidates = document.get("candidates")
    candidate = candidates[0] if isinstance(candidates, list) and candidates else None
    if not isinstance(candidate, dict):
        return None
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return _choice({}, parts, _word(candidate, "finishReason"), _gemini_logprobs(candidate.get("logprobsResult")))


def _responses(document: Mapping[str, Any]) -> Choice | None:
    output = document.get("output")
    if not isinstance(output, list) or not output:
        return None
    parts: list[Any] = []
    for one in output:
        if isinstance(one, dict):
            parts += one["content"] if isinstance(one.get("content"), list) else [one]
    details = document.get("incomplete_details")
    finish = _word(details, "reason") if isinstance(details, dict) else ""
    return _choice({}, parts, finish or _word(document, "status"), None, document.get("error"))


def _message(document: Mapping[str, Any]) -> Choice | None:
    message = document.get("message")
    if not isinstance(message, dict) or "content" not in message:
        return None
    return _choice(message, message["content"], _word(document, "finish_reason", "done_reason"))


def _choice(
    message: Mapping[str, Any],
    content: Any,
    finish: str,
    logprobs: Any = None,
    error: Any = None,
    is_filtered: bool = False,
    native_finish: str = "",
) -> Choice:
    if isinstance(content, str):
        for name, value in message.items():
            if value and name not in PLAIN_FIELDS:
                break
        else:  # what nearly every answer is: a text and nothing else
            return Choice(content, finish, "", "", (), logprobs, error or None, is_filtered, native_finish)
    if isinstance(content, dict) and content:  # JSON mode of Workers AI: the object itself, and no text
        content = [content] if content.get("type") == "text" else json.dumps(content, ensure_ascii=False)
    said: list[str] = [content] if isinstance(content, str) else []
    thought = [message[name] for name in REASONING_FIELDS if isinstance(message.get(name), str)]
    refusals = [message["refusal"]] if isinstance(message.get("refusal"), str) else []
    tools = list(_tool_names(message))
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict):
            _sort_part(part, said, thought, refusals, tools)
    return Choice(
        "".join(said),
        finish,
        "\n".join(thought),
        "\n".join(refusals).strip(),
        tuple(dict.fromkeys(tools)),
        logprobs,
        error or None,
        is_filtered,
        native_finish,
    )


def _sort_part(
    part: Mapping[str, Any], said: list[str], thought: list[str], refusals: list[str], tools: list[str]
) -> None:
    kind = part.get("type")
    kind = kind if isinstance(kind, str) else ""
    if isinstance(part.get("refusal"), str):
        refusals.append(part["refusal"])
    elif kind in TOOL_PARTS or any(name in part for name in TOOL_PARTS):
        inner = next((part[name] for name in TOOL_PARTS if isinstance(part.get(name), dict)), part)
        tools.append(inner["name"] if isinstance(inner.get("name"), str) else "a tool")
    elif kind in REASONING_PARTS or part.get("thought") is True or "reasoningContent" in part:
        thought.append(_thought(part))
    elif isinstance(part.get("text"), str) and kind in ("", "text", "output_text"):
        said.append(part["text"])


def _thought(part: Mapping[str, Any]) -> str:
    """What a part of reasoning says: a text, or (Mistral) a list of texts."""
    for name in ("thinking", "text", "reasoning"):
        found = part.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            texts = (one.get("text") for one in found if isinstance(one, dict))
            return "".join(text for text in texts if isinstance(text, str))
    return ""


def _tool_names(message: Mapping[str, Any]) -> Iterable[str]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        inner = call.get("function") if isinstance(call, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        yield name if isinstance(name, str) and name else "a tool"
    old = message.get("function_call")
    if isinstance(old, dict):
        yield old["name"] if isinstance(old.get("name"), str) else "a tool"


def _gemini_logprobs(found: Any) -> Any:
    """Gemini's ``logprobsResult`` as the list of tokens that chat completions send."""
    chosen = found.get("chosenCandidates") if isinstance(found, dict) else None
    if not isinstance(chosen, list):
        return None
    tops = found.get("topCandidates")
    listed = [one.get("candidates") for one in tops if isinstance(one, dict)] if isinstance(tops, list) else []
    content = []
    for at, one in enumerate(chosen):
        if not isinstance(one, dict):
            return None
        found_here = listed[at] if at < len(listed) else None
        others = found_here if isinstance(found_here, list) else []
        content.append(
            {
                "token": one.get("token"),
                "logprob": one.get("logProbability"),
                "top_logprobs": [
                    {"token": other.get("token"), "logprob": other.get("logProbability")}
                    for other in others
                    if isinstance(other, dict)
                ],
            }
        )
    return {"content": content}


def _word(found: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if isinstance(value := found.get(name), str) and (word := value.strip()):
            return word
    return ""
