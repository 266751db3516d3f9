"""Tokens and money: what an answer cost, what a call may cost, and when to stop.

Decides the two documented rules of thumb (tokens of a body, most a call may cost) and whether a call may be issued
under ``--max-cost`` and ``--max-tokens``. Prices come from models.yaml.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import structs

from harness.errors import HarnessError
from harness.records import Price
from harness.records.answers import Usage
from harness.runner.claims import NOTHING_SPENT, Spent
from harness.runner.endpoint import Endpoint

BYTES_PER_TOKEN = 4
"""English text and JSON; other scripts take more tokens a byte."""
RESERVED_BYTES_PER_TOKEN = 1
"""No tokeniser makes more tokens than bytes, so a reservation for text is a true bound."""
IMAGE_TOKENS = 1500
OUTPUT_TOKENS = 256
"""Assumed where a body sets no limit of its own; reservations assume four times that."""
_DATA_URL = b'"data:image/'
_MAX_TOKENS = re.compile(rb'"max_(?:completion_|output_)?tokens"\s*:\s*(\d+)')
NO_USAGE = Usage()


class BudgetReached(Exception):  # noqa: N818
    """The next call might use more than is left."""


class Estimate(NamedTuple):
    """Tokens a call is expected to use."""

    input_tokens: int
    output_tokens: int


def estimate(body: bytes, *, bytes_per_token: int = BYTES_PER_TOKEN, output_tokens: int = OUTPUT_TOKENS) -> Estimate:
    """Tokens of a call: body bytes / 4, 1,500 an image, and as output the body's own ``max_tokens``, else 256.

    >>> estimate(b'{"input": "12345678", "max_tokens": 20}')
    Estimate(input_tokens=10, output_tokens=20)
    """
    return Estimate(input_estimate(body, bytes_per_token), _last_limit(body, output_tokens))


def input_estimate(body: bytes, bytes_per_token: int = BYTES_PER_TOKEN) -> int:
    """Input tokens of a call by the rule of thumb.

    >>> input_estimate(b'{"input": "12345678", "max_tokens": 20}')
    10
    """
    n_images, n_bytes = _images(body) if _DATA_URL in body else (0, 0)
    return -(-(len(body) - n_bytes) // bytes_per_token) + n_images * IMAGE_TOKENS


def _images(body: bytes) -> tuple[int, int]:
    """Images in a body and the bytes of their data URLs; searched without a pattern, which takes 100 ms for 5 MB."""
    found = n_bytes = 0
    at = body.find(_DATA_URL)
    while at >= 0:
        end = body.find(b'"', at + len(_DATA_URL))
        if end < 0:
            break
        is_url = body[at - 1 : at] != b"\\" and body.find(b"\\", at, end) < 0
        if is_url:
            found, n_bytes = found + 1, n_bytes + end - at - 1
        at = body.find(_DATA_URL, end + 1 if is_url else at + 1)
    return found, n_bytes


def _last_limit(body: bytes, otherwise: int) -> int:
    """The last ``max_tokens`` of a body, whatever its spelling."""
    at = body.rfind(b'"max_')
    while at >= 0:
        if (found := _MAX_TOKENS.match(body, at)) is not None:
            return int(found[1])
        at = body.rfind(b'"max_', 0, at)
    return otherwise


def limits_output(body: bytes) -> bool:
    """Whether a body says how many tokens its answer may have.

    >>> limits_output(b'{"messages": [], "max_completion_tokens": 20}'), limits_output(b'{"messages": []}')
    (True, False)
    """
    return _last_limit(body, -1) >= 0


def cost_usd(usage: Usage, price: Price) -> float:
    """US dollars of one answer; cached input tokens and tokens of reasoning are priced apart where they have a price.

    >>> cost_usd(Usage(0, 0, 1_000_000, 400_000), Price(1.0, 8.0, reasoning_per_mtok=3.0))
    6.0
    """
    cached_price = price.input_per_mtok if price.cached_input_per_mtok is None else price.cached_input_per_mtok
    cached = min(usage.cached_tokens, usage.input_tokens)
    thought_price = price.output_per_mtok if price.reasoning_per_mtok is None else price.reasoning_per_mtok
    thought = min(usage.reasoning_tokens, usage.output_tokens)
    return (
        (usage.input_tokens - cached) * price.input_per_mtok
        + cached * cached_price
        + (usage.output_tokens - thought) * price.output_per_mtok
        + thought * thought_price
    ) / 1e6


def dearest_output(price: Price) -> float:
    """The most that a million tokens of output can cost, whether they are reasoning or not."""
    return max(price.output_per_mtok, price.reasoning_per_mtok or 0.0)


def list_price(usage: Usage | None, price: Price | None, *, is_batch: bool = False) -> float | None:
    """US dollars of one answer; None where nobody knows: no price, or no word of the tokens that a price is for."""
    if is_batch and price is not None:
        price = batch_price(price)
    if price is None:
        return None
    if usage is None:
        return 0.0 if price.input_per_mtok == dearest_output(price) == 0.0 else None
    return cost_usd(usage, price)


def batch_price(price: Price) -> Price:
    """The price of the same tokens in a batch.

    >>> batch_price(Price(2.0, 8.0, batch_discount=0.5)).output_per_mtok
    4.0
    """
    left, cached, thought = 1.0 - price.batch_discount, price.cached_input_per_mtok, price.reasoning_per_mtok
    return structs.replace(
        price,
        input_per_mtok=price.input_per_mtok * left,
        output_per_mtok=price.output_per_mtok * left,
        cached_input_per_mtok=None if cached is None else cached * left,
        reasoning_per_mtok=None if thought is None else thought * left,
    )


class Amount(NamedTuple):
    """Money and tokens."""

    usd: float
    tokens: int


NOTHING = Amount(0.0, 0)


def amount_of(usage: Usage | None, price: Price | None) -> Amount | None:
    """What an answer took; None where it does not say."""
    if usage is None:
        return None
    return Amount(list_price(usage, price) or 0.0, usage.input_tokens + usage.output_tokens)


def most_of(body: bytes, price: Price | None, output_tokens: int = 4 * OUTPUT_TOKENS) -> Amount:
    """What a call may take at most by the reservation rule: one token a byte, and ``max_tokens``, else 1,024.

    ``output_tokens`` is raised to what answers were seen to take where a body sets no limit.
    """
    most = estimate(body, bytes_per_token=RESERVED_BYTES_PER_TOKEN, output_tokens=output_tokens)
    usd = 0.0
    if price is not None:
        usd = (most.input_tokens * price.input_per_mtok + most.output_tokens * dearest_output(price)) / 1e6
    return Amount(usd, most.input_tokens + most.output_tokens)


def check_bounds(max_cost_usd: float | None, max_tokens: int | None, endpoints: Iterable[Endpoint]) -> None:
    """Refuse bounds that are none, and a bound on money where a model has no price."""
    for name, bound in (("--max-cost", max_cost_usd), ("--max-tokens", max_tokens)):
        if bound is not None and not bound > 0:
            raise HarnessError(f"{name} is {bound:g}", allowed="more than 0")
    unpriced = sorted(endpoint.model_id for endpoint in endpoints if endpoint.price is None)
    if max_cost_usd is not None and unpriced:
        raise HarnessError(
            f"--max-cost cannot be kept: no price is known for {', '.join(unpriced)}",
            allowed="models with price: {input_per_mtok: ..., output_per_mtok: ...}",
            next_step="add the price in models.yaml, or leave out --max-cost",
        )


class Budget:
    """Money and tokens spent by a run in all its executions, and bounds that no call may break.

    A call reserves the most it may take before it is issued and settles what it did take. A call whose answer never
    arrived, or whose answer does not say what it used, may have been billed: it counts against the bounds in full, but
    not as money known to be spent.

    Args:
        max_tokens: Most tokens of the run, input and output together; None for no bound.
        book: Told what every call took, for the ledger.
    """

    def __init__(
        self,
        max_cost_usd: float | None,
        endpoints: Iterable[Endpoint],
        *,
        max_tokens: int | None = None,
        before: Spent = NOTHING_SPENT,
        book: Callable[[Spent], None] = lambda spent: None,
    ) -> None:
        self.max_cost_usd = max_cost_usd
        self.max_tokens = max_tokens
        self.is_bounded = max_cost_usd is not None or max_tokens is not None
        self.before = before
        self.now = NOTHING_SPENT
        self.refused = NOTHING
        """The most that the call may take for which there was no room."""
        self._book = book
        self._reserved = NOTHING
        self._n_open = 0
        self._settled: asyncio.Future[None] | None = None
        check_bounds(max_cost_usd, max_tokens, endpoints)

    @property
    def spent_usd(self) -> float:
        """Money that this execution is known to have spent."""
        return self.now.usd

    def hold(self, amount: Amount) -> None:
        """Set an amount aside for what is under way already, whatever the bounds."""
        self._reserved = Amount(self._reserved.usd + amount.usd, self._reserved.tokens + amount.tokens)
        self._n_open += 1

    def settle_booked(self, held: Amount, spent: Spent) -> None:
        """Give back what was held for something that the ledger has booked already."""
        book, self._book = self._book, lambda _: None
        try:
            self.settle(held, NOTHING)
            self.now = self.now.plus(spent)
        finally:
            self._book = book

    async def reserve(self, amount: Amount) -> None:
        """Set an amount aside; waits for open calls to settle where that may make room.

        Raises:
            BudgetReached: There is not enough left, and nothing open that could give some back.
        """
        if self.is_bounded:
            while not self.has_room(amount):
                if self._n_open == 0:
                    self.refused = amount
                    raise BudgetReached
                if self._settled is None:
                    self._settled = asyncio.get_running_loop().create_future()
                await asyncio.shield(self._settled)
        self.hold(amount)

    def settle(self, reserved: Amount, actual: Amount | None) -> None:
        """Give a reservation back and book what the call took; None when nobody knows."""
        self._n_open -= 1
        kept = Amount(self._reserved.usd - reserved.usd, self._reserved.tokens - reserved.tokens)
        self._reserved = kept if self._n_open else NOTHING
        if actual is None:
            self._take(Spent(0.0, reserved.usd, 0, reserved.tokens, 1))
        elif actual.usd or actual.tokens:
            self._take(Spent(actual.usd, 0.0, actual.tokens, 0, 0))
        if self._settled is not None:
            self._settled.set_result(None)
            self._settled = None

    def _take(self, spent: Spent) -> None:
        self.now = self.now.plus(spent)
        self._book(spent)

    def has_room(self, amount: Amount) -> bool:
        """Whether this much more may be taken."""
        gone = self.before.plus(self.now)
        usd = gone.usd + gone.unknown_usd + self._reserved.usd + amount.usd
        tokens = gone.tokens + gone.unknown_tokens + self._reserved.tokens + amount.tokens
        return (self.max_cost_usd is None or usd <= self.max_cost_usd) and (
            self.max_tokens is None or tokens <= self.max_tokens
        )


def add_usage(first: Usage, second: Usage) -> Usage:
    """Tokens of two answers together."""
    return Usage(
        first.input_tokens + second.input_tokens,
        first.cached_tokens + second.cached_tokens,
        first.output_tokens + second.output_tokens,
        first.reasoning_tokens + second.reasoning_tokens,
    )
