"""A process's line to the desk: its limiters and its budget ask there.

Decides when words are sent (all of one turn of the event loop together, one parcel at a time) and what is done when the
desk is gone: nothing new is asked, since nobody grants it, and the run ends with a message. Where nothing holds calls
back but how many there may be at a time, a place is lent for some seconds: the process gives it to its next call itself
and says so with the next parcel, as sums, since a parcel costs more than a call and each word in it as much as one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from harness.errors import HarnessError
from harness.runner.budget import NOTHING, Amount, Budget, BudgetReached
from harness.runner.claims import Spent
from harness.runner.endpoint import Endpoint
from harness.runner.limits import Limiter
from harness.runner.places import Ticket
from harness.runner.shared.desk import Event

COUNT_EVERY_S, LATER_S = 0.9, 0.5
"""The first is with every answer of the desk that has waited for something to say."""
LENT_FOR_S = 5.0
"""So long after the desk has gone, or another process has met a 429 that nobody can tell of, calls may still begin."""
NO_DESK = "the process that shares limits and bounds out is gone"
Grant = asyncio.Future[str]
GRANTED, LENT, PASSED = "granted", "lent", "passed"
UNKNOWN = Ticket(0, 0.0, 0)
"""Which call it is, the desk knows."""


class Line:
    """Sends events and waits for what is granted.

    Args:
        hear: Asks the desk for grants; it answers within a second or so.
        lost: The exceptions of both that mean that the desk is gone.
    """

    def __init__(
        self,
        tell: Callable[[Sequence[Event]], Awaitable[None]],
        hear: Callable[[], Awaitable[Sequence[Event]]],
        lost: tuple[type[Exception], ...] = (),
    ) -> None:
        self._tell, self._hear, self._lost = tell, hear, lost
        self._events: list[Event] = []
        self._has_events = asyncio.Event()
        self._waiting: dict[int, tuple[Grant, Event]] = {}
        self._given_up: dict[int, Event] = {}
        self._number = 0
        self._failure: HarnessError | None = None
        self._unsent: dict[int, tuple[float, Event]] = {}
        """Since when each waits, oldest first: most are answered by a call of this process that ends meanwhile."""
        self._later: asyncio.TimerHandle | None = None
        self.on_hold: dict[str, Callable[[], None]] = {}

    def count(self, model: str, *, n_ok: int = 0, n_passed: int = 0, more_tokens: float = 0.0) -> None:
        """Send with the next parcel what became of lent places: sums of all calls until something else is said."""
        last = self._events[-1] if self._events else ()
        if last[:2] == ("calls", model):
            _, _, ok, passed, tokens = self._events.pop()
            n_ok, n_passed, more_tokens = n_ok + ok, n_passed + passed, more_tokens + tokens
        self._events.append(("calls", model, n_ok, n_passed, more_tokens))

    def _send_later(self) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(LATER_S, self._send_what_waits)

    def _send_what_waits(self) -> None:
        self._later = None
        self.send_before_time(1)

    def send_before_time(self, n: int) -> None:
        """Send some of what waits for a call of this process to end, the last first: there may be places now."""
        for _ in range(min(n, len(self._unsent))):
            self._events.append(self._unsent.popitem()[1][1])
        self._has_events.set()

    def say(self, *event: Any) -> None:
        """Send something, with all else of this turn."""
        self._events.append(event)
        self._has_events.set()

    async def ask(self, name: str, *values: Any, undo: Event, is_urgent: bool = True) -> str:
        """Ask for something and wait until it is granted; ``undo`` gives it back where nobody wants it any more.

        Returns:
            How it was: granted for this, lent to be passed on, or passed on by another call of this process.

        Raises:
            BudgetReached: It will not be granted.
            HarnessError: The desk is gone.
        """
        if self._failure is not None:
            raise self._failure
        self._number += 1
        number, granted = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = (granted, undo)
        if is_urgent:
            self.say(name, number, *values)
        else:
            self._unsent[number] = asyncio.get_running_loop().time(), (name, number, *values)
            self._send_later()
        try:
            how: str = await granted
        except asyncio.CancelledError:
            if self._waiting.pop(number, None) is not None:
                self._forget(number, undo)
            elif granted.done() and not granted.cancelled() and granted.exception() is None:
                self.say(*undo)  # granted and cancelled in one breath
            raise
        return how

    def _forget(self, number: int, undo: Event) -> None:
        """Nobody waits for this any more; what the desk may have granted meanwhile goes back."""
        if self._unsent.pop(number, None) is None:
            self._given_up[number] = undo
            self.say("forget", number)

    def pass_on(self, model: str, tokens: float) -> bool:
        """Give a place to whoever waits for one of the model here; whether there was somebody."""
        for number, (granted, (name, *values)) in self._waiting.items():
            if name == "release" and values[0] == model and not granted.done() and self._failure is None:
                _, undo = self._waiting.pop(number)
                self.count(model, n_passed=1, more_tokens=values[1] - tokens)
                if self._unsent.pop(number, None) is None:
                    self._given_up[number] = undo
                    self._events.append(("forget", number))  # with the next parcel: nobody waits for it
                granted.set_result(PASSED)
                return True
        return False

    def close(self, name: str, model: str, reason: Exception) -> None:
        """Turn away whoever waits for this."""
        for number, (granted, undo) in list(self._waiting.items()):
            if undo[:2] == (name, model):
                del self._waiting[number]
                self._forget(number, undo)
                if not granted.done():
                    granted.set_exception(reason)

    @asynccontextmanager
    async def open(self, on_stop: Callable[[], None], n_rows: Callable[[], int]) -> AsyncIterator[None]:
        """Keep the line open; ``on_stop`` is called where the desk says so, ``n_rows`` says how far the part is."""
        tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen(on_stop, n_rows))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for hold in self.on_hold.values():
                hold()
            if self._later is not None:
                self._later.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            events, self._events = [*self._events, ("rows", n_rows())], []
            if self._failure is None:
                with suppress(*self._lost):
                    await self._tell(events)

    async def _send(self) -> None:
        while True:
            await self._has_events.wait()
            self._has_events.clear()
            events, self._events = [*self._events, *self._waited_long()], []
            if not events:
                continue
            try:
                await self._tell(events)
            except self._lost as error:
                self._fail(error)
                return

    def _waited_long(self) -> Iterator[Event]:
        """What nobody here has answered in a while, to be sent now."""
        begun_by = asyncio.get_running_loop().time() - LATER_S / 2
        while self._unsent:
            number, (began, event) = next(iter(self._unsent.items()))
            if began > begun_by:
                self._send_later()
                return
            del self._unsent[number]
            yield event

    async def _listen(self, on_stop: Callable[[], None], n_rows: Callable[[], int]) -> None:
        counted_at = 0.0
        while True:
            try:
                heard = await self._hear()
            except self._lost as error:
                self._fail(error)
                on_stop()
                return
            if time.monotonic() - counted_at > COUNT_EVERY_S:
                counted_at = time.monotonic()
                self.say("rows", n_rows())
            for name, *values in heard:
                if name == "stop":
                    on_stop()
                elif name == "hold":
                    self.on_hold[values[0]]()
                else:
                    self._answer(name, values[0])

    def _answer(self, name: str, number: int) -> None:
        undo = self._given_up.pop(number, None)
        if undo is not None:
            if name in (GRANTED, LENT):
                self.say(*undo)
            return
        granted, _ = self._waiting.pop(number)
        if granted.done():
            return
        if name in (GRANTED, LENT):
            granted.set_result(name)
            if name == LENT:
                self.send_before_time(2)
        else:
            granted.set_exception(BudgetReached())

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = HarnessError(
                f"{NO_DESK} ({type(error).__name__})",
                next_step="type the same command again: what was answered is kept",
            )
        for granted, _ in self._waiting.values():
            if not granted.done():
                granted.set_exception(self._failure)
        self._waiting.clear()


class SharedLimiter(Limiter):
    """Asks the desk's limiter of a model for the right to make a call, and tells it what became of the calls."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float], line: Line) -> None:
        super().__init__(endpoint.limits, clock)
        self._line, self._model = line, endpoint.model_id
        self._places: deque[float] = deque()
        """Of each place that is held, until when it may be passed on."""
        self._spare: list[tuple[float, float]] = []
        """Places that no call has now: until when they may be kept, and the tokens of the call that had them."""
        self._n_unused = 0
        self._giving_back: asyncio.TimerHandle | None = None
        line.on_hold[self._model] = self._hold
        self.history = []

    async def acquire(self, tokens: float, *, is_retry: bool = False) -> Ticket:
        """Wait for the right to make one call that may use this many tokens."""
        if self._spare and self._spare[-1][0] > self._clock():
            until, ended = self._spare.pop()
            self._n_unused = min(self._n_unused, len(self._spare))
            self._places.append(until)
            self._line.count(self._model, n_passed=1, more_tokens=tokens - ended)
            return UNKNOWN
        undo, is_urgent = ("release", self._model, tokens), is_retry or not self._is_lent
        how = await self._line.ask("acquire", self._model, tokens, is_retry, undo=undo, is_urgent=is_urgent)
        if how != PASSED:
            self._places.append(self._clock() + LENT_FOR_S if how == LENT else 0.0)
        return UNKNOWN

    def release(self, tokens: float) -> None:
        """Give the right back, or to the next call where it is lent."""
        until = self._places.popleft() if self._places else 0.0
        if until <= self._clock():
            self._line.say("release", self._model, tokens)
            if until:
                self._line.send_before_time(1)  # or a place would be lost with each loan that ends
        elif self._line.pass_on(self._model, tokens):
            self._places.append(until)
        else:
            self._spare.append((until, tokens))
            if self._giving_back is None:
                self._n_unused = 0
                self._giving_back = asyncio.get_running_loop().call_later(LATER_S, self._give_back)

    def _give_back(self) -> None:
        """Give back what was not used since this was last done: another process may wait for it."""
        self._giving_back = None
        unused, self._spare = self._spare[: self._n_unused], self._spare[self._n_unused :]
        for _, tokens in unused:
            self._line.say("release", self._model, tokens)
        self._n_unused = len(self._spare)
        if self._spare:
            self._giving_back = asyncio.get_running_loop().call_later(LATER_S, self._give_back)

    @property
    def _is_lent(self) -> bool:
        """Whether calls that end soon may leave their places to others here."""
        return bool(self._places) and self._places[-1] > self._clock()

    def _hold(self) -> None:
        self._places = deque(0.0 for _ in self._places)
        self._n_unused = len(self._spare)
        if self._giving_back is not None:
            self._giving_back.cancel()
            self._give_back()

    def on_success(self, headers: Mapping[str, str], ticket: Ticket) -> None:
        """A call was answered."""
        rates = _rates(headers)
        if self._is_lent and not rates:
            self._line.count(self._model, n_ok=1)
        else:
            self._line.say("ok", self._model, rates)

    def on_server_error(self, refused: Ticket | None = None, *, is_down: bool = True) -> None:
        """A 5xx, a timeout or a broken connection."""
        self._hold()
        self._line.say("broken", self._model)

    def on_rate_limit(self, headers: Mapping[str, str], asked_s: float | None, ticket: Ticket) -> None:
        """A 429."""
        self.n_429 += 1
        self._hold()
        self._line.say("429", self._model, _rates(headers), asked_s)

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens may be limited: the desk may have learned so from another process's answers.

        A lent place says that they were not; calls that begin then count as those before a limit was known.
        """
        return not self._is_lent

    def close(self, reason: Exception) -> None:
        """Turn away whoever still waits."""
        self._line.close("release", self._model, reason)


class SharedBudget(Budget):
    """Keeps account of this process's own calls; what may be spent is granted by the desk."""

    def __init__(
        self,
        max_cost_usd: float | None,
        endpoints: Iterable[Endpoint],
        *,
        max_tokens: int | None,
        before: Spent,
        book: Callable[[Spent], None],
        line: Line,
    ) -> None:
        super().__init__(max_cost_usd, endpoints, max_tokens=max_tokens, before=before, book=book)
        self._line = line

    async def reserve(self, amount: Amount) -> None:
        """Set an amount aside, once the desk grants it.

        Raises:
            BudgetReached: There is not enough left for the whole run.
        """
        if self.is_bounded:
            await self._line.ask("reserve", *amount, undo=("settle", amount, NOTHING))
        self.hold(amount)

    def settle(self, reserved: Amount, actual: Amount | None) -> None:
        """Give a reservation back and book what the call took."""
        super().settle(reserved, actual)
        if self.is_bounded:
            self._line.say("settle", reserved, actual)


def _rates(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if "ratelimit" in name.lower()}
