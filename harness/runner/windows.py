"""An allowance that comes back as a whole: so many calls in a minute, and then none until it is over.

Decides when a call asks again after nothing was let through, and how far calls keep from those before them. Where
several that asked were refused, each after a longer wait (or the server asks for a long one), what was let through
before is the whole allowance: a call may start once the one that is so many before it is as old as the time for which
the allowance holds. That is right for the last sixty seconds and for minutes that begin anew. A call beyond it asks
once whether that is so. The time lies between the age at which a call was refused and one at which it was taken;
single calls halve what is between them, and try less.
"""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.5, 32.0
"""While nothing is let through, one call asks again after this time, which grows by half until one is taken."""
ASKS_S = 0.125
"""No call follows one that asks before its refusal would be known."""
DRY, LEAST = 3, 16
"""So many that asked and were refused are an allowance that is gone as a whole, where so many were let through."""
NEAR = 0.03
"""How exactly its time is known."""
LONGEST_STAY = 8
"""A little less time is tried once the whole allowance was not refused, then ever less; after a refusal once it was not
refused so many times."""
LONG_S, LONGEST_ASKED_S = 2.0, 120.0
"""A server that asks for so long a wait tells that the allowance is gone as a whole."""
LONGEST_S = 300.0
"""What is not back by then is no allowance that comes back as a whole within a run."""
MINUTE_S = 60.0
"""What limits are most often told for: one call asks when the first of those let through is so old."""


class Window:
    """Calls that may start since others are old enough.

    Args:
        taken: When those that were let through started, the latest last.
    """

    __slots__ = (
        "_asks_at", "_high_s", "_hold_s", "_hold_until", "_is_sure", "_low_s", "_n_before", "_n_dry", "_n_quiet",
        "_quota", "_since", "_stay", "_step", "_taken",
    )  # fmt: skip

    def __init__(self, taken: Sequence[float]) -> None:
        self._taken = taken
        self._n_before = self._n_dry = self._n_quiet = self._quota = self._stay = 0
        self._step = 2.0 * NEAR
        self._hold_s = self._hold_until = self._low_s = self._high_s = self._since = 0.0
        self._asks_at: float | None = None
        self._is_sure = False
        """Whether a call beyond the whole allowance was refused."""

    @property
    def is_known(self) -> bool:
        """Whether there is such an allowance."""
        return self._quota > 0

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may start."""
        until = self._hold_until if self._asks_at is None else max(self._hold_until, self._asks_at + ASKS_S)
        if self._quota:
            is_near = self._high_s - self._low_s <= NEAR * self._high_s
            age_s = self._high_s if is_near else (self._low_s + self._high_s) / 2.0
            back_at = self._first(self._quota) + age_s
            if self._is_sure or back_at - now < age_s / 2.0:
                until = max(until, back_at)
        return until - now

    def take(self, now: float) -> None:
        """A call starts; those before it are still all that was let through."""
        self._n_quiet += 1
        if self._asks_at is not None:  # and was not refused
            age_s = self._asks_at - self._since
            if self._quota and not self._is_sure and age_s < self._high_s / 2.0:
                self._quota = 0  # more than the whole allowance was taken: the server was busy, and that is over
            elif self._quota or (self._n_dry >= DRY and self._n_before >= LEAST):
                self._quota = self._n_before if SHORTEST_HOLD_S < age_s <= LONGEST_S else 0
                self._stay, self._high_s = self._quota, age_s
            self._n_dry, self._hold_s, self._asks_at = 0, 0.0, None
        elif self._quota and self._n_quiet >= self._stay:
            self._low_s, self._n_quiet = (1.0 - self._step) * self._high_s, 0
            self._step = min(1.0, 2.0 * self._step)
        since = self._first(self._n_before)
        if self._n_dry or (self._quota and now - since < self._high_s - 1e-3):
            self._asks_at, self._since = now, since

    def refused(self, n: int, at: float, now: float, asked_s: float = 0.0) -> None:
        """A call was refused after so many were let through; the server may ask for some time without any."""
        self._n_quiet, self._asks_at, self._step = 0, None, 2.0 * NEAR
        self._stay = LONGEST_STAY * self._quota
        is_told = LONG_S <= asked_s <= LONGEST_ASKED_S
        if n > 0 and not self._quota:
            self._n_before, self._n_dry, self._hold_s = n, DRY * is_told, 0.0
            self._hold_until = now + asked_s * is_told
            return
        self._n_dry += 1
        since = self._first(self._n_before)
        if self._quota and not self._is_sure:
            self._is_sure, self._hold_until = True, now + SHORTEST_HOLD_S
            return
        self._low_s = at - since
        self._hold_s = min(max(SHORTEST_HOLD_S, 1.5 * self._hold_s), LONGEST_HOLD_S)
        self._hold_until = now + self._hold_s
        is_expected = self._high_s > self._low_s
        back_at = since + (self._high_s if is_expected else MINUTE_S)
        if is_told:
            self._hold_until = now + asked_s
        elif now < back_at and (is_expected or self._hold_until > back_at):
            self._hold_until = back_at
        self._high_s = max(self._high_s, self._low_s) if self._quota else 0.0

    def _first(self, n: int) -> float:
        return self._taken[-n] if 0 < n <= len(self._taken) else -1e9
