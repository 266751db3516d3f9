"""On which event loop a run lives, and what else a process is set to meanwhile.

Decides that libuv's loop is taken where it is installed (a call takes up to a quarter less of the processor on it) and
asyncio's own elsewhere: on Windows, on other interpreters. What happens on the loop is decided by ``local``.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run_on_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, as ``asyncio.run`` does."""
    with rare_collections(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop; None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for cyclic garbage less often during a run: it makes little, and looking took a third of its CPU time.

    What is there before the run, all that was imported, is not looked through at all.
    """
    before, n_frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not n_frozen:  # somebody else's are theirs to free
            gc.unfreeze()
