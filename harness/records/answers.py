"""What passes between a candidate and whoever runs it: requests, responses, answers, and the row that comes of them.

Decides the outcomes a row can have, and which of them are a failed answer, a missing pair or no call at all.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from harness.records.golden import Item

Outcome = Literal[
    "ok", "unparsed", "refused", "blocked", "abstained", "error", "withheld", "not_asked", "rejected", "human"
]

OUTCOMES: tuple[Outcome, ...] = ("ok", "unparsed", "refused", "blocked", "abstained", "error")
"""Six different facts about a call. An item whose text is withheld is never asked: its row says ``withheld``."""

WITHHELD: Outcome = "withheld"
REJECTED: Outcome = "rejected"
"""The endpoint refuses this very item, whatever is tried (too long, a 403, 413 or 422 where others are answered): a
lasting fact about system and item, which production meets too. A row file says ``error`` and marks it."""
NOT_ASKED: Outcome = "not_asked"
"""A row that nobody was asked for: the run stopped before it, or a file of decisions holds none for its item."""
HUMAN: Outcome = "human"
"""The third decision: in some category a person is to look. Neither a failure nor a decision; counted as neither."""
UNASKED: tuple[Outcome, ...] = (WITHHELD, NOT_ASKED)
"""Rows that cannot fail: they enter no rate of errors or failures, and are shown only where there are any."""
MISSING_OUTCOMES: tuple[Outcome, ...] = ("error", *UNASKED)
"""Rows that are a missing pair: never a decision, never a "no"."""
FALLBACK_OUTCOMES: tuple[Outcome, ...] = ("unparsed", "refused", "blocked", "abstained", REJECTED)
"""Outcomes that enter the metrics as the declared ``on_failure`` decision; ``error`` is a missing pair instead."""
ANSWERED_OUTCOMES: tuple[Outcome, ...] = ("ok", HUMAN, *FALLBACK_OUTCOMES)
"""Rows that hold an answer, usable or not: what a failure rate is a share of."""


CHAT_ROUTE = "/chat/completions"
"""Route of a chat request: native wires say it in their provider's own language."""


class Request(Struct, frozen=True, gc=False):
    """One call a candidate wants made: which model's endpoint, which route, and the exact body."""

    model_id: str
    route: str
    body: bytes


class Usage(Struct, frozen=True, gc=False):
    """Tokens a response says it used; those of reasoning are part of the output, cached ones part of the input."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


class Response(Struct, frozen=True, gc=False):
    """What came back for a request. ``error`` is set when no usable answer came back after all retries.

    ``document`` is the parsed body, where the runner has read it already.
    """

    key: str
    status: int
    body: bytes
    latency_ms: float
    is_cached: bool = False
    error: str | None = None
    document: Any = None
    cost_usd: float | None = None
    """List price of the answer; None where nobody knows it."""


class StageTaken(Struct, frozen=True):
    """A stage that a cascade took for one item.

    Attributes:
        use: The candidate that was asked.
        settled: Categories that it settled; no later stage was asked about them.
        last: Categories that it had the last word on without settling them.
        calls: Requests that it made.
        latency_ms: Time of its answer; None where it was not timed.
        cost_usd: List price of its answers; None where nobody knows it.
    """

    use: str
    settled: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    calls: int = 0
    latency_ms: float | None = None
    cost_usd: float | None = None


class Answer(Struct, frozen=True, gc=False):
    """A candidate's reading of what came back: one outcome, and a decision and score per category.

    A category that is absent from ``decisions`` was not decided (None); that is neither 0 nor an error. Those of
    ``to_person`` are not decided because a person is to look.
    """

    outcome: Outcome
    decisions: Mapping[str, int | None] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    rationale: str | None = None
    error: str | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None
    to_person: tuple[str, ...] = ()
    stages: tuple[StageTaken, ...] = ()


Decide = Generator[Sequence[Request], Sequence[Response], Answer]
"""A decision in progress: yields batches of requests, is sent their responses, returns the answer."""


class Candidate(Protocol):
    """Anything that decides. Candidates do no I/O: the runner makes the calls they yield."""

    @property
    def id(self) -> str:
        """Name in the eval file."""

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """Everything that can change a decision, as JSON: names, versions and hashes of inputs."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories it can decide; it says nothing about the others."""

    @property
    def needs_text(self) -> bool:
        """False when it can decide an item that is withheld."""

    @property
    def models_used(self) -> tuple[str, ...]:
        """Names in models.yaml that its requests may go to."""

    def prepare(self, items: Sequence[Item]) -> None:
        """Called with each chunk of items before they are decided; for candidates that work in batches."""

    def decide(self, item: Item) -> Decide:
        """Decide one item; local candidates return without yielding."""


class Prediction(Struct, frozen=True, gc=False):
    """One row of a run: what one candidate made of one item in one repeat."""

    candidate: str
    item_id: str
    repeat: int
    answer: Answer
    latency_ms: float | None
    usage: Usage
    cost_usd: float | None
    is_cached: bool
    response_key: str | None
