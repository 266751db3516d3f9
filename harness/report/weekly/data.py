"""``WeeklyData``: everything the weekly report says, before any format.

Renderers read this tree and nothing else. Numbers are ``MetricResult`` or counts; sentences are finished text, made
from the numbers by ``sentences``. A section without data is None or empty and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from harness.core.metric_table import METRIC_TITLES, metrics_on
from harness.core.results import MetricResult
from harness.core.targets import TargetState
from harness.gating.findings import Finding
from harness.gating.findings.memory import Entry, Slide
from harness.report.parts.banner import Banner
from harness.report.parts.disputes import Dispute, TeamVotes
from harness.report.parts.plain import plain
from harness.report.weekly.error_data import Errors, Example
from harness.report.weekly.operating_data import OperatingRow
from harness.report.weekly.operations import Operations
from harness.report.weekly.production import Production
from harness.report.weekly.sheet_data import Figure, HistoryRow, ItemRow

Tone = Literal["good", "bad", "open", "neutral"]
Function = Literal["policy", "operations", "engineering"]
FUNCTIONS: tuple[Function, ...] = ("policy", "operations", "engineering")
ASK_EXAMPLES = 10
"""Items of an ask that are shown with their texts."""
_NOT_PLAIN = ("items", "ask_examples", "figures", "show")
"""Texts, and what only the spreadsheet holds."""
METRIC_NAMES = {name: METRIC_TITLES[name] for name in metrics_on("weekly")}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A metric against its target: the one-sided 95% bounds decide; ``more`` items would let it prove the target."""

    metric: str
    target: float
    verdict: TargetState
    low: float
    high: float
    more: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Point:
    """One week of a chart; ``before`` pools the weeks it is tested against, ``limits`` say where noise would land.

    Attributes:
        week: ISO label.
        before: Pooled share of the weeks before; NaN without any.
        low: Lower control limit.
        high: Upper control limit.
        p_value: Two-proportion score test.
        q_value: After Benjamini-Hochberg over the week's family.
        is_flagged: ``q_value`` is small enough.
        slide: The slide that is named in this week; None for none.
        golden: Golden set and version; values over different ones are not joined.
    """

    week: str
    result: MetricResult
    before: float
    weeks_before: tuple[str, ...]
    low: float
    high: float
    p_value: float
    q_value: float
    is_flagged: bool
    golden: str
    run_id: str
    slide: Slide | None = None

    @property
    def has_moved(self) -> bool:
        """Whether it jumped, or has slid."""
        return self.is_flagged or self.slide is not None

    @property
    def moved_from(self) -> float:
        """The value that it moved from: that of the weeks before, or before it began to slide."""
        return self.before if self.slide is None else self.slide.before


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one category of one candidate over the weeks."""

    candidate: str
    category: str
    metric: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One category of the reported candidate this week."""

    id: str
    name: str
    severity: str
    owner: str | None
    n_violating: int
    n_not_violating: int
    n_unlabelled: int
    results: Mapping[str, MetricResult]
    judgements: Mapping[str, Judgement]
    points: Mapping[str, Point]
    production_precision: MetricResult | None
    newly: Mapping[str, int]
    """Items whose decision changed since the run before, by direction: caught, missed, wrongly_flagged, cleared; empty
    where the items differ."""


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs between two runs, as a phrase; ``lines`` are the text difference."""

    kind: str
    phrase: str
    lines: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class WeekChanges:
    """What changed for the reported candidate from one week's run to the next."""

    week: str
    since: str
    run_id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """A metric of a category that moved by more than chance explains."""

    week: str
    category: str
    name: str
    metric: str
    before: float
    now: MetricResult
    difference: float
    q_value: float
    is_better: bool
    source: Literal["chart", "paired", "slide"]
    sentence: str
    since: str = ""
    """Last week before a slide began; empty for what moved this week."""


@dataclass(frozen=True, slots=True)
class LabelSplit:
    """A change of golden set taken apart on the items both versions hold: labels first, then the candidate."""

    category: str
    name: str
    metric: str
    before: MetricResult
    by_labels: float
    by_candidate: float
    now: MetricResult


@dataclass(frozen=True, slots=True)
class GoldRow:
    """What the golden set holds and can prove for one category."""

    id: str
    name: str
    n_violating: int
    n_not_violating: int
    n_unlabelled: int
    provable_margin: float | None
    wanted_margin: float | None
    items_needed: int | None
    alpha: MetricResult | None


@dataclass(frozen=True, slots=True)
class GoldenHealth:
    """The golden set of the week."""

    name: str
    version: int
    sha256: str
    n_items: int
    n_in_set: int
    is_sample: bool
    part: str
    """``gate`` where a split keeps the dev part out of every figure, else ``all``."""
    n_withheld: int
    first_week: str
    age_weeks: int
    n_gated: int | None
    n_all_disagree: int
    has_votes: bool
    rows: tuple[GoldRow, ...]


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One candidate this week: quality, failures, time and money."""

    id: str
    kind: str
    description: str
    is_reported: bool
    is_control: bool
    run_id: str
    golden: str
    recall: MetricResult
    precision: MetricResult
    failure_rate: MetricResult
    outcomes: Mapping[str, int]
    latency_p50: float | None
    latency_p95: float | None
    cost_per_1000_usd: float | None
    tokens_per_item: float | None
    last_cost_per_1000_usd: float | None
    last_latency_p95: float | None


@dataclass(frozen=True, slots=True)
class WeekCosts:
    """Cost, time and failures of one candidate in one week."""

    week: str
    candidate: str
    n_items: int
    cost_usd: float | None
    cost_per_1000_usd: float | None
    cost_per_caught_usd: float | None
    n_unknown_cost: int
    latency_p50: float | None
    latency_p95: float | None
    failure_rate: MetricResult
    run_id: str


@dataclass(frozen=True, slots=True)
class Version:
    """One thing that a candidate is made of, and what it was in the run before where that differs."""

    name: str
    value: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Engineering:
    """What engineering read.

    Attributes:
        costs: Reported candidate over the weeks, oldest first.
        reasons: Reason of an error -> rows, in the reported run.
        calls: Calls of the reported run, over all its candidates.
        commands: What it does -> command.
    """

    costs: tuple[WeekCosts, ...]
    versions: tuple[Version, ...]
    reasons: Mapping[str, int]
    calls: int
    cached: int
    retries: int
    commands: Mapping[str, str]

    @property
    def has_costs(self) -> bool:
        """Whether anything was timed or priced."""
        return any(one.latency_p50 is not None or one.cost_per_1000_usd is not None for one in self.costs)


@dataclass(frozen=True, slots=True)
class Ask:
    """Something somebody should do.

    Attributes:
        rank: 0 is the most urgent.
        category: Category that it is about; None for none.
        since: Week in which what it is about began; None for this week.
        due: ISO date.
        is_overdue: Whether that has passed when the report of the week is read.
        items: The very items, the newest first where that is known.
        answer: The command that answers for it instead; empty where nobody can.
    """

    rank: int
    owner: str
    text: str
    category: str | None = None
    function: Function = "policy"
    since: str | None = None
    due: str = ""
    is_overdue: bool = False
    items: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class WeeklyData:
    """The weekly report; ``banners`` come before anything else."""

    banners: tuple[Banner, ...]
    eval_name: str
    week: str
    generated_at: str
    version: str
    candidate: str
    candidate_description: str
    candidate_note: str
    control: str | None
    control_note: str
    tone: Tone
    word: str
    headline: tuple[str, ...]
    findings: tuple[Finding, ...]
    ledger: tuple[Entry, ...]
    screen: tuple[tuple[str, tuple[str, ...]], ...]
    """Heading -> sentences of the first screen below the headline: open findings and what is worse in places."""
    in_short: tuple[tuple[str, str], ...]
    """Heading -> finding of what operations and engineering read."""
    new_errors: tuple[str, ...]
    """Clusters of new errors that stand out, a sentence each."""
    policy: str
    golden: str
    run_id: str
    previous_week: str | None
    is_comparable: bool
    n_runs: int
    weeks: tuple[str, ...]
    rows: tuple[CategoryRow, ...]
    names: Mapping[str, str]
    """Category id -> name, also of categories without a row."""
    series: tuple[Series, ...]
    movements: tuple[Movement, ...]
    causes: tuple[str, ...]
    earlier: tuple[Movement, ...]
    changes: tuple[WeekChanges, ...]
    versions: Mapping[str, str]
    """Week -> what of the candidate or the labels became another version in it, for every week shown."""
    splits: tuple[LabelSplit, ...]
    n_split_items: int
    errors: Errors | None
    health: GoldenHealth
    operations: Operations
    operating: tuple[OperatingRow, ...]
    production: Production | None
    disputes: tuple[Dispute, ...]
    teams: tuple[TeamVotes, ...]
    engineering: Engineering
    candidates: tuple[CandidateRow, ...]
    asks: tuple[Ask, ...]
    ask_examples: Mapping[str, Example]
    history: tuple[HistoryRow, ...]
    figures: tuple[Figure, ...]
    """Every figure once, for the data sheet."""
    data_note: str
    items: tuple[ItemRow, ...]
    items_note: str
    runs: tuple[tuple[str, str, str, str, int], ...]
    """(week, candidate, run id, golden set, items) of every run read."""
    signature: str
    reproduce: str
    ack: str
    """The command that answers for a finding, up to its key."""
    answers: Mapping[str, str]
    """Key of each open finding that no wider one tells -> the command that answers for it."""
    show: str
    """The command that shows an item whole, up to its id."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data without item texts, undefined numbers as None."""
        return {one.name: plain(getattr(self, one.name)) for one in fields(self) if one.name not in _NOT_PLAIN}
