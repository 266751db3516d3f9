"""What happens after an attempt that gave no answer: wait and try again, give up, or stop the run.

What it means is decided in ``candidates.outcomes``, how long to wait in ``waits``, who waits and counts in ``calls``.
Pure decisions from a status or failure, the attempt's number, headers and a generator of random numbers.
"""

from __future__ import annotations

import random
import re
from datetime import datetime

from msgspec import Struct

from harness.candidates.failure_words import SET_UP_STATUSES
from harness.candidates.responses import failure_document, meaning_of_failed, read_json
from harness.candidates.said import redacted, said_in, what_to_change
from harness.records import Limits
from harness.runner.busy import TOO_MANY
from harness.runner.transport import RawResponse, TransportError
from harness.runner.waits import backoff_s, floor_s, growth, retry_after_s

FORBIDDEN = "access was denied"
ELSEWHERE = "the address points elsewhere"
SET_UP_STEP = "correct base_url, model or api_key_env in models.yaml, or the key itself"
QUOTA_STEP = "wait for its return, raise the account's quota, or choose another model; what was answered is kept"
RATE_LIMIT_FACTOR = 5
"""What says "later" and not "broken" may be tried this many times as often as other failures."""
_LOADING = re.compile(rb"(?i)\bloading\b")
"""A server that is about to answer: llama.cpp and Hugging Face say so while a model is read."""
_RENEWED = b"quota will be replenished"
"""A quota of Azure API Management, which may be one of seconds."""
PAID_RETRIES = {"unreadable": 1, "too_large": 0}
"""An answer that came whole was perhaps paid for: an unreadable one is asked for once more, an endless one not."""


class Wait(Struct, frozen=True, gc=False):
    """Try again after this many seconds."""

    seconds: float


class GiveUp(Struct, frozen=True, gc=False):
    """No more attempts: the item is left without an answer."""

    error: str


class Fatal(Struct, frozen=True, gc=False):
    """Every further call would fail in the same way: stop the run."""

    found: str
    next_step: str


class PassOn(Struct, frozen=True, gc=False):
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
    n_put_off: int = 0,
    n_passed: int = 0,
) -> Decision:
    """Decide on one attempt without a 2xx answer.

    Args:
        failure: The answer with another status, or the failure of the transport.
        attempt: Attempts made for this request so far, this one included; 1 or more.
        limits: ``max_retries`` is the number of attempts after the first.
        rng: Source of the jitter.
        now: Wall-clock time, for a Retry-After that is a date.
        has_answered: Whether this endpoint has ever answered anything in this run.
        n_put_off: Attempts that said "later" and not "broken": none of ``max_retries``.
        n_passed: Attempts refused while others were answered, for which no wait grows beyond a few seconds.
    """
    if isinstance(failure, TransportError):
        return _after_failure(failure, attempt, limits, rng, has_answered, attempt - n_put_off)
    status = failure.status
    meaning = meaning_of_failed(status, failure.body)
    asked = retry_after_s(failure.headers, now, failure.body, is_limit=status < 500)
    is_soon_back = asked is not None and asked < limits.item_timeout_s and _RENEWED in failure.body[:4096].lower()
    if meaning.is_retryable or (meaning.kind == "daily" and asked is not None) or is_soon_back:
        is_loading = status == 503 and _LOADING.search(failure.body[:4096]) is not None
        n_failed = 0 if status == TOO_MANY or is_loading else attempt - n_put_off
        if n_failed > limits.max_retries or attempt > RATE_LIMIT_FACTOR * limits.max_retries:
            return GiveUp(f"status {status} after {_attempts(attempt)}{words(failure)}")
        grown = growth(attempt, n_passed)
        # what nobody else's answer tells of may be an outage, and attempts are to last
        least = floor_s(grown, rng) if status == TOO_MANY or 2 * n_passed < attempt else backoff_s(grown, rng)
        if asked is None:
            return Wait(least)
        return Wait(max(least, asked + rng.uniform(0.0, min(0.1 * asked, 1.0))))
    if meaning.kind in ("quota", "daily"):
        otherwise, step = "the quota is used up", QUOTA_STEP
    elif meaning.kind == "set_up":
        otherwise, step = ELSEWHERE if status < 400 else FORBIDDEN, SET_UP_STEP
    else:
        return PassOn()
    return Fatal(f"status {status} ({SET_UP_STATUSES.get(status, otherwise)}): {describe(failure)}", step)


def describe(answer: RawResponse, body: bytes = b"") -> str:
    """What the server said, in one line: without keys, and without what the request's last message holds."""
    said = said_in(failure_document(answer.body))
    text = said.text or ", ".join(said.codes) or answer.body[:300].decode("utf-8", "replace")
    return redacted(text, _last_message(body)) or "no message"


def words(failure: RawResponse) -> str:
    """What the server said of a failure, to be added to a reason; empty where it said nothing."""
    has_any = bool(meaning_of_failed(failure.status, failure.body).said.text)
    return f" (the server says: {describe(failure)})" if has_any else ""


def remedy(answer: RawResponse, body: bytes) -> str | None:
    """The line of models.yaml that mends a refused parameter of this request, where the server names one."""
    fields = read_json(body)
    said = said_in(failure_document(answer.body))
    return what_to_change(said.text, fields) if isinstance(fields, dict) else None


def _last_message(body: bytes) -> list[str]:
    fields = read_json(body) if body else None
    messages = fields.get("messages") if isinstance(fields, dict) else None
    last = messages[-1] if isinstance(messages, list) and messages else fields
    found = [last.get(name) for name in ("content", "input")] if isinstance(last, dict) else []
    return [text for text in found if isinstance(text, str)]


def _after_failure(
    failure: TransportError, attempt: int, limits: Limits, rng: random.Random, has_answered: bool, n_failed: int
) -> Decision:
    if failure.kind == "certificate":
        return Fatal(f"its certificate was not accepted: {failure.detail}", "correct base_url, or trust its authority")
    if failure.kind in {"refused", "unreachable"} and not has_answered:
        return Fatal(f"nothing answers there: {failure.detail}", "start the server, or correct base_url in models.yaml")
    if n_failed > min(limits.max_retries, PAID_RETRIES.get(failure.kind, limits.max_retries)):
        return GiveUp(f"{failure.kind}: {failure.detail}, after {_attempts(attempt)}")
    return Wait(backoff_s(attempt, rng))


def _attempts(attempt: int) -> str:
    return f"{attempt} attempt{'s' if attempt > 1 else ''}"
