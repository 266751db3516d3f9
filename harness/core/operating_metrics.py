"""Metrics at an operating point: ``recall@precision=0.9`` is recall where precision is held at 90%.

Decides how such a metric is written, what it measures and what it holds. The threshold is chosen by
``operating_points`` on data that have no say in the measurement; on which data is decided in ``measure.points``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from harness.core.metric_facts import MetricFacts

HeldKind = Literal["precision", "recall", "fpr"]

_FORM = re.compile(r"([a-z_]+)@([a-z_]+)=([0-9.]+(?:e-?[0-9]+)?)")
_HELD: dict[str, tuple[HeldKind, ...]] = {"recall": ("precision", "fpr"), "precision": ("recall",)}
"""Metric that is measured -> what may be held while it is."""
OPERATING_FORMS = tuple(f"{measured}@{held}=NUMBER" for measured, every in _HELD.items() for held in every)
"""How the metrics are written."""
_WORDS = {"precision": "precision", "recall": "recall", "fpr": "over-blocking"}


def exact_percent(value: float) -> str:
    """A share that somebody asked for, as a percentage with all its digits.

    Args:
        value: The share.

    >>> exact_percent(0.9), exact_percent(0.9999999), exact_percent(1e-7)
    ('90%', '99.99999%', '0.00001%')
    """
    return f"{Decimal(f'{100 * value:.10g}'):f}%"


@dataclass(frozen=True, slots=True)
class OperatingMetric:
    """A metric at an operating point.

    Attributes:
        measured: The metric that is read there.
        held: What the threshold is chosen for.
        value: At least this much of it; for ``fpr`` at most.
    """

    measured: str
    held: HeldKind
    value: float

    @property
    def name(self) -> str:
        """The one way to write it.

        >>> OperatingMetric("recall", "precision", 0.90).name
        'recall@precision=0.9'
        >>> OperatingMetric("recall", "precision", 0.9999999).name  # no two points share a name
        'recall@precision=0.9999999'
        """
        return f"{self.measured}@{self.held}={self.value!r}"

    @property
    def held_words(self) -> str:
        """What is held, in words.

        >>> OperatingMetric("recall", "fpr", 0.01).held_words
        'over-blocking of at most 1%'
        """
        most = "most" if self.held == "fpr" else "least"
        return f"{_WORDS[self.held]} of at {most} {exact_percent(self.value)}"

    def facts(self, measured: MetricFacts) -> MetricFacts:
        """What is known of it: all that is known of the metric it measures, under its own name.

        Args:
            measured: The facts of ``self.measured``.

        >>> from harness.core.metric_table import METRIC_TABLE
        >>> OperatingMetric("recall", "precision", 0.9).facts(METRIC_TABLE["recall"]).title
        'Recall at precision 90%'
        """
        at = f"at {'FPR' if self.held == 'fpr' else self.held} {exact_percent(self.value)}"
        return replace(
            measured,
            title=f"{measured.title} {at}",
            words=f"{measured.words} {at}",
            meaning=f"{measured.meaning}, at the threshold chosen for {self.held_words}",
            surfaces=frozenset(),
            verbs=("", ""),
        )


def operating_metric(text: str) -> OperatingMetric | None:
    """Read a metric at an operating point.

    Args:
        text: Such as ``recall@precision=0.9``; spaces do not count.

    Returns:
        The metric; None where the text is none, or its number is not between 0 and 1.

    >>> operating_metric("recall@precision=0.90").name, operating_metric("recall"), operating_metric("f1@recall=0.9")
    ('recall@precision=0.9', None, None)
    """
    found = _FORM.fullmatch(text.replace(" ", ""))
    if found is None:
        return None
    measured, held, number = found.groups()
    try:
        value = float(number)
    except ValueError:
        return None
    kind = next((one for one in _HELD.get(measured, ()) if one == held), None)
    return (
        OperatingMetric(measured, kind, value) if kind is not None and 0 < value < 1 and math.isfinite(value) else None
    )
