"""How many items each threshold would flag: what the page's threshold explorer reads.

Decides the thresholds (hundredths from 0 to 1) and which items count: labelled ones that have a score. What a threshold
does in production follows from these counts and the policy's prevalence, in the page.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from harness.report.parts.assets import script_data

if TYPE_CHECKING:
    from harness.report.comparison.data import ReportData

STEPS = 100


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """One candidate's scores in one category.

    Attributes:
        caught: Violating items with a score at or above each threshold; None where scores are no shares of 1.
        wrong: The same of the items that do not violate.
        n_labelled: Items with a label, scored or not.
    """

    caught: tuple[int, ...] | None
    wrong: tuple[int, ...] | None
    n_violating: int
    n_not_violating: int
    n_labelled: int

    @property
    def n_scored(self) -> int:
        """Labelled items with a score."""
        return self.n_violating + self.n_not_violating

    def as_plain(self) -> dict[str, int]:
        """Without the counts of every threshold, which only the page needs."""
        return {"n_scored": self.n_scored, "n_labelled": self.n_labelled}


def score_counts(y_true: NDArray[np.int8], y_score: NDArray[np.float64]) -> ScoreCounts:
    """Count the items at or above every hundredth."""
    known = (y_true >= 0) & ~np.isnan(y_score)
    gold, score = y_true[known] == 1, y_score[known]
    positives, negatives = np.sort(score[gold]), np.sort(score[~gold])
    caught = wrong = None
    if score.size and score.min() >= 0 and score.max() <= 1:
        steps = np.arange(STEPS + 1) / STEPS
        caught, wrong = (_at_or_above(part, steps) for part in (positives, negatives))
    return ScoreCounts(caught, wrong, int(positives.size), int(negatives.size), int((y_true >= 0).sum()))


def _at_or_above(ordered: NDArray[np.float64], steps: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple((ordered.size - np.searchsorted(ordered, steps)).tolist())


def explorer_data(data: ReportData) -> Markup | None:
    """The counts as JSON for the page; None where no score can be thresholded by hundredths."""
    production = {(row.candidate, row.category): row for row in (data.production.rows if data.production else ())}
    found: list[dict[str, Any]] = []
    for one in data.scored:
        curves = {curve.candidate: curve for curve in one.curves}
        for candidate, counts in one.counts.items():
            if counts.caught is None or counts.wrong is None:
                continue
            now, day = curves[candidate], production.get((candidate, one.id))
            found.append(
                {
                    "category": one.name,
                    "candidate": candidate,
                    "caught": _steps(counts.caught),
                    "wrong": _steps(counts.wrong),
                    "n": [counts.n_violating, counts.n_not_violating, counts.n_labelled],
                    "prevalence": None if day is None else day.prevalence,
                    "day": [] if day is None else [_ends(part)[0] for part in (day.precision, day.flagged, day.missed)],
                    "now": [_ends(now.recall), _ends(now.precision), _ends(now.fpr), now.n_flagged],
                }
            )
    return script_data(found) if found else None


def _steps(counts: Sequence[int]) -> list[int]:
    """The first count, then by how much each falls: mostly short figures."""
    return [counts[0], *(before - after for before, after in itertools.pairwise(counts))]


def _ends(result: Any) -> list[float | None]:
    return [None if np.isnan(part) else round(float(part), 6) for part in (result.value, result.low, result.high)]
