"""What an answer says it used.

Decides where the tokens of a call stand in each provider's own answer, and which counts are none. What they cost is
decided by ``budget``.
"""

from __future__ import annotations

from typing import Any

from harness.records.answers import Usage

MOST_TOKENS = 2**40
"""No answer uses more tokens; a larger count is a fault of the server, and as good as none."""


CACHED_BESIDE = ("cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")
"""Where LiteLLM, DeepSeek, Together and Mistral tell what of ``prompt_tokens`` was cached, outside the details."""
_BESIDE = frozenset(CACHED_BESIDE)
DETAILS_OF = {f"{name}_tokens": f"{name}_tokens_details" for name in ("prompt", "completion", "input", "output")}


def usage_of(document: Any) -> Usage | None:
    """Tokens that an answer says it used; None when it does not say, or says what cannot be.

    Reasoning that some servers count outside the completion is what the total holds beyond prompt and completion; what
    is more than the completion is outside it too. No request takes no tokens, and neither does an answer with a text:
    some gateways write zeros for what they do not know.

    >>> usage_of({"usage": {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 542}})
    Usage(input_tokens=40, cached_tokens=0, output_tokens=502, reasoning_tokens=500)
    >>> usage_of({"usage": None}) is usage_of({"usage": {"prompt_tokens": 0, "completion_tokens": 0}}) is None
    True

    A gateway that tells Anthropic's counts beside its own (LiteLLM) is read by its own, which hold what was cached.

    >>> usage_of({"usage": {"prompt_tokens": 40, "completion_tokens": 2, "cache_read_input_tokens": 30}})
    Usage(input_tokens=40, cached_tokens=30, output_tokens=2, reasoning_tokens=0)
    """
    found = _said(document)
    if found is None or not found.input_tokens or (not found.output_tokens and _has_text(document)):
        return None
    return found


def _has_text(document: Any) -> bool:
    choices = document.get("choices")
    first = choices[0] if type(choices) is list and choices else None
    message = first.get("message") if type(first) is dict else None
    return type(message) is dict and bool(message.get("content"))


def _said(document: Any) -> Usage | None:
    """The counts, wherever they stand."""
    usage = document.get("usage") if type(document) is dict else None
    if type(usage) is not dict:
        return _gemini(document)
    if "inputTokens" in usage:
        return _counted(usage, "inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    if "prompt_tokens" in usage:
        return _openai(usage, "prompt_tokens", "completion_tokens")
    read, written = "cache_read_input_tokens", "cache_creation_input_tokens"
    if read in usage or written in usage:
        return _counted(usage, "input_tokens", "output_tokens", read, written)
    return _openai(usage, "input_tokens", "output_tokens")


def _openai(usage: dict[str, Any], n_input: str, n_output: str) -> Usage | None:
    """The counts of OpenAI, and of those who answer as it does."""
    asked, said = _count(usage.get(n_input)), _count(usage.get(n_output, 0))
    if asked is None or said is None or (n_output not in usage and "total_tokens" not in usage):
        return None
    thought = _detail(usage, DETAILS_OF[n_output], "reasoning_tokens") or 0
    if (total := _count(usage.get("total_tokens"))) is not None and total - asked > said:
        thought = max(thought, total - asked - said)
        said = total - asked
    if thought > said:
        said += thought
    n_cached = _detail(usage, DETAILS_OF[n_input], "cached_tokens")
    if n_cached is None and not _BESIDE.isdisjoint(usage):
        beside = (_count(usage.get(name)) for name in CACHED_BESIDE)
        n_cached = next((n for n in beside if n is not None), None)
    return Usage(asked, min(n_cached or 0, asked), said, thought)


def _detail(usage: dict[str, Any], place: str, name: str) -> int | None:
    details = usage.get(place)
    return _count(details.get(name)) if type(details) is dict else None


def _counted(usage: dict[str, Any], asked: str, said: str, read: str, written: str) -> Usage | None:
    """Anthropic and Bedrock count what was read from or written into a cache beside the input, not within it."""
    n_asked, n_said = _count(usage.get(asked)), _count(usage.get(said, 0))
    if n_asked is None or n_said is None:
        return None
    n_read, n_written = _count(usage.get(read)) or 0, _count(usage.get(written)) or 0
    return Usage(n_asked + n_read + n_written, n_read, n_said)


def _gemini(document: Any) -> Usage | None:
    usage = document.get("usageMetadata") if type(document) is dict else None
    if type(usage) is not dict:
        return None
    asked, said = _count(usage.get("promptTokenCount")), _count(usage.get("candidatesTokenCount", 0))
    if asked is None or said is None:
        return None
    asked += _count(usage.get("toolUsePromptTokenCount")) or 0
    thought = _count(usage.get("thoughtsTokenCount")) or 0
    return Usage(asked, min(_count(usage.get("cachedContentTokenCount")) or 0, asked), said + thought, thought)


def _count(value: Any) -> int | None:
    """A count of tokens; some servers write whole numbers as floats."""
    if type(value) is int:
        return value if 0 <= value <= MOST_TOKENS else None
    return _count(int(value)) if type(value) is float and value.is_integer() else None
