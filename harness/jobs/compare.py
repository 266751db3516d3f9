"""Two candidates of stored runs compared, with what follows from it: for ``harness compare``, quickstart, notebooks.

Decides nothing itself: the numbers are ``measure``'s, what they mean is ``gating.findings``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.gating.choose import pair_names
from harness.gating.findings import Decision, decide, evidence_of, pair_findings
from harness.measure.compare import Comparison, compare
from harness.measure.point_pairs import PointPair, point_pairs
from harness.measure.points import point_metrics
from harness.runs import StoredCandidate


@dataclass(frozen=True, slots=True)
class DecidedComparison:
    """A comparison and the decision that its findings lead to."""

    comparison: Comparison
    decision: Decision
    points: Mapping[str, tuple[PointPair, ...]] = field(default_factory=dict)
    """Category -> both at each operating point."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        findings = [one.as_dict() for one in self.decision.findings]
        points = {name: {one.metric: one.as_dict() for one in every} for name, every in self.points.items()}
        return {
            **self.comparison.as_dict(),
            **({"points": points} if points else {}),
            "findings": findings,
            "decision": self.decision.as_dict(),
        }


def compare_candidates(
    baseline: StoredCandidate, candidate: StoredCandidate, *, points: Sequence[str] = ()
) -> DecidedComparison:
    """Compare two candidates item by item and decide what it means.

    ``points`` are metrics at operating points, beside those that the eval's gate asks for.
    """
    metrics = point_metrics(candidate.run, points)
    comparison = compare(baseline, candidate, with_averages=True)
    names = pair_names(baseline, candidate)
    evidence = evidence_of(baseline, candidate, comparison=comparison, names=names)
    decision = decide(names[1], names[0], pair_findings(evidence))
    return DecidedComparison(comparison, decision, point_pairs(baseline, candidate, metrics))
