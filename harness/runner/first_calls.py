"""Whether an endpoint's set-up is wrong, told from what became of the first requests to it.

Decides when a run is not worth going on with: the first ten requests that were begun, not the first ten that ended, all
failed for few reasons (one in three may be another: behind one address several servers may refuse, each in its words),
and nothing was ever answered. One quick refusal in four therefore ends no run; nor do ten texts that a filter refuses
in words that nobody knows, at the head of a set that is sorted by label: a harmless text is asked before a run ends.
"""

from __future__ import annotations

import re

from harness.records.answers import Request

FIRST = 10
REQUESTS_A_REASON = 3
_VARYING = re.compile(r"\[item text\]|\[redacted\]|[\w+/=.:-]*\d[\w+/=.:-]*|[\w+/=-]{16,}", re.ASCII)
_QUOTED = re.compile(r"(['\"`]).*\1")
_WORD = re.compile(r"[^\W\d_]+")


def words(reason: str) -> frozenset[str]:
    """What a reason says, without what varies from one request to the next: ids, numbers, times, what is quoted.

    >>> sorted(words("no model 'x' (request req_01HXYZ, at 2026-11-23T12:00:00Z)"))
    ['at', 'model', 'no', 'request']
    """
    return frozenset(_WORD.findall(_QUOTED.sub(" ", _VARYING.sub(" ", reason)).casefold()))


def is_alike(reason: str, other: str) -> bool:
    """Whether two reasons are one: at least half of their words are the same.

    >>> is_alike("no such model (request 7)", "no such model (request 8)"), is_alike("no such model", "bad word")
    (True, False)
    """
    one, two = words(reason), words(other)
    return 2 * len(one & two) >= len(one | two)


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
        self.asked: Request | None = None
        """The first of them to fail."""
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
        """Why every request that was begun failed, where they did so for few reasons; None where they did not."""
        if self.is_proven or not self._ends or len(self._ends) < min(self._n_begun, self._n):
            return None
        kinds: list[str] = []
        for _, reason in sorted(self._ends.items()):
            if not reason:
                return None
            if not any(is_alike(reason, one) for one in kinds):
                kinds.append(reason)
        return "; or: ".join(kinds) if len(kinds) <= max(1, len(self._ends) // REQUESTS_A_REASON) else None

    @property
    def is_settled(self) -> bool:
        """Whether it is known what became of the first: something was answered, or all of them have ended."""
        return self.is_proven or len(self._ends) >= self._n

    def __len__(self) -> int:
        return len(self._ends)
