"""Which rows of a long table of categories stay in view.

Decides it alone: up to ``LONG_TABLE`` categories all of them, beyond that those that say something; of many candidates
only those that do, and of their checks those that the verdict rests on.
"""

from __future__ import annotations

from harness.core.gate import POOLED
from harness.report.comparison.change_signs import SIGNS
from harness.report.comparison.data import CategoryRow, CheckRow, Pair

LONG_TABLE = 12
"""Categories up to which a table folds none."""
NOTHING_COMPARED = "Nothing is compared: in no category do both decide."
_FAILED = ("REGRESSION", "INVALID")


def told_and_still(pair: Pair, metric: str, most: int = LONG_TABLE) -> tuple[list[CategoryRow], list[CategoryRow]]:
    """Rows that say something (a change, a missed target, a failed check), and the others beyond ``most`` rows."""
    rows = [row for row in pair.rows if metric in row.measures]
    if len(rows) <= most:
        return rows, []
    told = [row for row in rows if _says_something(row, metric)]
    return told, [row for row in rows if row not in told]


def deciding_checks(pair: Pair) -> list[CheckRow]:
    """Checks that the gate's verdict rests on: failed, critical and not passed, or of the guarded ones together."""
    return [
        one
        for one in pair.checks
        if one.verdict in _FAILED or one.category == POOLED or (one.tier == "critical" and one.verdict != "PASS")
    ]


def _says_something(row: CategoryRow, metric: str) -> bool:
    target = row.targets.get(metric)
    has_failed = any(check.metric == metric and check.verdict in _FAILED for check in row.checks)
    return row.measures[metric].change in SIGNS or has_failed or (target is not None and target.state == "missed")
