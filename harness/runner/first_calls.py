"""Whether an endpoint's set-up is wrong, told from what became of the first requests to it.

Decides when a run is not worth going on with: the first ten requests that were begun, not the first ten that ended, all
failed alike, and nothing was ever answered. One quick refusal in four therefore ends no run.
"""

from __future__ import annotations

import re

FIRST = 10
_VARYING = re.compile(r"[0-9a-f]*\d[0-9a-f]*")


def alike(reason: str) -> str:
    """A reason without what varies from one request to the next: numbers, and the hexadecimal of ids."""
    return _VARYING.sub("#", reason)


class FirstCalls:
    """Keeps the ends of the first requests to one endpoint.

    >>> first = FirstCalls(2)
    >>> one, two = first.begin(), first.begin()
    >>> first.failed(two, "no such model (request 7)"), first.failed(one, "no such model (request 8)")
    (False, True)
    """

    def __init__(self, n: int = FIRST) -> None:
        self._n = n
        self._n_begun = 0
        self._ends: dict[int, str] = {}
        self.is_proven = False
        """Whether anything was ever answered."""

    def begin(self) -> int:
        """A request starts; its number."""
        self._n_begun += 1
        return self._n_begun - 1

    def succeeded(self) -> None:
        """Something was answered: what fails from here on is the item's own."""
        self.is_proven = True

    def failed(self, number: int, reason: str) -> bool:
        """A request ended without an answer; whether the first ones all ended like this. ``""`` is like no other."""
        if self.is_proven or number >= self._n:
            return False
        self._ends[number] = reason
        return len(self._ends) == self._n and self.same_reason() is not None

    def same_reason(self) -> str | None:
        """Why every request that was begun failed, where all ended alike; None where they did not."""
        if self.is_proven or not self._ends or len(self._ends) < min(self._n_begun, self._n):
            return None
        if "" in self._ends.values() or len({alike(reason) for reason in self._ends.values()}) != 1:
            return None
        return self._ends[min(self._ends)]

    def __len__(self) -> int:
        return len(self._ends)
