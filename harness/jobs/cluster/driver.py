"""The driver of a run on a Ray cluster: hands shards out, watches over them, and puts them together.

Decides how many shards there are, what is done when a worker or a machine is lost (its shard goes on elsewhere, from
its own journal), and what a stop means. It reads no golden set itself: workers do, once each.
"""

from __future__ import annotations

import shutil
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from msgspec import structs

from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.jobs.cluster.connection import cluster, ray_package
from harness.jobs.cluster.summing import summed, whole_of
from harness.jobs.cluster.task import Mistake, Order, Plan, plan, run_shard, token_name
from harness.jobs.run import RunOptions
from harness.runner import RunSummary, default_cache_path
from harness.runner.journals import copy_answers, folder_of, gather, remove, spent_in
from harness.runner.local import STOP_SIGNALS
from harness.runner.merge import merge
from harness.runner.progress import Progress
from harness.runner.shards import MOST_SHARDS, SHARDS_FOLDER, Stretch
from harness.runner.shared import Desk
from harness.runner.stored import copy_of
from harness.runs import RunFolder, open_run
from harness.runs.asked import mark_asked

ITEMS_A_SHARD, ITEMS_UNASKED, FEWEST_SHARDS, DEFAULT_MOST_SHARDS = 20_000, 100_000, 8, 1_000
"""Where --shards is not given; of candidates that ask nobody a shard has more items, since each takes microseconds.
It follows from the run alone: the same command must make the same shards again."""
MOST_DEATHS = 10
"""So many workers may die on one shard; a shard that needs more memory than there is would go on for ever."""
LOOK_S, STATE_S = 0.25, 2.0
"""How often tasks and signals are looked at, and how often the desk is asked how far they are."""
QUIET_START_S = 30.0


def execute_on_ray(
    eval_path: Path,
    options: RunOptions,
    *,
    n_shards: int | None = None,
    address: str | None = None,
    stream: TextIO | None = None,
) -> RunSummary:
    """Run an eval on a Ray cluster and store the run.

    The same command again makes only the calls whose answers are in no journal.

    Args:
        eval_path: The eval file, on a disk that all machines share.
        options: As of a local run.
        n_shards: In how many parts; by the number of items for None.
        address: Of the cluster; a new one on this machine for None.
        stream: Where progress is shown; None for nowhere.

    Raises:
        HarnessError: Ray is missing or cannot be reached, a setting or file is wrong, an endpoint refuses every call.
    """
    if n_shards is not None and not 1 <= n_shards <= MOST_SHARDS:
        raise HarnessError(f"--shards is {n_shards}", allowed=f"1 to {MOST_SHARDS:,}")
    if not eval_path.is_file():
        load_eval(eval_path)  # says what is wrong with it
    ray = ray_package()
    with cluster(ray, address):
        return _Driver(ray, eval_path, options, n_shards, stream).run()


class _Driver:
    """One execution."""

    def __init__(
        self, ray: Any, eval_path: Path, options: RunOptions, n_shards: int | None, stream: TextIO | None
    ) -> None:
        self._ray = ray
        self._n_shards = n_shards
        self._stream = stream
        self._began = time.monotonic()
        self._journal = (options.cache_path or default_cache_path()).absolute()
        self._copy = copy_of(self._journal)
        journals = folder_of(self._journal)
        token = uuid.uuid4().hex
        self._order = Order(token, eval_path, Path.cwd(), structs.replace(options, cache_path=self._journal), journals)
        self._shards = RunFolder(options.runs_dir).child(SHARDS_FOLDER)
        self._task = ray.remote(run_shard).options(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")
        self._numbers: dict[int, int] = {}
        self._open: dict[Any, Stretch] = {}
        self._done: dict[int, RunSummary] = {}
        self._mistake: Mistake | None = None
        self._n_signals = self._n_stops = 0
        self._desk: Any = None

    def run(self) -> RunSummary:
        """Plan, hand out, wait, put together."""
        with self._marked_folders():
            told, goldens = self._ray.remote(plan).options(num_cpus=1, num_returns=2).remote(self._order)
            planned = self._get(told)
            if isinstance(planned, Mistake):
                raise planned.error()
            done: RunSummary | None = planned.done
            if done is not None:
                self._asked(planned.run_id)
                return done
            self._order = replace(self._order, run_id=planned.run_id, goldens=goldens)
            shards = self._parts(planned)
            self._copy_answers(planned)
            if planned.models:
                self._desk = self._new_desk(shards)
            with self._signals():
                self._hand_out(shards, planned)
        if self._mistake is not None:
            raise self._mistake.error()
        found = [self._done[shard.part] for shard in shards]
        return self._put_together(planned, shards, found)

    def _parts(self, planned: Plan) -> list[Stretch]:
        n = self._n_shards
        if n is None:
            each = ITEMS_A_SHARD if planned.models else ITEMS_UNASKED
            n = min(max(FEWEST_SHARDS, -(-planned.n_items // each)), DEFAULT_MOST_SHARDS)
        return [Stretch(part, n) for part in range(1, n + 1)]

    @contextmanager
    def _marked_folders(self) -> Iterator[None]:
        """Folders that workers recognise as those of this machine, for as long as the run is under way."""
        marks = [self._order.journals]
        if self._shards.local is not None:
            marks.append(self._shards.local)
        name = token_name(self._order.token)
        try:
            for folder in marks:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).touch()
            yield
        except OSError as error:
            raise HarnessError(f"{error.filename}: cannot be written to: {error.strerror}") from None
        finally:
            for path in [*(folder / name for folder in marks), self._copy_path()]:
                with suppress(OSError):
                    path.unlink()

    def _copy_path(self) -> Path:
        return self._order.journals / f"{self._order.token}.before.sqlite"

    def _copy_answers(self, planned: Plan) -> None:
        """Give workers what the run's own journal has already."""
        if self._copy is not None:
            self._copy.fetch()
        if copy_answers(self._journal, self._copy_path(), planned.models):
            self._order = replace(self._order, behind=self._copy_path())

    def _new_desk(self, shards: Sequence[Stretch]) -> Any:
        """The one actor that shares limits and bounds out; it lives and dies with this process."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = self._order.options
        spent = {}
        if options.max_cost_usd is not None or options.max_tokens is not None:
            for shard in shards:
                spent[shard.part] = spent_in(self._order.journal(shard), f"{self._order.run_id}{shard.suffix}")
        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)
        actor = self._ray.remote(Desk).options(
            name=f"harness-{self._order.run_id}-{self._order.token[:8]}",
            num_cpus=0,
            max_concurrency=100_000,
            scheduling_strategy=here,
        )
        return actor.remote(options.max_cost_usd, options.max_tokens, spent)

    def _tell_desk(self, name: str, *values: Any) -> Any:
        """What the desk answers; None where there is none, since nobody is asked."""
        return None if self._desk is None else self._get(getattr(self._desk, name).remote(*values))

    def _state(self) -> Mapping[str, Any]:
        rows = {part: sum(sum(one.values()) for one in done.counts.values()) for part, done in self._done.items()}
        return self._tell_desk("state") or {"rows": rows, "usd": 0.0, "slowed": {}, "begun": {}}

    def _hand_out(self, shards: Sequence[Stretch], planned: Plan) -> None:
        """Have every shard carried out, however often its worker is lost."""
        for shard in shards:
            self._start(shard)
        usd = 0.0
        slowed: dict[str, int] = {}
        progress = Progress(
            planned.n_rows,
            self._stream,
            time.monotonic,
            lambda: usd,
            n_asking=0,
            slowed=lambda: (
                f"slowed by the server's limits, concurrency now {min(slowed.values()):,}" if slowed else None
            ),
        )
        is_waited_for, asked_again_at = False, 0.0
        try:
            while self._open:
                ready, _ = self._ray.wait(list(self._open), num_returns=1, timeout=LOOK_S)
                for ref in ready:
                    self._take(ref, progress)
                if not self._open or time.monotonic() >= asked_again_at:
                    asked_again_at = time.monotonic() + STATE_S
                    state = self._state()
                    progress.done, usd, slowed = sum(state["rows"].values()), state["usd"], state["slowed"]
                progress.tick()
                if (
                    self._desk is not None
                    and not state["begun"]
                    and time.monotonic() - self._began > QUIET_START_S
                    and not is_waited_for
                ):
                    is_waited_for = True
                    progress.say(
                        "Waiting for the first worker of the cluster (a free processor, and the golden set read) ..."
                    )
                self._pass_on_signals(progress)
        finally:
            progress.close()

    def _start(self, shard: Stretch) -> None:
        number = self._numbers[shard.part] = self._numbers.get(shard.part, 0) + 1
        self._open[self._task.remote(self._order, shard, number, self._desk)] = shard

    def _take(self, ref: Any, progress: Progress) -> None:
        """What became of a task."""
        shard = self._open.pop(ref)
        errors = self._ray.exceptions
        try:
            found = self._ray.get(ref)
        except errors.RayTaskError:  # a fault of the code
            self._tell_desk("stop")
            raise
        except (errors.RuntimeEnvSetupError, errors.TaskUnschedulableError) as error:
            raise HarnessError(f"the cluster cannot start workers: {' '.join(str(error).split())[:300]}") from None
        except errors.RayError as error:
            self._tell_desk("end", shard.part)
            if self._n_stops:
                self._done[shard.part] = self._unfinished(shard)
            elif self._numbers[shard.part] > MOST_DEATHS:
                self._mistake = Mistake(
                    f"shard {shard.part} of {shard.of}: its worker died {MOST_DEATHS + 1} times, last of "
                    f"{type(error).__name__}",
                    next_step="see Ray's logs; with less memory a shard, --shards must be larger",
                    where=socket.gethostname(),
                )
                self._stop()
            else:
                what = "its machine" if isinstance(error, errors.NodeDiedError) else "its worker"
                progress.say(f"Shard {shard.part} of {shard.of}: {what} was lost; it goes on elsewhere")
                self._start(shard)
            return
        if isinstance(found, Mistake):
            if self._mistake is None:
                self._mistake = found
                self._stop()
            return
        self._done[shard.part] = found
        if found.status == "incomplete" and found.reason not in ("interrupted", "budget") and not self._n_stops:
            self._stop()  # a limit of the day holds for all

    def _unfinished(self, shard: Stretch) -> RunSummary:
        return RunSummary(
            f"{self._order.run_id}{shard.suffix}", "", "incomplete", 0, 0, 0, 0.0, 0.0, reason="interrupted"
        )

    def _stop(self) -> None:
        """End what is under way in order; once more at once. What nobody has begun is not begun."""
        self._n_stops += 1
        self._tell_desk("stop")
        begun = self._state()["begun"]
        for ref, shard in self._open.items():
            if self._desk is None or self._n_stops > 1 or begun.get(shard.part) != self._numbers[shard.part]:
                self._ray.cancel(ref, force=True)

    def _pass_on_signals(self, progress: Progress) -> None:
        while self._n_stops < min(self._n_signals, 2):
            if self._n_stops == 0:
                progress.say(
                    "Stopping: calls under way are waited for (they are paid for); once more ends them at once"
                )
            self._stop()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first signal ends the run in order, the second one at once, the third is not ours."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def receive(number: int, frame: Any) -> None:
            self._n_signals += 1
            if self._n_signals > 2:
                raise KeyboardInterrupt

        before = {one: signal.signal(one, receive) for one in STOP_SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _get(self, ref: Any) -> Any:
        """A result of the cluster.

        Raises:
            HarnessError: The desk, or the machine of the plan, is lost.
        """
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except errors.RayTaskError:
            raise
        except errors.RayError as error:
            raise HarnessError(
                f"the cluster has lost what the run needs ({type(error).__name__})",
                next_step="type the same command again: what was answered is kept",
            ) from None

    def _asked(self, run_id: str) -> None:
        mark_asked(self._order.options.runs_dir, run_id, datetime.now(UTC))

    def _put_together(self, planned: Plan, shards: Sequence[Stretch], found: Sequence[RunSummary]) -> RunSummary:
        wall_s = time.monotonic() - self._began
        if any(one.status == "incomplete" for one in found):
            return summed(planned.run_id, found, wall_s)
        runs_dir = self._order.options.runs_dir
        limits = self._tell_desk("history") or {}
        path = merge([open_run(one.path) for one in found], runs_dir, limits=limits)
        self._asked(planned.run_id)
        meta = open_run(path).meta
        journals = [self._order.journal(shard) for shard in shards]
        is_gathered = gather(journals, self._journal)
        warning = None if self._copy is None else self._copy.put()
        if is_gathered and meta.status == "complete" and not meta.n_errors:  # nothing is left to ask
            remove(journals)
            for one in found:
                folder = RunFolder(one.path)
                folder.remove() if folder.local is None else shutil.rmtree(folder.local)
        summary = whole_of(planned.run_id, path, meta, found, time.monotonic() - self._began)
        return summary if warning is None else structs.replace(summary, warning=warning)
