"""Token buckets and what rate-limit headers say.

Decides how fast something may be taken, in plain arithmetic on a time that comes in as an argument. Who waits is
decided by ``limits``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from msgspec import Struct

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
EPOCH_S, EPOCH_MS = 1e9, 1e11
"""From here on a number is a time and no duration: seconds since 1970 (GitHub), or milliseconds (OpenRouter)."""
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
PACE = 0.97
"""Share of a learned rate that is used: at exactly the server's rate every second call comes a moment too early."""

SLACK_S = 0.002
"""What a late timer may make up for where a rate is learnt."""


class Bucket:
    """A token bucket: ``rate`` tokens a second, at most ``capacity`` of them saved up; a debt is allowed.

    Whoever is made to wait may come late: up to ``slack_s`` of that is made up for.

    >>> bucket = Bucket(rate=2.0, capacity=1.0, now=0.0)
    >>> bucket.wait_s(1.0, now=0.0), bucket.take(1.0, now=0.0), bucket.wait_s(1.0, now=0.0)
    (0.0, None, 0.5)
    """

    __slots__ = ("capacity", "is_awaited", "rate", "slack_s", "tokens", "updated")

    def __init__(self, rate: float, capacity: float, now: float, *, slack_s: float = 0.0) -> None:
        self.rate = rate
        self.capacity = capacity
        self.tokens = capacity
        self.updated = now
        self.slack_s = slack_s
        self.is_awaited = False

    def refill(self, now: float) -> None:
        """Credit the time since the last look."""
        most = self.capacity + self.slack_s * self.rate if self.is_awaited else self.capacity
        self.tokens = min(most, self.tokens + (now - self.updated) * self.rate)
        self.updated = now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` may be taken; an amount above the capacity waits for a full bucket."""
        self.refill(now)
        missing = min(amount, self.capacity) - self.tokens
        if missing <= 1e-9:
            return 0.0
        self.is_awaited = True
        return missing / self.rate

    def take(self, amount: float, now: float) -> None:
        """Take, into debt if need be."""
        self.refill(now)
        self.tokens -= amount
        self.is_awaited = False


class RateHeaders(Struct, frozen=True, gc=False):
    """One pair of x-ratelimit headers: the limit a minute, what is left, and the rate at which it comes back."""

    rate: float
    remaining: float


def rate_header(headers: Mapping[str, str], what: str, kind: str) -> str | None:
    """One header of a rate limit, as most servers spell it, as Anthropic does, or (of tokens alone) as Mistral does.

    Mistral's requests a minute are left to measurement: what it holds to is requests a second, which it does not tell.

    >>> rate_header({"anthropic-ratelimit-requests-remaining": "49"}, "remaining", "requests")
    '49'
    """
    spelt = (f"x-ratelimit-{what}-{kind}", f"anthropic-ratelimit-{kind}-{what}", f"x-ratelimit-{what}-{kind}-minute")
    return next((headers[name] for name in spelt if name in headers), None)


def read_rate(headers: Mapping[str, str], kind: str) -> RateHeaders | None:
    """The x-ratelimit headers of ``requests`` or ``tokens``; None when they are absent or make no sense.

    Servers mean two things by ``reset``: the time until the next call fits, and the time until the whole limit is
    back. The slower of the two readings is the rate, so that a daily limit is not taken for one a minute. A time since
    1970 is read against the server's own clock.
    """
    limit_text = rate_header(headers, "limit", kind)
    remaining_text = rate_header(headers, "remaining", kind)
    if limit_text is None or remaining_text is None:
        return None
    try:
        limit, left = float(limit_text), float(remaining_text)
    except ValueError:
        return None
    if not 0 < limit < math.inf or math.isnan(left):
        return None
    rate, remaining = limit / 60.0, max(0.0, left)
    reset_s = duration_s(headers.get(f"x-ratelimit-reset-{kind}") or "")
    if reset_s is not None and reset_s >= EPOCH_S:
        reset_s = _from_now(reset_s, headers.get("date"))
    used = limit - remaining
    if reset_s is not None and 0 < reset_s < math.inf and used > 0:
        rate = min(rate, used / reset_s)
    return RateHeaders(rate, remaining)


def _from_now(at: float, server_time: str | None) -> float | None:
    """Seconds from the server's time until a time since 1970; None where it does not say what time it has."""
    try:
        now = parsedate_to_datetime(server_time or "").timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return (at / 1000.0 if at >= EPOCH_MS else at) - now


def is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether the server says that no request, or no token, is left.

    >>> is_used_up({"x-ratelimit-remaining-requests": "0"}), is_used_up({"x-ratelimit-remaining-requests": "7"})
    (True, False)
    """
    told = (rate_header(headers, "remaining", kind) for kind in ("requests", "tokens"))
    return any(text is not None and text.strip() in {"0", "0.0"} for text in told)


def duration_s(text: str) -> float | None:
    """Seconds of "1s", "6m0s", "20ms" or "1.5"; None for anything else.

    >>> duration_s("6m0s"), duration_s("20ms"), duration_s("1.5"), duration_s("soon")
    (360.0, 0.02, 1.5, None)
    """
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
