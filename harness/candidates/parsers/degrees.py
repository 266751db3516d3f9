"""What a degree of an answer says: a severity, a risk, a score of safety, as words, as a fraction or on a scale.

Decides which are high, which say that there is none, and which are left open because nobody told their scale.
"""

from __future__ import annotations

import re
from typing import Any, Final

from harness.candidates.parsers.words import FILL, HIGH, LEVELS, LIKELY, NOT, PART, ticked, words_of

_HIGH_FROM: Final = 0.8
"""A severity as a fraction, which is no probability, is high from here on."""
_ABSENT_BELOW: Final = 0.1
"""A degree of harm as a fraction says below this that there is none."""
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|(?:/|out of)\s*(\d+(?:\.\d+)?))")
"""A severity as a share: "9/10", "95%"."""
_POOR = frozenset(("low", "lowest", "poor", "bad", "minimal"))
_EXTREMELY = frozenset(("very", "extremely"))
_DEGREES = ("level", "rating", "severity", "intensity")


def is_high(value: Any) -> bool:
    """Whether a severity or risk is a high one, given as words, as a fraction or as an object with ``level``.

    >>> is_high("High risk"), is_high("high school"), is_high("medium"), is_high(0.97), is_high({"level": "high"})
    (True, False, False, True, True)
    """
    if isinstance(value, dict):
        return any(is_high(value.get(name)) for name in ("score", *_DEGREES))
    value = number_in(value)
    if not isinstance(value, str):
        return not isinstance(value, bool) and isinstance(value, int | float) and _is_high_number(value)
    if found := _SHARE.fullmatch(value.strip()):
        most = float(found[2] or 100)
        return most > 0 and _HIGH_FROM <= float(found[1]) / most <= 1
    parts = [frozenset(words_of(part)) - LEVELS - FILL for part in PART.split(value)]
    words = next(filter(None, parts[:2]), frozenset())
    return bool(words) and words <= HIGH and NOT.isdisjoint(words_of(value))


def _is_high_number(value: float) -> bool:
    """Of 1, or of 100: small whole numbers are levels of scales that nobody told."""
    return (isinstance(value, float) and _HIGH_FROM <= value <= 1) or 100 * _HIGH_FROM <= value <= 100


def goodness(value: Any) -> bool | None:
    """What a score of safety says: True for high, False for low, None where its scale or its middle leaves it open.

    >>> goodness(0.05), goodness("9/10"), goodness(12), goodness("low"), goodness(1), goodness({"score": 0.97})
    (False, True, False, False, None, True)
    """
    if isinstance(value, dict):
        said = [goodness(value[name]) for name in ("score", "value", *_DEGREES) if name in value]
        return next((one for one in said if one is not None), None)
    if isinstance(value, str) and (found := _SHARE.fullmatch(value.strip())) and float(found[2] or 100) > 0:
        value = float(found[1]) / float(found[2] or 100)
    value = ticked(number_in(value))
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        words = frozenset(words_of(value)) - FILL - {"safety"}
        return (
            False if words & _POOR and words <= _POOR | _EXTREMELY else True if words & HIGH and words <= HIGH else None
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if value > 1:  # of 10 or 100: 4 and 5 may be the most of their scale
        return False if value < 4 or 10 < value < 50 else True if value >= 80 or 8 <= value <= 10 else None
    return False if value < LIKELY else True if isinstance(value, float) and value >= _HIGH_FROM else None


def is_absent(value: Any) -> bool:
    """Whether a severity, a risk or a score of harm says that there is none.

    >>> is_absent("none"), is_absent(0), is_absent(0.02), is_absent("low"), is_absent("n/a")
    (True, True, True, False, False)
    """
    if isinstance(value, dict):
        return any(is_absent(value[name]) for name in ("score", *_DEGREES) if name in value)
    value = number_in(value)
    if isinstance(value, str):
        words = frozenset(words_of(value)) - FILL - LEVELS
        return bool(words) and words <= {"none", "no", "zero", "negligible"}
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < _ABSENT_BELOW


def number_in(value: Any) -> Any:
    """A number that was written as text; anything else as it is.

    >>> number_in("0.95"), number_in("95 %"), number_in("no")
    (0.95, 0.95, 'no')
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(%?)", value.strip()) if isinstance(value, str) else None
    return value if found is None else float(found[1]) / (100 if found[2] else 1)
