"""Whether a 503 or 529 says "too many", as a 429 does, that the endpoint is down, or that it will not have one text.

Decides by the endpoint's other calls, since servers mean all three (nginx limits by 503). Where a call that left later
was answered, one that was taken is still under way, or an answer came just now, the endpoint is up: the refusal tells
of a limit as a 429 does.
But a limit refuses whoever comes: a text that was passed over more often than those that were answered is refused for
its own sake, which tells nothing of the endpoint; after a few times as many the item ends. Where nothing was answered
meanwhile, a refusal is a fault as any other. What a limit is, is left to ``limits``, whether to ask again to ``retry``.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

from msgspec import Struct

from harness.runner.limits import RECENT_ANSWERS

TOO_MANY = 429
EITHER = frozenset({503, 529})
UNDER_WAY_S = 1.0
"""A call that is not refused within this time was taken; for so long after an answer an endpoint is held to be up."""
Says = Literal["limit", "nothing", "down"]
FEW, MANY = 3, 5
"""So many refusals, however slowly calls are made, are no outage; so many may be the silence of one."""
PATIENCE = 3
"""How many times as often an item may be passed over as one of those that were answered lately."""


class Tries(Struct, gc=False):
    """The attempts of one item.

    Attributes:
        first: Which call of the endpoint the first one was.
        number: The latest one.
        before: The one before it.
    """

    first: int = 0
    number: int = 0
    before: int = 0
    n: int = 0
    n_passed: int = 0
    """Those refused while the endpoint was up: the longer waits of an outage are not for them."""
    n_passed_over: int = 0
    """Those with another status than 429 while others were answered."""
    n_excused: int = 0
    """Those that say "later" and not "broken", whatever becomes of others."""


class Busy:
    """What the refusals of one endpoint say."""

    __slots__ = ("_answered", "_answered_at", "_began_at", "_n_refused", "_n_sent", "_needed", "_under_way")

    def __init__(self) -> None:
        self._n_sent = self._answered = self._n_refused = 0
        self._answered_at = self._began_at = -math.inf
        self._under_way: dict[int, float] = {}
        self._needed: deque[int] = deque([0], maxlen=RECENT_ANSWERS)

    def sent(self, tries: Tries, now: float) -> None:
        """A call of this item leaves."""
        if self._n_sent == 0:
            self._began_at = now
        self._n_sent += 1
        tries.n += 1
        tries.first = tries.first or self._n_sent
        tries.before = tries.number or self._n_sent
        tries.number = self._n_sent
        self._under_way[tries.number] = now

    def ended(self, tries: Tries) -> None:
        """It has ended in some way."""
        self._under_way.pop(tries.number, None)

    def answered(self, tries: Tries, now: float) -> None:
        """An item was answered."""
        self._answered_at, self._n_refused = now, 0
        self._answered = max(self._answered, tries.number)
        self._needed.append(tries.n_passed_over)

    def refused(self, tries: Tries, status: int, now: float) -> Says:
        """A call was refused for now: what this tells."""
        is_later_answered = self._answered > tries.before
        is_up = is_later_answered or now - next(iter(self._under_way.values()), now) >= UNDER_WAY_S
        is_near_one = now - self._answered_at <= UNDER_WAY_S or (self._answered > 0 and self._n_refused < FEW)
        self._n_refused += 1
        tries.n_passed += is_up
        if status == TOO_MANY:
            tries.n_excused += 1
            return "limit"
        tries.n_excused += is_up and not is_later_answered
        tries.n_passed_over += is_later_answered or (is_near_one and not is_up)
        if not (is_up or is_near_one):
            return "down"
        return "limit" if tries.n_passed_over <= 1 + max(self._needed) else "nothing"

    def failed(self) -> None:
        """A call had no answer, for another reason than a limit."""
        self._n_refused += 1

    def is_own(self, tries: Tries) -> bool:
        """Whether a call was answered that left after the item's first one."""
        return self._answered > tries.first

    def silence_s(self, now: float) -> float:
        """Since when calls have failed and none was answered."""
        return now - max(self._answered_at, self._began_at) if self._n_refused >= MANY else 0.0

    def n_put_off(self, tries: Tries) -> int:
        """Attempts that used up none of the item's."""
        return tries.n_excused + min(tries.n_passed_over, PATIENCE * max(self._needed))
