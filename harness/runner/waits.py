"""How long to wait before asking again: the runner's own backoff, and what servers ask for in all their forms.

Decides seconds from an attempt's number, headers and the body of a refusal. A server's wish is a lower bound under a
floor of the runner's own, so that ``Retry-After: 0`` never becomes a loop without a pause. A date is read against the
server's own clock (its ``Date`` header), never against this machine's alone. Whether to ask again is left to ``retry``.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from harness.runner.buckets import EPOCH_MS, EPOCH_S, duration_s, told_windows

BASE_S = 0.5
CAP_S = 60.0
SHORT_WAITS = 5
"""So many waits grow whatever becomes of others: up to eight seconds."""
MOST_ASKED_S = 366 * 86_400.0
"""A longer wait than a year is a fault of the server, and as good as none."""
MOST_UNDATED_S = 60.0
"""How far a date may lie ahead of this machine's clock when the server does not say what time it has."""
_PROSE = re.compile(
    rb"(?i)(?:try again|retry|retryDelay\"?\s*:?\s*\"?)(?: again)?(?: in| after)?\s*"
    rb"((?:\d+(?:\.\d+)?\s?(?:ms|s|m|h|d)(?:ec(?:onds?)?|in(?:utes?)?|ours?|ays?)?)+)\b"
)
_REPLENISHED = re.compile(rb"(?i)replenished in (?:(\d{1,4})\.)?(\d{1,2}):(\d\d):(\d\d)")
"""A quota of Azure API Management: "Quota will be replenished in 5.03:23:11." (days, then hours, minutes, seconds)."""
_IN_BODY = re.compile(rb"(?i)\"x-ratelimit-(remaining|reset)\"\s*:\s*\"?(\d{1,20})\b")
"""OpenRouter repeats the headers of a limit in ``error.metadata.headers``."""
_RESETS = (
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    *((f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}") for kind in ("requests", "tokens")),
    *(
        (f"anthropic-ratelimit-{kind}-remaining", f"anthropic-ratelimit-{kind}-reset")
        for kind in ("requests", "tokens")
    ),
)
_READ_BYTES = 4096


def backoff_s(attempt: int, rng: random.Random) -> float:
    """Full jitter: uniform between 0 and a bound that doubles with every attempt, up to a minute."""
    return rng.uniform(0.0, bound_s(attempt))


def floor_s(attempt: int, rng: random.Random) -> float:
    """The least wait after a 429 whatever the server asks: the upper half of the same bound.

    >>> 0.25 <= floor_s(1, random.Random(0)) <= 0.5
    True
    """
    bound = bound_s(attempt)
    return rng.uniform(bound / 2.0, bound)


def growth(attempt: int, n_passed: int) -> int:
    """Attempts by which waits have grown: those that were refused while others were answered add no more than seconds.

    >>> growth(3, 0), growth(9, 0), growth(9, 2), growth(9, 8)
    (3, 9, 7, 5)
    """
    return min(attempt, max(attempt - n_passed, SHORT_WAITS))


def bound_s(attempt: int) -> float:
    """Most that the runner's own backoff waits after this attempt."""
    return min(CAP_S, BASE_S * 2.0 ** min(attempt - 1, 30))


def retry_after_s(
    headers: Mapping[str, str], now: datetime, body: bytes = b"", *, is_limit: bool = True
) -> float | None:
    """Seconds the server asks to wait; None when it says nothing that makes sense.

    Read in this order: ``retry-after-ms``; ``retry-after`` as seconds, a duration or an HTTP date; the body's own words
    ("Please try again in 7m12s", ``"retryDelay": "34s"``, "replenished in 00:03:11"); the time of return of a limit of
    which headers, or the body's copy of them, say that nothing is left (``is_limit``: a fault of the server is none).

    >>> from datetime import datetime, UTC
    >>> noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    >>> retry_after_s({"retry-after": "-1"}, noon), retry_after_s({"retry-after": "6m0s"}, noon)
    (None, 360.0)
    >>> retry_after_s({}, noon, b'{"error": {"message": "Limit reached. Please try again in 7m12s."}}')
    432.0
    """
    asked = _sensible(_number(headers.get("retry-after-ms", "")), 1000.0)
    if asked is None and (text := headers.get("retry-after")) is not None:
        asked = _sensible(duration_s(text), 1.0)
        if asked is None:
            asked = _until(text, headers.get("date"), now)
    if asked is not None:
        return asked
    start = body[:_READ_BYTES]
    if renewed := _REPLENISHED.search(start):
        days, hours, minutes, seconds = (int(one or 0) for one in renewed.groups())
        return _sensible(float(((days * 24 + hours) * 60 + minutes) * 60 + seconds), 1.0)
    found = _PROSE.search(start)
    if found is None:
        return _until_reset(headers, start, now) if is_limit else None
    units = re.findall(r"(\d+(?:\.\d+)?)\s?(ms|s|m|h|d)", found[1].decode().lower())
    return _sensible(duration_s("".join(number + unit for number, unit in units)), 1.0)


def _until_reset(headers: Mapping[str, str], body: bytes, now: datetime) -> float | None:
    """Seconds until the last of the limits returns of which nothing is left; None where none is said to be used up."""
    copied = {f"x-ratelimit-{name.decode().lower()}": value.decode() for name, value in _IN_BODY.findall(body)}
    told = copied | {name.lower(): value for name, value in headers.items()}  # a server spells names as it likes
    waits = [
        _until_time(told[reset], headers.get("date"), now)
        for remaining, reset in _RESETS
        if reset in told and told.get(remaining, "").strip() in {"0", "0.0"}
    ]
    waits += [one.reset_s for one in told_windows(headers) if one.remaining == 0.0]
    return max((one for one in waits if one is not None), default=None)


def _until_time(text: str, server_time: str | None, now: datetime) -> float | None:
    """Seconds until a limit returns, said as a duration, as a time since 1970 or as a date."""
    seconds = duration_s(text)
    if seconds is None:
        return _until(text, server_time, now)
    if seconds < EPOCH_S:
        return _sensible(seconds, 1.0) or None  # 0 of a limit that is used up says nothing
    at = seconds / 1000.0 if seconds >= EPOCH_MS else seconds
    try:
        date = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return _until(date.isoformat(), server_time, now)


def _until(text: str, server_time: str | None, now: datetime) -> float | None:
    """Seconds until an HTTP date by the server's clock; by this machine's only where that gives a short wait."""
    date, said = _date(text), _date(server_time)
    if date is None:
        return None
    seconds = (date - (now if said is None else said)).total_seconds()
    if said is None and seconds > MOST_UNDATED_S:
        return None
    return _sensible(max(0.0, seconds), 1.0)


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    from email.utils import parsedate_to_datetime  # a run from the journal reads no headers

    try:
        if text[4:5] == "-":
            date = datetime.fromisoformat(text)
            return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _sensible(value: float | None, unit: float) -> float | None:
    if value is None or not math.isfinite(value) or value < 0.0:
        return None
    seconds = value / unit
    return seconds if seconds <= MOST_ASKED_S else None
