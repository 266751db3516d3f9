"""The one table of metrics: how each is called, what it counts, which direction is better, how its interval is made.

Decides names, units, direction, interval and the surfaces that show a metric. The formulas are in ``metrics``,
``ranking`` and ``calibration``; how a value is written is left to the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Surface = Literal["score", "compare", "gate", "average", "ranking", "weekly"]
CONFIDENCE = 0.95
"""Two-sided level of every interval beside a value."""


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What is known of a metric before anything is measured.

    Attributes:
        title: Name in tables and charts.
        words: Name within a sentence.
        interval: Method of its interval, as signatures name it.
        meaning: What it is a share of, or what it says, in plain words; empty where no surface explains it.
        unit: What its denominator counts.
        paired_unit: What the denominator of a paired difference counts.
        is_lower_better: Whether less is better.
        surfaces: Where it is shown.
    """

    title: str
    words: str
    interval: str
    meaning: str = ""
    unit: str = "items"
    paired_unit: str = ""
    is_lower_better: bool = False
    surfaces: frozenset[Surface] = frozenset()


_EVERYWHERE: frozenset[Surface] = frozenset(("score", "compare", "gate", "average", "weekly"))

METRIC_TABLE: dict[str, MetricFacts] = {
    "recall": MetricFacts(
        "Recall",
        "recall",
        "wilson",
        "share of violating items that were flagged",
        "violating items",
        surfaces=_EVERYWHERE,
    ),
    "precision": MetricFacts(
        "Precision",
        "precision",
        "wilson",
        "share of flagged items that violate, on this golden set",
        "flagged items",
        "items flagged by either",
        surfaces=_EVERYWHERE,
    ),
    "fpr": MetricFacts(
        "Over-blocking (FPR)",
        "over-blocking",
        "wilson",
        "share of non-violating items that were flagged",
        "non-violating items",
        is_lower_better=True,
        surfaces=frozenset(("score", "compare", "gate", "average")),
    ),
    "f1": MetricFacts(
        "F1",
        "F1",
        "wilson-direct",
        "balance of precision and recall",
        "violating or flagged items",
        "items violating or flagged by either",
        surfaces=frozenset(("score", "compare", "average")),
    ),
    "failure_rate": MetricFacts(
        "Failure rate",
        "failure rate",
        "wilson",
        "share of asked items without a usable answer",
        is_lower_better=True,
        surfaces=frozenset(("gate",)),
    ),
    "fnr": MetricFacts(
        "Missed (FNR)",
        "missed",
        "wilson",
        "share of violating items that were not flagged",
        "violating items",
        is_lower_better=True,
    ),
    "specificity": MetricFacts("Specificity", "specificity", "wilson", unit="non-violating items"),
    "agreement": MetricFacts("Agreement", "agreement", "wilson"),
    "average_precision": MetricFacts(
        "Average precision", "average precision", "logit", unit="violating items", surfaces=frozenset(("ranking",))
    ),
    "auroc": MetricFacts("AUROC", "AUROC", "delong-logit", surfaces=frozenset(("ranking",))),
    "brier": MetricFacts("Brier", "Brier score", "t", is_lower_better=True, surfaces=frozenset(("ranking",))),
    "calibration_error": MetricFacts("Calibration error", "calibration error", "normal", is_lower_better=True),
    "macro": MetricFacts("Macro average", "macro average", "linearised", unit="categories"),
    "micro": MetricFacts("Micro average", "micro average", "linearised"),
    "precision_at_prevalence": MetricFacts(
        "Precision in production", "precision in production", "koopman", unit="flagged items"
    ),
    "recall_difference": MetricFacts("Recall", "recall", "tango", unit="violating items"),
    "fpr_difference": MetricFacts("Over-blocking (FPR)", "over-blocking", "tango", unit="non-violating items"),
    "precision_difference": MetricFacts("Precision", "precision", "wgs", unit="items flagged by either"),
    "f1_difference": MetricFacts("F1", "F1", "bootstrap"),
    "macro_difference": MetricFacts("Macro average", "macro average", "bootstrap", unit="categories"),
    "average_precision_difference": MetricFacts("Average precision", "average precision", "bootstrap"),
    "krippendorff_alpha": MetricFacts("Krippendorff's alpha", "agreement", "bootstrap"),
}


def metrics_on(surface: Surface) -> tuple[str, ...]:
    """Metrics that a surface shows, in the order of the table.

    Args:
        surface: Where they are shown.

    Returns:
        Names in ``METRIC_TABLE``.

    >>> metrics_on("gate")
    ('recall', 'precision', 'fpr', 'failure_rate')
    """
    return tuple(_shown(surface))


def _shown(surface: Surface) -> Iterator[str]:
    return (name for name, facts in METRIC_TABLE.items() if surface in facts.surfaces)


def unit_of(metric: str, *, is_paired: bool = False) -> str:
    """What the denominator of a metric counts.

    Args:
        metric: A name in ``METRIC_TABLE``.
        is_paired: Whether two systems are compared on it.

    Returns:
        A plural.

    >>> unit_of("precision"), unit_of("precision", is_paired=True), unit_of("recall", is_paired=True)
    ('flagged items', 'items flagged by either', 'violating items')
    """
    facts = METRIC_TABLE[metric]
    return (is_paired and facts.paired_unit) or facts.unit


LOWER_IS_BETTER = frozenset(name for name, facts in METRIC_TABLE.items() if facts.is_lower_better)
METRIC_TITLES = {name: facts.title for name, facts in METRIC_TABLE.items()}
METRIC_MEANINGS = {name: facts.meaning for name, facts in METRIC_TABLE.items() if facts.meaning}
INTERVAL_METHODS = {name: facts.interval for name, facts in METRIC_TABLE.items()}
