"""The desk: grants calls and money to the processes that carry out one run.

Decides who gets what is free, with one limiter for each model and one budget for all: those of a run on one machine, so
that a rate limit, a burst of 429s and a bound mean the same. A process that begins again, after it was killed, gives
back what it held, and the bounds go by what its journal says it spent.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct, field

from harness.records import Limits
from harness.runner.budget import NOTHING, Amount, Budget, BudgetReached
from harness.runner.claims import NOTHING_SPENT, Spent
from harness.runner.limits import Limiter
from harness.runner.places import Ticket

HEARD_WITHIN_S = 1.0
"""A process that asks for grants gets an answer within this time, be it an empty one."""
Event = Sequence[Any]


class _Calls(Struct):
    """What a process has under way with one model."""

    n: int = 0
    tokens: float = 0.0
    tickets: deque[Ticket] = field(default_factory=deque)
    """Of calls of which it is not known yet how they went."""


class _Desk(Struct):
    """What one process holds and waits for."""

    number: int
    calls: dict[str, _Calls] = field(default_factory=dict)
    reserved: list[Amount] = field(default_factory=list)
    waiting: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    outbox: list[Event] = field(default_factory=list)
    is_filled: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *event: Any) -> None:
        self.outbox.append(event)
        self.is_filled.set()


class Desk:
    """Grants calls and money.

    Args:
        spent: What each part has spent in earlier executions, by its number.
    """

    def __init__(
        self,
        max_cost_usd: float | None,
        max_tokens: int | None,
        spent: Mapping[int, Spent],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._budget = Budget(max_cost_usd, (), max_tokens=max_tokens)
        self._booked: dict[int, Spent] = dict(spent)
        for one in spent.values():
            self._budget.now = self._budget.now.plus(one)
        self._limiters: dict[str, Limiter] = {}
        self._parts: dict[int, _Desk] = {}
        self._rows: dict[int, int] = {}
        self._answered: set[str] = set()
        self._stops = 0

    async def begin(self, part: int, number: int, models: Mapping[str, Limits], spent: Spent) -> None:
        """A process has taken up a part: execution ``number`` of it, whose journal says what was spent before."""
        self._put_back(part)
        booked = self._booked.get(part, NOTHING_SPENT)
        self._budget.now = self._budget.now.plus(spent).minus(booked)
        self._booked[part] = spent
        for name, limits in models.items():
            if name not in self._limiters:
                self._limiters[name] = Limiter(limits, self._clock)
        desk = self._parts[part] = _Desk(number, {name: _Calls() for name in models})
        for _ in range(self._stops):
            desk.put("stop")

    async def tell(self, part: int, number: int, events: Sequence[Event]) -> None:
        """Take what a process has to say, in its order; what an execution says that is over is not heard."""
        desk = self._parts.get(part)
        if desk is None or desk.number != number:
            return
        for name, *values in events:
            _EVENTS[name](self, part, desk, *values)

    async def hear(self, part: int, number: int) -> list[Event]:
        """What a process is granted, as soon as there is something; an execution that is over is told to stop."""
        desk = self._parts.get(part)
        if desk is None or desk.number != number:
            return [("stop",), ("stop",)]
        if not desk.outbox:
            desk.is_filled.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(desk.is_filled.wait(), HEARD_WITHIN_S)
        found, desk.outbox = desk.outbox, []
        return found

    async def end(self, part: int) -> None:
        """A part's process has ended, in whatever way; its money stays held until the part begins again."""
        desk = self._parts.get(part)
        if desk is not None:
            self._put_back_calls(desk)

    async def stop(self) -> None:
        """Have every process end in order; once more ends open calls at once."""
        self._stops += 1
        for desk in self._parts.values():
            desk.put("stop")

    async def state(self) -> dict[str, Any]:
        """How far the run is: rows by part, money, what holds calls back, and which execution of a part has begun."""
        slowed = {name: one.slowed_to for name, one in self._limiters.items() if one.slowed_to is not None}
        begun = {part: desk.number for part, desk in self._parts.items()}
        return {"rows": dict(self._rows), "usd": self._budget.now.usd, "slowed": slowed, "begun": begun}

    async def history(self) -> dict[str, Any]:
        """Per model, how its concurrency moved."""
        return {
            name: {"history": one.history, "rate_limited": one.n_429}
            for name, one in sorted(self._limiters.items())
            if name in self._answered
        }

    def _put_back(self, part: int) -> None:
        desk = self._parts.pop(part, None)
        if desk is None:
            return
        self._put_back_calls(desk)
        for amount in desk.reserved:
            self._budget.settle(amount, NOTHING)
        desk.put("stop")

    def _put_back_calls(self, desk: _Desk) -> None:
        for task in desk.waiting.values():
            task.cancel()
        desk.waiting.clear()
        for model, calls in desk.calls.items():
            while calls.n:
                self._give_back(model, calls, calls.tokens)

    def _give_back(self, model: str, calls: _Calls, tokens: float) -> None:
        calls.n -= 1
        calls.tokens -= tokens
        self._limiters[model].release(tokens)

    def _wait(self, desk: _Desk, number: int, granting: Callable[[], Awaitable[str]]) -> None:
        """Have something granted, and say so when it is."""

        async def grant() -> None:
            answer = await granting()
            desk.waiting.pop(number, None)
            desk.put(answer, number)

        desk.waiting[number] = asyncio.ensure_future(grant())

    def _reserve(self, part: int, desk: _Desk, number: int, usd: float, tokens: int) -> None:
        amount = Amount(usd, tokens)

        async def reserve() -> str:
            try:
                await self._budget.reserve(amount)
            except BudgetReached:
                return "budget"
            desk.reserved.append(amount)
            return "granted"

        self._wait(desk, number, reserve)

    def _acquire(self, part: int, desk: _Desk, number: int, model: str, tokens: float, is_retry: bool) -> None:
        async def acquire() -> str:
            limiter, calls = self._limiters[model], desk.calls[model]
            calls.tickets.append(await limiter.acquire(tokens, is_retry=is_retry))
            calls.n += 1
            calls.tokens += tokens
            return "lent" if limiter.is_open else "granted"

        self._wait(desk, number, acquire)

    def _count_calls(self, part: int, desk: _Desk, model: str, n_ok: int, n_passed: int, more_tokens: float) -> None:
        """So many calls were answered, and so many places given to another call of the process."""
        limiter, calls = self._limiters[model], desk.calls[model]
        if n_ok:
            self._answered.add(model)
        if calls.n == 0:  # it was given up meanwhile
            n_passed, more_tokens = 0, 0.0
        calls.tokens += more_tokens
        for at in range(max(n_ok, n_passed)):
            if at < n_ok:
                limiter.on_success({}, self._ticket(desk, model))
            if at < n_passed:
                calls.tickets.append(limiter.pass_on(more_tokens))
                more_tokens = 0.0

    def _forget(self, part: int, desk: _Desk, number: int) -> None:
        """Nobody waits for this any more; what was granted meanwhile is given back by its own word."""
        task = desk.waiting.pop(number, None)
        if task is not None:
            task.cancel()
            desk.outbox.append(("forgotten", number))  # with the next grants: nobody waits for it

    def _settle(self, part: int, desk: _Desk, held: Amount, actual: Amount | None) -> None:
        held = Amount(*held)
        desk.reserved.remove(held)
        before = self._budget.now
        self._budget.settle(held, None if actual is None else Amount(*actual))
        self._booked[part] = self._booked[part].plus(self._budget.now.minus(before))

    def _release(self, part: int, desk: _Desk, model: str, tokens: float) -> None:
        calls = desk.calls[model]
        if calls.n:
            self._give_back(model, calls, tokens)

    def _ok(self, part: int, desk: _Desk, model: str, headers: Mapping[str, str]) -> None:
        self._answered.add(model)
        self._limiters[model].on_success(headers, self._ticket(desk, model))

    def _ticket(self, desk: _Desk, model: str, *, is_latest: bool = False) -> Ticket:
        """The call that was answered or refused, or as good as it: answers are of the first calls, 429s of the last."""
        tickets = desk.calls[model].tickets
        if not tickets:
            return self._limiters[model].latest
        return tickets.pop() if is_latest else tickets.popleft()

    def _broken(self, part: int, desk: _Desk, model: str) -> None:
        self._ticket(desk, model)
        self._limiters[model].on_server_error()
        self._hold(model)

    def _limited(self, part: int, desk: _Desk, model: str, headers: Mapping[str, str], asked_s: float | None) -> None:
        self._limiters[model].on_rate_limit(headers, asked_s, self._ticket(desk, model, is_latest=True))
        self._hold(model)

    def _hold(self, model: str) -> None:
        """Have all processes bring the places of a model back as their calls end."""
        for desk in self._parts.values():
            if ("hold", model) not in desk.outbox:
                desk.put("hold", model)

    def _count(self, part: int, desk: _Desk, n_rows: int) -> None:
        self._rows[part] = n_rows


_EVENTS: Mapping[str, Callable[..., None]] = {
    "reserve": Desk._reserve,
    "acquire": Desk._acquire,
    "forget": Desk._forget,
    "calls": Desk._count_calls,
    "settle": Desk._settle,
    "release": Desk._release,
    "ok": Desk._ok,
    "broken": Desk._broken,
    "429": Desk._limited,
    "rows": Desk._count,
}
