"""One run on this machine, from request to folder.

Decides the frame: is it done already, who is told to stop on an interrupt, and what is left behind when it fails. The
work is done by ``engine``, ``calls`` and ``runs.writer``; what run.json says is decided by ``record``.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from harness import __version__
from harness.records import Item
from harness.records.answers import NOT_ASKED, Prediction
from harness.runner.budget import Budget, check_bounds
from harness.runner.cache import ResponseCache
from harness.runner.calls import Caller
from harness.runner.claims import NOTHING_SPENT
from harness.runner.engine import Engine
from harness.runner.failures import Failures
from harness.runner.finished import finished_summary
from harness.runner.left_open import warned_of_batches
from harness.runner.progress import TICK_S, Progress
from harness.runner.record import Execution, check_counts, run_record, status_of
from harness.runner.run_id import run_id_of
from harness.runner.run_request import Bounds, Part, RunRequest, RunSummary
from harness.runner.shards import SHARDS_FOLDER
from harness.runner.surroundings import Surroundings
from harness.runner.transport import AiohttpTransport, Transport
from harness.runner.ways import InBatches, Live
from harness.runs.writer import RunWriter

if TYPE_CHECKING:
    from harness.runner.shared import Sharing

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


async def run_local(request: RunRequest, around: Surroundings) -> RunSummary:
    """Carry out a run; see ``run_eval``."""
    run_id, runs_dir = run_id_of(request, __version__), request.runs_dir
    if request.shard is not None:
        run_id, runs_dir = run_id + request.shard.suffix, f"{str(runs_dir).rstrip('/')}/{SHARDS_FOLDER}"
    before, damage = finished_summary(runs_dir, run_id)
    if before is not None:
        return before
    part = request.part()
    bounds = request.bounds(len(part.indices), part.n_of_whole)
    check_bounds(bounds.usd, bounds.tokens, request.endpoints.values())
    concurrency = sum(endpoint.limits.concurrency for endpoint in request.endpoints.values())
    transport = around.wrap(around.transport or AiohttpTransport(concurrency, around.clock))
    try:
        if request.is_batch:
            from harness.runner.batch import check_batches

            check_batches(request.endpoints)
        with ResponseCache(request.cache_path, around.now, request.ledger or run_id, request.behind) as cache:
            twice = None if request.is_batch else warned_of_batches(cache, request.endpoints)
            run = _LocalRun(request, around, part, bounds, cache, transport)
            for warning in (damage and f"{damage}; the run is made again from the journal", cache.warning, twice):
                if warning:
                    run.progress.say(f"Warning: {warning}")
            writer = _writer(request, runs_dir, run_id)
            try:
                summary = await run.carry_out(writer, run_id)
            except BaseException:
                writer.abandon()
                raise
        return structs.replace(summary, warning=cache.warning)  # which it may have got while it was closed
    finally:
        await transport.close()


class _LocalRun:
    """One execution of a run: what it is made of, and what it came to."""

    def __init__(
        self,
        request: RunRequest,
        around: Surroundings,
        part: Part,
        bounds: Bounds,
        cache: ResponseCache,
        transport: Transport,
    ) -> None:
        self.began, self.created = around.clock(), around.now()
        self.request, self.around, self.part, self.cache = request, around, part, cache
        self.n_rows = len(part.indices) * request.repeats
        self.failures = Failures()
        self.budget = _budget(request, around.sharing, bounds, cache)
        self.asking = {one.id for one in request.candidates if getattr(one, "models_used", None) != ()}
        self.progress = Progress(
            self.n_rows * len(request.candidates),
            around.stream,
            around.clock,
            lambda: self.budget.spent_usd,
            n_asking=self.n_rows * len(self.asking),
            slowed=lambda: "; ".join(filter(None, (self.caller.slowed(), cache.held()))) or None,
        )
        stopped = asyncio.Event()
        self.way = self._way(transport, stopped)
        self.caller = Caller(request, self.way, cache, around, stopped)

    def _way(self, transport: Transport, stopped: asyncio.Event) -> Live:
        request, around = self.request, self.around
        if not request.is_batch:
            return Live(request.endpoints, transport, self.budget)
        from harness.runner.batch import BatchBook, BatchFill

        book = BatchBook(self.cache, self.cache.ledger)
        parts = (request, self.part.indices, self.cache, self.budget, book)
        say = self.progress.say
        return InBatches(request, BatchFill(*parts, sleep=around.sleep, rng=around.rng, say=say, stopped=stopped))

    def _show(self, row: Prediction) -> None:
        is_called = row.response_key is not None and not row.is_cached
        self.failures.add(row)
        self.progress.add(row.answer.outcome, is_asking=row.candidate in self.asking, is_called=is_called)

    async def carry_out(self, writer: RunWriter, run_id: str) -> RunSummary:
        """Ask all that is missing, store the run, and say what it came to."""
        request, around = self.request, self.around
        engine = Engine(
            request,
            lambda number: _items(request, self.part, writer if number == 0 else None),
            self.caller,
            writer,
            around,
            on_row=self._show,
            n_rows=self.n_rows,
        )
        shared: AbstractAsyncContextManager[None] = nullcontext()
        if around.sharing is not None:
            shared = around.sharing.open(request, lambda: self.progress.done)
        signals = _stopped_by_signals(engine, self.caller, self.progress, around)
        async with _shown(self.progress, self.cache), signals, shared:
            try:
                await self.way.fill()
                await engine.run()
            finally:
                self.cache.measure(engine.measures.sums(request.candidates, request.endpoints))
        if engine.reason is None:
            self.caller.check_end()
        request.check_unchanged()
        check_counts(writer.counts, self.n_rows)
        done = self._execution(engine, writer, run_id)
        examples = self.failures.examples(done.counts, self.cache)
        path = writer.finish(run_record(request, run_id, done), request.inputs)
        return RunSummary(
            run_id=run_id,
            path=path,
            status=done.status,
            reason=done.reason,
            items=done.n_items,
            counts=done.counts,
            error_reasons=done.error_reasons,
            calls=done.calls,
            cached=done.cached,
            cost_usd=done.cost_usd,
            answers_cost_usd=done.answers_cost_usd,
            unknown_calls=done.unknown_calls,
            earlier_cost_usd=float(self.budget.before.usd),
            earlier_unknown_calls=self.budget.before.unknown_calls,
            wall_s=around.clock() - self.began,
            errors=sum(counts.get("error", 0) for counts in done.counts.values()),
            not_asked=sum(counts.get(NOT_ASKED, 0) for counts in done.counts.values()),
            stopped=() if engine.reason else tuple(sorted(engine.stopped)),
            unpriced_calls=self.way.n_unpriced(self.caller.counts),
            unknown_usd=self.budget.now.unknown_usd,
            next_call_usd=self.budget.refused.usd,
            next_call_tokens=self.budget.refused.tokens,
            spent_before_usd=self.budget.before.usd + self.budget.before.unknown_usd,
            failures=self.failures.reasons(),
            examples=examples,
            whole=None if request.shard is None else run_id_of(request, __version__),
        )

    def _execution(self, engine: Engine, writer: RunWriter, run_id: str) -> Execution:
        counts, budget = self.caller.counts, self.budget
        reason = engine.reason or next(iter(engine.stopped.values()), None)
        return Execution(
            status=status_of(writer.counts, self.request.max_error_rate, reason),
            reason=reason,
            counts=writer.counts,
            error_reasons=writer.error_reasons,
            calls=self.way.n_calls(counts),
            retries=counts.retries,
            cached=self.way.n_cached(counts),
            cost_usd=budget.spent_usd,
            unknown_calls=budget.now.unknown_calls + self.way.n_unpriced(counts),
            earlier=budget.before if self.request.ledger in ("", run_id) or self.request.early_stop else NOTHING_SPENT,
            answers_cost_usd=writer.answers_cost_usd,
            unpriced_answers=writer.unpriced_answers,
            tokens=writer.tokens,
            limits=self.caller.limit_history(),
            created=self.created,
            wall_s=self.around.clock() - self.began,
            n_items=len(self.part.indices),
            n_items_of_whole=self.part.n_of_whole,
        )


def _budget(request: RunRequest, sharing: Sharing | None, bounds: Bounds, cache: ResponseCache) -> Budget:
    before = cache.spent()
    if sharing is not None:
        return sharing.budget(request, cache, before)
    endpoints = request.endpoints.values()
    return Budget(bounds.usd, endpoints, max_tokens=bounds.tokens, before=before, book=cache.book)


def _writer(request: RunRequest, runs_dir: str | Path, run_id: str) -> RunWriter:
    return RunWriter(
        runs_dir,
        run_id,
        categories=request.golden.categories,
        slices=slice_names(request),
        candidates=[candidate.id for candidate in request.candidates],
        unlabelled=[name for name in request.policy.categories if name not in request.golden.categories],
        is_shard=request.shard is not None,
    )


def _told(loop: asyncio.AbstractEventLoop, receive: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the run has ended meanwhile
        loop.call_soon_threadsafe(receive)


def slice_names(request: RunRequest) -> Sequence[str]:
    """Slices of the items: as asked for, as the golden set says, or else all that occur."""
    known = request.slice_names
    if known is None:
        known = getattr(getattr(request.golden, "card", None), "slices", None)
    if known is not None:
        return tuple(known)
    return sorted({name for item in request.golden.items(request.selected()) for name in item.slices})


def _items(request: RunRequest, part: Part, writer: RunWriter | None) -> Iterator[Item]:
    """The items of the run; one candidate's pass over them writes them down too."""
    items = request.golden.items(part.indices)
    if writer is None:
        yield from items
        return
    labels = request.golden.labels()
    for index, position, item in zip(part.indices, part.positions, items, strict=True):
        writer.add_item(item, labels[index], position)
        yield item


@asynccontextmanager
async def _shown(progress: Progress, cache: ResponseCache) -> Any:
    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            progress.tick()
            cache.beat()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        progress.close()


@asynccontextmanager
async def _stopped_by_signals(engine: Engine, caller: Caller, progress: Progress, around: Surroundings) -> Any:
    """The first signal ends the run in order, the second one cancels open calls, the third is not ours."""
    loop = asyncio.get_running_loop()
    n_received, handlers = 0, ExitStack()

    def receive() -> None:
        nonlocal n_received
        n_received += 1
        if n_received > 1:
            engine.cancel()
            handlers.close()
            return
        if caller.n_open:
            progress.say(
                f"Stopping: {caller.n_open:,} calls are under way and are waited for (they are paid for); "
                "once more ends them at once"
            )
        engine.stop("interrupted")

    if around.on_stoppable is not None:
        around.on_stoppable(lambda: _told(loop, receive))
    with handlers:
        for one in STOP_SIGNALS if around.takes_signals else ():
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not on this system, or not the main thread
                loop.add_signal_handler(one, receive)
                handlers.callback(loop.remove_signal_handler, one)
        yield
