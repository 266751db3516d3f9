"""An interval and a test that are shown together say the same.

Decides where an interval ends when the test beside it is not the one that the interval inverts: Tango's interval beside
McNemar's mid-p test and beside the exact test of a margin, a bootstrap interval beside a permutation test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from harness.core.results import Interval, MetricResult

_EQUAL = 1e-12  # p-values that differ by less lie on the same side of alpha


def is_rejected(p_value: float, alpha: float) -> bool:
    """Whether a test rejects at a level that may itself carry rounding, such as 1 - .95.

    Args:
        p_value: Of the test; NaN where nothing was tested.
        alpha: Level of the same test.

    Returns:
        True where p <= alpha.

    >>> is_rejected(0.05, 1 - 0.95), is_rejected(0.0625, 1 - 0.95)
    (True, False)
    """
    return p_value <= alpha + _EQUAL


def agreeing_interval(interval: Interval, estimate: float, tested: Iterable[tuple[float, float, float]]) -> Interval:
    """The interval that holds each tested difference exactly when its test does not reject it.

    The confidence set is the interval's, with the tested differences judged by their own tests; what is reported is the
    shortest interval that contains it. A difference that its test keeps draws the end out to itself; one that its test
    rejects ends the interval just short of itself, since tests of differences farther away would reject too.

    Args:
        interval: Ends of the difference; returned as it is when they are NaN.
        estimate: The observed difference, which every interval holds.
        tested: (difference, p-value, level) of each test shown beside it, one-sided levels beside one-sided tests; a
            p-value of NaN is no test.

    Returns:
        Ends with low <= estimate <= high; never shorter than the interval at a difference that was not rejected.

    References:
        Lehmann & Romano (2005), Testing Statistical Hypotheses, section 3.5 (confidence sets from tests).

    >>> agreeing_interval(Interval(-0.96, -0.02), -0.8, [(0.0, 0.0625, 0.05)])
    Interval(low=-0.96, high=0.0)
    >>> agreeing_interval(Interval(-0.051, 0.01), -0.02, [(-0.05, 0.04, 0.05)]).low > -0.05
    True
    """
    low, high = interval
    for difference, p_value, alpha in tested:
        if math.isnan(p_value) or math.isnan(low):
            continue
        if not is_rejected(p_value, alpha):
            low, high = min(low, difference), max(high, difference)
        elif difference < estimate:
            low = max(low, math.nextafter(difference, math.inf))
        elif difference > estimate:
            high = min(high, math.nextafter(difference, -math.inf))
    return Interval(low, high)


def agreeing_result(difference: MetricResult, tested: Iterable[tuple[float, float, float]]) -> MetricResult:
    """A difference with the interval that agrees with the tests beside it.

    Args:
        difference: With the interval of another method.
        tested: As for ``agreeing_interval``.

    Returns:
        The same difference between other ends.

    >>> agreeing_result(MetricResult(-0.8, -0.96, -0.02, 10), [(0.0, 0.0625, 0.05)]).high
    0.0
    """
    low, high = agreeing_interval(Interval(difference.low, difference.high), difference.value, tested)
    return replace(difference, low=low, high=high)
