"""Findings: what moved, what is harm, what is still open, what cannot be told, and what may be named as the cause.

Decided here once, as records; every surface words the same ones. ``records`` says what a finding holds, ``pair``
decides about two candidates on the same items, ``stored`` reads those of stored runs, ``verdict`` says
whether to ship and what comes next, ``causes`` what may be blamed, ``memory`` what is still open from the weeks before.
"""

from harness.gating.findings.pair import PairEvidence, pair_findings
from harness.gating.findings.records import Cause, Decision, Evidence, Finding, NextStep
from harness.gating.findings.stored import evidence_of
from harness.gating.findings.verdict import decide

__all__ = [
    "Cause",
    "Decision",
    "Evidence",
    "Finding",
    "NextStep",
    "PairEvidence",
    "decide",
    "evidence_of",
    "pair_findings",
]
