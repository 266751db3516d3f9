"""One run on this machine, from request to folder.

Decides the frame: is it done already, who is told to stop on an interrupt, and what is left behind when it fails. The
work is done by ``engine``, ``calls`` and ``runs.writer``; what run.json says is decided by ``record``.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from harness import __version__
from harness.errors import HarnessError
from harness.records import Item
from harness.records.answers import NOT_ASKED, Prediction
from harness.runner.budget import Budget
from harness.runner.cache import ResponseCache
from harness.runner.calls import Caller
from harness.runner.earlier import was_answered
from harness.runner.engine import Engine
from harness.runner.failures import Failures
from harness.runner.progress import TICK_S, Progress
from harness.runner.record import Execution, check_counts, is_final, run_record, status_of
from harness.runner.run_id import run_id_of
from harness.runner.run_request import Bounds, RunRequest, RunSummary
from harness.runner.shards import SHARDS_FOLDER
from harness.runner.shared import Sharing
from harness.runner.targets import own_limiter
from harness.runner.transport import AiohttpTransport, Transport
from harness.runner.ways import InBatches, Live
from harness.runs import META_FILE, RunFolder, RunMeta, read_meta
from harness.runs.layout import ITEMS_FILE, PREDICTIONS_FILE
from harness.runs.writer import RunWriter

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run takes from the outside.

    Attributes:
        rng: Jitter of retries; no result depends on it.
        transport: Makes the calls; None for aiohttp. It is closed at the end.
        grace_s: How long open calls may take to end when the run is stopped; their own deadline for None.
        takes_signals: Whether SIGINT, SIGTERM and SIGHUP end the run in order.
        on_stoppable: Is given what does the same from another thread, which gets no signals.
        sharing: Limits and bounds that this run shares with the other parts of a whole; its own for None.
    """

    clock: Callable[[], float]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[Any]]
    rng: random.Random
    stream: TextIO | None = None
    transport: Transport | None = None
    wrap: Callable[[Transport], Transport] = lambda transport: transport
    grace_s: float | None = None
    takes_signals: bool = True
    on_stoppable: Callable[[Callable[[], None]], None] | None = None
    sharing: Sharing | None = None


async def run_local(request: RunRequest, around: Surroundings) -> RunSummary:
    """Carry out a run; see ``run_eval``."""
    run_id, runs_dir = run_id_of(request, __version__), request.runs_dir
    if request.shard is not None:
        run_id, runs_dir = run_id + request.shard.suffix, f"{str(runs_dir).rstrip('/')}/{SHARDS_FOLDER}"
    done, damage = stored_run(runs_dir, run_id)
    if done is not None and is_final(done):
        return as_before(done, runs_dir)
    began, created = around.clock(), around.now()
    indices, positions, n_of_whole = request.part()
    bounds = request.bounds(len(indices), n_of_whole)
    Budget(bounds.usd, request.endpoints.values(), max_tokens=bounds.tokens)  # wrong settings first
    n_rows = len(indices) * request.repeats
    concurrency = sum(endpoint.limits.concurrency for endpoint in request.endpoints.values())
    transport = around.wrap(around.transport or AiohttpTransport(concurrency, around.clock))
    if request.is_batch:
        from harness.runner.batch import BatchBook, BatchFill, check_batches

        check_batches(request.endpoints)
    failures, ledger = Failures(), request.ledger or run_id
    with ResponseCache(request.cache_path, around.now, ledger, request.behind) as cache:
        budget = _budget(request, around.sharing, bounds, cache)
        asking = {one.id for one in request.candidates if getattr(one, "models_used", None) != ()}
        progress = Progress(
            n_rows * len(request.candidates),
            around.stream,
            around.clock,
            lambda: budget.spent_usd,
            n_asking=n_rows * len(asking),
            slowed=lambda: "; ".join(filter(None, (caller.slowed(), cache.held()))) or None,
        )
        stopped = asyncio.Event()
        way = Live(request.endpoints, transport, budget)
        if request.is_batch:
            fill = BatchFill(
                request,
                indices,
                cache,
                budget,
                BatchBook(cache, ledger),
                sleep=around.sleep,
                rng=around.rng,
                say=progress.say,
                stopped=stopped,
            )
            way = InBatches(request, fill)
        caller = _caller(request, around, cache, way, stopped)
        if damage is not None:
            progress.say(f"Warning: {damage}; the run is made again from the journal")
        if cache.warning is not None:
            progress.say(f"Warning: {cache.warning}")

        def show(row: Prediction) -> None:
            is_called = row.response_key is not None and not row.is_cached
            failures.add(row)
            progress.add(row.answer.outcome, is_asking=row.candidate in asking, is_called=is_called)

        writer = _writer(request, runs_dir, run_id)
        try:
            engine = Engine(
                request.candidates,
                request.endpoints,
                lambda number: _items(request, indices, positions, writer if number == 0 else None),
                request.repeats,
                caller,
                writer,
                clock=around.clock,
                sleep=around.sleep,
                on_row=show,
                grace_s=around.grace_s,
                n_rows=n_rows,
                stop_alone=request.stop_alone,
            )
            shared: AbstractAsyncContextManager[None] = nullcontext()
            if around.sharing is not None:
                shared = around.sharing.open(request, lambda: progress.done)
            async with _shown(progress, cache), _stopped_by_signals(engine, caller, progress, around), shared:
                try:
                    await way.fill()
                    await engine.run()
                finally:
                    cache.measure(engine.measures.sums(request.candidates, request.endpoints))
            if engine.reason is None:
                caller.check_end()
            request.check_unchanged()
            check_counts(writer.counts, n_rows)
            n_unpriced = way.n_unpriced(caller.counts)
            reason = engine.reason or next(iter(engine.stopped.values()), None)
            result = Execution(
                status=status_of(writer.counts, request.max_error_rate, reason),
                reason=reason,
                counts=writer.counts,
                error_reasons=writer.error_reasons,
                calls=way.n_calls(caller.counts),
                retries=caller.counts.retries,
                cached=caller.counts.cached,
                cost_usd=budget.spent_usd,
                unknown_calls=budget.now.unknown_calls + n_unpriced,
                answers_cost_usd=writer.answers_cost_usd,
                tokens=writer.tokens,
                limits=caller.limit_history(),
                created=created,
                wall_s=around.clock() - began,
                n_items=len(indices),
                n_items_of_whole=n_of_whole,
            )
            examples = failures.examples(result.counts, cache)
            path = writer.finish(run_record(request, run_id, result), request.inputs)
        except BaseException:
            writer.abandon()
            raise
        finally:
            await transport.close()
    return RunSummary(
        run_id=run_id,
        path=path,
        status=result.status,
        reason=result.reason,
        items=result.n_items,
        counts=result.counts,
        error_reasons=result.error_reasons,
        calls=result.calls,
        cached=result.cached,
        cost_usd=result.cost_usd,
        answers_cost_usd=result.answers_cost_usd,
        unknown_calls=result.unknown_calls,
        wall_s=around.clock() - began,
        errors=sum(counts.get("error", 0) for counts in result.counts.values()),
        not_asked=sum(counts.get(NOT_ASKED, 0) for counts in result.counts.values()),
        stopped=() if engine.reason else tuple(sorted(engine.stopped)),
        unpriced_calls=n_unpriced,
        unknown_usd=budget.now.unknown_usd,
        spent_before_usd=budget.before.usd + budget.before.unknown_usd,
        failures=failures.reasons(),
        examples=examples,
        whole=None if request.shard is None else run_id_of(request, __version__),
        warning=cache.warning,
    )


def _budget(request: RunRequest, sharing: Sharing | None, bounds: Bounds, cache: ResponseCache) -> Budget:
    before = cache.spent()
    if sharing is not None:
        return sharing.budget(request, cache, before)
    endpoints = request.endpoints.values()
    return Budget(bounds.usd, endpoints, max_tokens=bounds.tokens, before=before, book=cache.book)


def _caller(
    request: RunRequest, around: Surroundings, cache: ResponseCache, way: Live, stopped: asyncio.Event
) -> Caller:
    return Caller(
        way.endpoints,
        cache,
        way.transport,
        way.budget,
        wave=request.wave,
        clock=around.clock,
        now=around.now,
        sleep=around.sleep,
        rng=around.rng,
        was_answered=lambda model_id: was_answered(request, cache, model_id),
        is_batch=request.is_batch,
        stopped=stopped,
        limiter=own_limiter if around.sharing is None else around.sharing.limiter,
    )


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


def stored_run(runs_dir: str | Path, run_id: str) -> tuple[RunMeta | None, str | None]:
    """The run of this id that is stored already and whole; None where there is none, with what is wrong with it."""
    folder = RunFolder(runs_dir).child(run_id)
    content = folder.read(META_FILE)
    if content is None:
        is_there = folder.local is not None and folder.local.exists()
        return None, f"{folder.address} holds no {META_FILE}" if is_there else None
    try:
        meta = read_meta(content, f"{folder.address}/{META_FILE}")
    except HarnessError as error:
        return None, error.message
    damage = None if folder.local is None else _damage(folder.local, meta)
    return (None, damage) if damage else (meta, None)


def _damage(folder: Path, meta: RunMeta) -> str | None:
    """What is missing or cut short in a stored run, as far as the ends of its files tell."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_rows = meta.n_items * meta.repeats * len(meta.candidates)
    for name, expected in ((PREDICTIONS_FILE, n_rows), (ITEMS_FILE, meta.n_items)):
        try:
            found = pq.read_metadata(folder / name).num_rows
        except FileNotFoundError:
            return f"{folder / name} is missing"
        except (OSError, pa.ArrowException) as error:
            return f"{folder / name} cannot be read ({error})"
        if found != expected:
            return f"{folder / name} holds {found:,} rows instead of {expected:,}"
    return None


def slice_names(request: RunRequest) -> Sequence[str]:
    """Slices of the items: as asked for, as the golden set says, or else all that occur."""
    known = request.slice_names
    if known is None:
        known = getattr(getattr(request.golden, "card", None), "slices", None)
    if known is not None:
        return tuple(known)
    return sorted({name for item in request.golden.items(request.selected()) for name in item.slices})


def _items(
    request: RunRequest, indices: Sequence[int], positions: Sequence[int], writer: RunWriter | None
) -> Iterator[Item]:
    """The items of the run; one candidate's pass over them writes them down too."""
    items = request.golden.items(indices)
    if writer is None:
        yield from items
        return
    labels = request.golden.labels()
    for index, position, item in zip(indices, positions, items, strict=True):
        writer.add_item(item, labels[index], position)
        yield item


def as_before(done: RunMeta, runs_dir: str | Path) -> RunSummary:
    """What a run came to that was stored already."""
    return RunSummary(
        run_id=done.run_id,
        path=RunFolder(runs_dir).child(done.run_id).address,
        status=done.status,
        items=done.n_items,
        calls=0,
        cached=0,
        cost_usd=0.0,
        wall_s=0.0,
        not_asked=done.n_not_asked,
        is_reused=True,
        counts=done.counts,
        answers_cost_usd=done.answers_cost_usd,
        whole=None if done.shard is None else done.shard.run_id,
    )


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
    installed: list[signal.Signals] = []
    n_received = 0

    def receive() -> None:
        nonlocal n_received
        n_received += 1
        if n_received == 1:
            if caller.n_open:
                progress.say(
                    f"Stopping: {caller.n_open:,} calls are under way and are waited for (they are paid for); "
                    "once more ends them at once"
                )
            engine.stop("interrupted")
        else:
            engine.cancel()
            remove()

    def remove() -> None:
        while installed:
            loop.remove_signal_handler(installed.pop())

    if around.on_stoppable is not None:
        around.on_stoppable(lambda: _told(loop, receive))
    if around.takes_signals:
        for one in STOP_SIGNALS:
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not on this system, or not the main thread
                loop.add_signal_handler(one, receive)
                installed.append(one)
    try:
        yield
    finally:
        remove()
