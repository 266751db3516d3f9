"""Runs an eval: candidates over a golden set, from request to run folder.

Decides the entry points; the parts are ``run_request`` (what is asked), ``local`` and ``engine`` (how it is carried
out), ``calls`` with ``endpoint``, ``transport``, ``retry``, ``limits``, ``cache`` and ``budget`` (one call). The run's
folder is written by ``runs.writer``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import structs

from harness.files.permissions import no_more_readable_than
from harness.runner.endpoint import Endpoint, endpoint_from_model, ready_endpoint
from harness.runner.folders import files_of, named_faults
from harness.runner.run_request import Golden, RunRequest, RunSummary
from harness.runner.transport import Transport
from harness.runs.asked import mark_asked
from harness.runs.layout import InputFile

if TYPE_CHECKING:
    from harness.runner.shared import Sharing

__all__ = [
    "Endpoint",
    "Golden",
    "InputFile",
    "RunRequest",
    "RunSummary",
    "default_cache_path",
    "endpoint_from_model",
    "ready_endpoint",
    "run_eval",
]


def run_eval(
    request: RunRequest,
    *,
    stream: TextIO | None = None,
    transport: Transport | None = None,
    wrap: Callable[[Transport], Transport] = lambda transport: transport,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    rng: random.Random | None = None,
    on_stoppable: Callable[[Callable[[], None]], None] | None = None,
    sharing: Sharing | None = None,
) -> RunSummary:
    """Run an eval on this machine and store the run.

    The same request again makes only the calls whose answers are not in the response cache; a run that is complete
    without error rows is not repeated at all. SIGINT and SIGTERM end the run in order, with status ``incomplete``.

    Args:
        request: What to run.
        stream: Where progress is shown; None for nowhere.
        transport: Makes the calls; aiohttp when None. It is closed at the end.
        wrap: Puts something around the transport, such as what starts an embedded server with the first call.
        clock: Monotonic seconds.
        now: Wall clock in UTC.
        sleep: Waits between attempts.
        rng: Jitter of retries; no result depends on it.
        on_stoppable: Is given, once the run is under way, what ends it in order from another thread; the second call of
            that ends open calls at once.
        sharing: Limits and bounds that this shard shares with the others; it is their engine that gets signals then.

    Raises:
        HarnessError: A setting is wrong, an endpoint refuses every call, or a file cannot be written.
    """
    from harness.runner.local import run_local
    from harness.runner.loops import run_on_loop
    from harness.runner.surroundings import Surroundings

    around = Surroundings(clock, now, sleep, rng or random.Random(), stream, transport, wrap)
    around = structs.replace(around, on_stoppable=on_stoppable, sharing=sharing, takes_signals=sharing is None)
    with no_more_readable_than(*files_of(request.golden)), named_faults(request.runs_dir):
        summary = run_on_loop(run_local(request, around))
        if summary.whole is None:
            mark_asked(request.runs_dir, summary.run_id, now())
        return summary


def default_cache_path() -> Path:
    """Where answers are kept unless ``--cache`` says otherwise."""
    from platformdirs import user_cache_path

    return user_cache_path("moderation-harness") / "responses.sqlite"
