"""Two candidates of stored runs compared, with what follows from it: for ``harness compare``, quickstart, notebooks.

Decides nothing itself: the numbers are ``measure``'s, what they mean is ``gating.findings``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.gating.findings import Decision, decide, evidence_of, pair_findings
from harness.measure.compare import Comparison, compare
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class DecidedComparison:
    """A comparison and the decision that its findings lead to."""

    comparison: Comparison
    decision: Decision

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        findings = [one.as_dict() for one in self.decision.findings]
        return {**self.comparison.as_dict(), "findings": findings, "decision": self.decision.as_dict()}


def compare_candidates(baseline_run: Run, baseline: str, run: Run, candidate: str) -> DecidedComparison:
    """Compare two candidates item by item and decide what it means."""
    comparison = compare(baseline_run, baseline, run, candidate, with_averages=True)
    names = (baseline, candidate if baseline != candidate else f"{candidate} ({run.meta.run_id})")
    evidence = evidence_of(baseline_run, baseline, run, candidate, comparison=comparison, names=names)
    return DecidedComparison(comparison, decide(names[1], names[0], pair_findings(evidence)))
