"""Limits of one endpoint: how many calls at a time, how fast, and when none at all.

Decides when a call may start, and what a 429 means. Where headers tell that nothing is left, it tells of the rate.
Else it may be an accident, which comes whatever is done (``accidents``): one request's own business, which waits as
long as it is asked to. Where it is none, it tells of the rate if that held the call back, or of a wall: so many calls
at one time and no more (``places``). Several of calls that started one after the other tell that the endpoint is at its
limit: the concurrency shrinks, once per burst and to no less than what was just seen to succeed, and the rate is
measured (``pace``). Of a rate that headers tell, the part is used that is one's own (``part``). Configured and learned
rates are token buckets. Answers from the cache never come here. Whether one request is tried again is decided by
``retry``.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from harness.records import Limits
from harness.runner.accidents import CERTAIN, Accidents
from harness.runner.buckets import PACE, SLACK_S, Bucket, is_used_up, read_rate
from harness.runner.pace import LearntPace
from harness.runner.part import Part
from harness.runner.places import Places, Ticket

RESOLUTION_S = 1e-6
CALM_AFTER_5XX_S = 5.0
PAUSE_S, SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 0.5, 120.0
HISTORY_LENGTH = 200
RECENT_ANSWERS = 32
SIZEABLE = 0.25
"""Share of the latest answers from which failures are the endpoint's state and not an accident."""
SLOWED_FOR_S = 30.0


class Limiter:
    """Hands out the right to make a call.

    Calls tried again go before new ones.

    Args:
        limits: The model's own limits.
        clock: Monotonic seconds; the event loop's own time unless a test says otherwise.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        now = clock()
        self._started = now
        self.places = Places(limits.concurrency)
        self._tokens_in_flight = 0.0
        self._recent: deque[bool] = deque(maxlen=RECENT_ANSWERS)
        self._accidents = Accidents()
        self._before = self.places.limit
        """Places before calls were slowed."""
        self._pressed_at: float | None = None
        self._acted_at = -1.0
        self._n_before = 0
        """429s until the last cut."""
        self._paused_until = 0.0
        self._grow_again_at = 0.0
        self._requests = Bucket(limits.rpm / 60.0, max(1.0, limits.rpm / 60.0), now) if limits.rpm else None
        self._tokens = Bucket(limits.tpm / 60.0, max(1.0, limits.tpm / 60.0), now) if limits.tpm else None
        self._learned: dict[str, Bucket] = {}
        self._told: dict[str, float] = {}
        self._part = Part()
        self._pace = LearntPace()
        self._new: deque[tuple[asyncio.Future[Ticket], float]] = deque()
        self._again: deque[tuple[asyncio.Future[Ticket], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.history: list[dict[str, Any]] = []
        self.n_429 = 0
        self._note("start")

    async def acquire(self, tokens: float, *, is_retry: bool = False) -> Ticket:
        """Wait for the right to make one call that may use this many tokens."""
        if not self._new and not self._again and self._delay_s(tokens) == 0.0:
            return self._grant(tokens)
        future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        (self._again if is_retry else self._new).append((future, tokens))
        self._pump()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # granted and cancelled in one breath
                self.release(tokens)
            raise

    def release(self, tokens: float) -> None:
        """Give the right back; the call has ended in some way."""
        self.places.give_back()
        self._tokens_in_flight -= tokens
        if self._new or self._again:
            self._pump()

    def on_success(self, headers: Mapping[str, str], ticket: Ticket) -> None:
        """A call was answered: room to grow, and perhaps a rate to learn."""
        self._recent.append(True)
        self._part.answered()
        self._accidents.saw(ticket.at, is_answered=True)
        if not self._pace.is_trying:
            self._accidents.answered()
        now = self._clock()
        before = self.places.limit
        if self.places.on_success(ticket, now, may_grow=now >= self._grow_again_at):
            self._accidents.happened()
        if before != self.places.limit == self.places.ceiling:
            self._note("growth")
        if any("ratelimit" in name.lower() for name in headers):  # as the server spells them
            self._learn(headers, ticket)

    def on_server_error(self, refused: Ticket | None = None, *, is_down: bool = True) -> None:
        """A 5xx, a timeout or a broken connection: no growth for a while where there are many, no cut.

        Args:
            refused: The call, where it took no place with the server.
            is_down: Whether it speaks of the endpoint.
        """
        if refused is not None:
            self.places.not_taken(refused, self._clock())
        if not is_down:
            return
        self._recent.append(False)
        if self._recent.count(False) == RECENT_ANSWERS:
            self._pace.drop()  # it is down: there is nothing to be kept
        if self._recent.count(False) >= SIZEABLE * len(self._recent):
            self._grow_again_at = self._clock() + CALM_AFTER_5XX_S

    def on_rate_limit(self, headers: Mapping[str, str], asked_s: float | None, ticket: Ticket) -> None:
        """A 429: of the endpoint's wall, of its rate, or one request's own; all in flight at a cut are one burst."""
        now = self._clock()
        self.n_429 += 1
        is_vain = self._accidents.saw(ticket.at, is_answered=False)
        was_told = self._told.get("requests")
        self._learn(headers, ticket)
        is_told, is_news = is_used_up(headers), self._accidents.are_rare
        is_rate = is_told or self._pace.held_back(ticket.at)
        is_beyond = not is_rate and self.places.on_refusal(ticket, now)
        is_tried = is_beyond or self._pace.is_trying
        certain = CERTAIN * max(1.0, asked_s or 0.0)  # the longer the wait, the dearer a mistake
        is_state = is_told or self._accidents.refused(ticket.number, is_tried=is_tried) >= certain
        if is_vain and not is_told:
            self.places.free(self._before)
            self._pace.drop()
            self._note("in vain")
            return
        if not is_news and not is_state:
            self._pace.forget(ticket)
            return
        if self._accidents.slowed(ticket.at, now):
            self._before = self.places.limit
        if is_beyond:
            before = int(self.places.limit)
            self.places.stand_before(ticket, now)
            self._pace.on_rate_limit(ticket, now, is_rate=False)
            if int(self.places.limit) < before:
                self._pressed_at = now
                self._note("at once")
            return
        if not is_rate:
            self.places.doubt()
        # Where headers say that something is left, it is another limit that refuses: one that they do not tell.
        if (not is_told or "requests" not in self._learned) and self._pace.on_rate_limit(
            ticket, now, is_rate=is_rate or is_state, is_state=is_state, asked_s=asked_s
        ):
            self._note("measured requests", per_minute=round(self._pace.per_minute, 3))
        if is_state and ticket.at > self._acted_at:
            self._accidents.clear()
            self._acted_at = self._pressed_at = now
            if is_told and was_told is not None:
                self._part.refused(now, was_told)
            self._pause(asked_s, now)
            n_ok = self._recent.count(True)
            self.places.cut(now, n_ok / (n_ok + self.n_429 - self._n_before))
            self._n_before = self.n_429
            self._recent.clear()  # what follows is judged by itself
            self._note("429", wait_s=round(max(0.0, self._paused_until - now), 3))

    def _pause(self, asked_s: float | None, now: float) -> None:
        """Start nothing for as long as it asks; where it does not, and tells no rate, that is left to the pace."""
        learned = self._learned.get("requests")
        if asked_s is None and learned is None:
            return
        least_s = SHORTEST_PAUSE_S if learned is None else min(SHORTEST_PAUSE_S, 1.0 / learned.rate)
        wait_s = PAUSE_S if asked_s is None or asked_s > LONGEST_PAUSE_S else max(asked_s, least_s)
        self._paused_until = max(self._paused_until, now + wait_s)
        if learned is not None:
            learned.tokens = min(learned.tokens, 0.0)

    @property
    def is_open(self) -> bool:
        """Whether nothing but the number of calls at a time holds calls back, and it never was otherwise."""
        has_rates = self._requests is not None or self._tokens is not None or self._learned or self._pace.is_known
        is_grown = self.places.limit >= self.places.ceiling and self.places.n_started >= self.places.ceiling
        return self._pressed_at is None and is_grown and not has_rates

    @property
    def latest(self) -> Ticket:
        """What stands for a call of which nothing else is known."""
        return Ticket(self.places.n_started, self._clock(), self.places.in_flight)

    def pass_on(self, more_tokens: float) -> Ticket:
        """A call that has ended left its place to one that has begun, which may use so many more tokens."""
        now = self._clock()
        self._tokens_in_flight += more_tokens
        self._pace.take(now)
        self.places.give_back()
        return self.places.take(now)

    @property
    def n_waiting(self) -> int:
        """Calls that stand ready."""
        return len(self._new) + len(self._again)

    @property
    def slowed_to(self) -> int | None:
        """The concurrency that 429s have lately brought it down to; None when they slow nothing."""
        if self._pressed_at is None or self.places.limit >= self.places.ceiling:
            return None
        return int(self.places.limit) if self._clock() - self._pressed_at < SLOWED_FOR_S else None

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited too."""
        return self._tokens is not None or "tokens" in self._learned

    def close(self, reason: Exception) -> None:
        """Turn away whoever still waits, with this exception."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for queue in (self._again, self._new):
            while queue:
                future, _ = queue.popleft()
                if not future.done():
                    future.set_exception(reason)

    def _learn(self, headers: Mapping[str, str], ticket: Ticket) -> None:
        now = self._clock()
        for kind in ("requests", "tokens"):
            said = read_rate(headers, kind)
            if said is None:
                continue
            bucket = self._learned.get(kind)
            self._told[kind] = said.rate * PACE
            share = self._share(now)
            rate, left = self._told[kind] * share, said.at_once * share
            if bucket is None:
                bucket = self._learned[kind] = Bucket(rate, 1.0, now, slack_s=SLACK_S)
                bucket.tokens = left
                self._note(f"learned {kind}", per_minute=round(said.rate * 60.0, 3))
            bucket.rate = rate
            bucket.capacity = max(1.0 if kind == "requests" else rate, left)
            bucket.refill(now)
            # Calls since may not have been counted when the server wrote its figure, which may be as old as this call.
            unseen = self.places.n_started - ticket.number if kind == "requests" else self._tokens_in_flight
            aged = left + rate * (now - ticket.at)
            bucket.tokens = min(max(bucket.tokens, left - unseen), aged)
            if said.reset_s is not None and kind == "requests" and unseen == 0:
                bucket.back_at = now + said.reset_s

    def _share(self, now: float) -> float:
        """The part of what is told that is one's own."""
        per_s = self._told.get("requests")
        return 1.0 if per_s is None else self._part.share(now, per_s)

    def _delay_s(self, tokens: float) -> float:
        """0 when a call may start now; seconds until it may; infinity until some other call ends."""
        now = self._clock()
        delay = max(self.places.wait_s(now), self._paused_until - now)
        if delay == math.inf:
            return delay
        delay = max(delay, self._pace.wait_s(now))
        if self._requests is not None:
            delay = max(delay, self._requests.wait_s(1.0, now))
        if self._tokens is not None:
            delay = max(delay, self._tokens.wait_s(tokens, now))
        if self._learned:
            for kind, bucket in self._learned.items():
                bucket.rate = self._told[kind] * self._share(now)
                delay = max(delay, bucket.wait_s(1.0 if kind == "requests" else tokens, now))
        return delay if delay > RESOLUTION_S else 0.0

    def _grant(self, tokens: float) -> Ticket:
        now = self._clock()
        self._tokens_in_flight += tokens
        self._pace.take(now)
        if self._requests is not None:
            self._requests.take(1.0, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        for kind, bucket in self._learned.items():
            bucket.take(1.0 if kind == "requests" else tokens, now)
        return self.places.take(now)

    def _pump(self) -> None:
        """Start whoever may start now, and look again when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while queue := self._again or self._new:
            future, tokens = queue[0]
            if future.done():
                queue.popleft()
                continue
            delay = self._delay_s(tokens)
            if delay == 0.0:
                queue.popleft()
                future.set_result(self._grant(tokens))
                continue
            if delay != math.inf:
                self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)
            return

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _note(self, reason: str, **more: Any) -> None:
        if len(self.history) < HISTORY_LENGTH:
            at_s = round(self._clock() - self._started, 3)
            self.history.append({"at_s": at_s, "limit": int(self.places.limit), "reason": reason, **more})
