"""What a page decides where candidates are many."""

from __future__ import annotations

import pytest
from synthetic import synthetic_source

from harness.report.comparison.build import build_report
from harness.report.comparison.many import COLOURS, colour_numbers, drawn_candidates


@pytest.mark.parametrize("n_candidates", [2, 8, 9, 20])
def test_no_candidate_has_the_colour_of_the_baseline_and_those_drawn_differ(n_candidates):
    data = build_report(synthetic_source(60, 2, n_candidates), generated_at="now", version="0.1.0")
    numbers = colour_numbers(data)
    assert set(numbers) == {*data.candidates}
    assert [name for name, number in numbers.items() if number == 0] == [data.baseline]
    drawn = [numbers[name] for name in drawn_candidates(data)]
    assert len(set(drawn)) == len(drawn) <= COLOURS
