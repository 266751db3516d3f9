"""The shape of every number the harness reports.

Decides what a result carries (value, both interval ends, support, exclusions, reason) and how it becomes plain data.
Leaves rounding and wording to the reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple


class Interval(NamedTuple):
    """Lower and upper end of a confidence interval; both NaN when undefined."""

    low: float
    high: float


UNDEFINED = Interval(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One number with its interval and support; NaN with a reason when it is undefined.

    Attributes:
        value: Point estimate; NaN when undefined, never 0 in its place.
        low: Lower end of the interval, in the unit of value.
        high: Upper end of the interval, in the unit of value.
        n: Items in the denominator.
        n_excluded: Items left out because gold or decision is missing.
        reason: Why value or interval is undefined, or a remark such as "7 of 8 categories".
    """

    value: float
    low: float
    high: float
    n: int
    n_excluded: int = 0
    reason: str | None = None

    @classmethod
    def undefined(cls, reason: str, *, n: int = 0, n_excluded: int = 0) -> MetricResult:
        """Return an undefined result: NaN value and ends with a reason.

        Args:
            reason: What is missing, in the words of a report: "no violating items".
            n: Items in the denominator.
            n_excluded: Items left out because gold or decision is missing.

        Returns:
            A result whose value and ends are NaN.

        >>> MetricResult.undefined("no violating items").as_dict()["value"] is None
        True
        """
        return cls(math.nan, math.nan, math.nan, n, n_excluded, reason)

    @property
    def is_defined(self) -> bool:
        """Whether the point estimate is a number.

        >>> MetricResult(0.5, 0.4, 0.6, 10).is_defined
        True
        """
        return not math.isnan(self.value)

    def per_item(self, n_repeats: int) -> MetricResult:
        """The same result with its counts in items instead of rows.

        Args:
            n_repeats: Rows of an item, >= 1.

        Returns:
            A result whose n and n_excluded are rounded shares of the rows.

        >>> MetricResult(0.5, 0.3, 0.7, 30, 3).per_item(3).n
        10
        """
        if n_repeats == 1:
            return self
        n, n_excluded = round(self.n / n_repeats), round(self.n_excluded / n_repeats)
        return MetricResult(self.value, self.low, self.high, n, n_excluded, self.reason)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data, undefined numbers as None.

        Returns:
            Keys value, low, high, n, n_excluded, reason, in this order.

        >>> MetricResult(0.5, 0.25, 0.75, 8).as_dict()
        {'value': 0.5, 'low': 0.25, 'high': 0.75, 'n': 8, 'n_excluded': 0, 'reason': None}
        """
        return {
            "value": number_or_none(self.value),
            "low": number_or_none(self.low),
            "high": number_or_none(self.high),
            "n": int(self.n),
            "n_excluded": int(self.n_excluded),
            "reason": self.reason,
        }


def number_or_none(value: float) -> float | None:
    """A number as JSON takes it: null where it is undefined.

    Args:
        value: A number, or NaN where it is undefined.

    Returns:
        The same number, or None for NaN.

    >>> number_or_none(0.5), number_or_none(float("nan"))
    (0.5, None)
    """
    return None if math.isnan(value) else float(value)
