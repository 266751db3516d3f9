"""Requests to answers: cache first, then calls with retries, limits and a budget.

Decides the order of things for one request: look it up, share a call that is already under way for the same key,
claim it, wait for money and for the endpoint, call, and commit the answer before anybody sees it. The decisions
themselves are made by ``retry``, ``first_calls``, ``limits``, ``budget`` and ``cache``; which items are asked is
decided by ``engine``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from harness.candidates.outcomes import may_journal
from harness.records.answers import Request, Response, Usage
from harness.runner.answers import Stored
from harness.runner.budget import NOTHING, OUTPUT_TOKENS, Amount, amount_of, estimate, list_price
from harness.runner.busy import TOO_MANY, Tries
from harness.runner.cache import ResponseCache
from harness.runner.claims import Wanted
from harness.runner.doubts import NEXT_STEP
from harness.runner.earlier import was_answered
from harness.runner.endpoint import SHORTEST_MASKED
from harness.runner.harmless import OF_TEXTS, blocks_all, is_of_texts
from harness.runner.lookups import Lookups, Sought
from harness.runner.places import Ticket
from harness.runner.replies import Closed, Counts, Reply, Stopped, all_of
from harness.runner.retry import Decision, Fatal, GiveUp, PassOn, Wait, decide, words
from harness.runner.run_request import RunRequest
from harness.runner.surroundings import Surroundings
from harness.runner.targets import (
    CLOSED_STATUSES,
    WRONG_SETUP,
    Target,
    failure_reason,
    is_about_setup,
    is_passing,
    limit_history,
    own_limiter,
    slowed_words,
)
from harness.runner.transport import RawResponse, TransportError
from harness.runner.usage import usage_of
from harness.runner.waits import backoff_s, retry_after_s
from harness.runner.ways import Live

UNSENT = frozenset({"refused", "unreachable", "certificate"})


class Caller:
    """Answers requests.

    Args:
        way: Endpoints, transport and money.
        cache: The journal.
        stopped: Set when no new calls are to be made.
    """

    def __init__(
        self, request: RunRequest, way: Live, cache: ResponseCache, around: Surroundings, stopped: asyncio.Event
    ) -> None:
        limiter = own_limiter if around.sharing is None else around.sharing.limiter
        self._targets = {
            name: Target(one, limiter(one, around.clock), 4 * OUTPUT_TOKENS) for name, one in way.endpoints.items()
        }
        self._request = request
        self.n_open = 0  # calls that were sent and have not ended
        self._cache = cache
        self._transport = way.transport
        self._budget = way.budget
        self._clock = around.clock
        self._around = around
        self._under_way: dict[bytes, asyncio.Future[Reply] | None] = {}
        self.stopped = stopped
        self.is_idle = asyncio.Event()
        self.is_idle.set()
        self.counts = Counts()
        self.lookups = Lookups(self._targets, cache, request.wave, self.counts)

    def stop(self) -> None:
        """Make no new calls; those under way may end."""
        self.stopped.set()
        for target in self._targets.values():
            target.limiter.close(Stopped())
        self._cache.turn_away(Stopped())

    def check_end(self) -> None:
        """At the end of a run too small for ten first requests.

        Raises:
            HarnessError: Every request failed alike, in a way that speaks of the set-up.
        """
        for target in self._targets.values():
            if (reason := target.first.same_reason()) is not None and is_about_setup(reason):
                raise target.fatal("", reason, WRONG_SETUP)

    def limit_history(self) -> dict[str, Any]:
        """Per model, how its concurrency moved."""
        return limit_history(self._targets)

    def slowed(self) -> str | None:
        """What holds calls back now, in words; None for nothing."""
        return slowed_words({name: target.limiter.slowed_to for name, target in self._targets.items()})

    async def answer(self, sought: Sequence[Sought], remaining_s: float) -> list[Reply]:
        """The replies to requests that were looked up, in order; one without an answer has ``Response.error`` set."""
        if len(sought) == 1:
            return [await self._answer_one(sought[0], remaining_s)]
        return await all_of([self._answer_one(one, remaining_s) for one in sought])

    async def _answer_one(self, one: Sought, remaining_s: float) -> Reply:
        if one.stored is not None:
            return self.lookups.reply(one.target, one.request, one.key, one.stored)
        try:
            self.lookups.look_again(one)
            if one.stored is not None:
                return self.lookups.reply(one.target, one.request, one.key, one.stored)
            return await self._ask_once(one.target, one.key, one.request, remaining_s)
        finally:
            self.lookups.ended(one.key)

    async def _ask_once(self, target: Target, key: bytes, request: Request, remaining_s: float) -> Reply:
        """Ask, or wait for whoever is asking the same already."""
        under_way = self._under_way
        if key in under_way:
            future = under_way[key]
            if future is None:
                future = under_way[key] = asyncio.get_running_loop().create_future()
            reply = await asyncio.shield(future)
            self.counts.shared += 1
            return Reply(replace(reply.response, is_cached=True), reply.usage, reply.cost_usd, reply.spent_s)
        under_way[key] = None
        try:
            reply = await self._claim_and_ask(target, key, request, remaining_s)
        except BaseException:
            if (future := under_way.pop(key)) is not None:
                future.cancel()
            raise
        if (future := under_way.pop(key)) is not None:
            future.set_result(reply)
        return reply

    async def _claim_and_ask(self, target: Target, key: bytes, request: Request, remaining_s: float) -> Reply:
        """Ask what no other run is asking; else wait for that run's answer."""
        if self.stopped.is_set():
            raise Stopped
        most = self._most(target, request.body)
        try:
            stored = await self._cache.claim(Wanted(key, *most), target.limiter.n_waiting)
            if stored is not None:
                return self.lookups.reply(target, request, key, stored)
            return await self._ask(target, key, request, most, remaining_s)
        except BaseException:
            self._cache.release(key)
            raise

    async def _ask(self, target: Target, key: bytes, request: Request, most: Amount, remaining_s: float) -> Reply:
        """Call until there is an answer, or a reason to stop."""
        limits = target.endpoint.limits
        remaining_s = min(remaining_s, limits.item_timeout_s)
        spent_s, tries, number = 0.0, Tries(), target.first.begin()
        while True:
            left_s = remaining_s - spent_s
            result, usage, latency_s = await self._attempt(target, key, request, most, tries, left_s)
            spent_s += latency_s
            if isinstance(result, RawResponse) and 200 <= result.status < 300:
                return Reply(*await self._kept(target, key, request, result, usage, latency_s), spent_s)
            decision = decide(
                result, tries.n, limits, rng=self._around.rng, now=self._around.now(),
                has_answered=target.has_answered, n_put_off=target.busy.n_put_off(tries), n_passed=tries.n_passed,
            )  # fmt: skip
            decision = self._weighed(target, request, result, decision, tries, remaining_s - spent_s)
            target.has_answered |= isinstance(result, RawResponse)
            if isinstance(decision, Wait) and decision.seconds < remaining_s - spent_s:
                await self._around.sleep(decision.seconds)
                spent_s += decision.seconds
                continue
            self._cache.release(key)
            if isinstance(result, RawResponse) and not isinstance(decision, Wait):
                await self._look_into(target, request, result)
            return await self._without_answer(target, key, request, result, decision, number, latency_s, spent_s)

    async def _kept(
        self, target: Target, key: bytes, request: Request, result: RawResponse, usage: Usage | None, latency_s: float
    ) -> tuple[Response, Usage | None, float | None]:
        """An answer as candidates see it, once it is committed to the journal."""
        endpoint = target.endpoint
        target.doubts.answered(request)
        stored = Stored(result.status, endpoint.redact_bytes(result.body), latency_s * 1000.0)
        if may_journal(request.route, result.document, result.meaning):
            await self._cache.put(key, stored, endpoint.model_id)
        else:
            self._cache.release(key)
        document = result.document if stored.body is result.body else None
        cost = list_price(usage, endpoint.price, is_batch=self._request.is_batch)
        response = Response(key.hex(), stored.status, stored.body, stored.latency_ms, False, None, document, cost)
        return response, usage, cost

    def _weighed(
        self,
        target: Target,
        request: Request,
        result: RawResponse | TransportError,
        decision: Decision,
        tries: Tries,
        left_s: float,
    ) -> Decision:
        """What one answer means in the light of those before it: one item never decides a run."""
        status = result.status if isinstance(result, RawResponse) else None
        if isinstance(decision, Fatal):
            if status is None or (status in CLOSED_STATUSES and target.is_closed()):
                self.stop()
                raise target.fatal(request.route, decision.found, decision.next_step)
            if status not in CLOSED_STATUSES:
                return PassOn() if status == 403 else GiveUp(decision.found)
            is_last = tries.n > target.endpoint.limits.max_retries
            return GiveUp(decision.found) if is_last else Wait(backoff_s(tries.n, self._around.rng))
        if isinstance(decision, Wait) and status == TOO_MANY and decision.seconds >= left_s:
            # what is left of one late item says nothing of the endpoint: its whole deadline does
            if decision.seconds >= target.endpoint.limits.item_timeout_s and target.is_long_wait():
                self.stop()
                raise Closed(target.until(decision.seconds, self._around.now()))
            return Wait(backoff_s(tries.n, self._around.rng))
        if isinstance(decision, Wait) and not self._request.is_batch and target.is_silent(self._clock()):
            if not target.busy.is_own(tries):
                self.stop()
                raise target.silent(request, result)
            if isinstance(result, RawResponse) and status == TOO_MANY:
                return GiveUp(f"status 429, {tries.n} times{words(result)}")
        return decision

    async def _look_into(self, target: Target, request: Request, refusal: RawResponse) -> None:
        """Count a refusal; after many in a row, ask again what was answered before, and end the run if that fails too.

        Raises:
            HarnessError: It was refused as well.
        """
        if self._request.is_batch or is_passing(refusal):
            return
        known = target.doubts.refused(failure_reason(refusal, None, request.body))
        if known is None:
            return
        n, result = target.doubts.n, None
        try:
            limits, most = target.endpoint.limits, self._most(target, known.body)
            result, _, _ = await self._attempt(target, None, known, most, Tries(), limits.item_timeout_s)
        finally:
            is_answered = isinstance(result, RawResponse) and 200 <= result.status < 300
            target.doubts.looked(is_answered=is_answered)
        if is_answered or not isinstance(result, RawResponse) or is_passing(result):
            return
        if reason := failure_reason(result, None, known.body):
            self.stop()
            found = f"{n} items in a row were refused, and so is now what was answered before: {reason}"
            raise target.fatal(request.route, found, NEXT_STEP)

    async def _attempt(
        self, target: Target, key: bytes | None, request: Request, most: Amount, tries: Tries, remaining_s: float
    ) -> tuple[RawResponse | TransportError, Usage | None, float]:
        """One call, once money and endpoint allow it; with what it says it used, and the seconds it took."""
        if target.alone is not None and self._budget.is_bounded:
            async with target.alone:
                if target.alone is not None:
                    try:
                        return await self._call(target, key, request, most, tries, remaining_s)
                    finally:
                        target.alone = None
            most = self._most(target, request.body)
        return await self._call(target, key, request, most, tries, remaining_s)

    async def _call(
        self, target: Target, key: bytes | None, request: Request, most: Amount, tries: Tries, remaining_s: float
    ) -> tuple[RawResponse | TransportError, Usage | None, float]:
        endpoint, limiter = target.endpoint, target.limiter
        if self.stopped.is_set():
            raise Stopped
        await self._budget.reserve(most)
        tokens = float(sum(estimate(request.body))) if limiter.counts_tokens else 0.0
        actual: Amount | None = NOTHING
        try:
            ticket = await limiter.acquire(tokens, is_retry=tries.n > 0)
            if target.looking is not None:
                await target.looking.wait()
            if self.stopped.is_set():
                limiter.release(tokens)
                raise Stopped
            actual = None
            if key is not None:
                self._cache.sent(key)
            began = self._clock()
            self.counts.calls += 1
            self.counts.retries += tries.n > 0
            target.busy.sent(tries, began)
            self.n_open += 1
            self.is_idle.clear()
            try:
                timeout_s = min(endpoint.limits.timeout_s, remaining_s)
                result = await self._transport.post(endpoint, request.route, request.body, timeout_s)
                target.saw(usage := usage_of(result.document))
                actual = self._taken(target, most, result, amount_of(usage, endpoint.price), ticket, tries)
            except TransportError as error:
                if not self._request.is_batch:
                    target.failed()
                actual = NOTHING if error.kind in UNSENT else None
                return error, None, self._clock() - began
            finally:
                limiter.release(tokens)
                target.busy.ended(tries)
                self.n_open -= 1
                if self.n_open == 0:
                    self.is_idle.set()
            return result, usage, self._clock() - began if result.latency_s is None else result.latency_s
        finally:
            self._budget.settle(most, actual)
            if key is not None:
                self._cache.ended(key)

    def _taken(
        self, target: Target, most: Amount, result: RawResponse, said: Amount | None, ticket: Ticket, tries: Tries
    ) -> Amount | None:
        """What an answer has taken, None where it says nothing of it; target and limiter learn what it means."""
        if 200 <= result.status < 300:
            target.succeeded()
            target.busy.answered(tries, self._clock())
            target.limiter.on_success(result.headers, ticket)
            target.took(most, said)
            self.counts.unpriced += target.endpoint.price is None and said is not None
            return said
        if self._request.is_batch:  # the line of a file: nobody is called, and nothing is to be slowed down
            return said or NOTHING
        asked_s = retry_after_s(result.headers, self._around.now(), result.body, is_limit=result.status < 500)
        if is_passing(result):
            target.was_refused(tries, result, asked_s, ticket, self._clock())
        return said or NOTHING  # an error inside a 200 may have been paid for, and then it says what it used

    async def _without_answer(
        self,
        target: Target,
        key: bytes,
        request: Request,
        result: RawResponse | TransportError,
        decision: Decision,
        number: int,
        latency_s: float,
        spent_s: float,
    ) -> Reply:
        """What the candidate is given when there is no 2xx: the server's refusal of this item, or an error."""
        endpoint = target.endpoint
        if isinstance(result, RawResponse):
            status, what, said = result.status, f"status {result.status}", words(result)
            body = endpoint.redact_bytes(result.body, SHORTEST_MASKED)
        else:
            status, what, said, body = 0, result.kind, "", b""
        error = None
        if isinstance(decision, GiveUp):
            error = endpoint.redact(decision.error)
        elif isinstance(decision, Wait):
            error = endpoint.redact(f"{what}: no answer within the item's {endpoint.limits.item_timeout_s:g} s{said}")
        await self._check_first(target, request, number, result, error)
        nothing = None if endpoint.price is None else 0.0
        return Reply(Response(key.hex(), status, body, latency_s * 1000.0, False, error), None, nothing, spent_s)

    def _most(self, target: Target, body: bytes) -> Amount:
        if target.endpoint.price is None and not self._budget.is_bounded:
            return NOTHING
        return target.most_of(body)

    async def _check_first(
        self, target: Target, request: Request, number: int, result: RawResponse | TransportError, error: str | None
    ) -> None:
        """Stop when nothing was ever answered and the first requests all failed, after their retries, alike."""
        if target.first.is_proven:
            return
        target.first.asked = target.first.asked or request
        if not target.first.failed(number, failure_reason(result, error, request.body)):
            return
        is_known = was_answered(self._request, self._cache, target.endpoint.model_id)
        if is_known or await self._is_of_texts(target, request, result):
            target.first.succeeded()
            return
        self.stop()
        raise target.hopeless(request, result)

    async def _is_of_texts(self, target: Target, request: Request, result: RawResponse | TransportError) -> bool:
        if self._request.is_batch or not isinstance(result, RawResponse) or result.status not in OF_TEXTS:
            return False
        self.counts.calls += 1
        return await is_of_texts(target, request, self._transport, self._budget)

    async def blocks_all(self, one: Request, other: Request) -> bool:
        """Whether the model that blocked two texts blocks a harmless one too."""
        self.counts.calls += 1
        return await blocks_all(self._targets[other.model_id], one, other, self._transport, self._budget)

    def refuses_texts(self, models: Iterable[str]) -> bool:
        """Whether one of these refused the first texts, and answered a harmless one."""
        return any(self._targets[one].refuses_texts for one in models if one in self._targets)
