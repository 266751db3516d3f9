"""The section that says what failed answers could change: every figure under three readings of them.

Decides which figures it holds: recall and precision of candidates with failed answers.
"""

from __future__ import annotations

from harness.measure.decisions import FAILURE_READINGS
from harness.report.comparison.data import SensitivityRow
from harness.report.comparison.pairs import category_name
from harness.report.comparison.section_table import Section
from harness.report.comparison.source import ReportSource
from harness.report.parts import numbers
from harness.report.parts.tables import Table

_COLUMNS = ("Category", "Metric", "As declared", "All failures wrong", "Failures dropped")


def sensitivity_rows(source: ReportSource) -> tuple[SensitivityRow, ...]:
    """Recall and precision under the three readings of failed answers, where a candidate has any."""
    rows = []
    for arm in source.arms:
        for category, scored in source.scored(arm.id).categories.items():
            readings = [scored.metrics, *(scored.sensitivity.get(one, {}) for one in FAILURE_READINGS)]
            for metric in ("recall", "precision"):
                declared, all_wrong, dropped = (one.get(metric) for one in readings)
                if declared is None or all_wrong is None or dropped is None:
                    continue
                name = category_name(source, category)
                rows.append(SensitivityRow(arm.id, category, name, metric, declared, all_wrong, dropped))
    return tuple(rows)


def _tables(source: ReportSource) -> list[Table]:
    rows = sensitivity_rows(source)
    tables = []
    for candidate in dict.fromkeys(row.candidate for row in rows):
        cells = tuple(
            (row.name, row.metric, *map(numbers.share_with_interval, (row.declared, row.all_wrong, row.dropped)))
            for row in rows
            if row.candidate == candidate
        )
        tables.append(Table(candidate, _COLUMNS, cells, numeric=frozenset(_COLUMNS[2:])))
    return tables


SENSITIVITY = Section(
    "Failures",
    "If failed answers counted otherwise",
    "The numbers of this report take the declared fallback. Here every failed answer counts as wrong, or is left out; "
    "large gaps mean that the failures matter.",
    _tables,
)
