"""What comes of asking: a reply, or why there will be none any more.

Decides nothing; ``calls`` makes them and ``engine`` reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from msgspec import Struct

from harness.records.answers import Response, Usage


class Stopped(Exception):  # noqa: N818
    """The run is ending: no new calls."""


class Closed(Exception):  # noqa: N818
    """The endpoint answers no more today: the run ends, and says when to come back."""


class Reply(Struct, frozen=True, gc=False):
    """A response with what it used and cost; None for what nobody said."""

    response: Response
    usage: Usage | None
    cost_usd: float | None
    spent_s: float


class Counts(Struct):
    """What this execution did."""

    calls: int = 0
    retries: int = 0
    cached: int = 0
    shared: int = 0
    unpriced: int = 0


async def all_of(asked: Sequence[Awaitable[Reply]]) -> list[Reply]:
    """All replies. When one fails, the others may end (they are paid for) before the failure is passed on."""
    ended = await asyncio.gather(*asked, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [one for one in ended if isinstance(one, Reply)]


async def first_of(*awaited: Awaitable[Any]) -> None:
    """Wait until one of them is done, and end the others."""
    waiting = [asyncio.ensure_future(one) for one in awaited]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
