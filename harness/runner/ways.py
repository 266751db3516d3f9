"""The two ways to ask a run's models: a call for each request, or batches of them.

Decides what goes before the rows are made, through what the rows get their answers, and which figures count calls. All
else of a run is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.runner.budget import Budget
from harness.runner.endpoint import Endpoint
from harness.runner.replies import Counts
from harness.runner.run_request import RunRequest
from harness.runner.transport import Transport

if TYPE_CHECKING:
    from harness.runner.batch import BatchFill


class Live:
    """A call for each request, while the rows are made.

    Attributes:
        endpoints: Endpoints as the caller of requests is to treat them.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], transport: Transport, budget: Budget) -> None:
        self.endpoints = endpoints
        self.transport = transport
        self.budget = budget

    async def fill(self) -> None:
        """What goes before the rows: nothing."""

    def n_calls(self, counts: Counts) -> int:
        """Requests sent."""
        return counts.calls

    def n_cached(self, counts: Counts) -> int:
        """Answers that were at hand before."""
        return counts.cached

    def n_unpriced(self, counts: Counts) -> int:
        """Those of them whose cost nobody told."""
        return counts.unpriced


class InBatches(Live):
    """Batches first, which hold the money back; rows are then made of what they brought, and nobody is called."""

    def __init__(self, request: RunRequest, fill: BatchFill) -> None:
        from harness.runner.batch import BatchAnswers, without_retries

        answers = BatchAnswers(fill, request.wave, request.repeats)
        super().__init__(without_retries(request.endpoints), answers, Budget(None, ()))
        self._fill = fill

    async def fill(self) -> None:
        """What goes before the rows: all that is missing is brought into the journal."""
        await self._fill.fill()

    def n_calls(self, counts: Counts) -> int:
        """Requests that went into batches."""
        return self._fill.n_asked

    def n_cached(self, counts: Counts) -> int:
        """Answers that no batch of this execution has brought."""
        return max(0, counts.cached - self._fill.n_brought)

    def n_unpriced(self, counts: Counts) -> int:
        """Those of them whose cost nobody told."""
        return self._fill.n_unpriced
