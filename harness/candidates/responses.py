"""A response -> its JSON document, and the outcome of one that holds no answer.

Decides how bytes become a document: once per call, and leniently where a server writes what strict readers refuse
(half a surrogate, NaN, a raw line break inside a string). What a document means is decided in ``outcomes``.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from harness.candidates.meanings import Meaning
from harness.candidates.outcomes import meaning_of
from harness.candidates.said import redacted
from harness.candidates.shapes import Choice
from harness.records.answers import Answer, Outcome, Response

_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_DEPTH = 200
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>")
_TAG = re.compile(r"(?s)<(?:style|script).*?</(?:style|script)>|<[^>]*>")
UNREADABLE = object()
"""What ``read_json`` returns for bytes that are no JSON."""


def read_json(body: bytes) -> Any:
    """The document of a body, ``UNREADABLE`` for none.

    Half a surrogate pair becomes U+FFFD, NaN and infinities become null.

    >>> read_json(b'{"a": NaN}')
    {'a': None}
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return lenient_json(body)
    except ValueError:
        return UNREADABLE


def lenient_json(body: bytes) -> Any:
    """The document of bytes that the strict reader refuses.

    Raises:
        ValueError: It is no JSON for the tolerant reader either.
    """
    try:
        return whole(json.loads(body.decode("utf-8-sig", "replace"), strict=False))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def whole(value: Any, depth: int = 0) -> Any:
    """A value that every reader takes: no half surrogate pair, no NaN, no number beyond 64 bits.

    Raises:
        ValueError: It is nested too deeply.
    """
    if depth > _MOST_DEPTH:
        raise ValueError("nested too deeply")
    match value:
        case str():
            return _SURROGATES.sub("\ufffd", value)
        case float():
            return value if math.isfinite(value) else None
        case bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else None
        case dict():
            return {whole(name, depth + 1): whole(inner, depth + 1) for name, inner in value.items()}
        case list() | tuple():
            return [whole(inner, depth + 1) for inner in value]
        case _:
            return value


def document_of(response: Response) -> Any:
    """The document of a response; read anew only where nobody has read it yet. None for one that is no JSON."""
    document = response.document if response.document is not None else read_json(response.body)
    return None if document is UNREADABLE else document


def failure_document(body: bytes) -> Any:
    """The document of a failed call's body; for a page or plain text, its words."""
    document = read_json(body)
    if document is not UNREADABLE:
        return document
    text = body[:4_000].decode("utf-8", "replace")
    title = _TITLE.search(text)
    return (_TAG.sub(" ", title[1]) if title else _TAG.sub(" ", text)).strip()[:300]


def meaning_of_failed(status: int, body: bytes) -> Meaning:
    """What a failed call means."""
    return meaning_of(status, failure_document(body))


def read_document(response: Response, *private: str, choice: Choice | None = None) -> dict[str, Any] | Answer:
    """The JSON document of a response that holds an answer, else the answer its failure amounts to.

    Args:
        response: What came back.
        private: Texts that no reason may repeat: the item's.
        choice: The document's, where it was read already.
    """
    if response.error is not None:
        return Answer("error", error=redacted(response.error, private))
    document = document_of(response)
    is_2xx = 200 <= response.status < 300
    meaning = meaning_of(
        response.status, document if is_2xx or document is not None else failure_document(response.body), choice
    )
    if meaning.outcome == "ok" and isinstance(document, dict):
        return document
    return Answer(meaning.outcome, error=meaning.reason(*private))


WORST_FIRST: tuple[Outcome, ...] = (
    "error", "not_asked", "withheld", "rejected", "blocked", "refused", "unparsed", "abstained", "human", "ok",
)  # fmt: skip
"""Which outcome an item takes when its answers have several."""


def worst(outcomes: list[Outcome]) -> Outcome:
    """The worst of several outcomes; ``ok`` of none."""
    return min(outcomes, key=WORST_FIRST.index, default="ok")
