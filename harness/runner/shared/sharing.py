"""What a part of a run shares with the others, in the place of its own limiters and its own budget.

Decides nothing: the desk does, and ``line`` asks it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from harness.records import Limits
from harness.runner.budget import Budget
from harness.runner.cache import ResponseCache
from harness.runner.claims import Spent
from harness.runner.endpoint import Endpoint
from harness.runner.limits import Limiter
from harness.runner.run_request import RunRequest
from harness.runner.shared.line import Line, SharedBudget, SharedLimiter


class Sharing:
    """What a part of a run takes from the desk instead of its own.

    Args:
        begin: Says to the desk that the part is taken up, with the limits of every model.
    """

    def __init__(self, line: Line, begin: Callable[[Mapping[str, Limits]], Awaitable[None]]) -> None:
        self._line, self._begin = line, begin
        self._stop: Callable[[], None] = lambda: None

    def on_stoppable(self, stop: Callable[[], None]) -> None:
        """Be given what ends the part in order, for when the desk says so."""
        self._stop = stop

    def limiter(self, endpoint: Endpoint, clock: Callable[[], float]) -> Limiter:
        """The limiter of one endpoint."""
        return SharedLimiter(endpoint, clock, self._line)

    def budget(self, request: RunRequest, cache: ResponseCache, before: Spent) -> Budget:
        """The budget of the part."""
        endpoints = request.endpoints.values()
        usd, tokens = request.max_cost_usd, request.max_tokens
        return SharedBudget(usd, endpoints, max_tokens=tokens, before=before, book=cache.book, line=self._line)

    @asynccontextmanager
    async def open(self, request: RunRequest, n_rows: Callable[[], int]) -> AsyncIterator[None]:
        """Take up the part and keep the line open while it is carried out."""
        await self._begin({name: one.limits for name, one in request.endpoints.items()})
        async with self._line.open(self._stop, n_rows):
            yield
