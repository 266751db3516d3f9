"""Limits of one endpoint: how many calls at a time, how fast, and when none at all.

Decides when a call may start. Concurrency starts at ten and grows with every success. A 429 now and then is one
request's own business: it waits as long as it is asked to. Only where 429s are a sizeable share of the latest answers,
or headers say that nothing is left, does the whole endpoint pause and its concurrency shrink, once per burst and to no
less than what was just seen to succeed; it stands still while many calls break. Configured and learned rates are token
buckets: learned from headers, or from what went through between two bursts of 429s. Answers from the cache never come
here. Whether one request is tried again is decided by ``retry``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from harness.records import Limits
from harness.runner.buckets import PACE, Bucket, is_used_up, rate_header, read_rate
from harness.runner.pace import LearntPace

START_CONCURRENCY = 10
SLOW_START = 5.0
"""By how much the concurrency grows with a success until the first burst of 429s, so that ten answers open sixty places
(they start as a ramp, which a 429 ends); after it, by ``STEADY``."""
STEADY = 0.25
RAMP_PER_S = 1500.0
LEAST_RAMP_PER_S = 100.0
"""After a burst of 429s calls start again at half the rate that had gone through, or at this one."""
CUT = 0.5
JUDGED_FOR_S = 10.0
LONGEST_JUDGING_S = 1.0
COOLDOWN_S = 1.0
CALM_AFTER_5XX_S = 5.0
PAUSE_S, SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 0.5, 120.0
HISTORY_LENGTH = 200
RECENT_ANSWERS = 32
SIZEABLE = 0.25
"""Share of the latest answers from which failures are the endpoint's state and not an accident."""
IN_A_ROW = 4
"""So many 429s without an answer between them are no accident either."""
SLOWED_FOR_S = 30.0


class Limiter:
    """Hands out the right to make a call.

    A burst of calls is always started as a ramp, some tenths of a millisecond apart, so that the first 429 stops the
    rest of it. Calls tried again go before new ones.

    Args:
        limits: The model's own limits.
        clock: Monotonic seconds; the event loop's own time unless a test says otherwise.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        now = clock()
        self._started = now
        self.ceiling = limits.concurrency
        self.limit = float(min(START_CONCURRENCY, limits.concurrency))
        self.in_flight = 0
        self._tokens_in_flight = 0.0
        self._recent: deque[str] = deque(maxlen=RECENT_ANSWERS)
        self._pressed_at: float | None = None
        self._paused_until = 0.0
        self._cut_again_at = 0.0
        self._grow_again_at = 0.0
        self._ramp = Bucket(RAMP_PER_S, 1.0, now)
        self._ramp_left = limits.concurrency
        self._requests = Bucket(limits.rpm / 60.0, max(1.0, limits.rpm / 60.0), now) if limits.rpm else None
        self._tokens = Bucket(limits.tpm / 60.0, max(1.0, limits.tpm / 60.0), now) if limits.tpm else None
        self._learned: dict[str, Bucket] = {}
        self._pace = LearntPace()
        self._n_through = 0
        self._through_since = now
        self._judging_until = 0.0
        self._judged_at = -JUDGED_FOR_S
        self._n_judged = self._n_judged_429 = self._to_judge = self._in_a_row = 0
        self._new: deque[tuple[asyncio.Future[None], float]] = deque()
        self._again: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.history: list[dict[str, Any]] = []
        self.n_429 = 0
        self._note("start")

    async def acquire(self, tokens: float, *, is_retry: bool = False) -> None:
        """Wait for the right to make one call that may use this many tokens."""
        if not self._new and not self._again and self._delay_s(tokens) == 0.0:
            self._grant(tokens)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._again if is_retry else self._new).append((future, tokens))
        self._pump()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # granted and cancelled in one breath
                self.release(tokens)
            raise

    def release(self, tokens: float) -> None:
        """Give the right back; the call has ended in some way."""
        self.in_flight -= 1
        self._tokens_in_flight -= tokens
        if self._new or self._again:
            self._pump()

    def on_success(self, headers: Mapping[str, str]) -> None:
        """A call was answered: room to grow, and perhaps a rate to learn."""
        self._recent.append("ok")
        self._in_a_row = 0
        self._n_through += 1
        self._judge(is_429=False)
        now = self._clock()
        if self.limit < self.ceiling and now >= self._grow_again_at:
            before = int(self.limit)
            self.limit = min(float(self.ceiling), self.limit + (SLOW_START if self._pressed_at is None else STEADY))
            if int(self.limit) == self.ceiling != before:
                self._note("growth")
        if rate_header(headers, "limit", "requests") is not None or rate_header(headers, "limit", "tokens") is not None:
            self._learn(headers)

    def on_server_error(self) -> None:
        """A 5xx, a timeout or a broken connection: no growth for a while where there are many, no cut."""
        self._recent.append("broken")
        self._judge(is_429=False)
        if self._share("broken") >= SIZEABLE:
            self._grow_again_at = self._clock() + CALM_AFTER_5XX_S

    def on_rate_limit(self, headers: Mapping[str, str], asked_s: float | None) -> None:
        """A 429: when it is more than an accident, pause everything for as long as it asks, and cut once per burst."""
        now = self._clock()
        wait_s = PAUSE_S if asked_s is None or asked_s > LONGEST_PAUSE_S else max(asked_s, SHORTEST_PAUSE_S)
        self.n_429 += 1
        self._recent.append("429")
        self._in_a_row += 1
        self._learn(headers)
        is_judged = self._judge(is_429=True)
        is_frequent = self._recent.count("429") >= SIZEABLE * RECENT_ANSWERS  # quick 429s come before slow answers
        is_state = is_frequent or is_judged or self._in_a_row >= IN_A_ROW or now < self._paused_until
        is_again = self._pressed_at is not None and now - self._pressed_at < JUDGED_FOR_S
        if "requests" not in self._learned and self._pace.on_rate_limit(now, is_state=is_state or is_again):
            self._note("measured requests", per_minute=round(self._pace.per_minute, 3))
        if not (is_state or is_used_up(headers)):
            return
        self._judging_until = 0.0
        self._pressed_at = now
        self._paused_until = max(self._paused_until, now + min(wait_s, LONGEST_PAUSE_S))
        self._ramp_left = self.ceiling
        self._ramp.tokens = min(self._ramp.tokens, 0.0)
        if now >= self._cut_again_at:
            self._ramp.rate = min(RAMP_PER_S, max(LEAST_RAMP_PER_S, 0.5 * self._through_per_s(now)))
            self._through_since, self._n_through = now, 0
            floor = min(self.limit, self.in_flight * self._share("ok"))
            self.limit = max(1.0, float(int(max(self.limit * CUT, floor))))
            self._recent.clear()  # what follows the pause is judged by itself
            self._cut_again_at = now + max(COOLDOWN_S, wait_s)
            self._note("429", wait_s=round(wait_s, 3))

    @property
    def is_open(self) -> bool:
        """Whether nothing but the number of calls at a time holds calls back, and it never was otherwise."""
        is_at_rest = self._ramp_left <= 0 and self._judging_until == 0.0 and self._pressed_at is None
        has_rates = self._requests is not None or self._tokens is not None or self._learned or self._pace.is_known
        return is_at_rest and not has_rates and self.limit >= self.ceiling

    def pass_on(self, ended: float, begun: float) -> None:
        """A call that has ended left its place to one that has begun."""
        self._tokens_in_flight += begun - ended
        self._pace.take(self._clock())

    @property
    def n_waiting(self) -> int:
        """Calls that stand ready."""
        return len(self._new) + len(self._again)

    @property
    def slowed_to(self) -> int | None:
        """The concurrency that 429s have lately brought it down to; None when they slow nothing."""
        if self._pressed_at is None or self.limit >= self.ceiling:
            return None
        return int(self.limit) if self._clock() - self._pressed_at < SLOWED_FOR_S else None

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

    def _judge(self, *, is_429: bool) -> bool:
        """Look before going on: at a first 429, hold new calls until those under way show whether it is an accident."""
        now = self._clock()
        if is_429 and self._judging_until == 0.0 and now - self._judged_at > JUDGED_FOR_S:
            self._judging_until = now + LONGEST_JUDGING_S
            self._to_judge, self._n_judged, self._n_judged_429 = max(self.in_flight, 3), 0, 0
            self._ramp_left = self.ceiling  # what is held must not start all at once
            self._ramp.rate = min(RAMP_PER_S, max(LEAST_RAMP_PER_S, self._through_per_s(now)))
        if self._judging_until == 0.0:
            return False
        self._n_judged += 1
        self._n_judged_429 += is_429
        if self._n_judged < self._to_judge and self.in_flight > 1 and now < self._judging_until:
            return False
        self._judging_until = 0.0
        self._judged_at = now
        return self._n_judged_429 >= 3 and self._n_judged_429 >= SIZEABLE * self._n_judged

    def _through_per_s(self, now: float) -> float:
        return self._n_through / max(now - self._through_since, 0.001)

    def _share(self, kind: str) -> float:
        return self._recent.count(kind) / len(self._recent) if self._recent else 0.0

    def _learn(self, headers: Mapping[str, str]) -> None:
        now = self._clock()
        for kind in ("requests", "tokens"):
            said = read_rate(headers, kind)
            if said is None:
                continue
            bucket = self._learned.get(kind)
            rate = said.rate * PACE
            if bucket is None:
                bucket = self._learned[kind] = Bucket(rate, max(1.0, rate), now)
                bucket.tokens = said.remaining
                self._note(f"learned {kind}", per_minute=round(said.rate * 60.0, 3))
            bucket.rate = rate
            bucket.capacity = max(1.0, rate, said.remaining)
            bucket.refill(now)
            # What is in flight may or may not have been counted when the server wrote its figure.
            unseen = self.in_flight if kind == "requests" else self._tokens_in_flight
            bucket.tokens = min(max(bucket.tokens, said.remaining - unseen), said.remaining)

    def _delay_s(self, tokens: float) -> float:
        """0 when a call may start now; seconds until it may; infinity until some other call ends."""
        if self.in_flight >= int(self.limit):
            return float("inf")
        now = self._clock()
        delay = max(self._paused_until, self._judging_until) - now
        delay = max(delay, self._pace.wait_s(now))
        if self._ramp_left > 0:
            delay = max(delay, self._ramp.wait_s(1.0, now))
        if self._requests is not None:
            delay = max(delay, self._requests.wait_s(1.0, now))
        if self._tokens is not None:
            delay = max(delay, self._tokens.wait_s(tokens, now))
        if self._learned:
            for kind, bucket in self._learned.items():
                delay = max(delay, bucket.wait_s(1.0 if kind == "requests" else tokens, now))
        return max(delay, 0.0)

    def _grant(self, tokens: float) -> None:
        now = self._clock()
        self.in_flight += 1
        self._tokens_in_flight += tokens
        if self._ramp_left > 0:
            self._ramp_left -= 1
            if self._ramp_left == 0 and self._ramp.rate < RAMP_PER_S and self.in_flight < int(self.limit):
                self._ramp.rate *= 2.0  # places are still free: the rest must not start all at once either
                self._ramp_left = self.ceiling
            self._ramp.take(1.0, now)
        self._pace.take(now)
        if self._requests is not None:
            self._requests.take(1.0, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        for kind, bucket in self._learned.items():
            bucket.take(1.0 if kind == "requests" else tokens, now)

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
                self._grant(tokens)
                future.set_result(None)
                continue
            if delay != float("inf"):
                self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)
            return

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _note(self, reason: str, **more: Any) -> None:
        if len(self.history) < HISTORY_LENGTH:
            at_s = round(self._clock() - self._started, 3)
            self.history.append({"at_s": at_s, "limit": int(self.limit), "reason": reason, **more})
