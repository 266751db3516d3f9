"""How many calls at once: grown by success, and held below the place at which an endpoint was seen to refuse.

Decides from the number under way when a call started, which its ticket keeps. An endpoint that takes so many calls at
one time refuses each one beyond them and none below: a 429 above every place that was answered is such a wall, and is
believed until a call beyond it is taken. The wall is tried again one place at a time, ever more seldom while it stands,
in ever greater steps once it has moved. A 429 below a place that was answered says nothing of places: ``limits`` and
``pace`` decide what it means.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from harness.runner.buckets import Bucket

START_CONCURRENCY = 10
SLOW_START = 5.0
"""By how much the concurrency grows with a success until the first cut, so that ten answers open sixty places (they
start as a ramp, which a 429 ends); after it, by ``STEADY``."""
STEADY = 0.5
CUT = 0.5
RAMP_PER_S, FASTER_PER_S, NEW_BURST_S = 400.0, 25.0, 0.01
"""Calls beyond what is known to be held start at the one rate, which grows by the other with each; a pause ends it."""
SOON_S = 1.0
"""A call that is not refused within this time is taken: no news is good news, and answers may be slow."""
AT_FIRST, LATER = 0.5, 0.85
"""Share of the time between two answers after which a call beyond the wall starts: where answers come so far apart that
a rate of calls is kept, that tells it from a wall, and the longer the wait the lower the rate that is told."""
SHORTEST_STAY, LONGEST_STAY = 64, 512
"""So many answers come between two tries of a wall that stood, since a try costs a refusal."""
REMEMBERED = 64
"""Calls whose place is remembered at least; never fewer than a burst of refusals may have."""
LOOKS_APART = 20
"""After a 429 nothing starts for as long as it took, but for no more than this share of the time."""
DISPROVED = 3
"""So many 429s below a wall are proof that it is none."""


class Ticket(NamedTuple):
    """The right to make a call: which one it is, when it started, and how many were under way with it."""

    number: int
    at: float
    level: int


class Places:
    """The places for calls.

    Args:
        ceiling: The most there may ever be.
    """

    __slots__ = (
        "_before", "_cut_at", "_has_been_cut", "_held", "_hold_until", "_latency_s", "_latest", "_n_below", "_n_quiet",
        "_ramp", "_refused", "_started_at", "_stay", "_step", "_tried_at", "_wall", "ceiling", "in_flight", "limit",
        "n_started",
    )  # fmt: skip

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = float(min(START_CONCURRENCY, ceiling))
        self.in_flight = self.n_started = 0
        self._held = 0
        self._wall: int | None = None
        remembered = max(REMEMBERED, 2 * ceiling)
        self._refused: deque[tuple[float, float]] = deque(maxlen=remembered)
        self._latest: deque[Ticket] = deque(maxlen=remembered)
        self._has_been_cut = False
        self._ramp = Bucket(RAMP_PER_S, 1.0, -math.inf, slack_s=NEW_BURST_S)
        self._cut_at = self._started_at = self._latency_s = self._hold_until = 0.0
        self._before = 0.0
        self._n_below = 0
        self._stay = self._step = self._n_quiet = 0
        self._tried_at: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds until a call may start; infinity until another one ends. Those beyond a wall keep their distance.

        An endpoint that saves up little refuses calls that start together, as if they were too many at one time.
        """
        if self.in_flight >= int(self.limit):
            return math.inf
        wait_s = self._hold_until - now
        if self.in_flight >= self._held:
            wait_s = max(wait_s, self._ramp.wait_s(1.0, now))
        if self._step and self._wall is not None and self.in_flight >= self._wall:
            apart_s = self._latency_s * (LATER if self._stay else AT_FIRST) / self._wall
            wait_s = max(wait_s, self._started_at + apart_s - now)
        return wait_s

    def take(self, now: float) -> Ticket:
        """A call starts."""
        self.in_flight += 1
        self.n_started += 1
        if self.in_flight > self._held:
            is_new = not self._ramp.is_awaited and now - self._started_at > NEW_BURST_S
            self._ramp.rate = RAMP_PER_S if is_new else self._ramp.rate + FASTER_PER_S
            self._ramp.take(1.0, now)
        self._started_at = now
        if self._step and self._tried_at is None and self.in_flight >= int(self.limit):
            self._tried_at = now
        ticket = Ticket(self.n_started, now, self.in_flight)
        self._latest.append(ticket)
        return ticket

    def give_back(self) -> None:
        """A call has ended."""
        self.in_flight -= 1

    def on_success(self, ticket: Ticket, now: float, *, may_grow: bool) -> bool:
        """A call was answered: whether it was beyond what was taken for a wall, which was an accident then."""
        self._latency_s = now - ticket.at
        if ticket.level > self._held:
            self._held = max(self._held, self._with_server(ticket))
        is_none = self._wall is not None and self._step == 0 and self._held > self._wall
        if is_none:
            self._wall, self.limit = None, max(self.limit, self._before)
        self._look_further(now, may_grow=may_grow)
        return is_none

    def _look_further(self, now: float, *, may_grow: bool) -> None:
        if not may_grow or (self._wall is None and self.limit >= self.ceiling):
            return
        if self._wall is None:
            self._grow(STEADY if self._has_been_cut else SLOW_START)
            return
        self._n_quiet += 1
        if self._step == 0:
            is_first = self._stay == 0
            is_due = self._n_quiet >= (self._wall if is_first else self._stay)
            is_due = is_due or (is_first and now - self._cut_at >= SOON_S)
        else:
            is_due = self._held >= int(self.limit) or (self._tried_at is not None and now - self._tried_at >= SOON_S)
        if is_due:
            is_all = self.limit >= self.ceiling
            self._wall, self._step = (None, 0) if is_all else (int(self.limit), max(1, 2 * self._step))
            self._tried_at = None
            self._grow(self._step)

    def not_taken(self, ticket: Ticket, now: float) -> None:
        """A call was refused: it took no place with the server."""
        self._refused.append((ticket.at, now))
        with suppress(ValueError):
            self._latest.remove(ticket)

    def on_refusal(self, ticket: Ticket, now: float) -> bool:
        """A 429: whether it is beyond every place that was answered, and beyond a wall that is believed."""
        self.not_taken(ticket, now)
        took_s = now - ticket.at
        if now >= self._hold_until + LOOKS_APART * took_s:  # by then those under way are told of too
            self._hold_until = now + min(took_s, SOON_S)
        told_at = ticket.at - took_s / 2.0
        taken = [self._with_server(one) for one in self._latest if one.level > self._held and one.at <= told_at]
        self._held = max(self._held, *taken, 0)
        return self._with_server(ticket) > max(self._held, self._wall or 0, 1)

    def stand_before(self, ticket: Ticket, now: float) -> None:
        """A 429 beyond every place that was answered is the endpoint's wall: the places are those below it."""
        if ticket.at > self._cut_at:
            is_again = self._step == 1
            self._stay = min(max(SHORTEST_STAY, 4 * self._stay), LONGEST_STAY) if is_again else 0
            self._wall, self._step, self._n_quiet = self._with_server(ticket) - 1, 0, 0
            self._n_below = 0
            self._cut_at, self._tried_at = now, None
            self._before = self.limit
            self.limit = min(self.limit, float(self._wall))
            self._has_been_cut = True

    def doubt(self) -> None:
        """A 429 below the wall: several, and it is none."""
        self._n_below += 1
        if self._n_below >= DISPROVED:
            self._wall, self._step = None, 0

    def cut(self, now: float, taken: float) -> None:
        """The endpoint takes fewer than before: half of the places, but no fewer than this share of those in use."""
        self._has_been_cut = True
        self._cut_at = now
        self._held, self._wall, self._step = 0, None, 0
        self.limit = max(1.0, float(int(max(self.limit * CUT, min(self.limit, self.in_flight * taken)))))

    def free(self, limit: float) -> None:
        """Places were taken away in vain: as many as there were."""
        self._wall, self._step = None, 0
        self.limit = max(self.limit, limit)

    def _grow(self, by: float) -> None:
        self.limit = min(float(self.ceiling), self.limit + by)

    def _with_server(self, ticket: Ticket) -> int:
        """Calls that the server had when this one came: those under way whose refusal was not known yet are none."""
        return ticket.level - sum(at < ticket.at < known_at for at, known_at in self._refused)
