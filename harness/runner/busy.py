"""Whether a 503 or 529 says "too many", as a 429 does, or that the endpoint is down.

Decides by the endpoint's other calls, since servers mean either (nginx limits by 503). A refusal with an answer soon
before and another soon after is no outage; half of the latest calls refused so, and the endpoint limits what it takes.
From then on limits are told of such refusals, and those before an answer use up none of their items' attempts.
Fewer are accidents, or one text's own, and they count as any fault; so do those that no answer follows. What they tell
of is left to ``limits``, whether to ask again to ``retry``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from harness.runner.limits import RECENT_ANSWERS, Limiter
from harness.runner.places import DISPROVED, Ticket

TOO_MANY = 429
EITHER = frozenset({503, 529})
SOON_S = 10.0
"""An answer so near tells of a refusal."""
MOST_HELD = 1000


class Refusal(NamedTuple):
    """A call that was refused."""

    headers: Mapping[str, str]
    asked_s: float | None
    ticket: Ticket
    at: float


class Busy:
    """What the refusals of one endpoint say.

    Attributes:
        n_proofs: Answers since it is known to limit what it takes.
    """

    __slots__ = ("_answered_at", "_held", "_is_limit", "_latest", "_n_lost", "n_proofs")

    def __init__(self) -> None:
        self.n_proofs = 0
        self._answered_at = -math.inf
        self._held: deque[Refusal] = deque(maxlen=MOST_HELD)
        self._latest: deque[bool] = deque(maxlen=RECENT_ANSWERS)
        self._is_limit = False
        self._n_lost = 0

    def refused(self, limiter: Limiter, refusal: Refusal) -> bool:
        """A 503 or 529: whether it is one of a limit, as far as is known; else the next answers may tell so."""
        if self._answered_at < refusal.ticket.at - SOON_S:
            return False
        if self._is_limit:
            limiter.on_rate_limit(refusal.headers, refusal.asked_s, refusal.ticket)
        else:
            self._held.append(refusal)
        return self._is_limit

    def answered(self, limiter: Limiter, ticket: Ticket, now: float) -> None:
        """A call was answered: those refused before it, and soon before, are no outage's."""
        self._answered_at = now
        while self._held and self._held[0].ticket.number < ticket.number:
            one = self._held.popleft()
            if one.at < ticket.at - SOON_S:
                continue
            self._latest.append(True)
            self._is_limit = self._n_lost < DISPROVED and (self._is_limit or sum(self._latest) >= RECENT_ANSWERS / 2)
            if self._is_limit:
                limiter.on_rate_limit(one.headers, one.asked_s, one.ticket, one.at)
        self._latest.append(False)
        self.n_proofs += self._is_limit

    def ended(self, tries: Tries, most: int, *, is_answered: bool) -> None:
        """An item ended, of which so many attempts may fail: put off for good, it tells of itself and no limit."""
        if tries.n_put_off and tries.n - tries.n_put_off <= most and self._n_lost < DISPROVED:
            self._n_lost = 0 if is_answered else self._n_lost + 1
            self._is_limit = self._is_limit and self._n_lost < DISPROVED


class Tries(Struct, gc=False):
    """The attempts of one item.

    >>> tries = Tries()
    >>> for status, n_proofs in ((503, 4), (500, 5), (429, 5), (503, 5)):
    ...     tries.failed(status, n_proofs)
    >>> tries.n, tries.n_put_off
    (4, 2)
    """

    n: int = 0
    n_put_off: int = 0
    """Those that said "later", and not "broken"."""
    _n_open: int = 0
    _n_proofs: int = 0

    def failed(self, status: int | None, n_proofs: int) -> None:
        """One more, when so many answers had shown that the endpoint limits what it takes."""
        self.n += 1
        if n_proofs > self._n_proofs:
            self.n_put_off, self._n_open, self._n_proofs = self.n_put_off + self._n_open, 0, n_proofs
        self.n_put_off += status == TOO_MANY
        self._n_open += status in EITHER
