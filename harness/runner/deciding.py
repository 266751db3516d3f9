"""One decision on its way: what it asks next, and what it has taken so far.

Decides how the replies to a decision's requests add up to its row. Who answers them is decided by ``calls``, which
decision is made when by ``engine``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from msgspec import Struct

from harness.errors import HarnessError
from harness.records import Item
from harness.records.answers import Answer, Candidate, Decide, Prediction, Request, Response, Usage
from harness.runner.budget import NO_USAGE, add_usage
from harness.runner.lookups import Sought
from harness.runner.measures import Measures
from harness.runner.replies import Reply


class Deciding(Struct):
    """What a candidate makes of an item in one repeat.

    Attributes:
        sought: The same as the journal knows it, once that was looked up.
    """

    _candidate: Candidate
    item: Item
    repeat: int
    remaining_s: float
    requests: Sequence[Request] = ()
    sought: list[Sought] | None = None
    answer: Answer | None = None
    _decision: Decide | None = None
    _usage: Usage = NO_USAGE
    _cost_usd: float = 0.0
    _latency_ms: float = 0.0
    _keys: tuple[str, ...] = ()
    _is_cached: bool = True
    _is_priced: bool = True
    _is_timed: bool = True

    def begin(self) -> None:
        """Go on to the first requests, or to the end where nobody is asked."""
        self._go_on(None)

    def take(self, replies: Sequence[Reply], measures: Measures) -> None:
        """Count the replies to what it waits for, and go on with them."""
        slowest_ms = longest_s = 0.0
        responses = []
        for request, reply in zip(self.requests, replies, strict=True):
            response = reply.response
            responses.append(response)
            self._keys += (response.key,)
            self._is_cached = self._is_cached and response.is_cached
            if isnan(response.latency_ms):  # it came in a batch
                self._is_timed = False
            elif response.latency_ms > slowest_ms:
                slowest_ms = response.latency_ms
            if reply.usage is not None:
                self._usage = reply.usage if self._usage is NO_USAGE else add_usage(self._usage, reply.usage)
                if not response.is_cached:
                    measures.add(self._candidate.id, request, reply.usage)
            if reply.cost_usd is None:
                self._is_priced = False
            else:
                self._cost_usd += reply.cost_usd
            if reply.spent_s > longest_s:
                longest_s = reply.spent_s
        self._latency_ms += slowest_ms
        self.remaining_s -= longest_s
        self.sought = None
        self._go_on(responses)

    def _go_on(self, responses: list[Response] | None) -> None:
        """To the next requests, or to the answer."""
        try:
            while True:
                if self._decision is None or responses is None:
                    self._decision = self._candidate.decide(self.item)
                    self.requests = next(self._decision)
                else:
                    self.requests = self._decision.send(responses)
                if self.requests:
                    return
                responses = []
        except StopIteration as done:
            self.answer = done.value
        except HarnessError as error:  # of this one item: a field it lacks, a text beyond a limit
            self.answer = Answer("error", error=" ".join(str(error).split()))
        self._decision = None

    def row(self) -> Prediction:
        """Its row, once it has an answer."""
        answer, is_asked = self.answer, bool(self._keys)
        if answer is None:
            raise RuntimeError("the decision is not made yet")
        latency_ms, cost_usd = answer.latency_ms, answer.cost_usd
        if is_asked:
            if latency_ms is None and self._is_timed:
                latency_ms = self._latency_ms
            if cost_usd is None and self._is_priced:
                cost_usd = self._cost_usd
        return Prediction(
            self._candidate.id,
            self.item.id,
            self.repeat,
            answer,
            latency_ms,
            self._usage,
            cost_usd,
            is_asked and self._is_cached,
            " ".join(self._keys) if is_asked else None,
        )
