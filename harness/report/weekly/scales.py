"""Scales of charts: round ends and round ticks, at most five of them.

Decides where a tick stands: at multiples of 1, 2, 2.5 or 5 times a power of ten, so many that both ends fit.
"""

from __future__ import annotations

import math

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)
MOST_STEPS = 4


def round_ticks(low: float, high: float, *, cap: float | None = None) -> list[float]:
    """Ticks from below ``low`` to above ``high``; ``cap`` is an end that no scale may pass, such as 1.

    >>> round_ticks(0.42, 0.97, cap=1.0)
    [0.4, 0.6, 0.8, 1.0]
    >>> round_ticks(0.0, 1130.0)
    [0.0, 500.0, 1000.0, 1500.0]
    >>> round_ticks(0.5418, 0.938, cap=1.0)  # neither end is a tick of the step that its size asks for
    [0.4, 0.6, 0.8, 1.0]
    """
    high = max(high, low + 1e-9) if high > low else low + (abs(low) or 1.0) * 0.1
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_STEPS))
    for step in (power * one for one in _STEPS):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= MOST_STEPS:
            ticks = [round(number * step, 10) for number in range(first, last + 1)]
            return [one for one in ticks if cap is None or one <= cap + 1e-9]
    raise AssertionError("twenty times the power of ten always fits")
