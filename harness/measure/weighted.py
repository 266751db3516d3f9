"""Whether the items of a run stand for more or less of a population, and what counts every item once all the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.runs import Run

WEIGHTED_NOTE = "items count by their weights: shares and differences are those of the population they stand for"
UNWEIGHTED_SCORES = (
    "average precision, AUROC, Brier, recall at a precision, precision at a prevalence, failure rates and counts take "
    "every item once"
)
UNWEIGHTED_DIFFERENCES = "average precision, macro averages, failure rates and counts take every item once"
"""What of a score and of a comparison does not use the weights."""
UNWEIGHTED_NOTE = (
    "the set declares weights, and here every item counts once: these numbers are of its items, not of the population "
    "they stand for"
)
UNWEIGHTED_CASES = "the set declares weights, and here they are not used: every case counts once"


def weights_of(run: Run) -> NDArray[np.float64] | None:
    """Weights of the items; None where all are equal, so that each counts once."""
    weights = run.weights
    return weights if weights.size and bool((weights != weights[0]).any()) else None


def unweighted_notes(run: Run) -> tuple[str, ...]:
    """What stands beside numbers that take every item of a run once; nothing where all weights are equal."""
    return () if weights_of(run) is None else (UNWEIGHTED_NOTE,)
