"""Decisions carried as far as the journal goes, a handful at a time, before anybody is asked.

Decides how many are looked up together: few where calls are to be made, so that none waits for the others, and a whole
chunk where the journal holds everything. Those that take calls go on in ``engine``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from harness.records import Item
from harness.records.answers import Answer, Candidate
from harness.runner.asking import CHUNK_ITEMS, is_asked
from harness.runner.deciding import Deciding
from harness.runner.lookups import Lookups
from harness.runner.measures import Measures
from harness.runner.replies import Reply

FEWEST = 16
"""So many decisions are looked up together; twice as many each time that the journal held all of them."""
MOST_BYTES = 2**20
"""Of the requests of decisions that are looked up together: pictures are large."""
WITHHELD = Answer("withheld")


class Ahead:
    """Makes the decisions of one candidate.

    Args:
        measures: Told of nothing but what calls took; answers of the journal are none.
        remaining_s: How long the calls of one decision may take.
        is_over: Whether the run is ending: nothing is decided any more.
    """

    def __init__(
        self,
        candidate: Candidate,
        lookups: Lookups,
        measures: Measures,
        remaining_s: float,
        *,
        is_over: Callable[[], bool],
        is_late: Callable[[], bool],
    ) -> None:
        self._candidate = candidate
        self._lookups = lookups
        self._measures = measures
        self._remaining_s = remaining_s
        self._is_over = is_over
        self._is_late = is_late
        self._most = FEWEST

    def take(self, rows: Iterator[tuple[Item, int]]) -> list[Deciding]:
        """The next decisions, at least one while there are rows; those without an answer take calls, or were not begun.

        Where a run ends meanwhile, some have none that could have had one.
        """
        together = self._begun(rows)
        waiting = [one for one in together if one.answer is None and one.requests]
        while waiting and not self._is_over():
            for one in waiting:
                one.sought = self._lookups.seek(one.requests, one.repeat)
            self._lookups.look_up([sought for one in waiting for sought in one.sought or ()])
            waiting = [one for one in waiting if self._is_moved_on(one)]
        is_all_known = all(one.answer is not None for one in together)
        self._most = min(2 * self._most, CHUNK_ITEMS) if is_all_known else FEWEST
        return together

    def _begun(self, rows: Iterator[tuple[Item, int]]) -> list[Deciding]:
        together: list[Deciding] = []
        n_bytes = 0
        candidate, remaining_s, is_over, is_late = self._candidate, self._remaining_s, self._is_over(), self._is_late
        for item, repeat in islice(rows, self._most):
            one = Deciding(candidate, item, repeat, remaining_s)
            together.append(one)
            if not is_asked(candidate, item):
                one.answer = WITHHELD
            elif not is_over:
                one.begin()
                for request in one.requests:
                    n_bytes += len(request.body)
                if n_bytes > MOST_BYTES or is_late():
                    break
        return together

    def _is_moved_on(self, one: Deciding) -> bool:
        """Go on with what the journal holds, where that is all a decision waits for; whether it waits for more now."""
        replies: list[Reply] = []
        for sought in one.sought or ():
            if sought.stored is None:
                return False
            replies.append(self._lookups.reply(sought.target, sought.request, sought.key, sought.stored))
        one.take(replies, self._measures)
        return one.answer is None
