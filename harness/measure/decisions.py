"""What each candidate's rows mean as decisions, under a named failure policy.

Decides how failed, partial and missing answers enter the metrics (STATISTICS: failed outputs); counts nothing itself.
Scoring, comparison and gate all read a run through this module, so they can never disagree on a denominator.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.records import OnFailure
from harness.records.answers import MISSING_OUTCOMES, UNASKED, Outcome
from harness.runs import ALL_OUTCOMES, CandidateRows, Run

FailurePolicy = Literal["no_flag", "flag", "review", "wrong", "dropped"]
"""The three declared fallbacks, and the two sensitivity readings: all failures wrong, failures dropped."""

MISSING = -1
_FALLBACK_DECISION: dict[str, int] = {"no_flag": 0, "review": 0, "flag": 1, "dropped": MISSING}


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """One candidate's decisions over a run.

    Attributes:
        y_true: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        y_pred: Decisions, int8 (n_items, n_repeats, n_categories), same codes; -1 is a missing pair.
        y_score: Scores, float (n_items, n_repeats, n_categories); NaN missing.
        is_covered: Whether the candidate decides on the category at all, bool (n_categories,).
        n_fallback: Rows whose decision in some category is the fallback's.
    """

    y_true: NDArray[np.int8]
    y_pred: NDArray[np.int8]
    y_score: NDArray[np.float64]
    is_covered: NDArray[np.bool_]
    n_fallback: int


def on_failure_of(run: Run, candidate: str) -> OnFailure:
    """The fallback production takes when this candidate gives no usable decision."""
    spec: dict[str, Any] = run.meta.eval["candidates"].get(candidate, {})
    declared: OnFailure = spec.get("on_failure") or run.meta.eval["on_failure"]
    return declared


def decisions(run: Run, candidate: str, policy: FailurePolicy | None = None) -> Decisions:
    """Read one candidate's rows under a failure policy; None takes the one the eval declares.

    ``error``, ``withheld`` and ``not_asked`` rows are missing pairs. In every other row a category that the candidate
    decides on, but not here, takes the fallback. A category it does not decide on stays missing: it is not covered.
    """
    rows = run.candidate(candidate)
    chosen = policy or on_failure_of(run, candidate)
    y_pred = rows.y_pred.copy()
    is_missing = np.isin(rows.outcomes, [outcome_code(one) for one in MISSING_OUTCOMES])
    y_pred[is_missing] = MISSING
    is_covered = _covered(run, candidate, y_pred)
    takes_fallback = (y_pred == MISSING) & is_covered & ~is_missing[:, :, None]
    if chosen == "wrong":
        gold = np.broadcast_to(run.y_true[:, None, :], y_pred.shape)
        y_pred = np.where(takes_fallback, np.where(gold == MISSING, MISSING, 1 - gold), y_pred).astype(np.int8)
    else:
        y_pred[takes_fallback] = _FALLBACK_DECISION[chosen]
    y_score = rows.y_score.astype(np.float64)
    y_score[is_missing] = np.nan
    return Decisions(run.y_true, y_pred, y_score, is_covered, int(takes_fallback.any(axis=2).sum()))


def _covered(run: Run, candidate: str, y_pred: NDArray[np.int8]) -> NDArray[np.bool_]:
    """The categories the candidate says it decides on, and any other that it did decide on."""
    decided: NDArray[np.bool_] = (y_pred != MISSING).any(axis=(0, 1))
    declared = run.meta.fingerprints.get(candidate, {}).get("categories") or ()
    return decided | np.isin(np.asarray(run.categories, dtype=object), np.asarray(declared, dtype=object))


def outcome_code(outcome: Outcome) -> int:
    """Position of an outcome in the code table of stored rows."""
    return ALL_OUTCOMES.index(outcome)


def outcome_counts(rows: CandidateRows) -> dict[str, int]:
    """Rows per outcome; they add up to items x repeats. What was never asked is named only where there is any."""
    counted = np.bincount(rows.outcomes.ravel(), minlength=len(ALL_OUTCOMES))
    counts: dict[str, int] = {outcome: int(n) for outcome, n in zip(ALL_OUTCOMES, counted, strict=True)}
    for outcome in UNASKED:
        if not counts[outcome]:
            del counts[outcome]
    if sum(counts.values()) != rows.outcomes.size:
        raise AssertionError("outcomes do not add up to the number of rows")
    return counts


def generator(seed: int, check_id: str) -> np.random.Generator:
    """One generator per check, derived from the seed and the check's name."""
    digest = hashlib.sha256(check_id.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
