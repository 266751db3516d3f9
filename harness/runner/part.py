"""The part of a told rate that is one's own, where others count against it too: other models, other processes.

Decides it from refusals at a rate that the server itself told: each takes a little away, and time gives it back, slowly
up to where the last refusal was and ever faster beyond (the curve of CUBIC, RFC 9438). It is the same time for all who
share the limit, so that they come to like parts, and whoever is left alone soon has the whole again.
"""

from __future__ import annotations

import math

CUT = 0.2
"""By how much a refusal lowers it."""
STAY = 200
"""It is back after the time that so many calls take at the whole rate, or after so many answers where more was given
than told: a try costs a refusal."""
LEAST = 0.02


class Part:
    """A share between ``LEAST`` and 1."""

    __slots__ = ("_n_answered", "_refused_at", "_share")

    def __init__(self) -> None:
        self._share, self._refused_at, self._n_answered = 1.0, -math.inf, 0

    def share(self, now: float, per_s: float) -> float:
        """The share that may be used of this rate."""
        grown = max((now - self._refused_at) * per_s, self._n_answered) / STAY - 1.0
        return min(1.0, max(LEAST, self._share * (1.0 + CUT * grown**3)))

    def answered(self) -> None:
        """A call was answered."""
        self._n_answered += 1

    def refused(self, now: float, per_s: float) -> None:
        """A call was refused at this rate's share."""
        self._share, self._refused_at, self._n_answered = self.share(now, per_s), now, 0
