"""What a worker of the cluster does: plan the run, or carry out one shard of it with the local runner.

Decides what a worker must find on its machine (the same files, in the same place, on a disk that all share) and gives a
person's mistakes back as data, since the driver shows them. Answers, rows and folders are the local runner's.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from harness import __version__
from harness.errors import Exit, HarnessError, printable
from harness.files.evals import Shelf, load_eval
from harness.files.golden.checked import CheckedSet
from harness.jobs.run import PreparedRun, RunOptions, prepare_run
from harness.records import Limits
from harness.runner import RunSummary, run_eval
from harness.runner.finished import finished_summary
from harness.runner.journals import spent_in
from harness.runner.run_id import run_id_of
from harness.runner.run_request import Part
from harness.runner.shards import Shard, Stretch
from harness.runner.shared import Line, Sharing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Order:
    """What every worker is told.

    Attributes:
        token: Names this execution of the driver, and the files that show that a folder is the driver's.
        eval_path: The eval, as typed.
        folder: The driver's working folder.
        options: The options of the run.
        journals: Where the shards' journals lie.
        behind: What the run's own journal had of its models; None for nothing.
        run_id: The run's id; None before it is planned.
        goldens: Where the cluster keeps the golden sets that were read for the plan; None for nowhere.
    """

    token: str
    eval_path: Path
    folder: Path
    options: RunOptions
    journals: Path
    behind: Path | None = None
    run_id: str | None = None
    goldens: Any = None

    def journal(self, shard: Shard) -> Path:
        """The journal of one shard."""
        return self.journals / f"{self.run_id}{shard.suffix}.sqlite"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker finds the run to be."""

    run_id: str
    n_items: int
    n_rows: int
    models: Sequence[str]
    done: RunSummary | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """A HarnessError as data."""

    message: str
    allowed: str | None = None
    next_step: str | None = None
    where: str = ""
    exit_code: int = Exit.MISTAKE

    def error(self) -> HarnessError:
        """The exception again."""
        is_elsewhere = self.where not in ("", socket.gethostname())
        message = f"{self.message} (on machine {self.where})" if is_elsewhere else self.message
        found = HarnessError(message, allowed=self.allowed, next_step=self.next_step)
        found.exit_code = self.exit_code
        return found


@dataclass(slots=True)
class _Prepared:
    """What this worker process has read, for as long as it works on one execution of the driver."""

    found: dict[str, PreparedRun] = field(default_factory=dict)
    selected: Sequence[int] = ()


_PREPARED = _Prepared()


def plan(order: Order) -> tuple[Plan | Mistake, Mapping[tuple[Any, ...], CheckedSet]]:
    """What the run is: its id and size, and whether it is stored already; and the golden sets read for it."""
    shelf = Shelf()
    return _with_mistakes(lambda: _plan(order, shelf)), shelf.goldens()


def run_shard(order: Order, shard: Stretch, number: int, desk: Any) -> RunSummary | Mistake:
    """Carry out one shard; ``number`` says which execution of it this is. Without a desk nobody is asked."""
    return _with_mistakes(lambda: _run_shard(order, shard, number, desk))


def _plan(order: Order, shelf: Shelf) -> Plan:
    request = _prepared(order, lambda: shelf).request
    run_id = run_id_of(request, __version__)
    n_items = len(_PREPARED.selected)
    models = sorted(request.endpoints)
    n_rows = n_items * request.repeats * len(request.candidates)
    return Plan(run_id, n_items, n_rows, models, finished_summary(request.runs_dir, run_id)[0])


def _run_shard(order: Order, shard: Stretch, number: int, desk: Any) -> RunSummary:
    import ray

    prepared = _prepared(order, lambda: Shelf(goldens=_goldens(order)))
    request = structs.replace(
        prepared.request,
        shard=shard,
        known_part=Part.stretch(_PREPARED.selected, shard),
        cache_path=order.journal(shard),
        behind=order.behind,
    )
    if run_id_of(request, __version__) != order.run_id:
        raise HarnessError(
            "this machine reads other files, or another version of the harness, than the one that began the run",
            allowed="the same eval, prompts, rules and golden set on all machines, and one version of the harness",
            next_step="put the project on a disk that all machines share, and install one version everywhere",
        )
    spent = spent_in(request.cache_path, f"{order.run_id}{shard.suffix}")

    async def tell(events: Sequence[Any]) -> None:
        if desk is not None:
            await desk.tell.remote(shard.part, number, events)

    async def hear() -> Sequence[Any]:
        if desk is None:
            await asyncio.Event().wait()
        found: Sequence[Any] = await desk.hear.remote(shard.part, number)
        return found

    async def begin(models: Mapping[str, Limits]) -> None:
        if desk is not None:
            await desk.begin.remote(shard.part, number, models, spent)

    sharing = Sharing(Line(tell, hear, (ray.exceptions.RayError,)), begin)
    return run_eval(request, wrap=prepared.transport, on_stoppable=sharing.on_stoppable, sharing=sharing)


def _prepared(order: Order, shelf: Callable[[], Shelf]) -> PreparedRun:
    """The run with all its files, read once in every worker process."""
    if order.token not in _PREPARED.found:
        _PREPARED.found.clear()
        _require_shared(order)
        os.chdir(order.folder)
        prepared = prepare_run(load_eval(order.eval_path, shelf=shelf()), order.options, os.environ)
        _PREPARED.found[order.token] = prepared
        _PREPARED.selected = prepared.request.selected()
    return _PREPARED.found[order.token]


def _goldens(order: Order) -> Mapping[tuple[Any, ...], CheckedSet] | None:
    """The golden sets as they were read for the plan; None where they went with their machine: they are read again."""
    import ray

    try:
        found: Mapping[tuple[Any, ...], CheckedSet] | None = None if order.goldens is None else ray.get(order.goldens)
    except ray.exceptions.RayError:
        return None
    return found


def _require_shared(order: Order) -> None:
    """The driver's folders are here too.

    Raises:
        HarnessError: They are not.
    """
    runs_dir = str(order.options.runs_dir)
    wanted = {"--cache": order.journals}
    if "://" not in runs_dir:
        wanted["--runs-dir"] = order.folder / runs_dir / "shards"
    for option, folder in wanted.items():
        if not (folder / token_name(order.token)).exists():
            raise HarnessError(
                f"{folder} is not the folder of that name on the machine that began the run",
                allowed="a folder on a disk that all machines of the cluster share",
                next_step=f"name one with {option}: what was paid for must outlast its machine",
            )
    if not order.folder.is_dir():
        raise HarnessError(
            f"{order.folder} is not there",
            allowed="the project in the same place on all machines",
            next_step="put it on a disk that all machines of the cluster share",
        )


def token_name(token: str) -> str:
    """The file that shows that a folder is the driver's."""
    return f".{token}.ray"


def _with_mistakes(work: Callable[[], T]) -> T | Mistake:
    try:
        return work()
    except HarnessError as error:
        where = socket.gethostname()
        return Mistake(printable(error.message), error.allowed, error.next_step, where, error.exit_code)


__all__ = ["Mistake", "Order", "Plan", "plan", "run_shard", "token_name"]
