"""Turns numbers into text: the only place that rounds.

Decides digits, units and how an undefined number reads; never computes a statistic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from harness.core.results import MetricResult


def share(value: float | None, digits: int = 1) -> str:
    """A proportion as a percentage: ``91.2%``; an undefined one is ``n/a``."""
    if value is None or math.isnan(value):
        return "n/a"
    return f"{100 * value:.{digits}f}%"


def share_with_interval(result: MetricResult, digits: int = 1) -> str:
    """A proportion with its interval: ``91.2% [88.7, 93.2]``; undefined: ``n/a (reason)``."""
    return _with_interval(result, lambda value: share(value, digits))


def _with_interval(result: MetricResult, words: Callable[[float], str]) -> str:
    """Value and ends alike; the unit stands once."""
    if math.isnan(result.value):
        return f"n/a ({result.reason or 'undefined'})"
    if math.isnan(result.low) or math.isnan(result.high):
        return words(result.value)
    return f"{words(result.value)} [{words(result.low).rstrip('%')}, {words(result.high).rstrip('%')}]"


def rate(value: float | None, like: float | None = None) -> str:
    """A share that may be small, with the digits that one of its size needs; ``like`` is the share that decides them.

    >>> rate(0.412), rate(0.0042), rate(0.00041), rate(0.0), rate(0.0001, 0.3)
    ('41.2%', '0.42%', '0.041%', '0.0%', '0.0%')
    """
    return share(value, _digits(value if like is None else like))


def rate_with_interval(result: MetricResult) -> str:
    """The same with its interval: ``0.041% [0.018, 0.080]``; nothing found has the digits of its upper end.

    >>> rate_with_interval(MetricResult(0.0, 0.0, 0.004, 500))
    '0.00% [0.00, 0.40]'
    """
    return share_with_interval(result, _digits(result.value or result.high))


def _digits(value: float | None) -> int:
    if value is None or math.isnan(value) or value == 0 or value >= 0.01:
        return 1
    return 2 if value >= 0.001 else 3


def threshold(value: float) -> str:
    """A score from which on a category is flagged; more digits where four would say all or nothing.

    >>> threshold(0.358442), threshold(0.99998712), threshold(1.0)
    ('0.3584', '0.99998712', '1')
    """
    text = f"{value:.4g}"
    return text if 0 < float(text) < 1 or float(text) == value else f"{value:.10g}"


def short_share(result: MetricResult, digits: int = 1) -> str:
    """``share_with_interval`` for dense tables: an undefined number is ``n/a`` without its reason."""
    return "n/a" if math.isnan(result.value) else share_with_interval(result, digits)


def points_with_interval(result: MetricResult, digits: int = 1) -> str:
    """A difference of proportions in percentage points: ``+2.3 [-0.4, +5.0]``."""
    return _with_interval(result, lambda value: points(value, digits))


def points(value: float, digits: int = 1) -> str:
    """A signed difference in percentage points; a rounded zero carries no sign."""
    return "n/a" if math.isnan(value) else _signed(100 * value, digits)


def limit(kind: Literal["margin", "floor"], value: float) -> str:
    """What a check asks: ``margin 5 points`` or ``floor 80%``."""
    return f"margin {_plain_percent(value)} points" if kind == "margin" else f"floor {_plain_percent(value)}%"


def _plain_percent(value: float) -> str:
    return f"{100 * value:.6g}"


def score(value: float | None, digits: int = 3) -> str:
    """A number on its own scale, such as average precision."""
    if value is None or math.isnan(value):
        return "n/a"
    return f"{value:.{digits}f}"


def score_with_interval(result: MetricResult, digits: int = 3) -> str:
    """A number on its own scale with its interval: ``0.912 [0.887, 0.932]``."""
    return _with_interval(result, lambda value: score(value, digits))


def score_difference(result: MetricResult, digits: int = 3) -> str:
    """A signed difference of such numbers: ``+0.012 [-0.004, +0.028]``; a rounded zero carries no sign."""
    return _with_interval(result, lambda value: _signed(value, digits))


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def count(value: float) -> str:
    """A count with thousands separated by commas; repeats can make it fractional."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def amount(value: float) -> str:
    """A number a day as a reader wants it: whole from 100 up, else up to two decimals (as the page's script does)."""
    digits = _digits_of_amount(value)
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def _digits_of_amount(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2


def amount_with_interval(result: MetricResult, population: float, *, is_signed: bool = False) -> str:
    """A share of a population as a number of it, with its interval: ``1,200 [980, 1,450]``; a change keeps its sign.

    The value and both ends have the same digits.

    >>> amount_with_interval(MetricResult(0.01, 0.005, 0.02, 50), 1000.0)
    '10 [5, 20]'
    >>> amount_with_interval(MetricResult(-0.17, -0.2, -0.14, 50), 1.0, is_signed=True)
    '-0.17 [-0.20, -0.14]'
    """
    ends = [abs(one) * population for one in (result.value, result.low, result.high)]
    digits = _digits_of_amount(ends[0] or max(ends))
    if all(f"{one:.{digits}f}".endswith("." + "0" * digits) for one in ends):
        digits = 0

    def text(value: float) -> str:
        size = abs(value) * population
        words = amount(size) if result.low == result.high else f"{size:,.{digits}f}"
        sign = "" if not words.strip("0.") else "-" if value < 0 else "+" if is_signed else ""
        return sign + words

    if result.low == result.high:
        return text(result.value)
    return f"{text(result.value)} [{text(result.low)}, {text(result.high)}]"


def p_value(value: float | None) -> str:
    """A p-value: three digits, or ``<0.001``; never 0."""
    if value is None or math.isnan(value):
        return "n/a"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def usd(value: float | None, n_unknown: int = 1) -> str:
    """US dollars; small sums keep four digits or six; None is a sum that nobody knows, or of nothing that has a price.

    >>> usd(12.5), usd(0.0213), usd(0.000004), usd(0.0), usd(None), usd(None, 0)
    ('$12.50', '$0.0213', '$0.000004', '$0.00', 'unknown', 'n/a')
    """
    if value is None or math.isnan(value):
        return "unknown" if n_unknown else "n/a"
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.{4 if value >= 0.00005 else 6}f}"


def usd_spent(value: float, n_unknown: int) -> str:
    """Money spent by calls of which some do not tell their cost: never $0.00 for what nobody knows.

    >>> usd_spent(0.0, 0), usd_spent(0.0, 3), usd_spent(2.5, 3)
    ('$0.00', 'unknown', 'at least $2.50')
    """
    return "unknown" if n_unknown and not value else usd_known(value, n_unknown)


def usd_known(value: float | None, n_unknown: int) -> str:
    """A sum that lacks the price of some rows is a lower bound, and says so.

    >>> usd_known(2.5, 0), usd_known(2.5, 3), usd_known(None, 3), usd_known(None, 0)
    ('$2.50', 'at least $2.50', 'unknown', 'n/a')
    """
    return f"at least {usd(value)}" if n_unknown and value is not None else usd(value, n_unknown)


def milliseconds(value: float | None) -> str:
    """A latency, in the unit a reader would choose."""
    if value is None or math.isnan(value):
        return "n/a"
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 1 else f"{value:.2f} ms"


def duration(seconds: float) -> str:
    """A length of time: ``4.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
