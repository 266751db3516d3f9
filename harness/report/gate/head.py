"""The first lines of every output of a gate: the decision that its findings add up to.

Decides when there is none: across versions the items differ, so nothing was compared pair by pair.
"""

from __future__ import annotations

from harness.gating.choose import pair_names
from harness.gating.findings import Decision, decide
from harness.gating.gate_report import GateReport
from harness.report.parts.decision_words import decision_word


def decision_of(report: GateReport) -> Decision | None:
    """Ship or not; None for a gate across versions, whose split says what moved."""
    if report.across is not None:
        return None
    baseline, candidate = pair_names(report.baseline, report.candidate)
    return decide(candidate, baseline, report.findings, report.verdict)


def first_word(report: GateReport) -> str:
    """The verdict; with what the decision adds to it, so that nobody reads a plain PASS above harm."""
    decision = decision_of(report)
    word = "" if decision is None else decision_word(decision)[0]
    return word if word.startswith(report.verdict) else report.verdict
