"""What a gate asks of one category and metric.

Decides what a check may ask: metric, tier, margin or floor. What came of it is stated in ``checks``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.core.metric_table import gate_metric, gate_metrics_words, metrics_on

TIERS = ("critical", "guarded", "watch")
PoolKey = tuple[str, str]  # metric, kind
GATE_METRICS = metrics_on("gate")


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What a gate file asks of one category and metric.

    Attributes:
        category: Policy category.
        metric: One of ``GATE_METRICS``, or a metric at an operating point as ``OperatingMetric.name`` writes it.
        tier: "critical" must pass, "guarded" must not regress and must pass pooled, "watch" never blocks.
        margin: Largest acceptable loss against the baseline, in (0, 1).
        floor: Least acceptable value of the candidate, in (0, 1); for fpr and failure_rate the largest acceptable.
        name: The category as readers know it, empty where it has no other name; no part of what is asked.
    """

    category: str
    metric: str
    tier: str
    margin: float | None = None
    floor: float | None = None
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if gate_metric(self.metric) != self.metric:
            raise ValueError(f"metric must be {gate_metrics_words()}, got '{self.metric}'")
        if self.tier not in TIERS:
            raise ValueError(f"tier must be one of {', '.join(TIERS)}, got '{self.tier}'")
        if (self.margin is None) == (self.floor is None):
            raise ValueError(f"check {self.category} x {self.metric} needs exactly one of margin and floor")
        if not 0 < self.limit < 1:
            raise ValueError(f"margin and floor must be in (0, 1), got {self.limit}")

    @property
    def limit(self) -> float:
        """The margin or the floor.

        >>> CheckSpec("hate", "recall", "critical", margin=0.02).limit
        0.02
        """
        return self.margin if self.margin is not None else float(self.floor or 0.0)

    @property
    def kind(self) -> Literal["margin", "floor"]:
        """Which of the two the check states.

        >>> CheckSpec("hate", "recall", "watch", floor=0.85).kind
        'floor'
        """
        return "margin" if self.margin is not None else "floor"

    @property
    def pool(self) -> PoolKey:
        """What the guarded checks have in common that are tested together: metric and kind.

        >>> CheckSpec("hate", "recall", "guarded", floor=0.85).pool
        ('recall', 'floor')
        """
        return self.metric, self.kind

    @property
    def check_id(self) -> str:
        """Name of the check, from which its random generator is derived.

        >>> CheckSpec("hate", "recall", "critical", margin=0.02).check_id
        'hate|recall|margin'
        """
        return f"{self.category}|{self.metric}|{self.kind}"
