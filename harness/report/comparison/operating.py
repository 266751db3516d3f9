"""The section about operating points: what each candidate catches where all keep the same precision, or the like."""

from __future__ import annotations

from harness.report.comparison.section_table import Section
from harness.report.comparison.source import ReportSource
from harness.report.parts.tables import Table
from harness.report.points import pair_table, point_table


def _tables(source: ReportSource) -> list[Table]:
    if source.baseline is None:
        return [point_table(arm.id, points) for arm in source.arms if (points := source.scored(arm.id).points)]
    return [
        pair_table(points, (source.baseline, name), f"{name} against {source.baseline}")
        for name, points in source.points.items()
        if points
    ]


OPERATING = Section(
    "Operating points",
    "At the same operating point",
    "Thresholds differ between candidates, and so recall and precision trade off differently. Here each one stands at "
    "the threshold that keeps the same precision, over-blocking or recall.",
    _tables,
)
