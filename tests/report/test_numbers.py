import math

import pytest

from harness.core.results import MetricResult
from harness.report.parts import numbers

UNDEFINED = MetricResult.undefined("nothing flagged")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numbers.share(0.9124), "91.2%"),
        (
            numbers.amount_with_interval(MetricResult(22.0, 18.9, 25.3, 9), 1.0),
            "22.0 [18.9, 25.3]",
        ),  # "22 [18.9, 25.3]"
        (numbers.amount_with_interval(MetricResult(0.0, 0.0, 1234.5, 9), 1.0), "0 [0, 1,234]"),
        (numbers.amount_with_interval(MetricResult(0.5, 0.5, 0.5, 9), 1.0, is_signed=True), "+0.5"),
        (numbers.share(None), "n/a"),
        (numbers.share(math.nan), "n/a"),
        (numbers.share_with_interval(MetricResult(0.9124, 0.887, 0.932, 614)), "91.2% [88.7, 93.2]"),
        (numbers.share_with_interval(UNDEFINED), "n/a (nothing flagged)"),
        (numbers.share_with_interval(MetricResult(0.5, math.nan, math.nan, 1)), "50.0%"),
        (numbers.points_with_interval(MetricResult(0.023, -0.004, 0.05, 100)), "+2.3 [-0.4, +5.0]"),
        (numbers.points_with_interval(UNDEFINED), "n/a (nothing flagged)"),
        (numbers.points(-0.0001), "0.0"),
        (numbers.points(0.0), "0.0"),
        (numbers.score_with_interval(MetricResult(0.5, 0.25, 0.75, 4)), "0.500 [0.250, 0.750]"),
        (numbers.count(12345), "12,345"),
        (numbers.count(2.5), "2.5"),
        (numbers.p_value(0.0002), "<0.001"),
        (numbers.p_value(0.04), "0.040"),
        (numbers.p_value(None), "n/a"),
        (numbers.usd(None), "unknown"),
        (numbers.usd(0.0), "$0.00"),
        (numbers.usd(0.0123), "$0.0123"),
        (numbers.usd(1234.5), "$1,234.50"),
        (numbers.milliseconds(1500), "1.50 s"),
        (numbers.milliseconds(50), "50 ms"),
        (numbers.milliseconds(0.034), "0.03 ms"),
        (numbers.duration(4.21), "4.2 s"),
        (numbers.duration(185), "3 min 05 s"),
        (numbers.duration(7800), "2 h 10 min"),
    ],
)
def test_numbers_read_as_written(text, expected):
    assert text == expected
