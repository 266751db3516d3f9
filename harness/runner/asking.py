"""Which requests a run makes, told without making them: candidate by candidate, as far as answers at hand carry it.

Decides which items are put to a candidate, when it prepares them, and the key of a request. The engine puts the same
requests with calls in between; estimates, batches and the look for earlier answers read them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from harness.errors import HarnessError
from harness.records import Item
from harness.records.answers import Candidate, Decide, Request, Response
from harness.runner.keys import Keys
from harness.runner.run_request import RunRequest

CHUNK_ITEMS = 256
"""So many items are prepared together."""
Known = Callable[[Sequence[bytes]], Mapping[bytes, Response]]
"""What is known of the requests of these keys."""


class Asked(Struct, frozen=True):
    """Requests that a decision makes at one time, their keys, and what is known of them."""

    requests: Sequence[Request]
    keys: Sequence[bytes]
    known: Mapping[bytes, Response]

    @property
    def is_open(self) -> bool:
        """Whether the decision cannot go on: one of its answers is not there yet."""
        return any(key not in self.known for key in self.keys)


def is_asked(candidate: Candidate, item: Item) -> bool:
    """Whether an item is put to a candidate: one that is withheld is not, where the candidate goes by its text."""
    return not (item.is_withheld and getattr(candidate, "needs_text", True))


def key_of(request: RunRequest, one: Request, repeat: int) -> bytes:
    """Under which key the journal holds the answer to a request of a run."""
    return Keys(request.endpoints[one.model_id].identity, one.route, repeat=repeat, wave=request.wave).of(one.body)


def requests_of(
    request: RunRequest,
    candidate: Candidate,
    items: Iterable[Item],
    known: Known,
    *,
    repeats: int | None = None,
    is_prepared: bool = False,
    on_fault: Callable[[HarnessError], None] = lambda error: None,
) -> Iterator[Asked]:
    """What a candidate asks about items; each decision is followed to its end, or to a request without an answer.

    Items that it is not asked about are passed over; ``on_fault`` is told of a decision that cannot be made: its row
    will be an error.
    """
    left = (item for item in items if is_asked(candidate, item))
    while chunk := list(islice(left, CHUNK_ITEMS)):
        if not is_prepared:
            candidate.prepare(chunk)
        for item in chunk:
            for repeat in range(request.repeats if repeats is None else repeats):
                yield from _followed(request, candidate, item, repeat, known, on_fault)


def _followed(
    request: RunRequest,
    candidate: Candidate,
    item: Item,
    repeat: int,
    known: Known,
    on_fault: Callable[[HarnessError], None],
) -> Iterator[Asked]:
    decision: Decide | None = None
    responses: list[Response] = []
    try:
        while True:
            try:
                if decision is None:
                    decision = candidate.decide(item)
                    requests = next(decision)
                else:
                    requests = decision.send(responses)
            except StopIteration:
                return
            except HarnessError as error:
                on_fault(error)
                return
            keys = [key_of(request, one, repeat) for one in requests]
            asked = Asked(requests, keys, known(keys))
            yield asked
            if asked.is_open:
                return
            responses = [asked.known[key] for key in keys]
    finally:
        if decision is not None:
            decision.close()
