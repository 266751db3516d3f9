"""Whether the first refusals, or blocks, are those of texts alone: a harmless text is asked before they end a run.

Decides what is asked: what two refused requests have in common, with a harmless text where they differ. A filter may
refuse the first ten texts of a set that is sorted by label, in words that nobody knows; a set-up that is wrong refuses
this as well. Nothing else leaves until it is answered.
"""

from __future__ import annotations

import asyncio
import re

import orjson

from harness.candidates.outcomes import meaning_of
from harness.candidates.responses import meaning_of_failed
from harness.records.answers import Request
from harness.runner.budget import NOTHING, Budget, amount_of
from harness.runner.targets import Target
from harness.runner.transport import RawResponse, Transport, TransportError
from harness.runner.usage import usage_of

HARMLESS = "Hello, how are you?"
_TO_LINE = re.compile(r'.*(?<!\\)(?:"|\\n)', re.DOTALL)
_LINE_END = re.compile(r'(?<!\\)(?:"|\\n)')
"""Where a line of a JSON string begins, and where it ends."""
OF_TEXTS = frozenset({400, 403, 422, 451})
"""With these filters refuse texts; others speak of address, key or size."""


async def is_of_texts(target: Target, refused: Request, transport: Transport, budget: Budget) -> bool:
    """Ask a harmless text; whether it is answered, so that what was refused was refused for what it says."""
    asked = None if target.first.asked is None else harmless(target.first.asked, refused)
    result = None if asked is None else await _answer(target, asked, transport, budget)
    target.refuses_texts = result is not None and 200 <= result.status < 300
    return target.refuses_texts


async def blocks_all(target: Target, one: Request, other: Request, transport: Transport, budget: Budget) -> bool:
    """Ask a harmless text after two that a provider blocked; whether that is blocked as well."""
    asked = harmless(one, other)
    result = None if asked is None else await _answer(target, asked, transport, budget)
    if result is None:
        return False
    is_answer = 200 <= result.status < 300
    said = meaning_of(result.status, result.document) if is_answer else meaning_of_failed(result.status, result.body)
    return said.kind == "blocked"


async def _answer(target: Target, asked: Request, transport: Transport, budget: Budget) -> RawResponse | None:
    """What comes back, while all others wait; None where money or the server is not there."""
    most = target.most_of(asked.body)
    if not budget.has_room(most):
        return None
    budget.hold(most)
    actual, target.looking = None, asyncio.Event()
    try:
        result = await transport.post(target.endpoint, asked.route, asked.body, target.endpoint.limits.timeout_s)
        usage = usage_of(result.document)
        actual = amount_of(usage, target.endpoint.price) or (None if 200 <= result.status < 300 else NOTHING)
        return result
    except TransportError:
        return None
    finally:
        budget.settle(most, actual)
        target.looking.set()


def harmless(one: Request, other: Request) -> Request | None:
    """What two requests have in common, with a harmless text where they differ; None where that is no request.

    The lines in which they begin and cease to differ go as well: texts of a set are often made from one template.

    >>> first, tenth = (Request("m", "/chat", b'{"text": "%s", "n": 1}' % text) for text in (b"Die!", b"Dirt."))
    >>> harmless(first, tenth).body
    b'{"text": "Hello, how are you?", "n": 1}'
    """
    if one.route != other.route:
        return None
    here, there = (asked.body.decode("utf-8", "surrogateescape") for asked in (one, other))
    start = here[: _n_alike(here, there)].rstrip("\\")
    here, there = here[len(start) :], there[len(start) :]
    end = here[len(here) - _n_alike(here[::-1], there[::-1]) :]
    before, after = _TO_LINE.match(start), _LINE_END.search(end)
    if before is None or after is None:
        return None
    body = f"{before[0]}{HARMLESS}{end[after.start() :]}".encode("utf-8", "surrogateescape")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return Request(other.model_id, other.route, body)


def _n_alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
