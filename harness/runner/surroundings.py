"""What a run takes from the outside: clocks, chance, connections, whoever is shown something and whoever may stop it.

Decides what of it has a default.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import Struct

from harness.runner.transport import Transport

if TYPE_CHECKING:
    from harness.runner.shared import Sharing


class Surroundings(Struct, frozen=True):
    """What surrounds a run.

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
