"""A run with early stopping in words: the sequential verdict, where it stopped, and what that saved."""

from __future__ import annotations

from typing import Any

from harness.gating.checks import check_name
from harness.report.gate.statement_words import said, statements_text
from harness.report.parts import numbers
from harness.report.parts.tables import Table, to_terminal

COLUMNS = ("Check", "Tier", "Margin", "Difference so far", "Verdict")


def sequential_lines(report: Any) -> list[str]:
    """The lines of a ``SequentialReport`` for the terminal."""
    rows = tuple(
        (check_name(spec), spec.tier, numbers.limit(spec.kind, spec.limit), numbers.points_with_interval(one), verdict)
        for spec, verdict, one in report.checks.values()
    )
    note = "Differences in points; their intervals hold at every look together, so they are wider than a single one's."
    share = f"{numbers.count(report.n_items)} of {numbers.count(report.n_items_in_set)} items"
    made, saved = (numbers.count(report.calls[one]) for one in ("made", "saved"))
    spent = numbers.usd_spent(report.cost_usd["spent"] or 0.0, report.calls["unknown"])
    kept, left = numbers.usd(report.cost_usd["saved"]), "to come" if report.run.status == "incomplete" else "saved"
    sides, why = f"{report.candidate} against {report.baseline}", statements_text(report.reasons)
    return [
        f"{report.verdict} (sequential): {sides}: {why}",
        f"Stopped at look {report.look} of {report.n_looks}, after {share}.",
        f"Calls: {made} made, {saved} {left}; cost: {spent} spent, {kept} {left}.",
        "",
        to_terminal(Table("", COLUMNS, rows, (note,), frozenset(["Margin"]))),
        *(f"Note: {said(one)}." for one in report.notes),
        *([f"Candidates gated on this golden set so far: {report.reuse.n_candidates}."] if report.reuse else []),
        f"Run {report.run.run_id}: {report.run.path}",
        "What sequential means: harness explain sequential",
    ]
