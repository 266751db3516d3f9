"""What the choice of a threshold costs: a metric at an operating point is less sure than one at a given threshold.

Decides how much of the uncertainty is the choice's. The dev items are resampled, each draw chooses its threshold again,
and the spread of the metric over these thresholds on the items it is read on is the variance of the choice. It is paid
like that of clusters: all counts are multiplied by V/(V + V of the choice), and tests and intervals stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from harness.core.arrays import Array, Floats
from harness.core.metric_facts import Share, System
from harness.core.metric_table import SHARES
from harness.core.operating_points import Goal, thresholds_under
from harness.core.results import MetricResult
from harness.core.special import ndtri
from harness.core.wgs import precision_difference_variance

N_DRAWS = 200
ROWS_DRAWN = 4_000_000
"""Rows that the draws of one category may go through: with more items fewer are made, at least ``FEWEST_DRAWS``."""
FEWEST_DRAWS = 50


class Drawn(NamedTuple):
    """The four counts of one system at each drawn threshold, float (n_draws, 4): tp, fp, fn, tn."""

    counts: Floats

    def values(self, share: Share) -> Floats:
        """The metric at each drawn threshold; NaN where it is undefined.

        Args:
            share: The metric, as a share of counts.

        >>> Drawn(np.array([[9.0, 1.0, 3.0, 7.0], [0.0, 0.0, 12.0, 8.0]])).values(SHARES["recall"]).tolist()
        [0.75, 0.0]
        """
        numerator, denominator = share.totals(*self.counts.T)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.asarray(numerator) / np.asarray(denominator), dtype=np.float64)


def summed(parts: Sequence[Drawn]) -> Drawn:
    """Several categories as one: their counts of the same draws together, as far as all have them.

    Args:
        parts: At least one.

    >>> summed([Drawn(np.ones((2, 4))), Drawn(np.ones((3, 4)))]).counts.shape
    (2, 4)
    """
    n_draws = min(len(one.counts) for one in parts)
    return Drawn(np.sum([one.counts[:n_draws] for one in parts], axis=0))


def drawn_thresholds(
    y_true: Array,
    y_score: Array,
    goal: Goal,
    *,
    clusters: Array | None,
    sample_weight: Array | None,
    rng: np.random.Generator,
) -> Floats:
    """Thresholds that resampled items choose for a goal; whole clusters are drawn where there are any.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        goal: What the threshold is chosen for.
        clusters: Cluster code per item, int (n_items,); None makes every item its own cluster.
        sample_weight: Weight per item, float (n_items,); None counts every item once.
        rng: Random generator; the same state draws the same items, so that two systems are paired.

    Returns:
        Thresholds, float (n_draws,); infinite where none reaches the goal.

    References:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap.

    >>> y, s = np.repeat([1, 0], 50), np.linspace(1, 0, 100)
    >>> rng = np.random.default_rng(0)
    >>> drawn_thresholds(y, s, Goal("recall", 0.9), clusters=None, sample_weight=None, rng=rng).size
    200
    """
    n = np.size(y_true)
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    n_clusters = int(codes.max(initial=-1)) + 1
    n_draws = min(N_DRAWS, max(FEWEST_DRAWS, ROWS_DRAWN // max(1, n)))
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)

    def draws() -> Iterator[Floats]:
        for _ in range(n_draws):
            yield weight * np.bincount(rng.integers(0, n_clusters, size=n_clusters), minlength=n_clusters)[codes]

    found = np.fromiter(thresholds_under(y_true, y_score, goal, draws()), dtype=np.float64, count=n_draws)
    found[np.isnan(found)] = np.inf
    return found


def counts_at(y_true: Array, y_score: Array, thresholds: Floats, sample_weight: Array | None) -> Drawn:
    """The four counts of the items at each threshold.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        thresholds: Thresholds, float (n_draws,).
        sample_weight: Weight per item, float (n_items,); None counts every item once.

    >>> counts_at(np.array([1, 0]), np.array([0.9, 0.2]), np.array([0.5, np.inf]), None).counts.tolist()
    [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    parts = []
    for label in (1, 0):
        chosen = (np.asarray(y_true) == label) & ~np.isnan(y_score)
        order = np.argsort(y_score[chosen], kind="stable")
        weight = np.ones(order.size) if sample_weight is None else np.asarray(sample_weight)[chosen][order]
        below = np.concatenate([[0.0], np.cumsum(weight)])
        passed = below[np.searchsorted(y_score[chosen][order], thresholds)]
        parts.append((below[-1] - passed, passed))
    (tp, fn), (fp, tn) = parts
    return Drawn(np.stack([tp, fp, fn, tn], axis=1))


def choice_share(
    metric: str,
    cells: Array,
    baseline: Drawn,
    candidate: Drawn,
    *,
    of: Literal["difference", "candidate"] = "difference",
) -> float:
    """Share of the variance of a metric at an operating point, or of its difference, that is the choice's.

    Args:
        metric: The metric that is measured, recall or precision.
        cells: Its 8 effective counts, cell = 4y + 2a + b.
        baseline: The baseline at its drawn thresholds.
        candidate: The candidate at its own, from the same draws.
        of: The difference, or the candidate alone.

    Returns:
        A share in [0, 1); 0 where no draw moves the metric.

    >>> cells = np.array([900, 4, 5, 20, 30, 12, 11, 400])
    >>> same = Drawn(np.tile([411.0, 25.0, 42.0, 904.0], (50, 1)))
    >>> choice_share("recall", cells, same, same)
    0.0
    """
    share = SHARES[metric]
    drawn = candidate.values(share)
    if of == "difference":
        drawn = drawn - baseline.values(share)
    choice = _variance(drawn)
    return choice / (choice + _VARIANCES[metric, of](np.asarray(cells, dtype=np.float64))) if choice > 0 else 0.0


def _variance(drawn: Floats) -> float:
    """Of what is defined; exactly 0 where all are equal, which rounding may deny."""
    known = drawn[~np.isnan(drawn)]
    return float(known.var(ddof=1)) if known.size > 1 and np.ptp(known) > 0 else 0.0


def _of_recall_difference(cells: Floats) -> float:
    n = float(cells[4:].sum())
    psi = (float(cells[[5, 6]].sum()) + 1) / (n + 2)
    return psi / max(n, 1.0)


def _of_share(metric: str, system: System = "candidate") -> Callable[[Floats], float]:
    counted, among = SHARES[metric].cells(system)

    def variance(cells: Floats) -> float:
        n = float(cells[among].sum())
        p = (float(cells[counted].sum()) + 0.5) / (n + 1)
        return p * (1 - p) / max(n, 1.0)

    return variance


_VARIANCES: dict[tuple[str, str], Callable[[Floats], float]] = {
    ("recall", "difference"): _of_recall_difference,
    ("precision", "difference"): precision_difference_variance,
    ("recall", "candidate"): _of_share("recall"),
    ("precision", "candidate"): _of_share("precision"),
}


def with_choice(result: MetricResult, metric: str, drawn: Drawn) -> MetricResult:
    """One system's metric at an operating point, with an interval that holds what the choice of its threshold costs.

    Args:
        result: The metric with its 95% interval at the chosen threshold.
        metric: What is measured, recall or precision.
        drawn: The system at its drawn thresholds.

    Returns:
        The same value with a wider interval; as it is where no draw moves it.

    References:
        Zou & Donner (2008), Statistics in Medicine 27:1693-1702: limits of a sum from the limits of its parts.

    >>> one = MetricResult(0.8, 0.75, 0.84, 300)
    >>> still = Drawn(np.tile([80.0, 0.0, 20.0, 0.0], (50, 1)))
    >>> with_choice(one, "recall", still) == one
    True
    """
    choice = _variance(drawn.values(SHARES[metric]))
    if choice <= 0 or math.isnan(result.value) or math.isnan(result.low):
        return result
    spread = float(ndtri(0.975)) * math.sqrt(choice)
    return replace(
        result,
        low=max(0.0, result.value - math.hypot(result.value - result.low, spread)),
        high=min(1.0, result.value + math.hypot(result.high - result.value, spread)),
    )
