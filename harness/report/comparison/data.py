"""``ReportData``: everything a comparison report says, before any format.

Renderers (HTML, Markdown, spreadsheet, JSON) read this tree and nothing else. Every number is a ``MetricResult`` or a
count; rounding and wording belong to the renderers. A section without data is None or empty and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.metric_table import METRIC_TITLES, metrics_on, unit_of
from harness.core.results import MetricResult
from harness.core.targets import TargetState
from harness.gating.findings import Decision, Finding
from harness.records import GoldenFacts
from harness.report.comparison.explorer import ScoreCounts
from harness.report.comparison.frontier import FrontierPoint
from harness.report.comparison.section_table import ShownSection
from harness.report.comparison.workload import Production
from harness.report.parts.banner import Banner
from harness.report.parts.plain import plain

Change = Literal["better", "worse", "leans_better", "leans_worse", "same", "unclear", "undefined"]
"""Direction of a paired difference: proven (Holm-corrected), only its own interval excludes 0, within the margin of
"about the same", cannot be told, or not defined."""

METRIC_NAMES = {name: METRIC_TITLES[name] for name in metrics_on("compare")}
ERROR_KINDS = {"fp": "false positive", "fn": "false negative", "ws": "wrong selection", "te": "technical"}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of the gate: a margin has a ``difference``, a floor the ``value`` that is set against it."""

    category: str
    subject: str
    metric: str
    tier: str
    limit: str
    n: int | None
    verdict: str
    difference: MetricResult | None
    value: MetricResult | None
    items_needed: int | None
    remark: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of one category: both values, the paired difference and what it shows."""

    metric: str
    baseline: MetricResult | None
    candidate: MetricResult
    difference: MetricResult | None
    p_value: float | None
    p_holm: float | None
    change: Change

    @property
    def n(self) -> int:
        """Items the row is about: of the paired difference, or of the candidate where nothing is compared."""
        return self.candidate.n if self.difference is None else self.difference.n

    @property
    def unit(self) -> str:
        """What ``n`` counts."""
        return unit_of(self.metric, is_paired=self.difference is not None)


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A quality target of the policy, judged by the rule of ``core.targets``: met, missed or open."""

    target: float
    state: TargetState


@dataclass(frozen=True, slots=True)
class NewlyItems:
    """Items whose decision changed, by gold label and direction; the first two move recall, the others precision."""

    caught: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    wrongly_flagged: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One category of a comparison."""

    id: str
    name: str
    severity: str
    n_violating: int
    n_not_violating: int
    n_unlabelled: int
    targets: Mapping[str, TargetRow]
    """Metric -> what the policy asks of the candidate."""
    measures: Mapping[str, Measure]
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    newly: NewlyItems = field(default_factory=NewlyItems)
    checks: tuple[CheckRow, ...] = ()


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a text diff: ``kind`` is same, removed, added or gap; ``parts`` are (is_changed, text)."""

    kind: str
    old: int | None
    new: int | None
    parts: tuple[tuple[bool, str], ...]


@dataclass(frozen=True, slots=True)
class InputChange:
    """One input of both candidates, and how it differs."""

    kind: str
    old_name: str | None
    new_name: str | None
    old_sha256: str | None
    new_sha256: str | None
    n_added: int
    n_removed: int
    lines: tuple[DiffLine, ...]
    remark: str

    @property
    def is_changed(self) -> bool:
        """Whether the texts differ."""
        return self.old_sha256 != self.new_sha256


@dataclass(frozen=True, slots=True)
class Pair:
    """A baseline and a candidate, or one candidate alone (``baseline`` None)."""

    baseline: str | None
    candidate: str
    decision: Decision
    family: str
    rows: tuple[CategoryRow, ...]
    changes: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Metric -> change -> category ids."""
    inputs: tuple[InputChange, ...]
    verdict: str | None
    checks: tuple[CheckRow, ...]
    n_fixed: int
    n_broken: int


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """The decision about one candidate in words: ship or not, then gains, harm, what cannot be told, the next step."""

    candidate: str
    word: str
    tone: Literal["good", "bad", "open", "neutral"]
    sentence: str
    details: tuple[tuple[str, tuple[str, ...]], ...]
    """Heading -> sentences, those of harm before those of gains."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first thing a reader sees: one line per candidate (``word`` to ``sentence`` are the first's), then notes."""

    word: str
    tone: Literal["good", "bad", "open", "neutral"]
    sentence: str
    lines: tuple[VerdictLine, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What came of the calls of one candidate; the counts add up to the rows of the run."""

    candidate: str
    counts: Mapping[str, int]
    failure_rate: MetricResult | None
    on_failure: str | None


@dataclass(frozen=True, slots=True)
class SensitivityRow:
    """One metric of one category under three readings of failed answers: as declared, all wrong, all dropped."""

    candidate: str
    category: str
    name: str
    metric: str
    declared: MetricResult
    all_wrong: MetricResult
    dropped: MetricResult


@dataclass(frozen=True, slots=True)
class Curve:
    """A precision-recall curve, thinned for drawing, and where the candidate works; ``n_flagged`` of labelled items."""

    candidate: str
    points: tuple[tuple[float, float], ...]
    average_precision: MetricResult | None
    recall: MetricResult
    precision: MetricResult
    fpr: MetricResult
    n_flagged: int


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What flagging ``score >= threshold`` would do on these items."""

    threshold: float
    precision: MetricResult
    recall: MetricResult
    fpr: MetricResult
    n_flagged: int


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
    """One bin: mean stated score against the share that violates."""

    mean_score: float
    observed: MetricResult


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether the scores of one candidate can be read as probabilities."""

    candidate: str
    bins: tuple[ReliabilityRow, ...]
    brier: MetricResult
    calibration_error: MetricResult


@dataclass(frozen=True, slots=True)
class ScoredCategory:
    """Everything that rests on scores, for one category."""

    id: str
    name: str
    curves: tuple[Curve, ...]
    thresholds: Mapping[str, tuple[ThresholdRow, ...]]
    calibration: tuple[Calibration, ...]
    counts: Mapping[str, ScoreCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which category a candidate chose for items of each category.

    ``cells[g][p]``: items violating g that were flagged as p. On the diagonal they are caught; off it, g was missed and
    p does not apply (wrong selection). ``missed[g]``: nothing at all was flagged. ``clean[p]``: items without any
    violation that were flagged as p. ``n_wrong_selection``: items that violate, were flagged, and never rightly.
    """

    candidate: str
    cells: tuple[tuple[int, ...], ...]
    missed: tuple[int, ...]
    support: tuple[int, ...]
    clean: tuple[int, ...]
    n_clean: int
    n_wrong_selection: int


@dataclass(frozen=True, slots=True)
class SliceCell:
    """Candidate against baseline in one slice value and category; ``is_tested`` is false with few items."""

    baseline: MetricResult
    candidate: MetricResult
    difference: MetricResult
    p_value: float
    q_value: float
    is_tested: bool
    is_moved: bool
    """Stands out after Benjamini-Hochberg over every tested cell of the pair."""
    is_worse: bool


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value of a slice: metric -> candidate -> category -> result; ``changes`` alike, against the baseline."""

    value: str
    n_items: int
    results: Mapping[str, Mapping[str, Mapping[str, MetricResult]]]
    changes: Mapping[str, Mapping[str, Mapping[str, SliceCell]]]


@dataclass(frozen=True, slots=True)
class SliceTable:
    """One slice; values beyond the largest are left out and counted."""

    name: str
    rows: tuple[SliceRow, ...]
    n_left_out: int


@dataclass(frozen=True, slots=True)
class Economics:
    """Latency, tokens and money of one candidate."""

    candidate: str
    latency_ms: Mapping[str, float | None]
    tokens: Mapping[str, int]
    cost_usd: float | None
    cost_per_1000_usd: float | None
    cost_per_caught_usd: float | None
    n_unknown_cost: int
    cached_share: float | None
    macro_f1: MetricResult | None


@dataclass(frozen=True, slots=True)
class GoldRow:
    """What the golden set holds for one category."""

    id: str
    name: str
    n_violating: int
    n_not_violating: int
    n_unlabelled: int
    provable_margin: float | None
    alpha: MetricResult | None = None
    n_votes: int | None = None
    gold_against_majority: MetricResult | None = None


@dataclass(frozen=True, slots=True)
class GoldQuality:
    """How far the golden set carries."""

    rows: tuple[GoldRow, ...]
    n_withheld: int
    n_all_disagree: int
    """Labels that every candidate contradicts: the first to look at again."""


@dataclass(frozen=True, slots=True)
class ReportData:
    """The comparison report; ``banners`` come before anything else."""

    banners: tuple[Banner, ...]
    title: str
    eval_name: str
    run_id: str
    generated_at: str
    version: str
    golden_set: GoldenFacts
    policy_name: str
    policy_version: int
    n_items: int
    n_repeats: int
    baseline: str | None
    candidates: tuple[str, ...]
    descriptions: Mapping[str, str]
    categories: tuple[tuple[str, str], ...]
    verdict: Verdict
    findings: tuple[Finding, ...]
    facts: tuple[tuple[str, str], ...]
    pairs: tuple[Pair, ...]
    outcomes: tuple[OutcomeRow, ...]
    sensitivity: tuple[SensitivityRow, ...]
    scored: tuple[ScoredCategory, ...]
    confusions: tuple[Confusion, ...]
    slices: tuple[SliceTable, ...]
    economics: tuple[Economics, ...]
    production: Production | None
    gold: GoldQuality
    inputs: Mapping[str, tuple[tuple[str, str, str], ...]]
    """Candidate -> (kind, name, sha256) of its inputs."""
    signatures: Mapping[str, str]
    reproduce: tuple[str, ...]
    sections: tuple[ShownSection, ...] = ()
    """Those that are made of tables."""
    ranking: tuple[str, ...] = ()
    """The compared candidates, those that may ship first."""
    frontier: tuple[FrontierPoint, ...] = ()
    runs: tuple[str, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, undefined numbers as None."""
        found = plain(self)
        assert isinstance(found, dict)
        return found
