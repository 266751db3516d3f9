"""A response -> a JSON document, or why there is none.

Decides what counts as blocked by a provider's filter and what as an error, for every endpoint. What a readable
document means is left to the candidates. Error texts are short and carry neither keys nor item text.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from harness.records.answers import Answer, Outcome, Response

FILTER_CODES = frozenset(
    {
        "content_filter",
        "content_filtered",
        "content_filter_violation",
        "content_policy_violation",
        "contentpolicyviolation",
        "responsibleaipolicyviolation",
        "moderation_blocked",
        "content_moderation",
        "prompt_blocked",
        "safety_violations",
        "data_inspection_failed",
        "sensitive_content",
    }
)
"""Codes by which providers say that their own filter stopped a call."""

_FILTER_STATUS = frozenset({200, 400, 403, 422, 451})
_CODE_FIELDS = ("code", "type", "status", "reason")
_SECRET = re.compile(r"(?i)\b(?:sk|pk|rk|key|hf|gsk|xai|bearer|token|api[-_ ]?key)[-_ :=]+\S+|\b[A-Za-z0-9+/_-]{24,}\b")
_MOST_CODES = 60


def read_document(response: Response) -> dict[str, Any] | Answer:
    """The JSON document of a usable response, else the answer its failure amounts to."""
    if response.error is not None:
        return Answer("error", error=redacted(response.error), rationale=None)
    try:
        document = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        document = None
    failure = document.get("error") if isinstance(document, dict) else None
    if not 200 <= response.status < 300 or failure:
        return _failed(response.status, failure if failure else document)
    if not isinstance(document, dict):
        return Answer("error", error="the response is not a JSON object")
    return document


def _failed(status: int, failure: Any) -> Answer:
    codes = _codes(failure)
    if status in _FILTER_STATUS and any(code.casefold() in FILTER_CODES for code in codes):
        return Answer("blocked", error=f"HTTP {status}: the provider's content filter")
    if isinstance(failure, dict) and codes:
        return Answer("error", error=f"HTTP {status}: {redacted(', '.join(codes))}")
    return Answer("error", error=f"HTTP {status}")


def _codes(failure: Any, depth: int = 0) -> list[str]:
    """Machine-readable codes of an error object, nested ones included; its prose may quote the item and is left out."""
    if isinstance(failure, str):
        return [failure] if depth == 0 and len(failure) <= _MOST_CODES and " " not in failure else []
    if not isinstance(failure, dict) or depth > 3:
        return []
    codes = [
        value for name in _CODE_FIELDS if isinstance(value := failure.get(name), str) and len(value) <= _MOST_CODES
    ]
    for name in ("innererror", "inner_error", "error", "metadata"):
        codes += _codes(failure.get(name), depth + 1)
    return list(dict.fromkeys(codes))


def redacted(text: str) -> str:
    """One short line without anything shaped like a key."""
    return _SECRET.sub("[redacted]", " ".join(text.split())[:1_000])[:200]


def is_filtered(choice: dict[str, Any]) -> bool:
    """Whether a provider's filter stopped or cut this choice."""
    if choice.get("finish_reason") in ("content_filter", "safety", "SAFETY"):
        return True
    results = choice.get("content_filter_results")
    return isinstance(results, dict) and any(
        isinstance(result, dict) and result.get("filtered") is True for result in results.values()
    )


WORST_FIRST: tuple[Outcome, ...] = (
    "error", "not_asked", "withheld", "blocked", "refused", "unparsed", "abstained", "ok",
)  # fmt: skip
"""Which outcome an item takes when its answers have several."""


def worst(outcomes: list[Outcome]) -> Outcome:
    """The worst of several outcomes; ``ok`` of none."""
    return min(outcomes, key=WORST_FIRST.index, default="ok")
