"""Two thresholds with a person between them: pass below the lower, remove from the upper on, and look in between.

Decides which bands keep a promise about what nobody looks at: that of what violates at most a share passes unseen, that
of what does not violate at most a share is removed unseen, or that of what is decided without a person at most a share
is wrong, in each of the two bands. Each promise is Learn then Test with fixed sequences. A promise that cannot be
certified leaves its band empty: the person sees more, never less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from harness.core.arrays import Array, Codes, Floats
from harness.core.metric_facts import NO_NEGATIVES, NO_POSITIVES
from harness.core.metrics import proportion
from harness.core.ranking import scored_items
from harness.core.results import MetricResult
from harness.core.special import bdtr
from harness.core.thresholds import certified_threshold

BandKind = Literal["missed", "overblocked", "error"]
BAND_KINDS: tuple[BandKind, ...] = ("missed", "overblocked", "error")
N_PROMISES: dict[BandKind, int] = {"missed": 1, "overblocked": 1, "error": 2}
"""Promises of a goal that can fail by themselves: an error is promised in both bands."""
NOTHING_AUTOMATIC = "nothing is decided without a person"


class BandGoal(NamedTuple):
    """What is promised of what nobody looks at: at most ``value`` of it."""

    kind: BandKind
    value: float


class Edge(NamedTuple):
    """One end of the middle band, as one promise sets it.

    Attributes:
        value: Pass ``score < value``, or remove ``score >= value``; infinite when the band stays empty.
        n: Items that the promise rests on.
        n_needed: Items from which a band could be certified at all.
    """

    value: float
    n: int
    n_needed: int


class BandReading(NamedTuple):
    """What two thresholds do to labelled items; ``passed``, ``removed`` and ``to_person`` add up to ``n``.

    Attributes:
        n: Labelled items.
        passed, removed, to_person: How they are shared out; what has no score goes to a person.
        missed: Share of the violating items that passes unseen.
        overblocked: Share of the others that is removed unseen.
        error: Share of what is decided without a person that is wrong.
        share: Share that goes to a person.
    """

    n: int
    passed: int
    removed: int
    to_person: int
    missed: MetricResult
    overblocked: MetricResult
    error: MetricResult
    share: MetricResult


def pass_edge(y_true: Array, y_score: Array, goal: BandGoal, *, delta: float, n_promises: int = 1) -> Edge | None:
    """The highest score below which everything may pass; None when the goal says nothing of it.

    For ``missed`` it is the certified threshold of a recall. For ``error`` see ``remove_edge``.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        goal: What is promised.
        delta: Chance that any of the promises fails, in (0, 1).
        n_promises: Promises that must hold at once, >= 1.

    Raises:
        ValueError: An argument is out of range.

    References:
        Angelopoulos et al. (2021), arXiv:2110.01052.

    >>> import numpy as np
    >>> y, s = np.repeat([1, 0], 100), np.linspace(0.995, 0.0, 200)
    >>> round(pass_edge(y, s, BandGoal("missed", 0.1), delta=0.05).value, 3)
    0.52
    """
    _check(goal, delta, n_promises)
    if goal.kind == "overblocked":
        return None
    if goal.kind == "error":
        mirrored = _mirrored(y_true)
        found = _pure_band(mirrored, -np.asarray(y_score, dtype=float), goal.value, delta / n_promises)
        return found._replace(value=_next_above(y_score, -found.value)) if math.isfinite(found.value) else found
    promise = certified_threshold(y_true, y_score, min_recall=1 - goal.value, delta=delta, n_categories=n_promises)
    return Edge(-math.inf if math.isnan(promise.value) else promise.value, promise.n_positives, promise.n_needed)


def remove_edge(y_true: Array, y_score: Array, goal: BandGoal, *, delta: float, n_promises: int = 1) -> Edge | None:
    """The lowest score from which on everything may be removed; None when the goal says nothing of it.

    For ``overblocked`` it mirrors the certified threshold of a recall. For ``error`` it walks from the highest score
    down, from a few starts that are fixed beforehand and share ``delta``, while the binomial test of "more than the
    promised share is wrong" is rejected; that is exact where a higher score never means a less precise band.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        goal: What is promised.
        delta: Chance that any of the promises fails, in (0, 1).
        n_promises: Promises that must hold at once, >= 1.

    Raises:
        ValueError: An argument is out of range.

    References:
        Angelopoulos et al. (2021), arXiv:2110.01052; Geifman & El-Yaniv (2017), NeurIPS, for selective error.

    >>> import numpy as np
    >>> y, s = np.repeat([1, 0], 100), np.linspace(0.995, 0.0, 200)
    >>> round(remove_edge(y, s, BandGoal("overblocked", 0.1), delta=0.05).value, 3)
    0.48
    """
    _check(goal, delta, n_promises)
    if goal.kind == "missed":
        return None
    if goal.kind == "error":
        found = _pure_band(np.asarray(y_true), np.asarray(y_score, dtype=float), goal.value, delta / n_promises)
        return found._replace(value=math.inf) if found.value == -math.inf else found
    scores = -np.asarray(y_score, dtype=float)
    promise = certified_threshold(
        _mirrored(y_true), scores, min_recall=1 - goal.value, delta=delta, n_categories=n_promises
    )
    value = math.inf if math.isnan(promise.value) else _next_above(y_score, -promise.value)
    return Edge(value, promise.n_positives, promise.n_needed)


def joined_edges(y_true: Array, y_score: Array, below: Sequence[float], above: Sequence[float]) -> tuple[float, float]:
    """The two thresholds that keep every promise; without one on a side, its band stays empty.

    Where the bands would overlap nobody needs to look: any cut between the two keeps both promises, and the one with
    the fewest errors on the data is taken.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN missing.
        below: Scores below which items may pass, one for each promise.
        above: Scores from which on items may be removed, one for each promise.

    Returns:
        The lower and the upper threshold; infinite ends leave a band empty.

    Raises:
        ValueError: Shapes differ.

    References:
        Angelopoulos et al. (2021), arXiv:2110.01052.

    >>> import numpy as np
    >>> joined_edges(np.array([0, 1]), np.array([0.2, 0.8]), [0.8], [0.8])
    (0.8, 0.8)
    """
    low, high = min(below, default=-math.inf), max(above, default=math.inf)
    if low <= high:
        return low, high
    items = scored_items(y_true, y_score)
    gold, score = items.y_true.astype(bool), items.y_score
    cuts = np.unique(np.concatenate([[high, low], score[(score >= high) & (score <= low)]]))
    positives, negatives = np.sort(score[gold]), np.sort(score[~gold])
    n_wrong = np.searchsorted(positives, cuts) + negatives.size - np.searchsorted(negatives, cuts)
    cut = float(cuts[int(np.argmin(n_wrong))])
    return cut, cut


def read_bands(y_true: Array, y_score: Array, below: float, above: float) -> BandReading:
    """What two thresholds do to labelled items, with 95% Wilson intervals.

    Args:
        y_true: Gold of one category, int (n_items,): 1, 0, or -1 missing.
        y_score: Score, float (n_items,); NaN goes to a person.
        below: Pass ``score < below``.
        above: Remove ``score >= above``.

    Raises:
        ValueError: ``below`` lies above ``above``.

    References:
        Wilson (1927).

    >>> import numpy as np
    >>> read_bands(np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.5, np.nan]), 0.2, 0.8)[:4]
    (4, 1, 1, 2)
    """
    if below > above:
        raise ValueError(f"below must not lie above 'above', got {below} and {above}")
    is_labelled = np.asarray(y_true) >= 0
    gold, score = np.asarray(y_true)[is_labelled] == 1, np.asarray(y_score, dtype=float)[is_labelled]
    passed, removed = score < below, score >= above
    n_missed, n_wrong = int((gold & passed).sum()), int((~gold & removed).sum())
    n, n_auto = gold.size, int((passed | removed).sum())
    n_excluded = int((~is_labelled).sum())
    return BandReading(
        n,
        int(passed.sum()),
        int(removed.sum()),
        n - n_auto,
        proportion(n_missed, int(gold.sum()), NO_POSITIVES, n_excluded=n_excluded),
        proportion(n_wrong, int((~gold).sum()), NO_NEGATIVES, n_excluded=n_excluded),
        proportion(n_missed + n_wrong, n_auto, NOTHING_AUTOMATIC, n_excluded=n_excluded),
        proportion(n - n_auto, n, "no labelled items", n_excluded=n_excluded),
    )


def _pure_band(y_true: Array, y_score: Floats, most: float, delta: float) -> Edge:
    """The longest run of the highest scores of which at most a share is promised not to violate."""
    items = scored_items(y_true, y_score)
    order = np.argsort(-items.y_score, kind="stable")
    score, wrong = items.y_score[order], np.cumsum(~items.y_true[order].astype(bool))
    n = score.size
    # bands end between two different scores; what lies strictly above the first score outside is the evidence
    sizes = np.append(np.flatnonzero(np.diff(score) < 0) + 1, n) if n else np.empty(0, dtype=int)
    n_starts = 1
    while _needed(most, delta / (n_starts + 1)) * 2**n_starts <= n:
        n_starts += 1
    needed = _needed(most, delta / n_starts)
    best = 0
    for number in range(n_starts):
        for size in sizes[sizes >= needed * 2**number].tolist():
            if bdtr(int(wrong[size - 1]), size, most) > delta / n_starts:
                break
            best = max(best, size)
    return Edge(float(score[best - 1]) if best else -math.inf, n, needed)


def _needed(most: float, level: float) -> int:
    return math.ceil(math.log(level) / math.log1p(-most))


def _mirrored(y_true: Array) -> Codes:
    gold = np.asarray(y_true)
    return np.where(gold < 0, gold, 1 - gold).astype(np.int8)


def _next_above(y_score: Array, value: float) -> float:
    """The smallest score above a value; infinite when there is none."""
    scores = np.asarray(y_score, dtype=float)
    higher = scores[scores > value]
    return float(higher.min()) if higher.size else math.inf


def _check(goal: BandGoal, delta: float, n_promises: int) -> None:
    if goal.kind not in BAND_KINDS:
        raise ValueError(f"a goal is one of {', '.join(BAND_KINDS)}, got '{goal.kind}'")
    if not (0 < goal.value < 1 and 0 < delta < 1) or n_promises < 1:
        raise ValueError(f"need value and delta in (0, 1), n_promises >= 1, got {goal.value}, {delta}, {n_promises}")
