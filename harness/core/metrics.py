"""Metrics of one category from its four confusion counts.

Decides each metric's interval and undefined case, and keeps the registry from which choices, messages and tests come.
Leaves numerators and denominators of shares to ``metric_table``, counting to ``confusion`` and clustered data to
``clusters`` (which scales the counts).
"""

from __future__ import annotations

from typing import Protocol

from harness.core.intervals import wilson_interval
from harness.core.metric_facts import NO_ITEMS, NOTHING_TO_FIND, Share
from harness.core.metric_table import SHARES
from harness.core.results import MetricResult


class Metric(Protocol):
    """A function of the four counts of one category."""

    def __call__(
        self, tp: float, fp: float, fn: float, tn: float, *, confidence: float = 0.95, n_excluded: int = 0
    ) -> MetricResult:
        """Return the metric with its interval."""


def proportion(
    n_successes: float, n: float, reason: str, *, confidence: float = 0.95, n_excluded: int = 0
) -> MetricResult:
    """Proportion n_successes/n with its Wilson interval.

    Args:
        n_successes: Items with the property; 0 <= n_successes <= n.
        n: Items in the denominator; fractional for effective counts.
        reason: What to say when n == 0.
        confidence: Two-sided level, in (0, 1).
        n_excluded: Items left out, passed through.

    Returns:
        A proportion in [0, 1]; undefined with the reason when n == 0.

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Wilson (1927), JASA.

    >>> proportion(9, 10, "no items").value
    0.9
    """
    low, high = wilson_interval(n_successes, n, confidence=confidence)
    if n == 0:
        return MetricResult.undefined(reason, n_excluded=n_excluded)
    return MetricResult(min(1.0, n_successes / n), low, high, round(n), n_excluded)


def of_share(share: Share) -> Metric:
    """The metric that a share of items is: its items over those it is among, with the Wilson interval.

    Args:
        share: What is counted, and among what.

    Returns:
        A function of (tp, fp, fn, tn); undefined with the share's reason where the denominator is empty.

    Raises:
        ValueError: A count is negative, or confidence is outside (0, 1).

    References:
        Wilson (1927), JASA.

    >>> of_share(Share(("tp",), ("tp", "fn"), "no violating items"))(9, 0, 1, 0).value
    0.9
    """

    def metric(
        tp: float, fp: float, fn: float, tn: float, *, confidence: float = 0.95, n_excluded: int = 0
    ) -> MetricResult:
        counted, among = share.totals(tp, fp, fn, tn)
        return proportion(counted, among, share.reason, confidence=confidence, n_excluded=n_excluded)

    return metric


def f1(tp: float, fp: float, fn: float, tn: float, *, confidence: float = 0.95, n_excluded: int = 0) -> MetricResult:
    """Harmonic mean of precision and recall: 2tp / (2tp + fp + fn), with the Wilson-direct interval.

    J = tp/(tp + fp + fn) is binomial given its denominator and F1 = 2J/(1 + J) is monotone, so the Wilson limits of J
    are mapped.

    Args:
        tp: Violating and flagged.
        fp: Not violating and flagged.
        fn: Violating and not flagged.
        tn: Not violating and not flagged (not used).
        confidence: Two-sided level, in (0, 1).
        n_excluded: Items left out, passed through.

    Returns:
        A number in [0, 1], higher is better; undefined when tp + fp + fn == 0.

    Raises:
        ValueError: A count is negative, or confidence is outside (0, 1).

    References:
        Lam, Gopal & Qian (2023), arXiv:2309.14621, the Wilson direct method.

    >>> round(f1(8, 2, 2, 100).value, 3)
    0.8
    """
    jaccard = proportion(tp, tp + fp + fn, NOTHING_TO_FIND, confidence=confidence, n_excluded=n_excluded)
    if not jaccard.is_defined:
        return jaccard
    value, low, high = map(f1_of_jaccard, (jaccard.value, jaccard.low, jaccard.high))
    return MetricResult(value, low, high, jaccard.n, n_excluded)


def f1_of_jaccard(jaccard: float) -> float:
    """F1 from the Jaccard index: 2 J / (1 + J), so that each end of an interval goes the same way.

    Args:
        jaccard: tp / (tp + fp + fn), in [0, 1], or NaN where it is undefined.

    Returns:
        A number in [0, 1], higher is better; NaN for NaN.

    References:
        Lam, Gopal & Qian (2023), arXiv:2309.14621, the Wilson direct method.

    >>> f1_of_jaccard(0.5), f1_of_jaccard(1.0)
    (0.6666666666666666, 1.0)
    """
    return 2 * jaccard / (1 + jaccard)


def failure_rate(n_failed: float, n_items: float, *, confidence: float = 0.95, n_excluded: int = 0) -> MetricResult:
    """Share of items without a usable answer: n_failed / n_items.

    Args:
        n_failed: Items unparsed or refused; 0 <= n_failed <= n_items.
        n_items: Items that were answered at all.
        confidence: Two-sided level, in (0, 1).
        n_excluded: Items lost to errors, passed through.

    Returns:
        A proportion in [0, 1], lower is better; undefined without items.

    Raises:
        ValueError: A count is out of range, or confidence is outside (0, 1).

    References:
        Wilson (1927), JASA.

    >>> failure_rate(3, 600).value
    0.005
    """
    return proportion(n_failed, n_items, NO_ITEMS, confidence=confidence, n_excluded=n_excluded)


METRICS: dict[str, Metric] = {
    **{name: of_share(share) for name, share in SHARES.items() if name != "failure_rate"},
    "f1": f1,
}
recall, precision, fpr = METRICS["recall"], METRICS["precision"], METRICS["fpr"]
