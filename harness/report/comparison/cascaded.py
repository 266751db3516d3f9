"""The section about cascades: stage by stage who was asked and what it caught, and what is left to people."""

from __future__ import annotations

from harness.report.cascades import cascade_tables, stage_category_table
from harness.report.comparison.section_table import Section
from harness.report.comparison.source import ReportSource
from harness.report.parts.tables import Table


def _tables(source: ReportSource) -> list[Table]:
    tables: list[Table] = []
    for arm in source.arms:
        scored = source.scored(arm.id)
        seconds, usd = source.review_seconds, source.review_usd_per_hour
        tables += cascade_tables(arm.id, scored, review_seconds=seconds, usd_per_hour=usd)
        by_category = stage_category_table(arm.id, scored.stages)
        if by_category.rows and len(source.categories) > 1:
            tables.append(by_category)
    return tables


CASCADES = Section(
    "Stages",
    "Stages and people",
    "Candidates that ask in turn: which stage decided, what each one caught and cost, which calls were saved, and what "
    "is left to people. What is left to people counts on neither side of a comparison.",
    _tables,
)
