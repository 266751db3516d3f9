"""What a run would ask for, without asking: calls, answers at hand, tokens and cost.

Decides what the figures rest on: what answers to the same candidate were seen to take (those of this run first, then
those of earlier ones), else what the same model's answers to other candidates took, else what the model's tokeniser
counts, where the caller has one, else the rule of ``budget.estimate`` (a token for every 4 bytes of a request's body,
1,500 an image). How far the cost may be off is told where answers of this very run are at hand: by how much they differ
among themselves. Of answers that nobody has seen, that rule tells the length: the body's ``max_tokens``, else 256. A
later question that hangs on an answer nobody has yet cannot be counted: the figures are then a lower bound, and say so.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import orjson

from harness.errors import HarnessError
from harness.records import Item, Price
from harness.records.answers import Candidate, Request, Response, Usage
from harness.runner.asking import Asked, is_asked, requests_of
from harness.runner.budget import batch_price, cost_usd, estimate, input_estimate
from harness.runner.cache import ResponseCache
from harness.runner.endpoint import Endpoint
from harness.runner.measures import Measure, keys_of
from harness.runner.run_request import RunRequest
from harness.runner.usage import usage_of

Basis = Literal["candidate", "model", "tokeniser", "rule"]
"""Answers to the same candidate, answers of the same model to others, its tokeniser, or the rule of thumb."""
BASES: tuple[Basis, ...] = ("candidate", "model", "tokeniser", "rule")
Count = Callable[[bytes], int]
"""Body of a request -> its input tokens, by the model's own tokeniser."""
MOST_LEARNT = 1000
Z = 1.96


@dataclass(slots=True)
class _Asked:
    """Calls to one model: what the rule of thumb makes of them, and what answers at hand were seen to take."""

    calls: int = 0
    counted_input: int = 0
    rule_input: int = 0
    rule_output: int = 0
    seen: Measure = field(default_factory=Measure)
    each: list[tuple[int, Usage]] = field(default_factory=list)

    def add(self, body: bytes, count: Count | None) -> None:
        """One call more."""
        expected = estimate(body)
        self.calls += 1
        self.rule_input += expected.input_tokens
        self.rule_output += expected.output_tokens
        if count is not None:
            self.counted_input += count(body)


@dataclass(slots=True)
class CandidateEstimate:
    """What one candidate would ask for.

    Attributes:
        input_tokens: Expected tokens of the calls; ``cached_input_tokens`` of them from the provider's prompt cache.
        output_tokens: Expected tokens of the answers; ``reasoning_tokens`` of them are reasoning.
        cost_usd: None when a model it asks has no price.
        margin_usd: The real cost lies within so much of it with 95% confidence, by how the answers at hand differ; None
            where they are too few, or others'.
        basis: What the tokens rest on: the weakest basis of the models it asks; None where nothing is to be asked.
    """

    items: int = 0
    calls: int = 0
    cached: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = 0.0
    margin_usd: float | None = 0.0
    is_lower_bound: bool = False
    basis: Basis | None = None
    n_measured: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def dry_run(request: RunRequest, counts: Mapping[str, Count] = MappingProxyType({})) -> Mapping[str, CandidateEstimate]:
    """Count what every candidate would ask for; reads the response cache, writes nothing and calls nobody.

    ``counts`` has the tokenisers of models, by their ids, as far as they are known.
    """
    journal: AbstractContextManager[ResponseCache | None] = nullcontext()
    if request.cache_path.exists():
        journal = ResponseCache(request.cache_path, lambda: datetime.now(UTC))
    indices = request.indices()
    asked: set[bytes] = set()
    found: dict[str, CandidateEstimate] = {}
    with journal as cache:
        for candidate in request.candidates:
            one = found[candidate.id] = CandidateEstimate()
            for model_id, calls in _count(request, candidate, indices, cache, one, asked, counts).items():
                if calls.calls:
                    _price(request, candidate, model_id, calls, cache, one, is_counted=model_id in counts)
    return found


def _count(
    request: RunRequest,
    candidate: Candidate,
    indices: Sequence[int],
    cache: ResponseCache | None,
    total: CandidateEstimate,
    asked: set[bytes],
    counts: Mapping[str, Count],
) -> dict[str, _Asked]:
    """Count a candidate's calls, by model."""
    by_model: dict[str, _Asked] = {}
    faults: list[HarnessError] = []

    def known(keys: Sequence[bytes]) -> dict[bytes, Response]:
        return {} if cache is None else {key: one.response(key) for key, one in cache.get_many(keys).items()}

    n_decisions = 0

    def items() -> Iterator[Item]:
        nonlocal n_decisions
        for item in request.golden.items(indices):
            total.items += 1
            n_decisions += request.repeats * is_asked(candidate, item)
            yield item

    for step in requests_of(request, candidate, items(), known, on_fault=faults.append):
        _take(step, total, by_model, asked, counts)
        total.is_lower_bound |= step.is_open and _may_ask_again(candidate)
    if faults and len(faults) == n_decisions:  # as the run itself would end
        raise HarnessError(f"candidate '{candidate.id}': {faults[0]}")
    return by_model


def _take(
    step: Asked, total: CandidateEstimate, by_model: dict[str, _Asked], asked: set[bytes], counts: Mapping[str, Count]
) -> None:
    """Add the requests of one step: answers at hand are learnt from, and none is asked for twice."""
    for key, one in zip(step.keys, step.requests, strict=True):
        model = by_model.setdefault(one.model_id, _Asked())
        if key in step.known:
            total.cached += 1
            _learn(model, one, step.known[key])
        elif key not in asked:
            asked.add(key)
            total.calls += 1
            model.add(one.body, counts.get(one.model_id))


def _may_ask_again(candidate: Candidate) -> bool:
    """Whether what is asked next may hang on the answer, as the candidate says."""
    return bool(getattr(candidate, "has_follow_ups", False))


def _learn(model: _Asked, request: Request, stored: Response) -> None:
    """What an answer at hand took; beyond some hundreds, more would not change the figure."""
    if model.seen.calls >= MOST_LEARNT:
        return
    with suppress(orjson.JSONDecodeError):
        usage = usage_of(orjson.loads(stored.body))
        if usage is not None:
            model.seen.add(request, usage)
            model.each.append((input_estimate(request.body), usage))


def _price(
    request: RunRequest,
    candidate: Candidate,
    model_id: str,
    calls: _Asked,
    cache: ResponseCache | None,
    total: CandidateEstimate,
    *,
    is_counted: bool,
) -> None:
    """Add the tokens and money of the calls to one model."""
    endpoint = request.endpoints[model_id]
    basis, seen = _basis(candidate, endpoint, calls.seen, cache)
    n_input, n_output, n_cached, n_thought = calls.rule_input, calls.rule_output, 0, 0
    if seen is not None:
        n_input = round(calls.rule_input * seen.input_tokens / seen.rule_tokens)
        n_output = round(calls.calls * seen.output_tokens / seen.calls)
        n_thought = round(calls.calls * seen.reasoning_tokens / seen.calls)
        n_cached = round(n_input * seen.cached_tokens / seen.input_tokens) if seen.input_tokens else 0
        total.n_measured += seen.calls
    elif is_counted:
        basis, n_input = "tokeniser", calls.counted_input
    total.input_tokens += n_input
    total.cached_input_tokens += n_cached
    total.output_tokens += n_output
    total.reasoning_tokens += n_thought
    total.basis = max(filter(None, (total.basis, basis)), key=BASES.index)
    if endpoint.price is None:
        total.cost_usd = total.margin_usd = None
    elif total.cost_usd is not None:
        price = batch_price(endpoint.price) if request.is_batch else endpoint.price
        total.cost_usd += cost_usd(Usage(n_input, n_cached, n_output, n_thought), price)
        margin = _margin_usd(calls, price) if seen is calls.seen else None
        total.margin_usd = None if margin is None or total.margin_usd is None else math.hypot(total.margin_usd, margin)


def _margin_usd(calls: _Asked, price: Price) -> float:
    """How far the sum of so many new answers may be from the estimate, two standard errors of it.

    What an answer costs beyond what the ratio of its input and the mean of the outputs make of it is its own.
    """
    seen, n = calls.seen, len(calls.each)
    ratio, output, thought = seen.input_tokens / seen.rule_tokens, seen.output_tokens / n, seen.reasoning_tokens / n
    own = []
    for rule_tokens, usage in calls.each:
        expected = Usage(round(rule_tokens * ratio), usage.cached_tokens, round(output), round(thought))
        own.append(cost_usd(usage, price) - cost_usd(expected, price))
    spread = statistics.stdev(own)
    return Z * spread * math.sqrt(calls.calls**2 / n + calls.calls)


def _basis(
    candidate: Candidate, endpoint: Endpoint, at_hand: Measure, cache: ResponseCache | None
) -> tuple[Basis, Measure | None]:
    """What speaks for calls that nobody has made yet."""
    if at_hand.is_enough:
        return "candidate", at_hand
    names: tuple[Basis, ...] = ("candidate", "model")
    for name, key in zip(names, keys_of(candidate.fingerprint, endpoint), strict=True):
        kept = cache.measured(key) if cache is not None else None
        if kept is not None and (seen := Measure(*kept)).is_enough:
            return name, seen
    return "rule", None
