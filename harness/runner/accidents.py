"""Whether a 429 tells of a limit, or is one of those that come whatever is done.

Decides from which calls were refused, in the order in which they started. A limit refuses what is beyond it, one call
after the other, and nothing below it; an overloaded server that others use too refuses now and then, at any rate and
any number of calls. How often that is, is learnt from calls that tried nothing new. Refusals of calls that follow each
other are one accident, and none at all once they are taken for a limit. Which limit, ``places`` and ``pace`` decide.
"""

from __future__ import annotations

import math

CERTAIN = 5000.0
"""Odds from which on 429s tell of a limit: chance alone comes to them less than once in as many calls."""
RARE = 0.025
"""Where accidents are rarer than this share of the calls, a single 429 tells of what was tried just then."""
ASSUMED, ASSUMED_CALLS = 0.5, 50.0
"""What is taken for granted before anything was seen: half an accident in fifty calls."""
LEAST, MOST = 0.01, 1.0 / 3.0
"""Two refusals in a row can be chance, however rare; of more than a third, what is beyond the third is none, unless it
is in vain to slow calls."""
REMEMBERED_CALLS = 400.0
IN_VAIN, SOON_CALLS = 2, 16
"""So often calls were slowed, and refused again before so many more were answered: it may be in vain."""
FEWEST_REFUSED, FEWEST_ANSWERED, LEAST_IN_VAIN, MOST_IN_VAIN = 12, 8, 0.3, 0.9
"""Where so many were refused and answered since, and the share is no less, it is: what is refused so is chance."""
REFUTED = 4
"""How much more often it takes after that turned out to be wrong."""


class Accidents:
    """Weighs 429s: each one makes a limit the likelier the rarer accidents are, each call between halves the odds.

    That is Page's CUSUM with a likelihood ratio, against a limit that refuses half of what accidents leave.
    """

    __slots__ = (
        "_acted_at", "_before", "_is_freed", "_latest", "_most", "_n", "_n_accidents", "_n_answered", "_n_needed",
        "_n_refused", "_n_slowed", "_since",
    )  # fmt: skip

    def __init__(self) -> None:
        self._n = self._n_accidents = 0.0
        self._latest: dict[int, bool] = {}
        self._most = MOST
        self._acted_at = -math.inf
        self._n_answered = self._n_refused = self._n_slowed = self._since = 0
        self._n_needed, self._is_freed = IN_VAIN, False
        self._before = self._most, self._n, self._n_accidents

    @property
    def share(self) -> float:
        """Share of calls that are refused by accident."""
        return min(self._most, (self._n_accidents + ASSUMED) / (self._n + ASSUMED_CALLS))

    @property
    def are_rare(self) -> bool:
        """Whether one 429 tells of what was tried just then."""
        return self.share < RARE

    def answered(self) -> None:
        """A call was answered."""
        self._n += 1.0
        if self._n > REMEMBERED_CALLS:
            self._n, self._n_accidents = self._n / 2.0, self._n_accidents / 2.0

    def happened(self) -> None:
        """A 429 that told of a limit was an accident after all."""
        self._n_accidents += 1.0

    def refused(self, number: int, *, is_tried: bool) -> float:
        """The odds that this 429 and those just before it tell of a limit; where one was tried, it was no accident."""
        share = max(LEAST, self.share)
        up = (1.0 + share) / (2.0 * share)
        is_counted = not is_tried and number - 1 not in self._latest
        self._n_accidents += is_counted
        self._latest[number] = is_counted
        odds = 1.0
        run: dict[int, bool] = {}
        for one in sorted(self._latest):
            odds *= 0.5 ** min(one - max(run, default=one) - 1, 64)
            if odds <= 1.0:
                odds, run = 1.0, {}
            odds *= up
            run[one] = self._latest[one]
        self._latest = run
        return odds

    def saw(self, at: float, *, is_answered: bool) -> bool:
        """What became of a call that started then: whether calls were slowed in vain, and what is refused is chance."""
        if at <= self._acted_at:
            return False
        self._n_answered += is_answered
        self._n_refused += not is_answered
        share = self._n_refused / (self._n_answered + self._n_refused)
        is_enough = self._n_refused >= FEWEST_REFUSED and self._n_answered >= FEWEST_ANSWERED
        if is_answered or self._n_slowed < self._n_needed or not is_enough or share < LEAST_IN_VAIN:
            return False
        self._before = self._most, self._n, self._n_accidents
        self._most = max(self._most, min(MOST_IN_VAIN, share))
        self._n, self._n_accidents = REMEMBERED_CALLS, share * (REMEMBERED_CALLS + ASSUMED_CALLS)
        self._latest = {}
        self._n_slowed = self._n_answered = self._n_refused = self._since = 0
        self._is_freed = True
        return True

    def slowed(self, at: float, now: float) -> bool:
        """Calls are slowed since one that started then was refused: whether for the first time, or since it helped."""
        if at <= self._acted_at:
            return False
        n = self._n_answered + self._n_refused
        if self._is_freed and n and self._n_refused / n > (1.0 + self.share) / 2.0:
            self._n_needed *= REFUTED
            self._most, self._n, self._n_accidents = self._before
        self._is_freed = False
        self._acted_at = now
        if self._n_answered - self._since >= SOON_CALLS:
            self._n_slowed = self._n_answered = self._n_refused = 0
        self._n_slowed += 1
        self._since = self._n_answered
        return self._n_slowed == 1

    def clear(self) -> None:
        """The latest were none; what is refused from now on is judged by itself."""
        self._n_accidents = max(0.0, self._n_accidents - sum(self._latest.values()))
        self._latest = {}
