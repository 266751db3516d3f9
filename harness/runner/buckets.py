"""Token buckets and what rate-limit headers say.

Decides how fast something may be taken, in plain arithmetic on a time that comes in as an argument. Who waits is
decided by ``limits``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from msgspec import Struct

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
EPOCH_S, EPOCH_MS = 1e9, 1e11
"""From here on a number is a time and no duration: seconds since 1970 (GitHub), or milliseconds (OpenRouter)."""
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_WINDOWS_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_NAME = re.compile(r'"[^"]*"(?=\s*;\s*q=)')
_QUOTA = re.compile(r"(?:^\s*|;\s*q=)(\d{1,15})(?=\s*;)")
_WINDOW = re.compile(r";\s*(?:w|window)=(\d{1,9})")
_UNIT = re.compile(r";\s*qu=\"?([\w-]+)")
_LIMIT = re.compile(r"(?:^\s*|\blimit=)(\d{1,15})(?=\s*(?:,|$))")
_LEFT = re.compile(r"(?:^\s*|;\s*r=|\bremaining=)(\d{1,15})")
_RESET = re.compile(r"(?:;\s*t=|\breset=)(\d{1,9})")
"""Parts of RateLimit-Policy, RateLimit and RateLimit-Limit: '"name";q=100;w=10', '"name";r=40;t=3', '100;w=10',
'limit=100, remaining=40, reset=3', '100, 100;w=10'."""
ROUNDED_S = 1.0
"""What a time of 0 until more is back may stand for: many count in whole seconds."""
SHORT_S = 10
"""In a shorter window calls are spread."""
PACE = 0.97
"""Share of a learned rate that is used: at exactly the server's rate every second call comes a moment too early."""

SLACK_S = 0.002
"""What a late timer may make up for where a rate is learnt."""


class Bucket:
    """A token bucket: ``rate`` tokens a second, at most ``capacity`` of them saved up; a debt is allowed.

    Whoever is made to wait may come late: up to ``slack_s`` of that is made up for. At the time ``back_at``, when a
    server says that more is there, one amount may be taken whatever the rate says, if none was since it said so.

    >>> bucket = Bucket(rate=2.0, capacity=1.0, now=0.0)
    >>> bucket.wait_s(1.0, now=0.0), bucket.take(1.0, now=0.0), bucket.wait_s(1.0, now=0.0)
    (0.0, None, 0.5)
    """

    __slots__ = ("back_at", "capacity", "is_awaited", "rate", "slack_s", "tokens", "updated")

    def __init__(self, rate: float, capacity: float, now: float, *, slack_s: float = 0.0) -> None:
        self.rate = rate
        self.capacity = capacity
        self.tokens = capacity
        self.updated = now
        self.slack_s = slack_s
        self.is_awaited = False
        self.back_at = math.inf

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
        return min(missing / self.rate, max(0.0, self.back_at - now))

    def take(self, amount: float, now: float) -> None:
        """Take, into debt if need be."""
        self.refill(now)
        self.tokens = (max(self.tokens, amount) if now >= self.back_at else self.tokens) - amount
        self.back_at = math.inf
        self.is_awaited = False


class RateHeaders(Struct, frozen=True, gc=False):
    """What headers say of a limit: the rate at which it comes back, what is left, and when more is back at the latest.

    Attributes:
        reset_s: None where that is not told.
        window_s: The time for which the limit holds.
    """

    rate: float
    remaining: float
    reset_s: float | None = None
    window_s: float = 60.0

    @property
    def at_once(self) -> float:
        """What may be taken together; nothing in a short window, which is over when a slow answer tells of it."""
        return self.remaining if self.window_s >= SHORT_S else 0.0


def rate_header(headers: Mapping[str, str], what: str, kind: str) -> str | None:
    """One header of a rate limit, as most servers spell it, as Anthropic does, or (of tokens alone) as Mistral does.

    Mistral's requests a minute are left to measurement: what it holds to is requests a second, which it does not tell.

    >>> rate_header({"anthropic-ratelimit-requests-remaining": "49"}, "remaining", "requests")
    '49'
    """
    spelt = (f"x-ratelimit-{what}-{kind}", f"anthropic-ratelimit-{kind}-{what}", f"x-ratelimit-{what}-{kind}-minute")
    return next((headers[name] for name in spelt if name in headers), None)


def read_rate(headers: Mapping[str, str], kind: str) -> RateHeaders | None:
    """The headers that tell a limit of ``requests`` or ``tokens``; None when they are absent or make no sense.

    Where no window is told, it is a minute. Servers mean two things by ``reset``: the time until the next call fits,
    and the time until the whole limit is back. The slower of the two readings is the rate, so that a daily limit is not
    taken for one a minute. A time since 1970 is read against the server's own clock.
    """
    if kind == "requests" and (windows := told_windows(headers)):
        return min(windows, key=lambda one: (one.remaining, one.rate))
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
    if reset_s is None or not 0 <= reset_s < math.inf:
        return RateHeaders(rate, remaining)
    used = limit - remaining
    return RateHeaders(min(rate, used / reset_s) if used > 0 < reset_s else rate, remaining, reset_s or ROUNDED_S)


def told_windows(headers: Mapping[str, str]) -> list[RateHeaders]:
    """Limits of requests whose window is told: in the forms of the IETF's drafts and Envoy, or by the second as Kong.

    >>> told_windows({"ratelimit-policy": '"burst";q=100;w=10', "ratelimit": '"burst";r=40;t=3'})
    [RateHeaders(rate=10.0, remaining=40.0, reset_s=3.0, window_s=10.0)]
    >>> [one.rate for one in told_windows({"x-ratelimit-limit": "10, 10;w=1, 900;w=60", "x-ratelimit-remaining": "7"})]
    [10.0]
    """
    found = []
    for unit, unit_s in _WINDOWS_S.items():
        limit, left = (headers.get(f"x-ratelimit-{what}-{unit}", "").strip() for what in ("limit", "remaining"))
        if limit.isdecimal() and left.isdecimal() and int(limit):
            found.append(RateHeaders(int(limit) / unit_s, float(left), None, unit_s))
    limits = headers.get("ratelimit-limit") or headers.get("x-ratelimit-limit") or ""
    state = headers.get("ratelimit", "")
    left = headers.get("ratelimit-remaining") or headers.get("x-ratelimit-remaining") or ""
    in_force = _LIMIT.search(state or limits)
    policies = headers.get("ratelimit-policy") or limits
    for policy in policies.split(",") if ";" in policies else ():
        name, quota, window, counted = (one.search(policy) for one in (_NAME, _QUOTA, _WINDOW, _UNIT))
        if not (quota and window and int(quota[1]) and int(window[1])) or (counted and counted[1] != "requests"):
            continue
        own = next((one for one in state.split(",") if name and name[0] in one), None)
        told = _LEFT.search(own or state or left)
        if told and (own or in_force is None or in_force[1] == quota[1]):
            reset = _RESET.search(own or state)
            window_s, reset_s = float(window[1]), (float(reset[1]) or ROUNDED_S) if reset else None
            found.append(RateHeaders(int(quota[1]) / window_s, float(told[1]), reset_s, window_s))
    return found


def _from_now(at: float, server_time: str | None) -> float | None:
    """Seconds from the server's time until a time since 1970; None where it does not say what time it has."""
    from email.utils import parsedate_to_datetime  # a run from the journal reads no headers

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
    is_told = any(text is not None and text.strip() in {"0", "0.0"} for text in told)
    return is_told or any(one.remaining == 0.0 for one in told_windows(headers))


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
