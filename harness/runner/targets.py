"""What is known of one endpoint during a run: its limits, its keys, and how it has answered so far.

Decides which refusals speak of the set-up and which of one item: see ``Target.is_closed`` for keys and accounts that
stop working on the way, and ``doubts`` for whatever else may. Who is asked, and when, is left to ``calls``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from harness.candidates.failure_words import SET_UP_STATUSES
from harness.candidates.responses import meaning_of_failed
from harness.errors import HarnessError
from harness.records.answers import Request, Usage
from harness.runner.budget import Amount, dearest_output, most_of
from harness.runner.busy import EITHER, TOO_MANY, Busy, Tries
from harness.runner.doubts import Doubts
from harness.runner.endpoint import Endpoint
from harness.runner.first_calls import FirstCalls
from harness.runner.keys import Keys
from harness.runner.limits import Limiter
from harness.runner.places import Ticket
from harness.runner.progress import time_text
from harness.runner.replies import Closed
from harness.runner.retry import ELSEWHERE, FORBIDDEN, QUOTA_STEP, describe, remedy
from harness.runner.transport import RawResponse, TransportError

CLOSED_STATUSES = frozenset({401, 402, 429})
"""With these a server speaks of key, account or quota, never of an item."""
_SETUP = re.compile(r"status (?:3\d\d|40[345]) \(")
_THROTTLED = re.compile(rb"(?i)rate.?limit|throttl|too.?many.?requests")
WRONG_SETUP = (
    "correct params, model, base_url or api_key_env in models.yaml, or the prompt; then type the same command again"
)
FAILING = (
    "it answers, and fails: see its log or status page and type the same command again later, or correct base_url in "
    "models.yaml where a gateway answers in its place"
)
LEAST_SILENCE_S = 300.0
IN_A_ROW = 3
"""So many in a row, and it is no accident of a gateway."""


def own_limiter(endpoint: Endpoint, clock: Callable[[], float]) -> Limiter:
    """The limiter of an endpoint that this process alone asks."""
    return Limiter(endpoint.limits, clock)


class Target:
    """One endpoint."""

    __slots__ = (
        "_keys", "alone", "beyond_tokens", "beyond_usd", "busy", "doubts", "endpoint", "first", "has_answered",
        "limiter", "looking", "n_closed", "n_long_waits", "output_tokens", "refuses_texts",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, limiter: Limiter, output_tokens: int) -> None:
        self.endpoint = endpoint
        self.limiter = limiter
        self.first = FirstCalls()
        self.doubts = Doubts()
        self.busy = Busy()
        self.has_answered = False
        self.output_tokens = output_tokens
        self.beyond_tokens = 0
        self.beyond_usd = 0.0
        self.n_closed = 0
        self.n_long_waits = 0
        self.alone: asyncio.Lock | None = asyncio.Lock()
        """Held by the first call under a bound, which tells what the others may take; None once it has ended."""
        self.looking: asyncio.Event | None = None
        """Set when a harmless text was asked, for which all calls wait; None before."""
        self.refuses_texts = False
        """Whether the first texts were refused, and a harmless one was answered."""
        self._keys: dict[tuple[str, int], Keys] = {}

    def key(self, route: str, repeat: int, wave: str | None, body: bytes) -> bytes:
        """The journal's key of a request."""
        keys = self._keys.get((route, repeat))
        if keys is None:
            keys = self._keys[(route, repeat)] = Keys(self.endpoint.identity, route, repeat=repeat, wave=wave)
        return keys.of(body)

    def most_of(self, body: bytes) -> Amount:
        """What a call may take at most: by the rule, and by how far answers were seen to go beyond it.

        Reasoning that is counted outside ``max_tokens``, and instructions that a server adds, stand in no request.
        """
        price = self.endpoint.price
        most = most_of(body, price, self.output_tokens)
        if not self.beyond_tokens and not self.beyond_usd:
            return most
        dearest = 0.0 if price is None else max(price.input_per_mtok, dearest_output(price)) / 1e6
        more_usd = max(self.beyond_tokens * dearest, self.beyond_usd)
        return Amount(most.usd + more_usd, most.tokens + self.beyond_tokens)

    def took(self, reserved: Amount, actual: Amount | None) -> None:
        """A call took this; where that is more than was reserved for it, later calls reserve twice the excess more."""
        if actual is None or not reserved.tokens:
            return
        if actual.tokens > reserved.tokens:
            self.beyond_tokens += 2 * (actual.tokens - reserved.tokens)
        if actual.usd > reserved.usd:  # few tokens of the dear kind can hide among many that were reserved
            self.beyond_usd += 2 * (actual.usd - reserved.usd)

    def saw(self, usage: Usage | None) -> None:
        """An answer said what it used: without ``max_tokens``, others may take twice as much."""
        if usage is not None:
            self.output_tokens = max(self.output_tokens, 2 * usage.output_tokens)

    def succeeded(self) -> None:
        """A 2xx answer came."""
        self.has_answered = True
        self.n_closed = self.n_long_waits = 0
        self.first.succeeded()

    def failed(self) -> None:
        """A call was broken off, or the server failed: no growth for a while."""
        self.busy.failed()
        self.limiter.on_server_error()

    def was_refused(self, tries: Tries, answer: RawResponse, asked_s: float | None, ticket: Ticket, now: float) -> None:
        """A 429, a 5xx or another word for "later" came: busy and limiter learn what it means."""
        if answer.status >= 500 and answer.status not in EITHER and not is_throttled(answer):
            self.failed()
            return
        says = self.busy.refused(tries, answer.status, now)
        if says == "limit":
            self.limiter.on_rate_limit(answer.headers, asked_s, ticket)
        else:
            self.limiter.on_server_error(ticket, is_down=says == "down")

    def is_closed(self) -> bool:
        """Count a refusal of key, account or quota: at once where nothing was ever answered, else three in a row."""
        self.n_closed += 1
        return not self.first.is_proven or self.n_closed >= IN_A_ROW

    def is_long_wait(self) -> bool:
        """Count a 429 that asks for a wait beyond the item's deadline: three in a row are a limit of the day."""
        self.n_long_waits += 1
        return self.n_long_waits >= IN_A_ROW

    def fatal(self, route: str, found: str, next_step: str) -> HarnessError:
        """The message that ends a run."""
        where = f"model '{self.endpoint.model_id}' at {self.endpoint.url_base}/{route.lstrip('/')}"
        return HarnessError(self.endpoint.redact(f"{where}: {found}"), next_step=next_step)

    def hopeless(self, request: Request, result: RawResponse | TransportError) -> HarnessError:
        """The message that ends a run of which the first requests all failed alike."""
        host = urlsplit(self.endpoint.url_base).netloc or self.endpoint.url_base
        step = f"check that {host} is up and that base_url in models.yaml is the address of its API (often .../v1); "
        step += "then type the same command again"
        if isinstance(result, RawResponse):
            step = FAILING if result.status >= 500 else remedy(result, request.body) or WRONG_SETUP
        found = (
            f"the first {len(self.first)} items all failed, and nothing was ever answered: {self.first.same_reason()}"
        )
        return self.fatal(request.route, found, step)

    @property
    def _longest_silence_s(self) -> float:
        return max(LEAST_SILENCE_S, self.endpoint.limits.item_timeout_s)

    def is_silent(self, now: float) -> bool:
        """Whether nothing but failures has come for as long as an item may take, and for five minutes."""
        return self.busy.silence_s(now) >= self._longest_silence_s

    def silent(self, request: Request, failure: RawResponse | TransportError) -> Exception:
        """What ends a run of which nothing is answered any more."""
        found = f"nothing was answered for {time_text(self._longest_silence_s)}, but {failed_words(failure)}"
        if not self.first.is_proven:
            return self.fatal(request.route, found, QUOTA_STEP)
        what = "rate limit of " if isinstance(failure, RawResponse) and failure.status == TOO_MANY else ""
        return Closed(self.endpoint.redact(f"{what}model '{self.endpoint.model_id}': {found}"))

    def until(self, wait_s: float, now: datetime) -> str:
        """When a limit of the day ends, in words."""
        back = now + timedelta(seconds=wait_s)
        return (
            f"rate limit of model '{self.endpoint.model_id}': the server asks to come back in {time_text(wait_s)}, "
            f"at {back:%Y-%m-%d %H:%M} UTC"
        )


def limit_history(targets: Mapping[str, Target]) -> dict[str, Any]:
    """Per model, how its concurrency moved."""
    return {
        name: {"history": target.limiter.history, "rate_limited": target.limiter.n_429}
        for name, target in sorted(targets.items())
        if target.has_answered
    }


def failure_reason(result: RawResponse | TransportError, error: str | None, body: bytes = b"") -> str:
    """Why a request failed, in words; empty for what says nothing of the set-up."""
    if not isinstance(result, RawResponse):
        return error or result.kind
    status = result.status
    if status == 429 or meaning_of_failed(status, result.body).kind in ("blocked", "refused"):
        return ""
    if error is not None and "(the server says: " in error:
        return error
    said = describe(result, body)
    if status in SET_UP_STATUSES or 300 <= status < 400 or status == 403:
        return f"status {status} ({SET_UP_STATUSES.get(status, FORBIDDEN if status == 403 else ELSEWHERE)}): {said}"
    return f"status {status}: {said}" if error is None else f"{error} (the server says: {said})"


def failed_words(failure: RawResponse | TransportError) -> str:
    """What came instead of an answer."""
    if isinstance(failure, RawResponse):
        return f"status {failure.status}: {describe(failure)}"
    return f"{failure.kind}: {failure.detail}"


def is_throttled(failure: RawResponse) -> bool:
    """Whether a server's error tells of a limit, as gateways wrap the refusals of others.

    >>> is_throttled(RawResponse(500, {}, b'{"error": {"message": "RateLimitError: slow down"}}'))
    True
    """
    return _THROTTLED.search(failure.body[:4096]) is not None


def is_passing(failure: RawResponse) -> bool:
    """Whether a failed call says nothing of the next one: a rate limit, a server's own trouble."""
    return failure.status >= 500 or meaning_of_failed(failure.status, failure.body).is_retryable


def is_about_setup(reason: str) -> bool:
    """Whether a reason means that address, model or permission are wrong.

    >>> is_about_setup("status 404 (there is no such address or model): no"), is_about_setup("status 422: bad")
    (True, False)
    """
    return _SETUP.match(reason) is not None


def slowed_words(slowed: Mapping[str, int | None]) -> str | None:
    """What holds calls back, in words, by the concurrency of each model that 429s have slowed."""
    parts = [
        f"slowed by the server's limits{f' of {name}' if len(slowed) > 1 else ''}, concurrency now {limit:,}"
        for name, limit in slowed.items()
        if limit is not None
    ]
    return "; ".join(parts) or None
