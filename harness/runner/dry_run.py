"""What a run would ask for, without asking: calls, answers at hand, tokens and cost.

Decides nothing but the sums: tokens by the rule of ``budget.estimate`` (a token for every 4 bytes of a request's body,
1,500 an image; as output the body's ``max_tokens``, else 256). A later question that hangs on an answer nobody has yet
cannot be counted: the figures are then a lower bound, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.records import Item
from harness.records.answers import Candidate, Request, Response, Usage
from harness.runner.budget import cost_usd, estimate
from harness.runner.cache import Keys, ResponseCache, Stored
from harness.runner.request import RunRequest


@dataclass(slots=True)
class CandidateEstimate:
    """What one candidate would ask for; ``cost_usd`` is None when a model it asks has no price."""

    items: int = 0
    calls: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    is_lower_bound: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def dry_run(request: RunRequest) -> Mapping[str, CandidateEstimate]:
    """Count what every candidate would ask for; reads the response cache, writes nothing and calls nobody."""
    cache = ResponseCache(request.cache_path, lambda: datetime.now(UTC)) if request.cache_path.exists() else None
    indices = request.indices()
    asked: set[bytes] = set()
    try:
        found: dict[str, CandidateEstimate] = {}
        for candidate in request.candidates:
            one = found[candidate.id] = CandidateEstimate()
            chunk: list[Item] = []
            for item in request.golden.items(indices):
                chunk.append(item)
                if len(chunk) == 256:
                    _count(request, candidate, chunk, cache, one, asked)
                    chunk = []
            _count(request, candidate, chunk, cache, one, asked)
        return found
    finally:
        if cache is not None:
            cache.close()


def _count(
    request: RunRequest,
    candidate: Candidate,
    chunk: list[Item],
    cache: ResponseCache | None,
    total: CandidateEstimate,
    asked: set[bytes],
) -> None:
    total.items += len(chunk)
    needs_text = getattr(candidate, "needs_text", True)
    askable = [item for item in chunk if not (needs_text and item.is_withheld)]
    candidate.prepare(askable)
    for item in askable:
        for repeat in range(request.repeats):
            _count_item(request, candidate, item, repeat, cache, total, asked)


def _count_item(
    request: RunRequest,
    candidate: Candidate,
    item: Item,
    repeat: int,
    cache: ResponseCache | None,
    total: CandidateEstimate,
    asked: set[bytes],
) -> None:
    decision = candidate.decide(item)
    try:
        requests = next(decision)
        while True:
            keys = [_key(request, one, repeat) for one in requests]
            stored = cache.get_many(keys) if cache is not None else {}
            for key, one in zip(keys, requests, strict=True):
                if key in stored:
                    total.cached += 1
                elif key not in asked:
                    asked.add(key)
                    _add_call(request, one, total)
            if any(key not in stored for key in keys):
                total.is_lower_bound = total.is_lower_bound or _may_ask_again(candidate)
                decision.close()
                return
            requests = decision.send([_response(key, stored[key]) for key in keys])
    except StopIteration:
        return


def _may_ask_again(candidate: Candidate) -> bool:
    """Whether what is asked next may hang on the answer, as the candidate says."""
    return bool(getattr(candidate, "has_follow_ups", False))


def _add_call(request: RunRequest, one: Request, total: CandidateEstimate) -> None:
    total.calls += 1
    expected = estimate(one.body)
    total.input_tokens += expected.input_tokens
    total.output_tokens += expected.output_tokens
    price = request.endpoints[one.model_id].price
    if price is None:
        total.cost_usd = None
    elif total.cost_usd is not None:
        total.cost_usd += cost_usd(Usage(expected.input_tokens, 0, expected.output_tokens), price)


def _key(request: RunRequest, one: Request, repeat: int) -> bytes:
    identity = request.endpoints[one.model_id].identity
    return Keys(identity, one.route, repeat=repeat, wave=request.wave).of(one.body)


def _response(key: bytes, stored: Stored) -> Response:
    return Response(key.hex(), stored.status, stored.body, stored.latency_ms, True)
