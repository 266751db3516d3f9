"""Endpoints that limit what they take, in virtual time: how much of it is used, and how often calls are refused."""

from __future__ import annotations

import asyncio
import copy
import math
import random
from collections import deque
from dataclasses import dataclass, field

from runner_fakes import run_virtual

from harness.records import Limits
from harness.runner.limits import Limiter
from harness.runner.waits import floor_s, growth

SPARE = 32


@dataclass
class AtOnce:
    """So many calls at one time."""

    n: int
    n_open: int = 0

    def takes(self, now):
        is_taken = self.n_open < self.n
        self.n_open += is_taken
        return is_taken

    def ended(self):
        self.n_open -= 1

    def ideal_s(self, n_items, latency_s, concurrency):
        return n_items * latency_s / min(self.n, concurrency)


@dataclass
class TokenBucket:
    """So many calls a second, and some saved up."""

    rate: float
    burst: int
    left: float = field(init=False)
    at: float = 1000.0

    def __post_init__(self):
        self.left = float(self.burst)

    def takes(self, now):
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        is_taken = self.left >= 1.0 - 1e-9
        self.left -= is_taken
        return is_taken

    def ended(self):
        pass

    def told(self, now):
        return {
            "x-ratelimit-limit-requests": str(self.rate * 60),
            "x-ratelimit-remaining-requests": str(int(self.left)),
            "x-ratelimit-reset-requests": f"{(self.burst - self.left) / self.rate:.3f}s",
        }

    def back_s(self, now):
        return (1.0 - self.left) / self.rate

    def ideal_s(self, n_items, latency_s, concurrency):
        return max((n_items - self.burst) / self.rate + latency_s, n_items * latency_s / concurrency)


@dataclass
class Window:
    """So many calls in each minute: one that begins anew (fixed), or the last sixty seconds (sliding)."""

    limit: int
    is_sliding: bool = False
    window_s: float = 60.0
    is_window_told: bool = False
    taken: deque = field(default_factory=deque)

    def takes(self, now):
        since = now - self.window_s if self.is_sliding else now // self.window_s * self.window_s
        while self.taken and self.taken[0] <= since - (not self.is_sliding) * 1e-9:
            self.taken.popleft()
        is_taken = len(self.taken) < self.limit
        if is_taken:
            self.taken.append(now)
        return is_taken

    def ended(self):
        pass

    def back_s(self, now):
        return (self.taken[0] if self.is_sliding else now // self.window_s * self.window_s) + self.window_s - now

    def told(self, now):
        if self.is_window_told:
            state = f'"default";r={self.limit - len(self.taken)};t={math.ceil(self.back_s(now))}'
            return {"ratelimit-policy": f'"default";q={self.limit};w={self.window_s:g}', "ratelimit": state}
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.limit - len(self.taken)),
            "x-ratelimit-reset-requests": f"{self.back_s(now):.3f}s",
        }

    def ideal_s(self, n_items, latency_s, concurrency):
        n_windows = (n_items - 1) // self.limit
        left = n_items - n_windows * self.limit
        waits = n_windows * self.window_s - (0.0 if self.is_sliding else 1000.0 % self.window_s)
        return max(waits + max(latency_s, left * latency_s / concurrency), n_items * latency_s / concurrency)


@dataclass
class Outage:
    """Takes so many calls, then none for a while, and then whatever comes."""

    n: int
    lasts_s: float
    began_at: float | None = None

    def takes(self, now):
        self.n -= 1
        if self.n < 0 and self.began_at is None:
            self.began_at = now
        return self.began_at is None or now - self.began_at >= self.lasts_s

    def ended(self):
        pass

    def ideal_s(self, n_items, latency_s, concurrency):
        return self.lasts_s + n_items * latency_s / concurrency


class Unlimited:
    """Takes whatever comes."""

    def takes(self, now):
        return True

    def ended(self):
        pass

    def ideal_s(self, n_items, latency_s, concurrency):
        return n_items * latency_s / concurrency


@dataclass(frozen=True)
class Case:
    """One endpoint and one run against it."""

    server: object
    latency_s: float = 0.05
    spread: float = 0.1
    headers: str = "none"
    concurrency: int = 64
    n_items: int = 1200
    refusal_s: float = 0.01
    lag_s: float = 0.0
    faults: float = 0.0
    fault_asks_s: float | None = None
    """What an accident asks to wait."""
    n_askers: int = 1
    """Models of one server: each has a limiter of its own, and asks for all items."""

    def __str__(self):
        names = {
            AtOnce: lambda one: f"at once {one.n}",
            TokenBucket: lambda one: f"{one.rate * 60:g} a minute and {one.burst} saved",
            Window: lambda one: f"{one.limit} in {'sliding' if one.is_sliding else 'fixed'} {one.window_s:g} s",
            Outage: lambda one: f"none for {one.lasts_s:g} s after {one.n}",
            Unlimited: lambda one: "unlimited",
        }
        what = names[type(self.server)](self.server)
        return f"{what}, {self.latency_s:g} s, C={self.concurrency}, n={self.n_items}, {self.headers}"


@dataclass(frozen=True)
class Told:
    """What became of it."""

    use: float
    share_429: float
    n_429: int
    span_s: float
    fairness: float
    """Items answered to the slowest asker for each of the quickest, when the quickest had all of its own."""
    limiter: Limiter = field(repr=False, compare=False)


def simulate(case, seed=0):
    """Ask for all items; the limiter decides when, the runner's own backoff how long a refused call waits."""
    server, rng = copy.deepcopy(case.server), random.Random(seed)
    counts = {"calls": 0, "429": 0}

    n_answered = [0] * case.n_askers
    fairness = []

    async def ask(loop, asker):
        limiter = Limiter(Limits(concurrency=case.concurrency), loop.time)
        items = iter(range(case.n_items))

        async def work():
            for _ in items:
                attempt = n_passed = 0
                seen = n_answered[asker]
                while True:
                    attempt += 1
                    ticket = await limiter.acquire(0.0, is_retry=attempt > 1)
                    now = loop.time()
                    counts["calls"] += 1
                    is_fault = rng.random() < case.faults
                    if not is_fault and server.takes(now):
                        told = server.told(now) if case.headers == "always" else {}
                        await asyncio.sleep(case.latency_s * rng.uniform(1 - case.spread, 1 + case.spread))
                        if case.lag_s:
                            loop.call_later(case.lag_s * rng.random(), server.ended)
                        else:
                            server.ended()
                        limiter.on_success(told, ticket)
                        limiter.release(0.0)
                        n_answered[asker] += 1
                        break
                    counts["429"] += 1
                    asked_s, told = None, {}
                    if is_fault:
                        asked_s = case.fault_asks_s
                    elif case.headers in {"all", "always"} and hasattr(server, "told"):
                        told, asked_s = server.told(now), server.back_s(now)
                    elif case.headers == "retry-after" and hasattr(server, "back_s"):
                        asked_s = max(1.0, float(round(server.back_s(now))))
                    await asyncio.sleep(case.refusal_s)
                    limiter.on_rate_limit(told, asked_s, ticket)
                    limiter.release(0.0)
                    n_passed += n_answered[asker] > seen
                    seen = n_answered[asker]
                    least = floor_s(growth(attempt, n_passed), rng)
                    await asyncio.sleep(
                        least if asked_s is None else max(least, asked_s + rng.uniform(0.0, min(0.1 * asked_s, 1.0)))
                    )

        await asyncio.gather(*(work() for _ in range(min(case.n_items, case.concurrency + SPARE))))
        fairness.append(min(n_answered) / case.n_items)
        return limiter

    async def main(loop):
        began = loop.time()
        limiters = await asyncio.gather(*(ask(loop, asker) for asker in range(case.n_askers)))
        return loop.time() - began, limiters[0]

    span_s, limiter = run_virtual(main)
    n_items, concurrency = case.n_items * case.n_askers, case.concurrency * case.n_askers
    use = server.ideal_s(n_items, case.latency_s, concurrency) / span_s
    return Told(use, counts["429"] / counts["calls"], counts["429"], span_s, fairness[0], limiter)
