"""Two systems on the same items, one category: the eight-cell table and what is read from it.

Decides how pairs are counted and how the difference of each paired metric is estimated and tested. Leaves proofs of
non-inferiority to ``noninferiority`` and ``precision_margin``, and verdicts to ``gate``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from harness.core.agreeing import agreeing_interval, agreeing_result
from harness.core.arrays import Array, Bools, Floats, Ints
from harness.core.confusion import check_codes
from harness.core.mcnemar import mcnemar_midp
from harness.core.metric_facts import NOTHING_TO_FIND
from harness.core.metric_table import LOWER_IS_BETTER, SHARES, metrics_on
from harness.core.metrics import METRICS
from harness.core.resampling import paired_f1, percentile_interval, permute_cells, resample_cells
from harness.core.results import MetricResult
from harness.core.tango import tango_interval
from harness.core.wgs import PSEUDO_COUNT, wgs_interval, wgs_statistic, wgs_test

N_CELLS = 8
CELL_NAMES = tuple(f"{cell:03b}" for cell in range(N_CELLS))  # digits: gold, baseline, candidate
MATCHED = {name: share for name, share in SHARES.items() if share.gold and name != "failure_rate"}
"""Metrics whose denominator both systems share: the gold label alone says who is in it."""
PAIRED_METRICS = metrics_on("compare")
RESAMPLED = tuple(name for name in PAIRED_METRICS if name not in MATCHED and name != "precision")
"""Metrics whose difference and p-value are drawn, and need a random generator."""


class Discordance(NamedTuple):
    """Discordant pairs from the candidate's side: gained, lost, and all pairs of the denominator."""

    gained: float
    lost: float
    n: float


class PairedResult(NamedTuple):
    """One metric of both systems, the difference candidate minus baseline, and p of "no difference"."""

    baseline: MetricResult
    candidate: MetricResult
    difference: MetricResult
    p_value: float


def paired_cells(y_true: Array, a: Array, b: Array) -> Ints:
    """Count pairs of one category by gold y, baseline a, candidate b: cell = 4y + 2a + b.

    Args:
        y_true: Gold, int (n_items,): 1, 0, or -1 missing.
        a: Baseline decisions, same shape and codes.
        b: Candidate decisions, same shape and codes.

    Returns:
        8 counts, int64; items with gold or a decision missing are left out, so the sum is n_items - n_excluded.

    Raises:
        ValueError: Shapes differ, or a code is not -1, 0 or 1.

    References:
        McNemar (1947), Psychometrika, for the discordant cells.

    >>> import numpy as np
    >>> paired_cells(np.array([1, 1, 0, -1]), np.array([1, 0, 0, 1]), np.array([0, 1, 0, 1])).tolist()
    [1, 0, 0, 0, 0, 1, 1, 0]
    """
    y_true, a, b = np.asarray(y_true), np.asarray(a), np.asarray(b)
    if y_true.ndim != 1 or not y_true.shape == a.shape == b.shape:
        raise ValueError(f"y_true, a and b must share one shape (n_items,), got {y_true.shape}, {a.shape}, {b.shape}")
    for name, array in (("y_true", y_true), ("a", a), ("b", b)):
        check_codes(name, array)
    kept, codes = _cells_of(y_true, a, b)
    return np.bincount(codes[kept], minlength=N_CELLS)


def _cells_of(y_true: Array, a: Array, b: Array) -> tuple[Bools, Array]:
    """Which items have gold and both decisions, and the cell of each of them."""
    kept = (y_true >= 0) & (a >= 0) & (b >= 0)
    return kept, 4 * y_true.astype(np.int8) + 2 * a.astype(np.int8) + b.astype(np.int8)


def weighted_cells(y_true: Array, a: Array, b: Array, sample_weight: Array) -> Floats:
    """Sums of the weights of pairs in each cell of ``paired_cells``.

    Args:
        y_true: Gold, int (n_items,): 1, 0, or -1 missing.
        a: Baseline decisions, same shape and codes.
        b: Candidate decisions, same shape and codes.
        sample_weight: Weight per item, float (n_items,), >= 0.

    Returns:
        8 sums of weights; items with gold or a decision missing are left out.

    >>> import numpy as np
    >>> weighted_cells(np.array([1, 0]), np.array([1, 0]), np.array([0, 0]), np.array([2.0, 3.0])).tolist()
    [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0]
    """
    kept, codes = _cells_of(y_true, a, b)
    sums = np.bincount(codes[kept], weights=np.asarray(sample_weight, dtype=np.float64)[kept], minlength=N_CELLS)
    return np.asarray(sums, dtype=np.float64)


def system_counts(cells: Sequence[float] | Array, system: Literal["baseline", "candidate"]) -> tuple[float, ...]:
    """Confusion counts of one of the two systems.

    Args:
        cells: 8 counts, see ``paired_cells``.
        system: Which of the two.

    Returns:
        (tp, fp, fn, tn), in the order that ``metrics`` takes.

    Raises:
        ValueError: There are not 8 counts >= 0.

    >>> system_counts([50, 1, 2, 3, 4, 5, 6, 70], "candidate")
    (75.0, 4.0, 10.0, 52.0)
    """
    of_system = check_cells(cells).reshape(2, 2, 2).sum(axis=2 if system == "baseline" else 1)
    (tn, fp), (fn, tp) = of_system.tolist()
    return tp, fp, fn, tn


def check_cells(cells: Sequence[float] | Array) -> Floats:
    """Return 8 counts as float64 after refusing another shape or a negative count.

    Args:
        cells: 8 counts, see ``paired_cells``.

    Returns:
        The counts.

    Raises:
        ValueError: There are not 8 counts >= 0.

    >>> check_cells([0, 0, 0, 0, 1, 0, 0, 2]).sum()
    np.float64(3.0)
    """
    c = np.asarray(cells, dtype=np.float64)
    if c.shape != (N_CELLS,) or not (c >= 0).all():
        raise ValueError(f"cells must be {N_CELLS} counts >= 0, got {c.tolist()}")
    return c


def discordance(cells: Sequence[float] | Array, metric: str) -> Discordance:
    """Discordant pairs of a metric whose denominator both systems share.

    Args:
        cells: 8 counts, see ``paired_cells``.
        metric: A name in ``MATCHED``; recall's pairs are the violating items, those of fpr the others.

    Returns:
        Gained = only the candidate is right, lost = only the baseline is right, n = all pairs of the denominator.

    Raises:
        ValueError: The metric has no shared denominator, or the counts are malformed.

    >>> discordance([50, 1, 2, 3, 4, 5, 6, 70], "recall")
    Discordance(gained=5.0, lost=6.0, n=85.0)
    """
    if metric not in MATCHED:
        raise ValueError(f"metric must be one of {', '.join(MATCHED)}, got '{metric}'")
    c = check_cells(cells)
    gained, lost = MATCHED[metric].switched
    if metric in LOWER_IS_BETTER:
        gained, lost = lost, gained
    return Discordance(float(c[gained].sum()), float(c[lost].sum()), float(c[MATCHED[metric].support].sum()))


def paired_difference(
    cells: Sequence[float] | Array,
    metric: str,
    *,
    rng: np.random.Generator | None = None,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    n_excluded: int = 0,
) -> MetricResult:
    """Difference of a metric, candidate minus baseline, on the same items.

    Where the gold label alone chooses the items (recall, FPR): Tango's score interval, which holds 0 exactly when
    McNemar's mid-p test keeps it. Precision: inverted weighted generalised score test. Others (F1): paired percentile
    bootstrap of the eight cells.

    Args:
        cells: 8 counts, see ``paired_cells``; fractional for effective counts.
        metric: One of ``PAIRED_METRICS``.
        rng: Random generator, needed by what is bootstrapped.
        n_resamples: Resamples of the bootstrap.
        confidence: Two-sided level, in (0, 1); .90 beside a gate.
        n_excluded: Items left out, passed through.

    Returns:
        A difference in [-1, 1], in the metric's own sense (a positive FPR difference is worse); undefined when either
        system's metric is.

    Raises:
        ValueError: The metric is unknown, the counts are malformed, or rng is missing where it is needed.

    References:
        Tango (1998); Kosinski (2013), Statistics in Medicine; Efron & Tibshirani (1993).

    >>> result = paired_difference([50, 1, 2, 3, 4, 5, 6, 70], "recall")
    >>> [round(x, 3) for x in (result.value, result.low, result.high)]
    [-0.012, -0.097, 0.072]
    """
    c = check_cells(cells)
    if metric in MATCHED:
        return _matched_difference(c, metric, confidence, n_excluded)
    if metric not in PAIRED_METRICS:
        raise ValueError(f"metric must be one of {', '.join(PAIRED_METRICS)}, got '{metric}'")
    if rng is None and metric in RESAMPLED:
        raise ValueError(f"the {metric} difference is bootstrapped: pass rng")
    n = round(float(c[support(metric)].sum()))
    baseline, candidate = metric_of_both(c, metric)
    value = float(candidate - baseline)
    if math.isnan(value):
        nothing = NOTHING_TO_FIND if metric == "f1" else SHARES[metric].reason
        return MetricResult.undefined(nothing, n=n, n_excluded=n_excluded)
    if rng is None or metric == "precision":  # all others were given one
        low, high = wgs_interval(c, confidence=confidence)
        return MetricResult(value, low, high, n, n_excluded)
    a, b = metric_of_both(resample_cells(c, n_resamples, rng), metric)
    low, high = percentile_interval(b - a, confidence=confidence)
    reason = None if c[[1, 2, 5, 6]].any() else "no discordant pairs: the bootstrap has no width"
    return MetricResult(value, low, high, n, n_excluded, reason)


def support(metric: str) -> list[int]:
    """Cells that a metric's difference is about: those in the denominator of either system.

    Args:
        metric: One of ``PAIRED_METRICS``.

    Returns:
        Positions in the eight-cell table.

    >>> support("fpr"), support("f1")
    ([0, 1, 2, 3], [1, 2, 3, 4, 5, 6, 7])
    """
    return list(range(1, N_CELLS)) if metric == "f1" else SHARES[metric].support


def metric_of_both(cells: Array, metric: str) -> tuple[Floats, Floats]:
    """A metric of baseline and candidate from tables of counts.

    Args:
        cells: Counts, shape (..., 8), see ``paired_cells``.
        metric: One of ``PAIRED_METRICS``.

    Returns:
        Both values, each of shape (...); NaN where a denominator is empty.

    >>> [round(float(one), 3) for one in metric_of_both(np.array([50, 1, 2, 3, 4, 5, 6, 70]), "recall")]
    [0.894, 0.882]
    """
    if metric == "f1":
        return paired_f1(cells)
    found = []
    for system in ("baseline", "candidate"):
        counted, among = SHARES[metric].cells(system)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.asarray(cells[..., counted].sum(axis=-1) / cells[..., among].sum(axis=-1), np.float64))
    return found[0], found[1]


def _matched_difference(c: Floats, metric: str, confidence: float, n_excluded: int) -> MetricResult:
    sign = -1 if metric in LOWER_IS_BETTER else 1
    gained, lost, n = discordance(c, metric)
    if n == 0:
        return MetricResult.undefined(MATCHED[metric].reason, n_excluded=n_excluded)
    better, p_value = (gained - lost) / n, mcnemar_midp(round(gained), round(lost))
    interval = tango_interval(gained, lost, n, confidence=confidence)
    low, high = agreeing_interval(interval, better, [(0.0, p_value, 1 - confidence)])
    if sign < 0:
        low, high = -high, -low
    return MetricResult(sign * better, low, high, round(n), n_excluded)


def compare_paired(
    cells: Sequence[float] | Array,
    metric: str,
    *,
    rng: np.random.Generator | None = None,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    n_excluded: int = 0,
) -> PairedResult:
    """One metric of both systems, their difference, and the two-sided p of "no difference".

    Recall and FPR: McNemar mid-p. Precision: weighted generalised score test. Others (F1): paired permutation,
    (1 + #{abs(stat*) >= abs(stat)})/(1 + n_resamples). The interval holds 0 exactly when p > 1 - confidence.

    Args:
        cells: 8 counts, see ``paired_cells``.
        metric: One of ``PAIRED_METRICS``.
        rng: Random generator, needed by what is bootstrapped.
        n_resamples: Resamples of bootstrap and permutation.
        confidence: Two-sided level, in (0, 1).
        n_excluded: Items left out, passed through.

    Returns:
        Both systems' results, the difference, and p in (0, 1]; p is NaN when the difference is undefined.

    Raises:
        ValueError: The metric is unknown, the counts are malformed, or rng is missing where it is needed.

    References:
        Fagerland, Lydersen & Laake (2013); Kosinski (2013); Phipson & Smyth (2010) for the permutation p-value.

    >>> import numpy as np
    >>> compared = compare_paired([50, 1, 2, 3, 4, 5, 6, 70], "recall", rng=np.random.default_rng(0))
    >>> round(compared.candidate.value, 3), round(compared.p_value, 3)
    (0.882, 0.774)
    """
    c = check_cells(cells)
    difference = paired_difference(
        c, metric, rng=rng, n_resamples=n_resamples, confidence=confidence, n_excluded=n_excluded
    )
    baseline, candidate = (
        METRICS[metric](*system_counts(c, system), confidence=confidence, n_excluded=n_excluded)
        for system in ("baseline", "candidate")
    )
    if not difference.is_defined:
        p_value = math.nan
    elif metric in MATCHED:
        gained, lost, _ = discordance(c, metric)
        p_value = mcnemar_midp(round(gained), round(lost))
    elif rng is None or metric == "precision":  # all others were given one
        p_value = wgs_test(wgs_statistic(c, pseudo_count=PSEUDO_COUNT))
    else:
        a, b = metric_of_both(permute_cells(c, n_resamples, rng), metric)
        n_extreme = int(np.count_nonzero(np.abs(b - a) >= abs(difference.value) - 1e-12))
        p_value = (1 + n_extreme) / (1 + n_resamples)
        difference = agreeing_result(difference, [(0.0, p_value, 1 - confidence)])
    return PairedResult(baseline, candidate, difference, p_value)
