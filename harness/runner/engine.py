"""The local engine: puts every item to every candidate and hands on exactly one row for each repeat.

Decides who works on what: candidates that ask different models run at the same time, workers take items as they need
them, rows leave in a fixed order. Answers come from ``calls``; files are left to ``store``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain, islice
from typing import Protocol

from msgspec import Struct, field

from harness.candidates.bases import stop_candidate
from harness.errors import HarnessError
from harness.records import Item
from harness.records.answers import NOT_ASKED, Answer, Candidate, Prediction, Request
from harness.runner.ahead import WITHHELD, Ahead
from harness.runner.asking import CHUNK_ITEMS, is_asked
from harness.runner.budget import NO_USAGE, BudgetReached
from harness.runner.calls import Caller
from harness.runner.deciding import Deciding
from harness.runner.endpoint import Endpoint
from harness.runner.first_calls import FIRST, FirstCalls
from harness.runner.groups import groups_of
from harness.runner.measures import Measures
from harness.runner.replies import Closed, Stopped, first_of
from harness.runner.rows import InOrder
from harness.runner.run_request import RunRequest
from harness.runner.surroundings import Surroundings

WINDOW_ROWS = 16_384
"""Most rows that may wait for an earlier one: bounds the memory that one slow item can cost."""
MOST_WORKERS = 2048
MOST_SPARE, FEWEST_WITH_SPARE = 64, 16
"""Workers beyond the concurrency: at few calls at a time none is missed."""
LAST_ROWS_S = 0.2
"""For the rows of calls that have just ended, after a stop."""
TURN_S = 0.02
WATCHED = frozenset({"unparsed", "refused", "rejected", "error"})
"""Outcomes that no first row but these: the set-up is wrong. A provider's blocks may be the items' own and
are looked into."""


class _End(Enum):
    """There are no more units."""

    END = 0


END = _End.END
Unit = tuple[int, Deciding] | list[Item] | None
"""Sequence number and decision of a row that takes calls; or items to prepare; or None: the loop is due a turn."""


class _Stream(Struct):
    """One candidate's way through the items, shared by its workers."""

    candidate: Candidate
    rows: InOrder
    units: Iterator[Unit] = field(default_factory=lambda: iter(()))
    prepares_aside: bool = False
    n_begun: int = 0
    unfinished: dict[int, Deciding] = field(default_factory=dict)
    has_room: asyncio.Event = field(default_factory=asyncio.Event)
    first: FirstCalls = field(default_factory=FirstCalls)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first items have told whether the set-up works: no others are begun before."""
    blocked: list[Request] = field(default_factory=list)
    """What the first of them asked, as long as each was blocked by the provider."""
    reason: str | None = None
    """Why it stops alone, where the others go on."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class RowSink(Protocol):
    """Where the rows of one candidate go, in order."""

    def add(self, row: Prediction) -> None:
        """Take one row."""


class Writer(Protocol):
    """What the engine needs of the writer of a run."""

    def sink(self, number: int) -> RowSink:
        """Open the rows of candidate ``number``."""

    def close_sink(self, number: int) -> None:
        """No more rows of candidate ``number``."""


class Engine:
    """Runs candidates over items.

    Args:
        items: Gives a fresh iterator over the items of the run; called with the candidate's number.
    """

    def __init__(
        self,
        request: RunRequest,
        items: Callable[[int], Iterator[Item]],
        caller: Caller,
        writer: Writer,
        around: Surroundings,
        *,
        on_row: Callable[[Prediction], None] = lambda row: None,
        n_rows: int = 0,
    ) -> None:
        self._request = request
        self._items = items
        self._caller = caller
        self._writer = writer
        self._clock = around.clock
        self._sleep = around.sleep
        self._on_row = on_row
        self._n_rows = n_rows
        self.stopped: dict[str, str] = {}
        limits = [one.limits for one in request.endpoints.values()]
        longest_s = max((one.timeout_s for one in limits), default=0.0)
        self._grace_s = longest_s if around.grace_s is None else around.grace_s
        self._item_timeout_s = max((one.item_timeout_s for one in limits), default=0.0)
        self._workers: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self.measures = Measures()
        self.reason: str | None = None
        self._turn_began = around.clock()

    def stop(self, reason: str) -> None:
        """End the run: nothing new is asked, open calls get a moment, what is left is written down as not done."""
        if self.reason is None:
            self.reason = reason
        for one in self._request.candidates:
            stop_candidate(one)
        self._caller.stop()

    def cancel(self) -> None:
        """Cancel open calls at once."""
        for task in self._workers:
            task.cancel()

    async def run(self) -> None:
        """Run to the end, or to what ``stop`` leaves of it.

        Raises:
            HarnessError: An endpoint refuses every call, or a file cannot be written; what was answered is kept.
            Exception: A candidate's own fault.
        """
        watch = asyncio.create_task(self._end_after_grace())
        groups = [asyncio.create_task(self._group(numbers)) for numbers in groups_of(self._request.candidates)]
        try:
            await asyncio.wait(groups)  # a failure stops every group, and each ends in its own time
        except BaseException:
            self.stop("interrupted")
            self.cancel()
            raise
        finally:
            ended = await asyncio.gather(*groups, return_exceptions=True)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        for error in (self._failure, *ended):
            if error is not None:
                raise error

    async def _end_after_grace(self) -> None:
        """Open calls get their own deadline, and what was answered gets its row; what only waits is not waited for."""
        await self._caller.stopped.wait()
        await first_of(self._caller.is_idle.wait(), self._sleep(self._grace_s))
        await self._sleep(LAST_ROWS_S)
        self.cancel()

    async def _group(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self._run_candidate(number)

    async def _run_candidate(self, number: int) -> None:
        candidate = self._request.candidates[number]
        is_aside = bool(getattr(candidate, "prepares_aside", False))
        stream = _Stream(candidate, InOrder(self._writer.sink(number).add), prepares_aside=is_aside)
        stream.units = self._units(stream, self._items(number))
        n_workers = worker_count(candidate, self._request.endpoints)
        workers = [asyncio.create_task(self._work(stream)) for _ in range(n_workers)]
        self._workers.update(workers)
        try:
            await asyncio.wait(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._workers.difference_update(workers)
        if self._failure is not None:
            raise self._failure
        self._write_down_unfinished(stream)
        self._writer.close_sink(number)

    def _write_down_unfinished(self, stream: _Stream) -> None:
        """Rows for what a stop has left: begun and not ended, or never begun."""
        not_begun = (unit for unit in stream.units if isinstance(unit, tuple))
        for sequence, one in chain(stream.unfinished.items(), not_begun):
            answer = Answer(NOT_ASKED, error=self._why_over(stream))
            row = Prediction(stream.candidate.id, one.item.id, one.repeat, answer, None, NO_USAGE, None, False, None)
            stream.rows.put(sequence, row)

    def _units(self, stream: _Stream, items: Iterator[Item]) -> Iterator[Unit]:
        """Sequence number and decision of every row that takes a call; all other rows are made and put down here.

        A chunk itself comes first where the candidate prepares beside the loop, and None where the loop is due a turn.
        """
        candidate, ahead = stream.candidate, self._ahead(stream)
        while chunk := list(islice(items, CHUNK_ITEMS)):
            if self._why_over(stream) is None:
                asked = [item for item in chunk if is_asked(candidate, item)]
                if stream.prepares_aside:
                    yield asked
                else:
                    candidate.prepare(asked)
            rows = ((item, repeat) for item in chunk for repeat in range(self._request.repeats))
            while True:
                while self._why_over(stream) is None and self._is_turn_due(stream):
                    yield None
                if not (together := ahead.take(rows)):
                    break
                first = stream.n_begun
                stream.n_begun += len(together)
                for sequence, one in enumerate(together, first):
                    if one.answer is WITHHELD:
                        self._put(stream, sequence, one.row(), None)
                    elif one.answer is not None and self._why_over(stream) is None:
                        self._put(stream, sequence, one.row(), stream.first.begin())
                    else:
                        yield sequence, one

    def _ahead(self, stream: _Stream) -> Ahead:
        return Ahead(
            stream.candidate,
            self._caller.lookups,
            self.measures,
            self._item_timeout_s,
            is_over=lambda: self._why_over(stream) is not None,
            is_late=lambda: self._clock() - self._turn_began > TURN_S,
        )

    def _why_over(self, stream: _Stream) -> str | None:
        return self.reason or stream.reason

    def _is_turn_due(self, stream: _Stream) -> bool:
        return self._clock() - self._turn_began > TURN_S or stream.n_begun - stream.rows.next > WINDOW_ROWS

    def _put(self, stream: _Stream, sequence: int, row: Prediction, number: int | None) -> None:
        """Put a row down and count it; ``number`` is that of its decision, None where none was made."""
        rows, first = stream.rows, stream.rows.next
        rows.put(sequence, row)
        if rows.next > first:
            stream.has_room.set()
        self._on_row(row)
        if number is not None and not stream.first.is_proven:
            self._check_first(stream, number, row)
        if number is not None and stream.first.is_settled and len(stream.blocked) < FIRST:
            stream.opened.set()

    async def _work(self, stream: _Stream) -> None:
        try:
            while self._why_over(stream) is None:
                unit = await self._prepared(stream) if stream.prepares_aside else next(stream.units, END)
                if unit is END:
                    return
                if isinstance(unit, tuple):
                    sequence, one = unit
                    stream.unfinished[sequence] = one
                    if stream.reason is not None:  # told by the rows that were made on the way to this unit
                        return
                    number, requests = stream.first.begin(), one.requests
                    if number >= FIRST and not stream.opened.is_set():
                        await stream.opened.wait()
                        if self._why_over(stream) is not None:
                            return
                    await self._has_room(stream, sequence)
                    await self._followed(one)
                    del stream.unfinished[sequence]
                    row = one.row()
                    if number < FIRST and row.answer.outcome == "blocked" and requests and not row.is_cached:
                        stream.blocked.append(requests[0])
                    self._put(stream, sequence, row, number)
                    if not stream.opened.is_set() and len(stream.blocked) == FIRST:
                        await self._look_into_blocks(stream, row)
                else:
                    await self._has_room(stream, stream.n_begun)
                if self._clock() - self._turn_began > TURN_S:
                    await asyncio.sleep(0)
                    self._turn_began = self._clock()
        except Stopped:
            return
        except BudgetReached:
            self.stop("budget")
        except Closed as error:
            self.stop(str(error))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._fail(error)

    async def _has_room(self, stream: _Stream, sequence: int) -> None:
        """Wait while too many rows wait for an earlier one."""
        while sequence - stream.rows.next > WINDOW_ROWS and self.reason is None:
            stream.has_room.clear()
            await stream.has_room.wait()

    async def _followed(self, one: Deciding) -> None:
        """Ask what a decision asks, to its end."""
        lookups = self._caller.lookups
        while one.answer is None:
            sought = one.sought
            if sought is None:
                sought = lookups.seek(one.requests, one.repeat)
                lookups.look_up(sought)
            one.take(await self._caller.answer(sought, one.remaining_s), self.measures)

    async def _prepared(self, stream: _Stream) -> Unit | _End:
        """The next row of a candidate that prepares its chunks beside the loop: one at a time, the others wait."""
        async with stream.turn:
            while isinstance(unit := next(stream.units, END), list):
                await asyncio.to_thread(stream.candidate.prepare, unit)
                if self.reason is not None:
                    return END
        return unit

    def _check_first(self, stream: _Stream, number: int, row: Prediction) -> None:
        """Stop a candidate whose first rows all failed alike: its answers cost money, and none can be read."""
        answer = row.answer
        ends_alone = stream.candidate.id in self._request.stop_alone
        if answer.outcome == "blocked" and not row.is_cached:  # looked into when all are
            stream.first.failed(number, "")
            return
        if answer.outcome not in WATCHED or (row.is_cached and not ends_alone):
            stream.first.succeeded()
            return
        same = answer.error or "" if answer.outcome == "error" else answer.outcome
        if answer.outcome == "rejected" and self._caller.refuses_texts(getattr(stream.candidate, "models_used", ())):
            same = ""  # as a provider's block
        if not stream.first.failed(number, same) or self.reason is not None:
            return
        if answer.outcome == "error" and row.response_key is None:  # its own fault: nobody was asked
            raise HarnessError(f"candidate '{stream.candidate.id}': {answer.error}")
        if answer.outcome != "error":
            self._stop_first(stream, row)

    def _stop_first(self, stream: _Stream, row: Prediction, more: str = "") -> None:
        """Stop a candidate whose first rows ended like this one; not in a run that is hardly longer."""
        answer, n = row.answer, len(stream.first)
        if self._n_rows < 2 * n:
            return
        said = f": {answer.error}" if answer.error else ""
        why = f"the first {n} answers to candidate '{stream.candidate.id}' were all {answer.outcome}{more}{said}"
        if stream.candidate.id in self._request.stop_alone:
            stream.reason = self.stopped[stream.candidate.id] = why
        else:
            self.stop(why)

    async def _look_into_blocks(self, stream: _Stream, row: Prediction) -> None:
        """The provider blocked the first texts: a set may be sorted by harm, so a harmless text is asked."""
        if await self._caller.blocks_all(stream.blocked[0], stream.blocked[-1]):
            self._stop_first(stream, row, ", and so was a harmless text")
        stream.first.succeeded()
        stream.opened.set()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self.stop("failed")
        if not isinstance(error, HarnessError):  # a fault of the code: nothing is gained by waiting
            self.cancel()


def worker_count(candidate: Candidate, endpoints: Mapping[str, Endpoint]) -> int:
    """Items of a candidate that are worked on at one time: the concurrency of the models it may ask, and some more.

    Those have their request ready, and take the place of a call in the moment it ends; rows and the journal come after.
    """
    asked = getattr(candidate, "models_used", None)
    names = endpoints.keys() if asked is None else asked
    together = sum(endpoints[name].limits.concurrency for name in names if name in endpoints)
    spare = min(MOST_SPARE, together) if together >= FEWEST_WITH_SPARE else 0
    return max(1, min(MOST_WORKERS, together + spare))
