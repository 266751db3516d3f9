"""The one table of metrics: how each is called, what it counts, which direction is better, how its interval is made.

Decides names, units, direction, interval and the surfaces that show a metric. A metric that is a share of items is
stated whole by its ``Share``; other formulas are in ``metrics``, ``ranking`` and ``calibration``; how a value is shown
is for reports. A new share is one file with a ``MetricFacts`` and one line in the table that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

from harness.core.metric_facts import NO_ITEMS, NO_NEGATIVES, NO_POSITIVES, NOTHING_FLAGGED, MetricFacts, Share, Surface
from harness.core.operating_metrics import OPERATING_FORMS, operating_metric

T = TypeVar("T")
CONFIDENCE = 0.95
"""Two-sided level of every interval beside a value."""


_EVERYWHERE: frozenset[Surface] = frozenset(("score", "compare", "gate", "average", "weekly"))

_TABLE: dict[str, MetricFacts | str] = {
    "recall": MetricFacts(
        "Recall",
        "recall",
        "wilson",
        "share of violating items that were flagged",
        "violating items",
        surfaces=_EVERYWHERE,
        share=Share(("tp",), ("tp", "fn"), NO_POSITIVES),
        verbs=("catches more {}", "misses more {}"),
    ),
    "precision": MetricFacts(
        "Precision",
        "precision",
        "wilson",
        "share of flagged items that violate, on this golden set",
        "flagged items",
        "items flagged by either",
        surfaces=_EVERYWHERE,
        share=Share(("tp",), ("tp", "fp"), NOTHING_FLAGGED),
        verbs=("is right more often when it flags {}", "is wrong more often when it flags {}"),
    ),
    "fpr": MetricFacts(
        "Over-blocking (FPR)",
        "over-blocking",
        "wilson",
        "share of non-violating items that were flagged",
        "non-violating items",
        is_lower_better=True,
        surfaces=frozenset(("score", "compare", "gate", "average")),
        share=Share(("fp",), ("fp", "tn"), NO_NEGATIVES),
        verbs=("flags fewer harmless items as {}", "flags more harmless items as {}"),
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
        share=Share(("fp",), ("fp", "tn"), NO_ITEMS),
    ),
    "fnr": MetricFacts(
        "Missed (FNR)",
        "missed",
        "wilson",
        "share of violating items that were not flagged",
        "violating items",
        is_lower_better=True,
        share=Share(("fn",), ("fn", "tp"), NO_POSITIVES),
    ),
    "specificity": MetricFacts(
        "Specificity",
        "specificity",
        "wilson",
        unit="non-violating items",
        share=Share(("tn",), ("tn", "fp"), NO_NEGATIVES),
    ),
    "agreement": MetricFacts(
        "Agreement", "agreement", "wilson", share=Share(("tp", "tn"), ("tp", "fp", "fn", "tn"), NO_ITEMS)
    ),
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


def _resolved(facts: MetricFacts | str) -> MetricFacts:
    if isinstance(facts, MetricFacts):
        return facts
    module, _, name = facts.partition(":")
    found = getattr(import_module(module), name)
    if not isinstance(found, MetricFacts):
        raise TypeError(f"{facts} is a {type(found).__name__}, not a MetricFacts")
    return found


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


def table_metric(metric: str) -> str:
    """The metric as which a paired table counts it: a failed answer is counted like a wrong flag, of items like any.

    Args:
        metric: A metric of the gate.

    Returns:
        A name in ``METRIC_TABLE``; of an operating point the metric that is measured there.

    >>> table_metric("failure_rate"), table_metric("recall"), table_metric("precision@recall=0.8")
    ('fpr', 'recall', 'precision')
    """
    point = operating_metric(metric)
    return "fpr" if metric == "failure_rate" else metric if point is None else point.measured


def gate_metric(text: str) -> str | None:
    """The metric of a gate that a text names: one of the table, or a metric at an operating point.

    Args:
        text: As a gate file writes it.

    Returns:
        The one way to write it; None where the gate has no such metric.

    >>> gate_metric("recall"), gate_metric("recall@precision=0.90"), gate_metric("f1")
    ('recall', 'recall@precision=0.9', None)
    """
    point = operating_metric(text)
    return point.name if point is not None else text if text in metrics_on("gate") else None


def gate_metrics_words() -> str:
    """What a gate may ask for, as messages say it.

    >>> gate_metrics_words().startswith("one of recall, precision, fpr, failure_rate")
    True
    """
    return f"one of {', '.join(metrics_on('gate'))}; at an operating point {', '.join(OPERATING_FORMS)} (90% is 0.9)"


class _ByMetric(dict[str, T], Generic[T]):
    """Something of each metric; a metric at an operating point has what follows from its own facts."""

    def __init__(self, of: Callable[[MetricFacts], T], names: Iterator[str]) -> None:
        super().__init__((name, of(METRIC_TABLE[name])) for name in names)
        self._of = of

    def __missing__(self, name: str) -> T:
        return self._of(METRIC_TABLE[name])


class _Metrics(dict[str, MetricFacts]):
    """Facts by metric; those at an operating point are made from the facts of the metric that is measured there."""

    def __missing__(self, name: str) -> MetricFacts:
        point = operating_metric(name)
        if point is None:
            raise KeyError(name)
        return point.facts(self[point.measured])


def _share_of(facts: MetricFacts) -> Share:
    if facts.share is None:
        raise KeyError(facts.title)
    return facts.share


METRIC_TABLE: Mapping[str, MetricFacts] = _Metrics((name, _resolved(facts)) for name, facts in _TABLE.items())
SHARES: Mapping[str, Share] = _ByMetric(_share_of, (name for name, one in METRIC_TABLE.items() if one.share))
LOWER_IS_BETTER = frozenset(name for name, facts in METRIC_TABLE.items() if facts.is_lower_better)
METRIC_TITLES: Mapping[str, str] = _ByMetric(lambda facts: facts.title, iter(METRIC_TABLE))
METRIC_MEANINGS = {name: facts.meaning for name, facts in METRIC_TABLE.items() if facts.meaning}
INTERVAL_METHODS = {name: facts.interval for name, facts in METRIC_TABLE.items()}
TESTED_METRICS = tuple(name for name in metrics_on("compare") if name in metrics_on("gate"))
"""Metrics whose differences are tested, and corrected for one another, in every category of a comparison."""


def interval_name(metric: str, confidence: float = CONFIDENCE) -> str:
    """Name of a metric's interval for the ``ci`` field of a signature.

    Args:
        metric: A name in ``METRIC_TABLE``.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Method and level in percent.

    Raises:
        ValueError: The metric is unknown.

    >>> interval_name("recall", 0.95)
    'wilson95'
    """
    if metric not in INTERVAL_METHODS:
        raise ValueError(f"metric must be one of {', '.join(INTERVAL_METHODS)}, got '{metric}'")
    return f"{INTERVAL_METHODS[metric]}{confidence * 100:g}"
