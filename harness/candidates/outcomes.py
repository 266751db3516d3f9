"""What a response means: the one table of blocks, refusals, cut-off answers, passing troubles and broken set-ups.

Decides from status, codes, sentences, marks and reasons of ending, however a router wraps them. The runner reads from
it whether to ask again, to stop and to keep an answer; the candidates read from it the outcome of a row. Where parts of
an answer stand is decided in ``shapes``, what of a server's words is shown in ``said``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from harness.candidates.failure_words import (
    ACCOUNT,
    BLOCK_CODES,
    BLOCK_SENTENCES,
    BLOCK_STATUSES,
    DAILY,
    MINIMAX_STATUSES,
    NO_BLOCK_CODE,
    NUMERIC_BLOCKS,
    OWN_LIMIT,
    QIANFAN_STATUSES,
    QUOTA_CODES,
    QUOTA_SENTENCES,
    RETRIED_STATUSES,
    RETRY_CODES,
    RETRY_SENTENCES,
    SET_UP_CODES,
    SET_UP_SENTENCES,
    SET_UP_STATUSES,
    TOO_LONG_CODES,
    TOO_LONG_SENTENCES,
    UNREAD_CODES,
)
from harness.candidates.said import Said, one_line, redacted, said_in
from harness.candidates.shapes import Choice, choice_of, is_marked_filtered
from harness.records.answers import Outcome

Kind = Literal[
    "answered", "cut_off", "tool", "unknown_end", "refused", "blocked",
    "unread", "too_long", "rejected", "retry", "daily", "quota", "set_up",
]  # fmt: skip
"""``answered``: finished. ``cut_off``: ended at a token limit. ``tool``: called a tool instead. ``unknown_end``: ended
for a reason nobody knows. ``refused``: the model, in a field of its own. ``blocked``: the provider's filter.
``unread``: the server could not read the model's answer as it was asked to (JSON mode).
``too_long``: this item does not fit. ``rejected``: this request was refused, for its item or for its set-up.
``retry``: passing. ``daily``: a limit that does not return within a run.
``quota``: the account has nothing left. ``set_up``: every call would fail alike."""

OUTCOME_OF: Mapping[Kind, Outcome] = {
    "answered": "ok",
    "cut_off": "ok",
    "tool": "unparsed",
    "unknown_end": "unparsed",
    "refused": "refused",
    "blocked": "blocked",
    "unread": "unparsed",
    "too_long": "rejected",
    "rejected": "rejected",
    "retry": "error",
    "daily": "error",
    "quota": "error",
    "set_up": "error",
}
JOURNALED: frozenset[Kind] = frozenset({"answered", "cut_off", "tool", "refused"})
"""What is kept as an answer: what the model itself said. Blocks, errors and unknown endings are asked again."""


@dataclass(frozen=True)
class Meaning:
    """What a response amounts to.

    Attributes:
        kind: One of ``Kind``.
        status: HTTP status; of the error inside where a 2xx carries one.
        said: What the server said; shown only through ``reason``.
        finish: The reason of ending.
    """

    kind: Kind
    status: int = 200
    said: Said = field(default_factory=Said)
    finish: str = ""

    @property
    def outcome(self) -> Outcome:
        """The outcome of a row whose answer cannot be read further; ``ok`` leaves it to the parser."""
        if 200 <= self.status < 300 and OUTCOME_OF[self.kind] == "rejected":
            return "error"  # a 2xx that holds nothing: no refusal of the item
        return OUTCOME_OF[self.kind]

    @property
    def is_item_specific(self) -> bool:
        """Whether it is about this one item, so that it says nothing about the next."""
        return self.kind in ("blocked", "refused", "too_long")

    @property
    def may_be_set_up(self) -> bool:
        """Whether many equal ones, with nothing else, mean that the set-up is wrong."""
        return self.kind in ("rejected", "unread", "too_long", "retry")

    @property
    def is_retryable(self) -> bool:
        """Whether asking again may help."""
        return self.kind == "retry"

    @property
    def is_fatal(self) -> bool:
        """Whether every further call would fail in the same way."""
        return self.kind in ("set_up", "quota", "daily")

    @property
    def may_journal(self) -> bool:
        """Whether it is kept as an answer."""
        return self.kind in JOURNALED

    @cached_property
    def raw_reason(self) -> str:
        """Why, in one line, with the server's own words; not yet free of keys and item text."""
        if self.finish and 200 <= self.status < 300:
            return _WORDS[self.kind].format(f"finish_reason '{one_line(self.finish, 60)}'")
        codes = [code for code in self.said.codes if code != str(self.status) and code.lower() not in _EMPTY_CODES]
        named = [one_line(code, 60) for code in codes if code not in self.said.text][:3]
        words = f"HTTP {self.status}" + (f" ({', '.join(named)})" if named else "")
        if self.said.text:
            words += f": {one_line(self.said.text)}"
        return _WORDS[self.kind].format(words)

    def reason(self, *private: str) -> str:
        """Why, without keys, without what stands in the private texts too, without control characters."""
        return redacted(self.raw_reason, private)


_WORDS: Mapping[Kind, str] = {
    "answered": "{}",
    "cut_off": "cut off at the token limit ({})",
    "tool": "the model called a tool instead of answering ({})",
    "unknown_end": "the answer ended for a reason that is not known ({})",
    "refused": "the model refused ({})",
    "blocked": "the provider's content filter ({})",
    "unread": "the server could not read the model's answer ({})",
    "too_long": "the item is too long for the endpoint ({})",
    "rejected": "{}",
    "retry": "{}",
    "daily": "a limit of the day is reached ({})",
    "quota": "the quota is used up ({})",
    "set_up": "{}",
}
_EMPTY_CODES = frozenset({"error", "none", "null", "fail", "failed"})

# ----------------------------------------------------------------------------------------------- reasons of ending

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
    r"|violat|unsafe|harm|inspection|flagged|copyright|language"
)
_RETRY_END = re.compile(
    r"error|fail|abort|overload|unavailable|insufficient|time_?out|cancel|interrupt|disconnect|network"
    r"|internal|resource"
)
_CUT_END = re.compile(r"length|max_?(?:\w+_)?tokens?|token_?limit|context_window")


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


# -------------------------------------------------------------------------------------------------------- failures


def snake(code: str) -> str:
    """A code in lower case with underscores: ``DataInspectionFailed`` and ``data-inspection-failed`` are one.

    >>> snake("ResponsibleAIPolicyViolation"), snake("Throttling.RateQuota")
    ('responsible_aipolicy_violation', 'throttling_rate_quota')
    """
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", code).casefold()).strip("_")


def meaning_of_failure(status: int, document: Any) -> Meaning:
    """What an error document, or a status without one, means."""
    said = said_in(document)
    if status in (301, 302, 303, 307, 308) or 300 <= status < 400:
        return Meaning("set_up", status, said)
    codes = [snake(code) for code in said.codes]
    text = said.text.casefold()
    return Meaning(_kind_of_failure(status, codes, text, said), status, said)


def _kind_of_failure(status: int, codes: list[str], text: str, said: Said) -> Kind:
    is_server = status >= 500
    if _any(QUOTA_CODES, codes) or status == 402 or (not is_server and QUOTA_SENTENCES.search(text)):
        return "quota"
    if status in (403, 429) and (DAILY.search(text) or _any(DAILY, codes)):
        return "daily"
    is_account = ACCOUNT.search(text) is not None or _any(ACCOUNT, codes)
    is_set_up = is_account or _any(SET_UP_CODES, codes) or SET_UP_SENTENCES.search(text) is not None
    if status != 401 and (said.is_marked_filtered or not is_account):
        if said.is_marked_filtered or status in BLOCK_STATUSES or _is_block_code(codes):
            return "blocked"
        if 400 <= status < 500 and status not in (404, 405, 429) and BLOCK_SENTENCES.search(text):
            return "blocked"
    if status in RETRIED_STATUSES or (is_server and status not in (501, 505)):
        return "retry"
    if status in (400, 403, 413, 422, 424) and (_any(RETRY_CODES, codes) or RETRY_SENTENCES.search(text)):
        return "retry"
    if status in SET_UP_STATUSES or (status in (400, 403) and is_set_up):
        return "set_up"
    if _any(UNREAD_CODES, codes):
        return "unread"
    if status in (413, 414) or _any(TOO_LONG_CODES, codes):
        return "too_long"
    if TOO_LONG_SENTENCES.search(text) and not OWN_LIMIT.search(text):
        return "too_long"
    return "rejected"


def _any(pattern: re.Pattern[str], codes: list[str]) -> bool:
    return any(pattern.search(code) for code in codes)


def _is_block_code(codes: list[str]) -> bool:
    return any(
        code in NUMERIC_BLOCKS or (BLOCK_CODES.search(code) is not None and not NO_BLOCK_CODE.search(code))
        for code in codes
    )


# ------------------------------------------------------------------------------------------------------- documents

ANSWER_FIELDS = ("choices", "results", "output", "candidates", "content", "message")


def meaning_of(status: int, document: Any) -> Meaning:
    """What a response means, from its status and its parsed body (None for one that is no JSON)."""
    if not 200 <= status < 300:
        return meaning_of_failure(status, document)
    if not isinstance(document, dict):
        return Meaning("rejected", 200, Said((), ("the response is not a JSON object",)))
    inner = _error_inside(document)
    if inner is not None:
        return meaning_of_failure(*inner)
    if _is_moderation(document):
        return Meaning("answered")
    choice = choice_of(document)
    if choice is None:
        return _without_choice(document)
    return meaning_of_choice(choice)


def meaning_of_choice(choice: Choice) -> Meaning:
    """What an answer means, before its text is read."""
    if choice.error is not None:
        return meaning_of_failure(_status_in(choice.error) or 502, choice.error)
    has_text = bool(choice.text.strip())
    meaning = meaning_of_end(choice.finish, has_text=has_text, has_tools=bool(choice.tools))
    if choice.is_filtered and meaning.kind != "retry":
        return Meaning("blocked", 200, Said(), choice.finish or "content_filter")
    if meaning.kind == "tool":
        names = ", ".join(one_line(name, 40) for name in choice.tools[:3])
        return Meaning("tool", 200, Said(), f"{choice.finish or 'tool_calls'}: {names}".rstrip(": "))
    if choice.refusal and meaning.kind in ("answered", "cut_off", "unknown_end"):
        return Meaning("refused", 200, Said(), choice.finish)
    return meaning


def effective_status(status: int, document: Any) -> int:
    """The status to act by: that of the error inside a 2xx, where there is one.

    >>> effective_status(200, {"error": {"code": 429}}), effective_status(200, {"error": None, "choices": []})
    (429, 200)
    """
    if not 200 <= status < 300:
        return status
    meaning = meaning_of(status, document)
    if meaning.status >= 400:
        return meaning.status
    return 503 if meaning.kind == "retry" else status


ANSWER_ROUTES = ("chat/completions", "moderations")


def may_journal(route: str, document: Any) -> bool:
    """Whether the document of a 2xx is an answer to keep; what other routes answer is known to their candidate alone.

    >>> may_journal("/chat/completions", {"choices": []}), may_journal("/classify", {"label": "spam"})
    (False, True)
    """
    meaning = meaning_of(200, document)
    is_theirs = not route.strip("/").endswith(ANSWER_ROUTES) and isinstance(document, dict)
    return meaning.may_journal or (is_theirs and meaning.kind == "rejected" and meaning.status == 200)


def _is_moderation(document: Mapping[str, Any]) -> bool:
    if isinstance(document.get("categoriesAnalysis"), list):
        return True
    results = document.get("results")
    return isinstance(results, list) and bool(results) and "choices" not in document


def _error_inside(document: Mapping[str, Any]) -> tuple[int, Any] | None:
    """Status and error of a failure that came as a 2xx; None for a true answer."""
    error = document.get("error")
    base = document.get("base_resp")
    if isinstance(base, dict) and base.get("status_code") not in (0, None):
        return MINIMAX_STATUSES.get(_int(base["status_code"]), 500), document
    for name in ("error_code", "errorCode"):
        if _int(document.get(name)) and "result" not in document:
            return QIANFAN_STATUSES.get(_int(document[name]), 400), document
    if error and not (isinstance(error, dict) and not any(error.values())):
        if choice_of(document) is not None and document.get("object") != "error":
            return None  # some servers send a warning beside an answer
        return _status_in(error) or 502, document
    if document.get("object") == "error" or document.get("type") == "error":
        return _status_in(document) or 502, document
    has_answer = any(document.get(name) for name in (*ANSWER_FIELDS, "categoriesAnalysis"))
    if not has_answer and ("code" in document or "detail" in document or isinstance(document.get("message"), str)):
        return _status_in(document) or 502, document
    return None


def _status_in(error: Any) -> int:
    """The HTTP status an error names; 400 for a block, since asking again would not help; 0 for none."""
    if isinstance(error, dict):
        for name in ("code", "status", "status_code", "http_status"):
            value = _int(error.get(name))
            if 400 <= value < 600:
                return value
        inner = error.get("error")
        if isinstance(inner, dict) and (value := _status_in(inner)):
            return value
    said = said_in(error)
    codes = [snake(code) for code in said.codes]
    if said.is_marked_filtered or _is_block_code(codes):
        return 400
    text = said.text.casefold()
    if _any(SET_UP_CODES, codes) or SET_UP_SENTENCES.search(text):
        return 403
    if _any(RETRY_CODES, codes):
        return 429 if any("limit" in code or "throttl" in code for code in codes) else 503
    if BLOCK_SENTENCES.search(text) or TOO_LONG_SENTENCES.search(text) or _any(TOO_LONG_CODES, codes):
        return 400
    return 400 if any(code.startswith("invalid_request") or code == "bad_request_error" for code in codes) else 0


def _without_choice(document: Mapping[str, Any]) -> Meaning:
    feedback = document.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if isinstance(reason, str) and reason:
        return Meaning("blocked", 200, Said(), reason)
    filters = document.get("prompt_filter_results")
    if isinstance(filters, list) and any(is_marked_filtered(one) for one in filters):
        return Meaning("blocked", 200, Said(), "content_filter of the prompt")
    if document.get("input_sensitive") is True or document.get("output_sensitive") is True:
        return Meaning("blocked", 200, Said(), "sensitive")
    return Meaning("rejected", 200, Said((), ("the response holds no answer",)))


def _int(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else 0
