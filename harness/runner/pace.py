"""The rate of an endpoint that tells none: learnt from what it let through, kept a little below, tried again with care.

Decides a rate from the moments when the server's allowance was used up: between two of them it let through what it
gives, and what it had saved up. Both say between which ends the rate lies: the more calls, the narrower, and the longer
it is kept. It starts below the one that was learnt, comes up to it, and only then goes beyond, slowly at first (the
curve of CUBIC, RFC 9438), by calls that it held back and not by time. Before anything was measured, calls start one by
one, ever faster. Where the allowance comes back as a whole, ``windows`` decides instead.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress

from harness.runner.buckets import SLACK_S, Bucket
from harness.runner.places import DISPROVED, Ticket
from harness.runner.windows import Window

FIRST_PER_S, LEAST_PER_S = 8.0, 0.1
"""The rate that is tried first, and the least one."""
FASTER, FASTER_PER_S = 0.2, 4.0
"""By which share, and by how much at most, the rate grows with a call while it is searched for."""
LEAST_SPACED = 8
"""So many calls show what was saved up meanwhile."""
LEAST_WIDTH, MOST_SURE, MOST_WIDTH = 0.03, 0.06, 0.5
"""How far the ends may be from what was learnt; up to the second, an early 429 may be an accident."""
STAY, FIRST_STAY, LONGEST_STAY = 4, 4, 512
"""So many calls until the rate is where it was learnt: a try costs a refusal or two."""
FALLEN = 0.7
"""A limit that falls so far falls once: a rate that went on falling, at once or bit by bit, is none."""
LAST_CALLS = 10_000


class LearntPace:
    """A rate that is learnt; nothing is slowed before the first 429."""

    __slots__ = (
        "_bucket", "_edge_at", "_edge_number", "_held_at", "_known_at", "_lately", "_level", "_n_held",
        "_n_refused", "_n_unexpected", "_per_s", "_saved", "_search", "_stay", "_width", "_window",
    )  # fmt: skip

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=LAST_CALLS)
        self._edge_at = self._known_at = -math.inf
        self._edge_number = self._n_refused = 0
        self._saved = -1
        self._n_unexpected = self._n_held = 0
        self._level = 0.0
        """What the rate was before it fell."""
        self._held_at = -math.inf
        self._window = Window(self._lately)
        self._per_s = 0.0
        self._width = LEAST_WIDTH
        self._stay = FIRST_STAY
        self._search = FIRST_PER_S
        self._bucket: Bucket | None = None

    @property
    def is_known(self) -> bool:
        """Whether a rate was learnt."""
        return self._per_s > 0.0

    @property
    def is_trying(self) -> bool:
        """Whether calls start at a rate that is not known to be held."""
        return self._bucket is not None and (not self.is_known or 2 * self._n_held >= self._stay)

    @property
    def per_minute(self) -> float:
        """The learnt rate; 0 before it is known."""
        return self._per_s * 60.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may start."""
        if self._bucket is None:
            return 0.0
        self._bucket.rate = self._rate()
        return max(self._bucket.wait_s(1.0, now), self._window.wait_s(now))

    def take(self, now: float) -> None:
        """A call starts."""
        self._window.take(now)
        self._lately.append(now)
        if self._bucket is not None:
            if self._bucket.is_awaited:
                self._n_held, self._held_at = self._n_held + 1, now
            self._bucket.take(1.0, now)
            self._search += min(FASTER * self._search, FASTER_PER_S)

    def held_back(self, now: float) -> bool:
        """Whether a call that started then was held back by the rate, so that its 429 tells of it."""
        return self._bucket is not None and (not self.is_known or now - self._held_at <= 2.0 / self._rate())

    def forget(self, ticket: Ticket) -> None:
        """A call was refused, and is not among what was let through."""
        with suppress(ValueError):
            self._lately.remove(ticket.at)
        self._n_refused += ticket.number > self._edge_number

    def on_rate_limit(
        self, ticket: Ticket, now: float, *, is_rate: bool, is_state: bool = False, asked_s: float | None = None
    ) -> bool:
        """A 429: whether a rate was learnt from it.

        Args:
            ticket: The call that was refused.
            now: Monotonic seconds.
            is_rate: Whether it tells of the rate; others are only not counted among what was let through.
            is_state: Whether it is one of several, and no accident.
            asked_s: For how long it asks to wait; None where it does not.
        """
        self.forget(ticket)
        if self._saved < 0:
            self._saved = ticket.number - 1
        if ticket.at <= self._known_at:
            return False
        is_early = self.is_known and self._width <= MOST_SURE and not self.is_trying and not is_state
        if not is_rate or is_early:
            self._doubt()
            if is_early and self.is_known:  # a little less, or an accident
                self._per_s, self._n_held, self._known_at = min(self._per_s, self._rate()), 0, now
            return False
        if self._bucket is not None:
            self._bucket.tokens = min(self._bucket.tokens, 0.0)
        n = ticket.number - self._edge_number - self._n_refused
        tried, began = self._rate(), self._edge_at
        self._n_held = 0
        self._edge_at, self._known_at = ticket.at, now
        self._edge_number, self._n_refused = ticket.number, 0
        self._window.refused(n, ticket.at, now, asked_s or 0.0)
        if self._bucket is None:
            self._bucket = Bucket(FIRST_PER_S, 1.0, now, slack_s=SLACK_S)
            self._bucket.tokens = 0.0
            return False
        if n <= 0 or self._window.is_known:
            self._search = FIRST_PER_S
            self._per_s *= not self._window.is_known
            return False
        self._measure(n, ticket.at, ticket.at - began, tried)
        if self._per_s < FALLEN * self._level:
            self._level = self._per_s
            self._doubt()
        elif self._per_s > (1.0 - MOST_SURE) * self._level:
            self._level, self._n_unexpected = max(self._level, self._per_s), 0
        return self.is_known

    def _measure(self, n: int, at: float, span_s: float, tried: float) -> None:
        low, high = (n - 1) / span_s, (n + 1) / span_s
        times = [one for one in self._lately if at - span_s < one < at]
        saved = max(1, self._saved)
        for count, since in enumerate(reversed(times), start=1):
            if count > saved and n >= LEAST_SPACED and times[-1] > since:
                low = max(low, (count - saved) / (times[-1] - since))
            high = max(high, (count + 1 - max(1.0, saved / 2.0)) / (at - since))  # less may have been saved since
        high = max(min(high, tried), (n - 1) / span_s, 1e-3)
        low = min(low, high)
        found = math.sqrt(max(low, n / span_s) * high)
        self._stay = min(max(FIRST_STAY, STAY * min(n, self._stay)), LONGEST_STAY)
        self._width = min(max(LEAST_WIDTH, high / found - 1.0), MOST_WIDTH)
        self._per_s = max(found, LEAST_PER_S)

    def _doubt(self) -> None:
        """What a rate does not do; several times, and it is none."""
        self._n_unexpected += 1
        if self._n_unexpected >= DISPROVED:
            self.drop()

    def drop(self) -> None:
        """There is none."""
        self._bucket, self._search, self._stay = None, FIRST_PER_S, FIRST_STAY
        self._per_s = self._level = 0.0
        self._n_unexpected = 0

    def _rate(self) -> float:
        """The curve: below what was learnt, up to it, a while of it, and beyond; it goes by calls that had to wait."""
        if not self._per_s:
            return self._search
        return max(LEAST_PER_S, self._per_s * (1.0 + self._width * (self._n_held / self._stay - 1.0) ** 3))
