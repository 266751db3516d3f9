"""Tokens and money: what an answer cost, what a call may cost, and when to stop.

Decides the two documented rules of thumb (tokens of a body, most a call may cost) and whether a call may be issued
under ``--max-cost``. Prices come from models.yaml.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from harness.errors import HarnessError
from harness.records import Price
from harness.records.answers import Usage
from harness.runner.endpoint import Endpoint

BYTES_PER_TOKEN = 4
"""English text and JSON; other scripts take more tokens a byte."""
RESERVED_BYTES_PER_TOKEN = 1
"""No tokeniser makes more tokens than bytes, so a reservation for text is a true bound."""
IMAGE_TOKENS = 1500
OUTPUT_TOKENS = 256
"""Assumed where a body sets no limit of its own; reservations assume four times that."""
_DATA_URL = re.compile(rb'(?<!\\)"data:image/[^"\\]*"')
_MAX_TOKENS = re.compile(rb'"max_(?:completion_|output_)?tokens"\s*:\s*(\d+)')
NO_USAGE = Usage()


class BudgetReached(Exception):  # noqa: N818
    """The next call might cost more than is left."""


class Estimate(NamedTuple):
    """Tokens a call is expected to use."""

    input_tokens: int
    output_tokens: int


def estimate(body: bytes, *, bytes_per_token: int = BYTES_PER_TOKEN, output_tokens: int = OUTPUT_TOKENS) -> Estimate:
    """Tokens of a call: body bytes / 4, 1,500 an image, and as output the body's own ``max_tokens``, else 256.

    >>> estimate(b'{"input": "12345678", "max_tokens": 20}')
    Estimate(input_tokens=10, output_tokens=20)
    """
    images = 0
    if b'"data:image/' in body:
        body, images = _DATA_URL.subn(b'""', body)
    limits = [int(text) for text in _MAX_TOKENS.findall(body)] if b'"max_' in body else []
    n_input = -(-len(body) // bytes_per_token) + images * IMAGE_TOKENS
    return Estimate(n_input, limits[-1] if limits else output_tokens)


def usage_of(document: Any) -> Usage:
    """Tokens that an answer says it used; zeros when it says nothing."""
    usage = document.get("usage") if type(document) is dict else None
    if type(usage) is not dict:
        return NO_USAGE
    if "prompt_tokens" in usage:
        details, n_input, n_output = "prompt_tokens_details", "prompt_tokens", "completion_tokens"
    else:
        details, n_input, n_output = "input_tokens_details", "input_tokens", "output_tokens"
    cached = usage.get(details)
    n_cached = _count(cached.get("cached_tokens")) if type(cached) is dict else 0
    return Usage(_count(usage.get(n_input)), n_cached, _count(usage.get(n_output)))


def cost_usd(usage: Usage, price: Price) -> float:
    """US dollars of one answer; input tokens that the provider had cached are priced apart."""
    cached_price = price.input_per_mtok if price.cached_input_per_mtok is None else price.cached_input_per_mtok
    cached = min(usage.cached_tokens, usage.input_tokens)
    return (
        (usage.input_tokens - cached) * price.input_per_mtok
        + cached * cached_price
        + usage.output_tokens * price.output_per_mtok
    ) / 1e6


def most_cost_usd(body: bytes, price: Price) -> float:
    """What a call may cost at most by the reservation rule: one token a byte, and ``max_tokens``, else 1,024."""
    most = estimate(body, bytes_per_token=RESERVED_BYTES_PER_TOKEN, output_tokens=4 * OUTPUT_TOKENS)
    return cost_usd(Usage(most.input_tokens, 0, most.output_tokens), price)


class Budget:
    """Money spent by this execution, and a bound that no call may break.

    A call reserves the most it may cost before it is issued and settles what it did cost. A call whose answer never
    arrived may still have been billed: it counts against the bound in full, but not as money spent.
    """

    def __init__(self, max_cost_usd: float | None, endpoints: Iterable[Endpoint]) -> None:
        self.max_cost_usd = max_cost_usd
        self.spent_usd = 0.0
        self._unknown_usd = 0.0
        self._reserved_usd = 0.0
        self._settled: asyncio.Future[None] | None = None
        if max_cost_usd is None:
            return
        if not max_cost_usd > 0:
            raise HarnessError(f"--max-cost is {max_cost_usd:g}", allowed="more than 0 US dollars")
        unpriced = sorted(endpoint.model_id for endpoint in endpoints if endpoint.price is None)
        if unpriced:
            raise HarnessError(
                f"--max-cost cannot be kept: no price is known for {', '.join(unpriced)}",
                allowed="models with price: {input_per_mtok: ..., output_per_mtok: ...}",
                next_step="add the price in models.yaml, or leave out --max-cost",
            )

    async def reserve(self, amount_usd: float) -> None:
        """Set money aside; waits for open calls to settle where that may make room.

        Raises:
            BudgetReached: There is not enough left, and nothing open that could give some back.
        """
        if self.max_cost_usd is None:
            return
        while self.spent_usd + self._unknown_usd + self._reserved_usd + amount_usd > self.max_cost_usd:
            if self._reserved_usd <= 1e-12:
                raise BudgetReached
            if self._settled is None:
                self._settled = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._settled)
        self._reserved_usd += amount_usd

    def settle(self, reserved_usd: float, actual_usd: float, *, is_known: bool = True) -> None:
        """Give a reservation back and book what the call cost."""
        self.spent_usd += actual_usd
        if self.max_cost_usd is None:
            return
        self._reserved_usd = max(0.0, self._reserved_usd - reserved_usd)
        if not is_known:
            self._unknown_usd += reserved_usd
        if self._settled is not None:
            self._settled.set_result(None)
            self._settled = None


def add_usage(first: Usage, second: Usage) -> Usage:
    """Tokens of two answers together."""
    return Usage(
        first.input_tokens + second.input_tokens,
        first.cached_tokens + second.cached_tokens,
        first.output_tokens + second.output_tokens,
    )


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0
