"""What a response means: blocks, refusals, passing troubles, broken set-ups and true answers told apart.

Decides from status, codes, sentences, marks and reasons of ending, however a router wraps them. The runner reads from
it whether to ask again, to stop and to keep an answer; the candidates read from it the outcome of a row. What each
meaning entails is in ``meanings``, why an answer ended in ``endings``, the words of failure in ``failure_words``. Where
parts of an answer stand is decided in ``shapes``, what of a server's words is shown in ``said``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.candidates.endings import meaning_of_end
from harness.candidates.failure_words import (
    ACCOUNT,
    BLOCK_CODES,
    BLOCK_SENTENCES,
    BLOCK_STATUSES,
    DAILY,
    MINIMAX_STATUSES,
    MORE_THAN_ALLOWED,
    NO_BLOCK_CODE,
    NOTHING_ALLOWED,
    NUMERIC_BLOCKS,
    OWN_LIMIT,
    PER_MINUTE,
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
    Words,
)
from harness.candidates.meanings import Kind, Meaning
from harness.candidates.said import Said, one_line, said_in
from harness.candidates.shapes import Choice, choice_of, is_marked_filtered

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
    if status == 429 and _never_fits(text):
        return "too_long"
    if status == 429 and NOTHING_ALLOWED.search(text):
        return "quota"
    if status == 429 and _any(PER_MINUTE, codes) and not _any(DAILY, codes):
        return "retry"
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
    if status in (400, 403, 422, 424) and (_any(RETRY_CODES, codes) or RETRY_SENTENCES.search(text)):
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


def _never_fits(text: str) -> bool:
    """Whether one request asks for more tokens than are allowed in a minute."""
    told = MORE_THAN_ALLOWED.search(text)
    return told is not None and int(told[2].replace(",", "") or 0) > int(told[1].replace(",", "") or 0)


def _any(pattern: Words, codes: list[str]) -> bool:
    return any(pattern.search(code) for code in codes)


def _is_block_code(codes: list[str]) -> bool:
    return any(
        code in NUMERIC_BLOCKS or (BLOCK_CODES.search(code) is not None and not NO_BLOCK_CODE.search(code))
        for code in codes
    )


# ------------------------------------------------------------------------------------------------------- documents

BEDROCK_ACTION = "amazon-bedrock-guardrailAction"
"""What InvokeModel and the OpenAI route of Bedrock write beside an answer that a guardrail replaced."""
ANSWER_FIELDS = ("choices", "results", "output", "candidates", "content", "message", "categoriesAnalysis")


def meaning_of(status: int, document: Any, choice: Choice | None = None) -> Meaning:
    """What a response means, from its status and its parsed body (None for one that is no JSON).

    ``choice`` is the document's, where it was read already.
    """
    if not 200 <= status < 300:
        return meaning_of_failure(status, document)
    if not isinstance(document, dict):
        return Meaning("rejected", 200, Said((), ("the response is not a JSON object",)))
    inner = _error_inside(document)
    if inner is not None:
        return meaning_of_failure(*inner)
    if _is_moderation(document):
        return Meaning("answered")
    choice = choice or choice_of(document)
    if choice is None or not choice.text:
        blocked = _blocked_beside(document)
        if blocked is not None:
            return blocked
    if choice is None:
        return _without_choice(document)
    if document.get(BEDROCK_ACTION) == "INTERVENED":
        return Meaning("blocked", 200, Said(), "guardrail intervened")
    return meaning_of_choice(choice)


def meaning_of_choice(choice: Choice) -> Meaning:
    """What an answer means, before its text is read."""
    if choice.error is not None:
        return meaning_of_failure(_status_in(choice.error) or 502, choice.error)
    has_text = bool(choice.text.strip())
    meaning = meaning_of_end(choice.finish, has_text=has_text, has_tools=bool(choice.tools))
    if choice.native_finish and meaning.kind == "answered":
        native = meaning_of_end(choice.native_finish, has_text=has_text)
        if native.kind in ("blocked", "refused", "cut_off"):
            meaning = native  # a router wrote "stop" over what the model's own server said
    if choice.is_filtered and meaning.kind != "retry":
        return Meaning("blocked", 200, Said(), choice.finish or "content_filter")
    if meaning.kind == "tool":
        names = ", ".join(one_line(name, 40) for name in choice.tools[:3])
        return Meaning("tool", 200, Said(), f"{choice.finish or 'tool_calls'}: {names}".rstrip(": "))
    if choice.refusal and meaning.kind in ("answered", "cut_off", "unknown_end"):
        return Meaning("refused", 200, Said(), choice.finish)
    return meaning


def effective_status(status: int, document: Any, meaning: Meaning | None = None) -> int:
    """The status to act by: that of the error inside a 2xx, where there is one; ``meaning`` where it was read already.

    >>> effective_status(200, {"error": {"code": 429}}), effective_status(200, {"error": None, "choices": []})
    (429, 200)
    """
    if not 200 <= status < 300:
        return status
    meaning = meaning or meaning_of(status, document)
    if meaning.status >= 400:
        return meaning.status
    return 503 if meaning.kind == "retry" else status


ANSWER_ROUTES = ("chat/completions", "moderations", "text:analyze", "image:analyze")


def may_journal(route: str, document: Any, meaning: Meaning | None = None) -> bool:
    """Whether the document of a 2xx is an answer to keep; what other routes answer is known to their candidate alone.

    >>> may_journal("/chat/completions", {"choices": []}), may_journal("/classify", {"label": "spam"})
    (False, True)
    """
    meaning = meaning or meaning_of(200, document)
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
        if name in document and _int(document[name]) and "result" not in document:
            return QIANFAN_STATUSES.get(_int(document[name]), 400), document
    if error and not (isinstance(error, dict) and not any(error.values())):
        choice = choice_of(document)
        if choice is not None and document.get("object") != "error" and not _is_empty(choice):
            return None  # some servers send a warning beside an answer
        return _status_in(error) or 502, document
    if document.get("object") == "error" or document.get("type") == "error":
        return _status_in(document) or 502, document
    says_more = "code" in document or "detail" in document or isinstance(document.get("message"), str)
    if says_more and not any(isinstance(document.get(name), list | dict) and document[name] for name in ANSWER_FIELDS):
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


def _is_empty(choice: Choice) -> bool:
    """Whether an answer says nothing, and does not say why."""
    if choice.text.strip() or choice.refusal or choice.tools or choice.is_filtered or choice.error is not None:
        return False
    return meaning_of_end(choice.finish, has_text=False).kind == "answered"


def _blocked_beside(document: Mapping[str, Any]) -> Meaning | None:
    """The block of the prompt that stands beside, or in place of, what was answered."""
    feedback = document.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if isinstance(reason, str) and reason:
        return Meaning("blocked", 200, Said(), reason)
    filters = document.get("prompt_filter_results")
    if isinstance(filters, list) and any(is_marked_filtered(one) for one in filters):
        return Meaning("blocked", 200, Said(), "content_filter of the prompt")
    if document.get("input_sensitive") is True or document.get("output_sensitive") is True:
        return Meaning("blocked", 200, Said(), "sensitive")
    return None


def _without_choice(document: Mapping[str, Any]) -> Meaning:
    incomplete = document.get("incomplete_details")
    stops = [document.get("stopReason"), document.get("stop_reason")]  # the content is null or left out
    stops += [incomplete.get("reason")] if isinstance(incomplete, dict) else []  # OpenAI's Responses
    for stop in stops:
        if isinstance(stop, str):
            meaning = meaning_of_end(stop, has_text=False)
            if meaning.kind in ("blocked", "refused"):
                return meaning
    return Meaning("rejected", 200, Said((), ("the response holds no answer",)))


def _int(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else 0
