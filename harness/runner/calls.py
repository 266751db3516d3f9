"""Requests to answers: cache first, then calls with retries, limits and a budget.

Decides the order of things for one request: look it up, share a call that is already under way for the same key, wait
for the endpoint, call, and commit the answer before anybody sees it. The decisions themselves are made by ``retry``,
``limits``, ``budget`` and ``cache``; which items are asked is decided by ``engine``.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from harness.errors import HarnessError
from harness.records.answers import Request, Response, Usage
from harness.runner.budget import NO_USAGE, Budget, cost_usd, estimate, most_cost_usd, usage_of
from harness.runner.cache import Keys, ResponseCache, Stored
from harness.runner.endpoint import Endpoint
from harness.runner.limits import Limiter
from harness.runner.retry import Decision, Fatal, GiveUp, Wait, decide, describe, is_content_block
from harness.runner.transport import RawResponse, Transport, TransportError, holds_answer
from harness.runner.waits import retry_after_s

SAME_ERRORS = 10
"""So many equal failures and nothing else from an endpoint, and it is the set-up that is wrong, not the items."""
UNSENT = frozenset({"refused", "unreachable", "certificate"})
_VARYING = re.compile(r"[0-9a-f]*\d[0-9a-f]*")


class Stopped(Exception):  # noqa: N818
    """The run is ending: no new calls."""


class Reply:
    """A response with what it used and cost."""

    __slots__ = ("cost_usd", "response", "spent_s", "usage")

    def __init__(self, response: Response, usage: Usage, cost: float | None, spent_s: float) -> None:
        self.response = response
        self.usage = usage
        self.cost_usd = cost
        self.spent_s = spent_s


@dataclass(slots=True)
class Counts:
    """What this execution did."""

    calls: int = 0
    retries: int = 0
    cached: int = 0
    shared: int = 0


class _Target:
    """What is known of one endpoint during a run."""

    __slots__ = ("endpoint", "first_errors", "first_failures", "has_answered", "has_succeeded", "keys", "limiter")

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float]) -> None:
        self.endpoint = endpoint
        self.limiter = Limiter(endpoint.limits, clock)
        self.keys: dict[tuple[str, int], Keys] = {}
        self.has_answered = False
        self.has_succeeded = False
        self.first_errors: list[str] = []
        self.first_failures: list[str] = []


class Caller:
    """Answers requests.

    Args:
        endpoints: Endpoint of every model.
        cache: The journal.
        transport: Makes the calls.
        budget: Money.
        wave: Label in the cache key.
        clock: Monotonic seconds.
        now: Wall clock in UTC.
        sleep: Waits between attempts.
        rng: Jitter.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        cache: ResponseCache,
        transport: Transport,
        budget: Budget,
        *,
        wave: str | None,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[Any]],
        rng: random.Random,
    ) -> None:
        self._targets = {name: _Target(endpoint, clock) for name, endpoint in endpoints.items()}
        self._cache = cache
        self._transport = transport
        self._budget = budget
        self._wave = wave
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._rng = rng
        self._under_way: dict[bytes, asyncio.Future[Reply] | None] = {}
        self.stopped = asyncio.Event()
        self.counts = Counts()

    def stop(self) -> None:
        """Make no new calls; those under way may end."""
        self.stopped.set()
        for target in self._targets.values():
            target.limiter.close(Stopped())

    def limit_history(self) -> dict[str, Any]:
        """Per model, how its concurrency moved."""
        return {
            name: {"history": target.limiter.history, "rate_limited": target.limiter.n_429}
            for name, target in sorted(self._targets.items())
            if target.has_answered
        }

    def slowed(self) -> str | None:
        """What holds calls back now, in words; None for nothing."""
        slowed = {name: target.limiter.slowed_to for name, target in self._targets.items()}
        parts = [
            f"slowed by 429s{f' of {name}' if len(slowed) > 1 else ''}, concurrency now {limit:,}"
            for name, limit in slowed.items()
            if limit is not None
        ]
        return "; ".join(parts) or None

    async def answer(self, requests: Sequence[Request], repeat: int, remaining_s: float) -> list[Reply]:
        """The replies to one batch of requests, in order; a request without an answer has ``Response.error`` set."""
        if len(requests) == 1:
            request = requests[0]
            target, key = self._key(request, repeat)
            found = self._cache.get_many((key,)).get(key)
            if found is not None:
                return [self._from_cache(target, key, found)]
            return [await self._ask_once(target, key, request, remaining_s)]
        wanted = [self._key(request, repeat) for request in requests]
        stored = self._cache.get_many([key for _, key in wanted])
        replies: list[Reply | None] = [
            self._from_cache(target, key, stored[key]) if key in stored else None for target, key in wanted
        ]
        missing = [index for index, reply in enumerate(replies) if reply is None]
        if missing:
            asked = await _all_of([self._ask_once(*wanted[index], requests[index], remaining_s) for index in missing])
            for index, reply in zip(missing, asked, strict=True):
                replies[index] = reply
        return [reply for reply in replies if reply is not None]

    def _key(self, request: Request, repeat: int) -> tuple[_Target, bytes]:
        target = self._targets.get(request.model_id)
        if target is None:
            known = ", ".join(sorted(self._targets)) or "none"
            raise HarnessError(f"model '{request.model_id}' has no endpoint", allowed=known)
        keys = target.keys.get((request.route, repeat))
        if keys is None:
            keys = Keys(target.endpoint.identity, request.route, repeat=repeat, wave=self._wave)
            target.keys[(request.route, repeat)] = keys
        return target, keys.of(request.body)

    def _from_cache(self, target: _Target, key: bytes, stored: Stored) -> Reply:
        self.counts.cached += 1
        response = Response(key.hex(), stored.status, stored.body, stored.latency_ms, True)
        usage = usage_of(orjson.loads(stored.body))
        price = target.endpoint.price
        return Reply(response, usage, None if price is None else cost_usd(usage, price), 0.0)

    async def _ask_once(self, target: _Target, key: bytes, request: Request, remaining_s: float) -> Reply:
        """Ask, or wait for whoever is asking the same already."""
        under_way = self._under_way
        if key in under_way:
            future = under_way[key]
            if future is None:
                future = under_way[key] = asyncio.get_running_loop().create_future()
            reply = await asyncio.shield(future)
            self.counts.shared += 1
            one = reply.response
            response = Response(one.key, one.status, one.body, one.latency_ms, True, one.error)
            return Reply(response, reply.usage, reply.cost_usd, reply.spent_s)
        under_way[key] = None
        try:
            reply = await self._ask(target, key, request, remaining_s)
        except BaseException:
            if (future := under_way.pop(key)) is not None:
                future.cancel()
            raise
        if (future := under_way.pop(key)) is not None:
            future.set_result(reply)
        return reply

    async def _ask(self, target: _Target, key: bytes, request: Request, remaining_s: float) -> Reply:
        """Call until there is an answer, or a reason to stop."""
        endpoint, limits = target.endpoint, target.endpoint.limits
        remaining_s = min(remaining_s, limits.item_timeout_s)
        spent_s, attempt = 0.0, 0
        while True:
            attempt += 1
            result, latency_s = await self._attempt(target, request, attempt, remaining_s - spent_s)
            spent_s += latency_s
            if isinstance(result, RawResponse) and 200 <= result.status < 300:
                usage = usage_of(result.document)
                cost = None if endpoint.price is None else cost_usd(usage, endpoint.price)
                stored = Stored(result.status, endpoint.redact_bytes(result.body), latency_s * 1000.0)
                if holds_answer(request.route, result.document):
                    await self._cache.put(key, stored, endpoint.model_id)
                return Reply(Response(key.hex(), stored.status, stored.body, stored.latency_ms), usage, cost, spent_s)
            decision = decide(result, attempt, limits, rng=self._rng, now=self._now(), has_answered=target.has_answered)
            if isinstance(result, RawResponse):
                target.has_answered = True
            if isinstance(decision, Wait) and decision.seconds < remaining_s - spent_s:
                await self._sleep(decision.seconds)
                spent_s += decision.seconds
                continue
            if isinstance(decision, Fatal):
                self.stop()
                raise _fatal(endpoint, request.route, decision.found, decision.next_step)
            return self._without_answer(target, key, request.route, result, decision, latency_s, spent_s)

    async def _attempt(
        self, target: _Target, request: Request, attempt: int, remaining_s: float
    ) -> tuple[RawResponse | TransportError, float]:
        """One call, once money and endpoint allow it; with the seconds it took."""
        endpoint, limiter = target.endpoint, target.limiter
        if self.stopped.is_set():
            raise Stopped
        reserved = self._reservation(endpoint, request.body)
        await self._budget.reserve(reserved)
        tokens = float(sum(estimate(request.body))) if limiter.counts_tokens else 0.0
        actual, is_known = 0.0, True
        try:
            await limiter.acquire(tokens, is_retry=attempt > 1)
            if self.stopped.is_set():
                limiter.release(tokens)
                raise Stopped
            is_known = False
            began = self._clock()
            self.counts.calls += 1
            self.counts.retries += attempt > 1
            try:
                timeout_s = min(endpoint.limits.timeout_s, remaining_s)
                result = await self._transport.post(endpoint, request.route, request.body, timeout_s)
                is_known = True
                if 200 <= result.status < 300:
                    target.has_answered = target.has_succeeded = True
                    limiter.on_success(result.headers)
                    if endpoint.price is not None:
                        actual = cost_usd(usage_of(result.document), endpoint.price)
                elif result.status == 429:
                    limiter.on_rate_limit(result.headers, retry_after_s(result.headers, self._now()))
                elif result.status >= 500:
                    limiter.on_server_error()
            except TransportError as error:
                limiter.on_server_error()
                is_known = error.kind in UNSENT
                return error, self._clock() - began
            finally:
                limiter.release(tokens)
            return result, self._clock() - began if result.latency_s is None else result.latency_s
        finally:
            self._budget.settle(reserved, actual, is_known=is_known)

    def _without_answer(
        self,
        target: _Target,
        key: bytes,
        route: str,
        result: RawResponse | TransportError,
        decision: Decision,
        latency_s: float,
        spent_s: float,
    ) -> Reply:
        """What the candidate is given when there is no 2xx: the server's refusal of this item, or an error."""
        endpoint = target.endpoint
        status, body, what = 0, b"", ""
        if isinstance(result, RawResponse):
            status, body, what = result.status, result.body, f"status {result.status}"
            self._check_first_errors(target, route, result)
        else:
            what = result.kind
        error = None
        if isinstance(decision, GiveUp):
            error = endpoint.redact(decision.error)
        elif isinstance(decision, Wait):
            error = f"{what}: no answer within the item's {endpoint.limits.item_timeout_s:g} s"
        self._check_first_failures(target, route, result, error)
        response = Response(key.hex(), status, body, latency_s * 1000.0, error=error)
        return Reply(response, NO_USAGE, None if endpoint.price is None else 0.0, spent_s)

    def _reservation(self, endpoint: Endpoint, body: bytes) -> float:
        if self._budget.max_cost_usd is None or endpoint.price is None:
            return 0.0
        return most_cost_usd(body, endpoint.price)

    def _check_first_failures(
        self, target: _Target, route: str, result: RawResponse | TransportError, error: str | None
    ) -> None:
        """Stop when nothing has succeeded and the first items all failed, after their retries, for the same reason."""
        if target.has_succeeded:
            return
        is_rate = isinstance(result, RawResponse) and result.status == 429
        target.first_failures.append("" if error is None or is_rate else error)
        failures = target.first_failures
        same = {_VARYING.sub("#", text) for text in failures}
        if len(failures) < SAME_ERRORS or len(same) != 1 or "" in same:
            return
        said = f" (the server says: {describe(result)})" if isinstance(result, RawResponse) and result.body else ""
        host = urlsplit(target.endpoint.url_base).netloc or target.endpoint.url_base
        self.stop()
        raise _fatal(
            target.endpoint,
            route,
            f"the first {len(failures)} items all failed, and nothing was ever answered: {failures[0]}{said}",
            f"check that {host} is up and that base_url in models.yaml is the address of its API (often .../v1); "
            "then type the same command again",
        )

    def _check_first_errors(self, target: _Target, route: str, answer: RawResponse) -> None:
        if target.has_succeeded or answer.status != 400 or is_content_block(answer):
            return
        errors = target.first_errors
        errors.append(describe(answer))
        if len(errors) >= SAME_ERRORS and len({_VARYING.sub("#", text) for text in errors}) == 1:
            found = f"the first {len(errors)} answers are all the same status 400: {errors[0]}"
            self.stop()
            raise _fatal(target.endpoint, route, found, "correct params or model in models.yaml, or the prompt")


def _fatal(endpoint: Endpoint, route: str, found: str, next_step: str) -> HarnessError:
    where = f"model '{endpoint.model_id}' at {endpoint.url_base}/{route.lstrip('/')}"
    return HarnessError(endpoint.redact(f"{where}: {found}"), next_step=next_step)


async def _all_of(asked: Sequence[Awaitable[Reply]]) -> list[Reply]:
    """All replies. When one fails, the others may end (they are paid for) before the failure is passed on."""
    ended = await asyncio.gather(*asked, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [one for one in ended if isinstance(one, Reply)]
