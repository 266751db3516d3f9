"""A gate of many checks on few lines: what fails, what cannot be told, and how many checks pass.

Decides when the tables of every check would bury what matters, and which checks stand in their place. The tables
themselves are in ``tables``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from harness.gating.gate_report import CheckReport, GateReport
from harness.gating.plan import GatePlan
from harness.report.gate.tables import across_tables, check_row, must_catch_tables, plan_table
from harness.report.parts import numbers
from harness.report.parts.tables import Table
from harness.report.parts.words import plural

MOST_CHECKS = 40
"""Checks up to which every one is shown."""
MOST_FAILED, MOST_OPEN = 40, 20
MOST_ITEMS = 10
_COLUMNS = ("Check", "n", "Measured", "Limit", "Verdict")


def is_long(report: GateReport) -> bool:
    """Whether the tables of all checks would bury what matters."""
    return len(report.all_checks) > MOST_CHECKS


def overview(report: GateReport) -> list[Table]:
    """Checks that fail, then those that cannot be told, the least proven first; then must-catch items."""
    checks = _checks_table(_shown(report.all_checks))
    return [checks, *must_catch_tables(report, MOST_ITEMS), *across_tables(report)]


def left_out_lines(report: GateReport, every: str) -> list[str]:
    """How many checks are not shown, by verdict, and where every one stands."""
    shown = Counter(check.result.verdict for check in _shown(report.all_checks))
    counted = Counter(check.result.verdict for check in report.all_checks)
    left = [f"{numbers.count(n - shown[one])} {one}" for one, n in sorted(counted.items()) if n > shown[one]]
    return [
        f"Not shown, of {plural(len(report.all_checks), 'check')}: {', '.join(left) or 'none'}; both systems' own "
        "figures, what would settle each check, flip rates.",
        f"  Every check: {every}",
    ]


def plan_overview(plan: GatePlan) -> Table:
    """What the golden set can prove: of many checks those with the least power, and how many more there are."""
    if len(plan.checks) <= MOST_CHECKS:
        return plan_table(plan)
    weakest = sorted(plan.checks, key=lambda one: (one.can_pass, one.power))[:MOST_OPEN]
    n_able, n = sum(one.can_pass for one in plan.checks), len(plan.checks)
    table = plan_table(replace(plan, checks=tuple(weakest)))
    left = (
        f"Those with the least power stand here. Of {plural(n, 'check')} {numbers.count(n_able)} can pass and "
        f"{numbers.count(n - n_able)} cannot; --all shows every one."
    )
    return replace(table, notes=(left, *table.notes))


def _shown(checks: Sequence[CheckReport]) -> list[CheckReport]:
    failed = [one for one in checks if one.result.verdict not in ("PASS", "INCONCLUSIVE")]
    still_open = [one for one in checks if one.result.verdict == "INCONCLUSIVE"]
    failed.sort(key=lambda one: one.result.verdict != "REGRESSION")
    still_open.sort(key=_is_proven)
    return [*failed[:MOST_FAILED], *still_open[:MOST_OPEN]]


def _is_proven(check: CheckReport) -> float:
    """How near the check is to a PASS: its p-value, negative; what was not tested comes first."""
    p_value = check.result.p_non_inferior
    return -math.inf if math.isnan(p_value) else -p_value


def _checks_table(checks: Sequence[CheckReport]) -> Table:
    rows = []
    for check in checks:
        name, _, n, _, candidate, difference, limit, verdict, _ = check_row(check)
        rows.append((name, n, candidate if check.result.spec.kind == "floor" else difference, limit, verdict))
    notes = (
        "Measured: the difference in points with the 90% interval of the one-sided test; against a floor the "
        "candidate's own figure with its 95% interval. What cannot be told stands in order, the least proven first.",
    )
    return Table("", _COLUMNS, tuple(rows), notes, frozenset(["n"]), keys=frozenset(["Check", "Measured", "Verdict"]))
