"""What happens after an attempt that gave no answer: wait and try again, give up, or stop the run.

Pure decisions from a status or failure, the attempt's number, headers and a generator of random numbers. How
long to wait is decided by ``waits``, who waits and who counts by ``calls``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from harness.records import Limits
from harness.runner.transport import RawResponse, TransportError
from harness.runner.waits import backoff_s, floor_s, retry_after_s

RETRIED_STATUSES = frozenset({408, 409, 425, 429})
FATAL_STATUSES = {
    401: "the key was not accepted",
    402: "the account has no credit",
    403: "access was denied",
    404: "there is no such address or model",
    405: "the address does not take calls of this kind",
}
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
CONTENT_CODES = frozenset(
    {"content_filter", "content_policy_violation", "moderation_blocked", "ResponsibleAIPolicyViolation"}
)
RATE_LIMIT_FACTOR = 5
"""A 429 says "later", not "broken": it may be tried this many times as often as other failures."""
PAID_RETRIES = {"unreadable": 1, "too_large": 0}
"""An answer that came whole was perhaps paid for: an unreadable one is asked for once more, an endless one not."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No more attempts: the item is left without an answer."""

    error: str


@dataclass(frozen=True, slots=True)
class Fatal:
    """Every further call would fail in the same way: stop the run."""

    found: str
    next_step: str


@dataclass(frozen=True, slots=True)
class PassOn:
    """An answer for the candidate to read, though its status is an error."""


Decision = Wait | GiveUp | Fatal | PassOn


def decide(
    failure: RawResponse | TransportError,
    attempt: int,
    limits: Limits,
    *,
    rng: random.Random,
    now: datetime,
    has_answered: bool,
) -> Decision:
    """Decide on one attempt without a 2xx answer.

    Args:
        failure: The answer with another status, or the failure of the transport.
        attempt: Attempts made for this request so far, this one included; 1 or more.
        limits: ``max_retries`` is the number of attempts after the first.
        rng: Source of the jitter.
        now: Wall-clock time, for a Retry-After that is a date.
        has_answered: Whether this endpoint has ever answered anything in this run.
    """
    if isinstance(failure, TransportError):
        return _after_failure(failure, attempt, limits, rng, has_answered)
    status = failure.status
    if status in RETRIED_STATUSES or status >= 500:
        document = error_document(failure.body)
        if status == 429 and _codes(document) & QUOTA_CODES:
            return Fatal(f"status 429: {describe(failure)}", "raise the account's quota, or choose another model")
        allowed = limits.max_retries * (RATE_LIMIT_FACTOR if status == 429 else 1)
        if attempt > allowed:
            return GiveUp(f"status {status} after {_attempts(attempt)}")
        asked = retry_after_s(failure.headers, now, failure.body)
        least = floor_s(attempt, rng) if status == 429 else backoff_s(attempt, rng)
        if asked is None:
            return Wait(least)
        return Wait(max(least, asked + rng.uniform(0.0, min(0.1 * asked, 1.0))))
    if is_content_block(failure):
        return PassOn()
    if status in FATAL_STATUSES or 300 <= status < 400:
        reason = FATAL_STATUSES.get(status, "the address points elsewhere")
        return Fatal(
            f"status {status} ({reason}): {describe(failure)}",
            "correct base_url, model or api_key_env in models.yaml, or the key itself",
        )
    return PassOn()


def is_content_block(answer: RawResponse) -> bool:
    """Whether a 4xx answer is the provider's content filter speaking of this one item."""
    if answer.status not in {400, 403, 422, 451}:
        return False
    document = error_document(answer.body)
    if _codes(document) & CONTENT_CODES:
        return True
    metadata = document.get("metadata")
    return isinstance(metadata, dict) and "flagged_input" in metadata  # how routers report a moderated input


def error_document(body: bytes) -> Mapping[str, Any]:
    """The ``error`` object of an answer; empty when there is none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(document, dict):
        error = document.get("error", document)
        if isinstance(error, dict):
            return error
        if isinstance(error, str):
            return {"message": error}
    return {}


def describe(answer: RawResponse) -> str:
    """What the server said, in one line."""
    document = error_document(answer.body)
    message = document.get("message") or document.get("detail")
    text = str(message) if message else answer.body[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:300] or "no message"


def _after_failure(
    failure: TransportError, attempt: int, limits: Limits, rng: random.Random, has_answered: bool
) -> Decision:
    if failure.kind == "certificate":
        return Fatal(f"its certificate was not accepted: {failure.detail}", "correct base_url, or trust its authority")
    if failure.kind in {"refused", "unreachable"} and not has_answered:
        return Fatal(f"nothing answers there: {failure.detail}", "start the server, or correct base_url in models.yaml")
    if attempt > min(limits.max_retries, PAID_RETRIES.get(failure.kind, limits.max_retries)):
        return GiveUp(f"{failure.kind}: {failure.detail}, after {_attempts(attempt)}")
    return Wait(backoff_s(attempt, rng))


def _codes(document: Mapping[str, Any]) -> set[str]:
    found = {str(document.get(name)) for name in ("code", "type")}
    inner = document.get("innererror")
    if isinstance(inner, dict):
        found.add(str(inner.get("code")))
    return found


def _attempts(attempt: int) -> str:
    return f"{attempt} attempt{'s' if attempt > 1 else ''}"
