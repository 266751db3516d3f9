"""One check of a gate: its evidence and its result, beside its question from ``check_spec``.

Decides what the result of a check states. Leaves the tests to ``check_p_values``, the verdict of the whole to ``gate``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.core.arrays import Array
from harness.core.check_spec import GATE_METRICS as GATE_METRICS
from harness.core.check_spec import TIERS as TIERS
from harness.core.check_spec import CheckSpec as CheckSpec
from harness.core.results import MetricResult, number_or_none
from harness.core.statements import Statement

Verdict = Literal["PASS", "REGRESSION", "INCONCLUSIVE", "NOT_EVALUABLE", "INVALID"]
CANDIDATE_UNDECIDED = "the candidate makes no decision in this category"
BASELINE_UNDECIDED = "the baseline makes no decision in this category"
NEITHER_DECIDES = "neither system makes a decision in this category"
CANDIDATE_UNSCORED = "the candidate gives no scores in this category, so it has no operating point"
BASELINE_UNSCORED = "the baseline gives no scores in this category, so it has no operating point"
UNCOVERED = frozenset([CANDIDATE_UNDECIDED, NEITHER_DECIDES, CANDIDATE_UNSCORED])
"""Reasons that say the candidate does not do what the check asks about: no proof, and no lack of golden items."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckEvidence:
    """The paired counts a check is judged on.

    Attributes:
        cells: 8 counts, cell = 4y + 2a + b, scaled to the effective sample size. For failure_rate y is 0 and a, b say
            which system failed.
        raw: The same counts of items.
        n_clusters: Clusters with data, None when items are independent.
        n_excluded: Items without gold or without both decisions.
        reason: Why the check cannot be evaluated at all, or None.
        is_weighted: Whether ``cells`` share out the items' weights; values are then read from them, not from ``raw``.
        point: At an operating point, that the candidate is proven not to keep what is held there, and keeps less than
            the baseline: it must not pass by giving up the one for the other.
        choice_share: Share of the variance that is the choice of thresholds; ``cells`` are scaled for it already.
    """

    cells: Array
    raw: Array
    n_clusters: int | None = None
    n_excluded: int = 0
    reason: str | None = None
    is_weighted: bool = False
    point: Statement | None = None
    choice_share: float = 0.0

    @property
    def counted(self) -> Array:
        """The counts that values are read from.

        >>> import numpy as np
        >>> CheckEvidence(np.full(8, 0.5), np.full(8, 3)).counted.tolist()
        [3, 3, 3, 3, 3, 3, 3, 3]
        """
        return self.cells if self.is_weighted else self.raw

    @property
    def scale(self) -> float:
        """Items per effective item, >= 1.

        >>> import numpy as np
        >>> CheckEvidence(np.full(8, 5.0), np.full(8, 10)).scale
        2.0
        """
        total = float(np.sum(self.cells))
        return float(np.sum(self.raw)) / total if total > 0 else 1.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Verdict of one check with everything it rests on.

    Attributes:
        spec: The check.
        verdict: PASS, REGRESSION, INCONCLUSIVE or NOT_EVALUABLE.
        n: Items in the denominator.
        p_non_inferior: P-value of "worse by the margin" (or "below the floor"); NaN when not tested.
        p_worse: One-sided p-value of "not worse"; NaN when not tested.
        p_worse_holm: The same after Holm over the checks of the gate.
        p_better: One-sided p-value of "not better"; NaN for floors.
        difference: Candidate minus baseline with the 1 - 2·alpha interval; for a floor the candidate's value.
        items_needed: Further items for an inconclusive check; None when settled or when no number helps.
        items_unit: What items_needed counts.
        smallest_margin: Smallest margin provable with 80% power; NaN when not known.
        remarks: What else a reader must know.
        discordance: Share of the items on which the systems differ, as items_needed and smallest_margin assume it:
            (differing + 1)/(items + 2); NaN for a floor.
    """

    spec: CheckSpec
    verdict: Verdict
    n: int
    p_non_inferior: float
    p_worse: float
    p_worse_holm: float
    p_better: float
    difference: MetricResult
    items_needed: int | None = None
    items_unit: str | None = None
    smallest_margin: float = math.nan
    remarks: tuple[Statement, ...] = ()
    discordance: float = math.nan

    @property
    def is_uncovered(self) -> bool:
        """Whether the check could not be evaluated because the candidate does not decide the category.

        >>> not_evaluable(CheckSpec("hate", "recall", "watch", margin=0.05), NEITHER_DECIDES, 0).is_uncovered
        True
        """
        return self.verdict == "NOT_EVALUABLE" and self.difference.reason in UNCOVERED

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain data, undefined numbers as None.

        Returns:
            The fields of a check in ``harness gate --json``.

        >>> spec = CheckSpec("hate", "recall", "watch", margin=0.05)
        >>> not_evaluable(spec, "no violating items", 0).as_dict()["verdict"]
        'NOT_EVALUABLE'
        """
        return {
            "category": self.spec.category,
            "metric": self.spec.metric,
            "tier": self.spec.tier,
            self.spec.kind: self.spec.limit,
            "n": self.n,
            "verdict": self.verdict,
            "p_non_inferior": number_or_none(self.p_non_inferior),
            "p_worse": number_or_none(self.p_worse),
            "p_worse_holm": number_or_none(self.p_worse_holm),
            "difference": self.difference.as_dict(),
            "items_needed": self.items_needed,
            "items_unit": self.items_unit,
            "smallest_margin": number_or_none(self.smallest_margin),
            "discordance": number_or_none(self.discordance),
            "p_better": number_or_none(self.p_better),
            "remarks": [remark.as_dict() for remark in self.remarks],
        }


def not_evaluable(spec: CheckSpec, reason: str, n_excluded: int) -> CheckResult:
    """Result of a check without data.

    Args:
        spec: The check.
        reason: What is missing.
        n_excluded: Items left out.

    Returns:
        A NOT_EVALUABLE result with NaN p-values.

    >>> spec = CheckSpec("hate", "recall", "watch", margin=0.05)
    >>> not_evaluable(spec, "no violating items", 3).remarks[0].facts["reason"]
    'no violating items'
    """
    undefined = MetricResult.undefined(reason, n_excluded=n_excluded)
    nan, remark = math.nan, Statement("not_evaluable", facts={"reason": reason})
    return CheckResult(spec, "NOT_EVALUABLE", 0, nan, nan, nan, nan, undefined, remarks=(remark,))
