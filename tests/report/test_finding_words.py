"""Shares in plain words: counts of 100 that say what the shares say."""

import pytest

from harness.core.results import MetricResult
from harness.report.parts.finding_words import in_plain


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.78, 0.85, "of 100 violating items it catches 85 instead of 78"),
        (0.781, 0.784, "of 1,000 violating items it catches 784 instead of 781"),
        (0.021, 0.003, "of 1,000 violating items it catches 3 instead of 21"),
        (0.021, 0.0, "of 100 violating items it catches 0 instead of 2"),
        (0.98, 0.997, "of 1,000 violating items it catches 997 instead of 980"),
        (0.98, 1.0, "of 100 violating items it catches 100 instead of 98"),
        (0.0003, 0.002, "recall is 0.20% instead of 0.03%"),
    ],
)
def test_none_and_all_are_said_where_they_are_true(before, after, said):
    """ "It flags 0 instead of 2 of 100" stood for 0.3%."""
    results = [MetricResult(value, value, value, 1_000) for value in (before, after)]
    assert in_plain("recall", *results) == said
