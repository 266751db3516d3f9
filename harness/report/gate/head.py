"""The first lines of every output of a gate: the decision that its findings add up to.

Decides when there is none: across versions the items differ, so nothing was compared pair by pair.
"""

from __future__ import annotations

from harness.gating.findings import Decision, decide
from harness.gating.records import GateReport


def decision_of(report: GateReport) -> Decision | None:
    """Ship or not; None for a gate across versions, whose split says what moved."""
    if report.across is not None:
        return None
    return decide(report.candidate.candidate, report.baseline.candidate, report.findings, report.verdict)
