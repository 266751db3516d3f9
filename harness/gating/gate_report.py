"""What a gate reports: verdict, checks, and everything they rest on.

Decides which checks block, and the exit code; computes nothing. The words are ``report.gate``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.checks import CheckResult, Verdict
from harness.core.results import MetricResult
from harness.core.statements import Statement
from harness.errors import Exit
from harness.gating.checks import check_key, check_name
from harness.gating.coverage import LeftOut
from harness.gating.findings.records import Finding
from harness.gating.must_catch import MustCatch
from harness.measure.pairs import Flips
from harness.records import GoldenFacts
from harness.records.base import FailOn

EXIT_CODES: dict[Verdict, Exit] = {
    "PASS": Exit.DONE,
    "REGRESSION": Exit.REGRESSION,
    "INCONCLUSIVE": Exit.INCONCLUSIVE,
    "NOT_EVALUABLE": Exit.INCONCLUSIVE,
    "INVALID": Exit.INCOMPLETE,
}
Status = Literal["passed", "failure", "skipped", "error"]
SEVERAL = "several categories"
"""Why a pooled check has no value of its own."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check: the core's result, and the two systems' own values."""

    result: CheckResult
    baseline: MetricResult
    candidate: MetricResult
    is_implied: bool = False
    n_missing: int = 0

    @property
    def name(self) -> str:
        """Category, metric and kind, as one phrase."""
        return check_name(self.result.spec)

    @property
    def key(self) -> str:
        """The same by the category's id."""
        return check_key(self.result.spec)


@dataclass(frozen=True, slots=True)
class GateSide:
    """One of the two candidates of a gate."""

    run_id: str
    name: str
    signature: str
    outcomes: Mapping[str, int]
    failure_rate: MetricResult
    cost_usd: float | None
    n_unknown_cost: int
    latency_ms: Mapping[str, float | None]
    source: str = "same run"

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {
            "run_id": self.run_id,
            "candidate": self.name,
            "source": self.source,
            "signature": self.signature,
            "outcomes": dict(self.outcomes),
            "failure_rate": self.failure_rate.as_dict(),
            "cost_usd": self.cost_usd,
            "n_unknown_cost": self.n_unknown_cost,
            "latency_ms": dict(self.latency_ms),
        }


@dataclass(frozen=True, slots=True)
class Fallback:
    """What failed answers count as, and what the verdict would be otherwise.

    Attributes:
        n_rows: Rows of each that took it.
        verdicts: Verdict when all failures are wrong, and when they are dropped; empty when nothing failed.
    """

    on_failure: Mapping[str, str]
    n_rows: Mapping[str, int]
    verdicts: Mapping[str, Verdict]

    def decides(self, verdict: Verdict) -> bool:
        """Whether the verdict hangs on the fallback."""
        return self.verdicts.get("all_wrong", verdict) != verdict

    def as_dict(self, verdict: Verdict) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {
            "on_failure": dict(self.on_failure),
            "rows": dict(self.n_rows),
            "verdicts": {"as_declared": verdict, **self.verdicts},
            "decides": self.decides(verdict),
        }


@dataclass(frozen=True, slots=True)
class Split:
    """One metric of one category: old and new candidate on old and new gold, shared items only."""

    category: str
    name: str
    metric: str
    old_on_old: MetricResult
    old_on_new: MetricResult
    new_on_old: MetricResult
    new_on_new: MetricResult

    @property
    def label_change(self) -> float:
        """What the changed labels alone did to the old candidate."""
        return self.old_on_new.value - self.old_on_old.value

    @property
    def candidate_change(self) -> float:
        """What the changed candidate did, on the new labels."""
        return self.new_on_new.value - self.old_on_new.value

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        cells = ("old_on_old", "old_on_new", "new_on_old", "new_on_new")
        changes = {"label_change": self.label_change, "candidate_change": self.candidate_change}
        return {
            "category": self.category,
            "metric": self.metric,
            **{cell: getattr(self, cell).as_dict() for cell in cells},
            **{name: None if value != value else value for name, value in changes.items()},
        }


@dataclass(frozen=True, slots=True)
class Across:
    """A gate across versions: what differs, and the split of the change."""

    differences: tuple[str, ...]
    n_shared: int
    splits: tuple[Split, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {
            "differences": list(self.differences),
            "n_shared": self.n_shared,
            "splits": [split.as_dict() for split in self.splits],
        }


@dataclass(frozen=True, slots=True)
class Reuse:
    """How many distinct candidates this golden set has gated so far, this one included."""

    n_candidates: int
    log: str
    warning: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        return {"candidates_gated": self.n_candidates, "log": self.log, "warning": self.warning}


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verdict on one candidate against one baseline."""

    verdict: Verdict
    reasons: tuple[Statement, ...]
    checks: tuple[CheckReport, ...]
    pooled: tuple[CheckReport, ...]
    eval_name: str
    alpha: float
    seed: int
    golden_set: GoldenFacts
    n_items: int
    n_missing: int
    n_withheld: int
    baseline: GateSide
    candidate: GateSide
    fallback: Fallback
    flips: Mapping[str, Flips]
    flip_rates: Mapping[str, Mapping[str, MetricResult]] = field(default_factory=dict)
    noise_floor: Mapping[str, Mapping[str, MetricResult]] = field(default_factory=dict)
    across: Across | None = None
    reuse: Reuse | None = None
    notes: tuple[Statement, ...] = ()
    is_aa: bool = False
    left_out: tuple[LeftOut, ...] = ()
    fail_on: FailOn = "inconclusive"
    must_catch: MustCatch | None = None
    findings: tuple[Finding, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Category id -> what the policy calls it."""

    def named(self, category: str) -> str:
        """The category as readers know it."""
        return self.names.get(category, category)

    @property
    def exit_code(self) -> int:
        """Exit code of the verdict; 0 where the gate fails on a regression alone and there is none."""
        return Exit.DONE if self.is_tolerated else EXIT_CODES[self.verdict]

    @property
    def is_tolerated(self) -> bool:
        """Whether what nobody can tell only warns here."""
        return self.fail_on == "regression" and self.verdict in ("INCONCLUSIVE", "NOT_EVALUABLE")

    @property
    def all_checks(self) -> tuple[CheckReport, ...]:
        """Checks of the gate file, then the guarded ones pooled; a pool of one check says nothing new."""
        counted = Counter(one.result.spec.pool for one in self.checks if one.result.spec.tier == "guarded")
        return (*self.checks, *(one for one in self.pooled if counted[one.result.spec.pool] > 1))

    def status_of(self, check: CheckReport) -> Status:
        """How a test report shows a check: its failures are those that keep this gate from passing.

        What does not pass and does not block (``watch``; a guarded category whose pool passes) is skipped with its
        message, so that it never reads as a success. A guarded category that the candidate does not decide blocks.
        A gate that fails on a regression alone is kept by nothing else.
        """
        verdict, spec = check.result.verdict, check.result.spec
        if self.verdict == "INVALID":
            return "error"
        if verdict == "PASS":
            return "passed"
        if spec.tier == "watch" or (self.fail_on == "regression" and verdict != "REGRESSION"):
            return "skipped"
        is_alone = spec.tier == "guarded" and verdict != "REGRESSION" and check not in self.pooled
        proven = {one.result.spec.pool for one in self.pooled if one.result.verdict == "PASS"}
        is_left_to_pool = is_alone and not check.result.is_uncovered and spec.pool in proven
        return "skipped" if is_left_to_pool else "failure"

    @property
    def has_gaps(self) -> bool:
        """Whether a gated check was left out or could not be evaluated."""
        unjudged = any(one.is_gap and one.spec.tier != "watch" for one in self.left_out)
        return unjudged or any(
            check.result.verdict == "NOT_EVALUABLE" and check.result.spec.tier != "watch" for check in self.checks
        )

    @property
    def power(self) -> float:
        """Chance of a PASS that a check's further items aim at, when the systems are equal."""
        return 1 - 0.2 / max(1, len(self.checks))
