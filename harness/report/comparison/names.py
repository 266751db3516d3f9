"""Names that people gave, and that stand inside sentences of a comparison: what is isolated where it runs leftwards."""

from __future__ import annotations

from harness.report.comparison.data import ReportData


def names_of(data: ReportData) -> list[str]:
    """Categories, slices with their values, and owners."""
    slices = [text for one in data.slices for text in (one.name, *(row.value for row in one.rows))]
    owners = {one.owner for one in data.findings if one.owner}
    return [*(name for _, name in data.categories), *slices, *sorted(owners)]
