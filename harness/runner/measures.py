"""How many tokens calls were seen to take: what estimates rest on where there are answers to learn from.

Decides whose answers speak for a call: those to the same candidate, else those of the same model to any candidate, and
how few are too few. Sums are kept in the journal, so that a new week's run, another golden set or a changed prompt is
estimated from what earlier runs saw. What a call may take at most is ``budget``'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from harness.records.answers import Candidate, Request, Usage
from harness.runner.budget import input_estimate
from harness.runner.endpoint import Endpoint
from harness.runs.canonical import canonical_json

FEWEST = 20
"""Fewer answers than these are no measure."""


@dataclass(slots=True)
class Measure:
    """Sums over answers that said what they used; ``rule_tokens`` is what the rule of thumb made of their requests."""

    calls: int = 0
    rule_tokens: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def add(self, request: Request, usage: Usage) -> None:
        """Count one answer."""
        self.calls += 1
        self.rule_tokens += input_estimate(request.body)
        self.input_tokens += usage.input_tokens
        self.cached_tokens += usage.cached_tokens
        self.output_tokens += usage.output_tokens
        self.reasoning_tokens += usage.reasoning_tokens

    def plus(self, other: Measure) -> Measure:
        """Both together."""
        return Measure(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    @property
    def is_enough(self) -> bool:
        """Whether it rests on enough answers."""
        return self.calls >= FEWEST and self.rule_tokens > 0


class Measures:
    """Sums of one run, by candidate and model."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Measure] = {}

    def add(self, candidate_id: str, request: Request, usage: Usage) -> None:
        """Count one answer that was paid for."""
        at = (candidate_id, request.model_id)
        found = self._found.get(at)
        if found is None:
            found = self._found[at] = Measure()
        found.add(request, usage)

    def sums(
        self, candidates: Iterable[Candidate], endpoints: Mapping[str, Endpoint]
    ) -> list[tuple[bytes, tuple[int, ...]]]:
        """What is added to the journal: for every candidate and model, and for the model alone."""
        prints = {one.id: one.fingerprint for one in candidates}
        by_key: dict[bytes, Measure] = {}
        for (candidate_id, model_id), found in self._found.items():
            for key in keys_of(prints[candidate_id], endpoints[model_id]):
                by_key[key] = by_key.get(key, Measure()).plus(found)
        return [(key, astuple(one)) for key, one in by_key.items()]


def keys_of(fingerprint: Mapping[str, Any], endpoint: Endpoint) -> tuple[bytes, bytes]:
    """Under which keys the journal knows a candidate at an endpoint, and the endpoint's model with any candidate."""
    place = (endpoint.identity, endpoint.model_id)
    return _digest(*place, canonical_json(fingerprint).decode()), _digest(*place)


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
