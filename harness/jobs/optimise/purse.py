"""What a search costs beside the answers it judges: the calls of whoever writes proposals.

Decides that they stand in the same ledger as the answers, so that ``--max-cost`` and ``--max-tokens`` bound both
together, and that a call which might break a bound is not made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from harness.candidates.responses import document_of
from harness.errors import IncompleteRunError
from harness.jobs.run import RunOptions
from harness.records.answers import Response
from harness.runner import default_cache_path
from harness.runner.budget import NOTHING, Amount, Budget, BudgetReached, amount_of, most_of
from harness.runner.cache import ResponseCache
from harness.runner.claims import Spent
from harness.runner.endpoint import Endpoint
from harness.runner.usage import usage_of


class Purse:
    """The bounds of a search, and the ledger that its runs and its other calls share.

    Attributes:
        is_spent: Whether a call was not made because it might have broken a bound.
    """

    def __init__(self, options: RunOptions, ledger: str) -> None:
        self.ledger = ledger
        self.is_spent = False
        self._options = options

    def must_know_price(self, endpoint: Endpoint) -> None:
        """Check that what this endpoint takes can be held against the bounds.

        Raises:
            HarnessError: It has no price, and money is bounded.
        """
        Budget(self._options.max_cost_usd, [endpoint], max_tokens=self._options.max_tokens)

    def spent(self) -> Spent:
        """What was taken so far."""
        with self._journal() as journal:
            return journal.spent()

    @asynccontextmanager
    async def paying(self, endpoint: Endpoint, body: bytes) -> AsyncIterator[Callable[[Response], None]]:
        """Pay for a call to be made within; it is told what came.

        Raises:
            IncompleteRunError: It might take more than is left.
        """
        options, most = self._options, most_of(body, endpoint.price)
        with self._journal() as journal:
            budget = Budget(
                options.max_cost_usd,
                [endpoint],
                max_tokens=options.max_tokens,
                before=journal.spent(),
                book=journal.book,
            )
            try:
                await budget.reserve(most)
            except BudgetReached:
                self.is_spent = True
                raise IncompleteRunError(
                    f"the budget is spent: a call of model '{endpoint.model_id}' may take {_said(most)}",
                    next_step="raise the bound, or lower max_tokens of the model; what was answered is kept",
                ) from None
            actual: Amount | None = None

            def took(response: Response) -> None:
                nonlocal actual
                document = response.document if response.document is not None else document_of(response)
                is_answer = 200 <= response.status < 300
                actual = amount_of(usage_of(document), endpoint.price) or (None if is_answer else NOTHING)

            try:
                yield took
            finally:
                budget.settle(most, actual)

    def _journal(self) -> ResponseCache:
        path = self._options.cache_path or default_cache_path()
        return ResponseCache(path, lambda: datetime.now(UTC), self.ledger)


def _said(most: Amount) -> str:
    return f"up to {most.usd:.4f} USD" if most.usd else f"up to {most.tokens:,} tokens"
