"""Whether a 429 tells of a limit, or is one of those that come whatever is done.

Decides from which calls were refused, in the order in which they started. A limit refuses what is beyond it, one call
after the other, and nothing below it; an overloaded server that others use too refuses now and then, at any rate and
any number of calls. How often that is, is learnt from calls that tried nothing new. Refusals of calls that follow each
other are one accident, and none at all once they are taken for a limit. Which limit, ``places`` and ``pace`` decide.
"""

from __future__ import annotations

CERTAIN = 5000.0
"""Odds from which on 429s tell of a limit: chance alone comes to them less than once in as many calls."""
RARE = 0.025
"""Where accidents are rarer than this share of the calls, a single 429 tells of what was tried just then."""
ASSUMED, ASSUMED_CALLS = 0.5, 50.0
"""What is taken for granted before anything was seen: half an accident in fifty calls."""
LEAST, MOST = 0.01, 1.0 / 3.0
"""Two refusals in a row can be chance, however rare; of more than a third, what is beyond the third is none."""
REMEMBERED_CALLS = 400


class Accidents:
    """Weighs 429s: each one makes a limit the likelier the rarer accidents are, each call between halves the odds.

    That is Page's CUSUM with a likelihood ratio, against a limit that refuses half of what accidents leave.
    """

    __slots__ = ("_latest", "_n", "_n_accidents")

    def __init__(self) -> None:
        self._n = self._n_accidents = 0.0
        self._latest: dict[int, bool] = {}

    @property
    def share(self) -> float:
        """Share of calls that are refused by accident."""
        return min(MOST, (self._n_accidents + ASSUMED) / (self._n + ASSUMED_CALLS))

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

    def clear(self) -> None:
        """The latest were none; what is refused from now on is judged by itself."""
        self._n_accidents = max(0.0, self._n_accidents - sum(self._latest.values()))
        self._latest = {}
