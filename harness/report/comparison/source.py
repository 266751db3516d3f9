"""What a comparison report is made of: arrays per candidate, texts, and the results of scoring and comparing.

Plain containers, so that a report can be built from a stored run, from two runs, or from made-up data in a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.gating.findings import PairEvidence
from harness.gating.gate_report import GateReport
from harness.measure.compare import Comparison
from harness.measure.point_pairs import PointPair
from harness.measure.score import CandidateScore, RunScore
from harness.measure.slices import SliceChange
from harness.records import PolicyFacts
from harness.report.comparison.workload import REVIEW_SECONDS
from harness.report.item.media import RowPictures
from harness.report.parts.banner import Banner
from harness.report.parts.disputes import NO_VOTES, Votes
from harness.runs import ALL_OUTCOMES

OUTCOME_NAMES: tuple[str, ...] = ALL_OUTCOMES
"""Position in this table is the outcome's code in ``Arm.outcomes``."""


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """What one candidate did with every item, in the order of the golden set.

    Attributes:
        outcomes: Codes of ``OUTCOME_NAMES``, uint8 (n_items,).
        decisions: Decisions as scored (the fallback is applied), int8 (n_items, n_categories): 1, 0, -1 missing.
        scores: Scores, float (n_items, n_categories), NaN missing; None when the candidate gives none.
        rationales: Rationale per item, or None when the candidate gives none.
        latency_ms: Latency per item, NaN unknown; None when nothing was timed.
        description: One line for readers: prompt, model, rules.
        reasons: Per item, why the answer is not usable or is missing; None when nothing failed.
        cost_usd: Price per item, NaN unknown; None when nothing has a price.
        n_flagged: Repeats that flagged, int (n_items, n_categories); None where items were asked once.
        makes_calls: Whether asking it costs something, known or not; a rule set costs nothing.
        is_fallback: Where a decision is the fallback's, bool (n_items, n_categories); None: in a failed answer alone.
    """

    id: str
    outcomes: NDArray[np.uint8]
    decisions: NDArray[np.int8]
    scores: NDArray[Any] | None = None
    rationales: Sequence[str | None] | None = None
    latency_ms: NDArray[Any] | None = None
    description: str = ""
    reasons: Sequence[str | None] | None = None
    cost_usd: NDArray[Any] | None = None
    n_flagged: NDArray[np.int64] | None = None
    n_repeats: int = 1
    run_id: str = ""
    makes_calls: bool = True
    is_fallback: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VoteCounts:
    """Annotators' votes: those for "violates", and all that say yes or no; int (n_items, n_categories)."""

    n_yes: NDArray[np.int64]
    n_known: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class InputText:
    """One input file as it was when the run was made.

    Attributes:
        kind: What it is: prompt, rules, policy, model.
    """

    kind: str
    name: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class ReportSource:
    """Everything a comparison report is built from.

    ``scores`` and ``comparisons`` name candidates as the report does. ``gates`` are by candidate, ``slice_changes`` by
    candidate against the baseline, and so is ``evidence``, from which the findings are decided.
    """

    eval_name: str
    policy: PolicyFacts
    item_ids: Sequence[str]
    texts: Sequence[str | None]
    categories: tuple[str, ...]
    y_true: NDArray[np.int8]
    slices: Mapping[str, Mapping[str, NDArray[np.int64]]]
    arms: tuple[Arm, ...]
    scores: RunScore
    baseline: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    gates: Mapping[str, GateReport] = field(default_factory=dict)
    slice_changes: Mapping[str, Sequence[SliceChange]] = field(default_factory=dict)
    evidence: Mapping[str, PairEvidence] = field(default_factory=dict)
    inputs: Mapping[str, tuple[InputText, ...]] = field(default_factory=dict)
    facts: tuple[tuple[str, str], ...] = ()
    reproduce: tuple[str, ...] = ()
    banners: tuple[Banner, ...] = ()
    n_repeats: int = 1
    votes: VoteCounts | None = None
    agreement: Votes = NO_VOTES
    definitions: Mapping[str, str] = field(default_factory=dict)
    review_seconds: float = REVIEW_SECONDS
    review_usd_per_hour: float | None = None
    points: Mapping[str, Mapping[str, Sequence[PointPair]]] = field(default_factory=dict)
    """Candidate -> category -> both at each operating point."""
    pictures: RowPictures | None = None

    def scored(self, candidate: str) -> CandidateScore:
        """The candidate's scores; KeyError when there are none."""
        return self.scores.candidates[candidate]
