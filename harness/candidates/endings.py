"""Why an answer ended: the one list of the words by which servers say it.

Decides which of them mean that the answer is finished; whatever is not known to mean it is no finished answer.
"""

from __future__ import annotations

import re
from functools import lru_cache

from harness.candidates.meanings import Kind, Meaning
from harness.candidates.said import Said

FINISHED = frozenset(
    {
        "stop", "end_turn", "stop_sequence", "stopsequence", "eos", "eos_token", "eostoken", "end", "complete",
        "completed", "done", "finish", "finished", "natural", "stop_token", "end_of_turn", "endturn", "stop_str",
        "stop_reason_unspecified", "eot", "success",
    }
)  # fmt: skip
"""Only these end an answer as the model meant it (OpenAI, Anthropic, Bedrock, Gemini, Cohere, TGI, Ollama)."""

_CUT = frozenset(
    {
        "length", "max_tokens", "maxtokens", "max_output_tokens", "model_length", "max_length", "token_limit", "limit",
        "model_context_window_exceeded", "context_length", "truncated", "error_limit", "max_new_tokens", "incomplete",
    }
)  # fmt: skip
_TOOL = frozenset({"tool_calls", "tool_call", "tool_use", "function_call", "tool", "tools"})
_REFUSED = frozenset({"refusal", "refused", "model_refusal"})
_BLOCKED_END = re.compile(
    r"filter|safety|safe_?guard|moderat|sensitive|polic|prohibit|block|guardrail|censor|spii|recitation|risk|toxic"
    r"|violat|unsafe|harm|inspection|flagged|copyright|language|armor"
)
_RETRY_END = re.compile(
    r"error|fail|abort|overload|unavailable|insufficient|time_?out|cancel|interrupt|disconnect|network"
    r"|internal|resource"
)
_CUT_END = re.compile(r"length|max_?(?:\w+_)?tokens?|token_?limit|context_window")


@lru_cache(maxsize=256)
def meaning_of_end(finish: str, *, has_text: bool = True, has_tools: bool = False) -> Meaning:
    """What a reason of ending means: what is not known to mean "finished" is no finished answer.

    >>> [meaning_of_end(word).kind for word in ("stop", "END_TURN", "length", "sensitive", "abort", "abacus")]
    ['answered', 'answered', 'cut_off', 'blocked', 'retry', 'unknown_end']
    """
    word = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", finish).casefold()).strip("_")
    word = re.sub(r"^(?:finish_reason|stop_reason|finishreason)_(?!unspecified)", "", word)
    kind: Kind
    if word in _TOOL or (has_tools and not has_text):
        kind = "answered" if has_text and word not in _TOOL else "tool"
    elif not word or word in FINISHED:
        kind = "answered"
    elif word in _CUT:
        kind = "cut_off"
    elif word in _REFUSED:
        kind = "refused"
    elif word.startswith(("error_toxic", "content_")) or _BLOCKED_END.search(word):
        kind = "blocked"
    elif _CUT_END.search(word):
        kind = "cut_off"
    elif _RETRY_END.search(word):
        kind = "retry"
    else:
        kind = "unknown_end"
    return Meaning(kind, 200, Said(), finish)
