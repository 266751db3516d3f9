"""What a finding holds: a fact with its size, its proof, its cause, and whose it is. No words, no decisions.

The plain form is the contract of ``findings`` in every JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.results import MetricResult

Kind = Literal["gain", "harm", "unknown", "open", "invalid"]
"""Better; worse or below what is asked; cannot be told; opened earlier and unrepaired; nothing may be concluded."""

Fact = Literal[
    "moved",
    "target_missed",
    "must_catch",
    "failures",
    "unusable",
    "undecided",
    "missing_pairs",
    "lost_category",
    "run",
    "check",
    "untold",
    "target_open",
    "production",
]
"""A metric moved; a target or a must-catch item is missed; more answers fail; no answer is usable; the candidate
decided nothing, or a category less than before; the run is broken; a check of the gate failed or ended open; a
difference or a target that these items cannot settle; a figure of production moved."""

Proof = Literal["proven", "likely", "counted"]
"""Holm-corrected; exploratory (Benjamini-Hochberg); a plain count that needs no test."""

Claim = Literal["our change", "labels", "model", "none"]
SEVERITIES = ("critical", "high", "medium", "low", "")
"""Worst first; a category that the policy does not know has none."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence about a cause: what kind it is, and the names that fill its sentence."""

    kind: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """What may be blamed, and why; ``none`` says that the runs cannot tell."""

    claim: Claim
    because: tuple[Reason, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"claim": self.claim, "because": [{"kind": one.kind, "names": list(one.names)} for one in self.because]}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on.

    Attributes:
        p_value: Two-sided, uncorrected; None where nothing was tested.
        adjusted: After the correction of its family; None where nothing was tested.
        newly: Items by direction: caught, missed, wrongly_flagged, cleared.
        n: A count that the fact is about, such as failed answers; None for none.
        n_of: Out of so many.
        target: The target or limit that is missed or open.
        bound: The one-sided 95% bound that decides about it.
        more: Further items that would settle it, None when unknown; of unusable answers, those of rarer outcomes.
        then: Value in the week in which an open finding began.
        names: What fills the sentence: ids of items, categories, a status.
        slid_since: Last week before a slide began; None for what moved in one week.
        restates: Whether the whole set says it already: a slice of what moves everywhere.
    """

    proof: Proof = "counted"
    p_value: float | None = None
    adjusted: float | None = None
    newly: Mapping[str, int] = field(default_factory=dict)
    n: int | None = None
    n_of: int | None = None
    target: float | None = None
    bound: float | None = None
    more: int | None = None
    then: float | None = None
    names: tuple[str, ...] = ()
    restates: bool = False
    slid_since: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data; what is not there is left out."""
        plain: dict[str, Any] = {"proof": self.proof}
        for name in ("p_value", "adjusted", "n", "n_of", "target", "bound", "more", "then"):
            value = getattr(self, name)
            if value is not None and value == value:
                plain[name] = value
        if self.restates:
            plain["restates"] = True
        if self.slid_since is not None:
            plain["slid_since"] = self.slid_since
        if self.newly:
            plain["newly"] = dict(self.newly)
        if self.names:
            plain["names"] = list(self.names)
        return plain


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one candidate.

    Attributes:
        category: Category id; None for all of them together.
        slice: Slice and value; None for the whole set.
        metric: recall, precision, fpr or failure_rate, or a figure of production; None where there is none.
        severity: Of the category in the policy; empty when unknown.
        before: The baseline's, or the weeks' before; None without one.
        after: The candidate's, or this week's.
        difference: After minus before, on the same items where there are pairs.
        cause: What may be blamed; None where nobody asked.
        since: Week that the value is compared with, or in which an open finding began.
        owner: Who answers for the category; None when the policy names nobody.
    """

    kind: Kind
    fact: Fact
    candidate: str
    category: str | None = None
    name: str = ""
    slice: tuple[str, str] | None = None
    metric: str | None = None
    severity: str = ""
    before: MetricResult | None = None
    after: MetricResult | None = None
    difference: MetricResult | None = None
    evidence: Evidence = field(default_factory=Evidence)
    cause: Cause | None = None
    since: str | None = None
    owner: str | None = None

    @property
    def key(self) -> str:
        """Names the same trouble from week to week: category, metric and slice."""
        where = "" if self.slice is None else f"@{self.slice[0]}={self.slice[1]}"
        return f"{self.category or 'all'}.{self.metric or self.fact}{where}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape that every JSON shares."""
        return {
            "kind": self.kind,
            "fact": self.fact,
            "candidate": self.candidate,
            "category": self.category,
            "slice": None if self.slice is None else {"name": self.slice[0], "value": self.slice[1]},
            "metric": self.metric,
            "severity": self.severity,
            "before": None if self.before is None else self.before.as_dict(),
            "after": None if self.after is None else self.after.as_dict(),
            "difference": None if self.difference is None else self.difference.as_dict(),
            "evidence": self.evidence.as_dict(),
            "cause": None if self.cause is None else self.cause.as_dict(),
            "since": self.since,
            "owner": self.owner,
        }


Answer = Literal["ship", "look", "no", "wait", "invalid", "better", "worse", "mixed", "same", "scores"]
"""The gate passes and nothing is worse; it passes and something is; it fails; it cannot tell; nothing may be concluded.
Without a gate: only gains, only harm, both, neither. One candidate alone: scores."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What somebody should do: the kind of step, the finding it is about, and who."""

    kind: Literal["repeat", "read", "decide", "label", "promote", "target", "baseline", "none"]
    finding: Finding | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Ship or not, about one candidate; its words are made by the reports."""

    candidate: str
    baseline: str | None
    answer: Answer
    verdict: str | None
    findings: tuple[Finding, ...]
    step: NextStep

    def of(self, *kinds: Kind) -> tuple[Finding, ...]:
        """Findings of these kinds, the worst first."""
        return tuple(one for one in self.findings if one.kind in kinds)

    @property
    def harms(self) -> tuple[Finding, ...]:
        """Everything that speaks against the candidate, invalid results first."""
        return self.of("invalid", "harm", "open")

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "candidate": self.candidate,
            "baseline": self.baseline,
            "answer": self.answer,
            "verdict": self.verdict,
            "next_step": {
                "kind": self.step.kind,
                "owner": self.step.owner,
                "about": None if self.step.finding is None else self.step.finding.key,
            },
        }
