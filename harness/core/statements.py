"""What a gate says beside its numbers, as records: why the verdict, what else to know of a check.

Decides which things can be said and what each rests on. The sentences are the reports' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.check_spec import CheckSpec

StatementKind = Literal[
    # why the verdict of the whole
    "regressed",
    "not_proven",
    "nothing_gated",
    "every_check_passes",
    "every_evaluated_check_passes",
    "none_regresses",
    "missing_pairs",
    "missing_pairs_decide",
    "other_reading",
    "nothing_evaluated",
    "not_evaluated",
    "run_stopped",
    "rows_without_answer",
    "lost_coverage",
    "must_catch",
    "must_catch_not_proven",
    "sequential_stopped",
    "sequential_rows_without_answer",
    "sequential_not_robust",
    # what else to know of one check
    "not_evaluable",
    "few_clusters",
    "few_items",
    "decides_alike",
    "same_system",
    "out_of_reach",
    "enough_if_equal",
    "too_many_needed",
    "worse_within_margin",
    "improved",
    "pool_not_proven",
    "not_proven_alone",
    "point_at",
    "point_choice",
    "point_missed",
    # what else to know of the gate
    "left_out",
    "floor_left_out",
    "missing_pairs_harmless",
    "fallback_decides",
    "own_answers",
    "asked_twice",
    "sample",
    "declared_sample",
    "left_to_people",
    "weighted",
    "second_look",
    "further_look",
    "gated_before",
    "tolerated",
]


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a gate says.

    Attributes:
        kind: What is said.
        checks: The checks that it is about.
        facts: The numbers and names that its sentence needs.
    """

    kind: StatementKind
    checks: tuple[CheckSpec, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the statement as plain data.

        Returns:
            Keys kind, checks (category, metric and limit of each) and facts.

        >>> Statement("few_clusters", facts={"minimum": 15}).as_dict()
        {'kind': 'few_clusters', 'checks': [], 'facts': {'minimum': 15}}
        """
        checks = [{"category": one.category, "metric": one.metric, one.kind: one.limit} for one in self.checks]
        return {"kind": self.kind, "checks": checks, "facts": dict(self.facts)}
