"""Figures of a run by slice value, as findings about slices state them.

Decides that a slice is followed by the very measure in which it fell: that of a comparison, here of a run with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.results import MetricResult
from harness.gating.findings.memory import Figure
from harness.measure.slices import ALL_CATEGORIES, compare_slices
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class SliceFigure:
    """One metric of one category in one slice value; category None for all of them together."""

    category: str | None
    metric: str
    slice: tuple[str, str]
    result: MetricResult

    @property
    def figure(self) -> Figure:
        """What it is a figure of."""
        return self.category, self.metric, self.slice


def slice_figures(run: Run, candidate: str) -> tuple[SliceFigure, ...]:
    """Every figure of a candidate by slice value."""
    return tuple(
        SliceFigure(
            None if one.category == ALL_CATEGORIES else one.category,
            one.metric,
            (one.slice_name, one.value),
            one.candidate,
        )
        for one in compare_slices(run, candidate, run, candidate)
    )
