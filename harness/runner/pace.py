"""The rate of an endpoint that tells none: learnt from what it let through, kept a little below, tried again with care.

Decides a rate from the moments when the server's allowance was used up (a 429 after a calm second): between two of them
it let through what it gives. Which calls those were is counted when they start, since answers come late and uneven.
The rate starts below the one that was learnt, comes up to it, stays there, and only then goes beyond it, slowly at
first (the curve of CUBIC, RFC 9438); every time that learns the same again, it stays twice as long.
"""

from __future__ import annotations

from collections import deque

from harness.runner.buckets import PACE, Bucket

LEAST_MEASURED = 5
"""Fewer calls than this measure nothing; the next 429 looks at a longer time."""
SAME_EDGE_S = 0.8
"""429s within this time tell of one and the same moment."""
FIRST_STAY_S, LONGEST_STAY_S = 4.0, 60.0
AGREE = 0.03
"""Two measures that differ by no more confirm each other."""
MOST_IDLE = 1.04
"""How much more than what it let through an endpoint may have had to give, at most."""
LAST_CALLS = 512
"""So many calls before a 429 are looked at by themselves: an endpoint that saves up little gave at least their rate."""


class LearntPace:
    """A rate that is learnt; nothing is slowed until it is known."""

    __slots__ = (
        "_bucket",
        "_capacity",
        "_edge_at",
        "_edge_let",
        "_lately",
        "_n_let",
        "_saved",
        "_since",
        "_stay_s",
        "_tried",
    )

    def __init__(self) -> None:
        self._n_let = 0
        self._edge_at: float | None = None
        self._edge_let = 0
        self._since: tuple[float, int] | None = None
        self._lately: deque[float] = deque(maxlen=LAST_CALLS)
        self._saved = 0
        self._capacity = self._tried = 0.0
        self._stay_s = FIRST_STAY_S
        self._bucket: Bucket | None = None

    @property
    def is_known(self) -> bool:
        """Whether a rate was learnt."""
        return self._bucket is not None

    @property
    def per_minute(self) -> float:
        """The learnt rate; 0 before it is known."""
        return self._capacity * 60.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may start."""
        if self._bucket is None:
            return 0.0
        self._bucket.rate = self._rate(now)
        return self._bucket.wait_s(1.0, now)

    def take(self, now: float) -> None:
        """A call starts."""
        self._n_let += 1
        self._lately.append(now)
        if self._bucket is not None:
            self._bucket.take(1.0, now)

    def on_rate_limit(self, now: float, *, is_state: bool) -> bool:
        """A 429: whether a rate was learnt from it.

        Args:
            now: Monotonic seconds.
            is_state: Whether it tells of the endpoint's state; before that, single ones are taken for accidents.
        """
        self._n_let -= 1
        is_new = self._edge_at is None or now - self._edge_at > SAME_EDGE_S
        if self._lately:
            self._lately.pop()  # the refused one, or as good as it
        if self._edge_at is None:
            self._saved = self._n_let
        if is_new:
            self._tried = self._rate(now)
            if self._edge_at is not None and (self._since is None or self._edge_let - self._since[1] >= LEAST_MEASURED):
                self._since = (self._edge_at, self._edge_let)
            self._edge_at = now
        self._edge_let = self._n_let if is_new else self._edge_let - 1
        if not (is_state or self.is_known) or self._since is None:
            return False
        began, n_let = self._since
        return self._measure(self._edge_let - n_let, (self._edge_at or now) - began, now, is_new=is_new)

    def _measure(self, n: int, span_s: float, now: float, *, is_new: bool) -> bool:
        if n < LEAST_MEASURED or span_s <= SAME_EDGE_S / 2:
            if self._bucket is not None:
                self._bucket.tokens = min(self._bucket.tokens, 0.0)
            return False
        found = n / span_s
        if self._bucket is None:
            self._bucket = Bucket(found * PACE, 1.0, now)
        elif is_new:
            tried = self._tried
            if tried > self._capacity:  # beyond what was learnt: the allowance may have lain idle before
                found = (found + min(tried, MOST_IDLE * found)) / 2.0 if tried > found else found
                found = max(found, min(tried, self._lately_given(now)))
            agrees = abs(found / self._capacity - 1.0) <= AGREE
            self._stay_s = min(2.0 * self._stay_s, LONGEST_STAY_S) if agrees else FIRST_STAY_S
        self._bucket.tokens = min(self._bucket.tokens, 0.0)
        self._capacity = found
        return is_new

    def _lately_given(self, now: float) -> float:
        """The least rate that explains the latest calls, beside what was saved up before the very first 429."""
        times = enumerate(reversed(self._lately), start=1 - self._saved)
        return max((n / (now - at) for n, at in times if n > 0 and now > at), default=0.0)

    def _rate(self, now: float) -> float:
        """The curve: below what was learnt, up to it, a while of it, and beyond."""
        away = (now - (self._edge_at or now)) / self._stay_s - 1.0
        return self._capacity * (1.0 + (1.0 - PACE) * away**3)
