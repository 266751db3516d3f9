"""What stands in the journal already: found for many requests in one look, and handed on as replies.

Decides when a request has to be looked up once more before it is sent: when an equal one was answered since the look.
Who asks what is not found is decided by ``calls``; what identifies an answer, by ``keys``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import orjson
from msgspec import Struct

from harness.errors import HarnessError
from harness.records.answers import Request, Response
from harness.runner.answers import Stored
from harness.runner.budget import list_price
from harness.runner.cache import ResponseCache
from harness.runner.replies import Counts, Reply
from harness.runner.targets import Target
from harness.runner.usage import usage_of


class Sought(Struct):
    """A request, whom it is put to, its key, and the answer that the journal holds."""

    request: Request
    target: Target
    key: bytes
    stored: Stored | None = None


class Lookups:
    """Looks requests up."""

    def __init__(self, targets: Mapping[str, Target], cache: ResponseCache, wave: str | None, counts: Counts) -> None:
        self._targets = targets
        self._cache = cache
        self._wave = wave
        self._counts = counts
        self._on_the_way: dict[bytes, int] = {}
        self._ended_meanwhile: set[bytes] = set()

    def seek(self, requests: Iterable[Request], repeat: int) -> list[Sought]:
        """Requests of one repeat with their keys."""
        found = []
        for request in requests:
            target = self._targets.get(request.model_id)
            if target is None:
                known = ", ".join(sorted(self._targets)) or "none"
                raise HarnessError(f"model '{request.model_id}' has no endpoint", allowed=known)
            found.append(Sought(request, target, target.key(request.route, repeat, self._wave, request.body)))
        return found

    def look_up(self, sought: Sequence[Sought]) -> None:
        """Look for all of them at once; what is not found is on its way to be asked until ``ended`` says otherwise."""
        stored = self._cache.get_many([one.key for one in sought])
        on_the_way = self._on_the_way
        for one in sought:
            one.stored = stored.get(one.key)
            if one.stored is None:
                on_the_way[one.key] = on_the_way.get(one.key, 0) + 1

    def look_again(self, one: Sought) -> None:
        """Before it is sent: an equal request may have been answered since it was looked up."""
        if one.key in self._ended_meanwhile:
            one.stored = self._cache.get_many((one.key,)).get(one.key)

    def ended(self, key: bytes) -> None:
        """A request that was not found has an answer now, or will get none."""
        left = self._on_the_way.pop(key, 1) - 1
        if left:
            self._on_the_way[key] = left
            self._ended_meanwhile.add(key)
        elif self._ended_meanwhile:
            self._ended_meanwhile.discard(key)

    def reply(self, target: Target, request: Request, key: bytes, stored: Stored) -> Reply:
        """The reply that a stored answer is."""
        self._counts.cached += 1
        target.first.succeeded()
        target.doubts.kept(request)
        try:
            document = orjson.loads(stored.body)
        except orjson.JSONDecodeError:
            document = None
        latency_ms = math.nan if stored.is_batch else stored.latency_ms
        target.saw(usage := usage_of(document))
        cost = list_price(usage, target.endpoint.price, is_batch=stored.is_batch)
        response = Response(key.hex(), stored.status, stored.body, latency_ms, True, None, document, cost)
        return Reply(response, usage, cost, 0.0)
