"""What each candidate's rows mean as decisions, under a named failure policy.

Decides how failed, partial and missing answers enter the metrics (STATISTICS: failed outputs); counts nothing itself.
Scoring, comparison and gate all read a run through this module, so they can never disagree on a denominator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.measure.weighted import weights_of
from harness.records import MISSING, OnFailure
from harness.records.answers import HUMAN, MISSING_OUTCOMES, REJECTED, UNASKED, Outcome
from harness.runs import ALL_OUTCOMES, CandidateRows, Run

FailureReading = Literal["all_wrong", "dropped"]
"""The two other readings of failed answers, beside the declared fallback: each one wrong, each one left out."""
FAILURE_READINGS: tuple[FailureReading, ...] = ("all_wrong", "dropped")
_FALLBACK_DECISION: dict[OnFailure, int] = {"no_flag": 0, "review": 0, "flag": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """One candidate's decisions over a run.

    Attributes:
        y_true: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        y_pred: Decisions, int8 (n_items, n_repeats, n_categories), same codes; -1 is a missing pair.
        y_score: Scores, float (n_items, n_repeats, n_categories); NaN missing.
        is_covered: Whether the candidate decides on the category at all, bool (n_categories,).
        has_failed: Where the declared fallback stands in for a decision, bool, the shape of ``y_pred``.
        weights: How much of the population each item stands for, float (n_items,); None where all count alike.
        to_person: Where the decision is left to a person, bool, the shape of ``y_pred``; None where none is. It is
            missing from ``y_pred``, and has not failed.
    """

    y_true: NDArray[np.int8]
    y_pred: NDArray[np.int8]
    y_score: NDArray[np.float64]
    is_covered: NDArray[np.bool_]
    has_failed: NDArray[np.bool_]
    weights: NDArray[np.float64] | None = None
    to_person: NDArray[np.bool_] | None = None

    @property
    def n_fallback(self) -> int:
        """Rows whose decision in some category is the fallback's."""
        return int(self.has_failed.any(axis=2).sum())

    def item_scores(self, column: int) -> NDArray[np.float64]:
        """Scores of one category averaged over the repeats of an item, float (n_items,); NaN where there is none."""
        scores = self.y_score[:, :, column]
        known = ~np.isnan(scores)
        n_known = known.sum(axis=1)
        mean: NDArray[np.float64] = np.where(
            n_known > 0, np.where(known, scores, 0.0).sum(axis=1) / np.maximum(n_known, 1), np.nan
        )
        return mean

    def under(self, reading: FailureReading) -> Decisions:
        """The same decisions under another reading of failed answers."""
        return replace(self, y_pred=read_failures(self.y_pred, self.has_failed, self.y_true, reading))


def read_failures(
    y_pred: NDArray[np.int8], has_failed: NDArray[np.bool_], y_true: NDArray[np.int8], reading: FailureReading
) -> NDArray[np.int8]:
    """Decisions (n_items, n_repeats, n_categories) with the failed ones all wrong, or left out."""
    gold = y_true[:, None, :]
    other = np.where(gold == MISSING, MISSING, 1 - gold) if reading == "all_wrong" else MISSING
    return np.asarray(np.where(has_failed, other, y_pred), dtype=np.int8)


def on_failure_of(run: Run, candidate: str) -> OnFailure:
    """The fallback production takes when this candidate gives no usable decision."""
    return run.meta.on_failure(candidate)


def decisions(run: Run, candidate: str) -> Decisions:
    """Read one candidate's rows under the fallback that the eval declares.

    ``error``, ``withheld`` and ``not_asked`` rows are missing pairs. In every other row a category that the candidate
    decides on, but not here, takes the fallback. A category it does not decide on stays missing: it is not covered.
    Where its decisions are a sample of the items by declaration, what an ``ok`` row leaves open was not asked. What is
    left to a person is missing too: it is no failure, and counts on neither side.
    """
    rows = run.candidate(candidate)
    y_pred = rows.y_pred.copy()
    is_missing = np.isin(rows.outcomes, [outcome_code(one) for one in MISSING_OUTCOMES])
    y_pred[is_missing] = MISSING
    is_covered = _covered(run, candidate, y_pred)
    takes_fallback = (y_pred == MISSING) & is_covered & ~is_missing[:, :, None]
    if is_sample(run, candidate):
        takes_fallback &= (rows.outcomes != outcome_code("ok"))[:, :, None]
    if rows.to_person is not None:
        takes_fallback &= ~rows.to_person
    y_pred[takes_fallback] = _FALLBACK_DECISION[on_failure_of(run, candidate)]
    y_score = rows.y_score.astype(np.float64)
    y_score[is_missing] = np.nan
    return Decisions(run.y_true, y_pred, y_score, is_covered, takes_fallback, weights_of(run), rows.to_person)


def is_sample(run: Run, candidate: str) -> bool:
    """Whether the eval says that this candidate's decisions are a part of the items on purpose: what a reviewer saw."""
    return run.meta.fingerprint(candidate).get("sample") is True


def _covered(run: Run, candidate: str, y_pred: NDArray[np.int8]) -> NDArray[np.bool_]:
    """The categories the candidate says it decides on, and any other that it did decide on."""
    decided: NDArray[np.bool_] = (y_pred != MISSING).any(axis=(0, 1))
    declared = run.meta.fingerprint(candidate).get("categories") or ()
    return decided | np.isin(np.asarray(run.categories, dtype=object), np.asarray(declared, dtype=object))


def outcome_code(outcome: Outcome) -> int:
    """Position of an outcome in the code table of stored rows."""
    return ALL_OUTCOMES.index(outcome)


def outcome_counts(rows: CandidateRows) -> dict[str, int]:
    """Rows per outcome; they add up to items x repeats. What is rare is named only where there is any."""
    counted = np.bincount(rows.outcomes.ravel(), minlength=len(ALL_OUTCOMES))
    counts: dict[str, int] = {outcome: int(n) for outcome, n in zip(ALL_OUTCOMES, counted, strict=True)}
    for outcome in (*UNASKED, REJECTED, HUMAN):
        if not counts[outcome]:
            del counts[outcome]
    if sum(counts.values()) != rows.outcomes.size:
        raise AssertionError("outcomes do not add up to the number of rows")
    return counts


def generator(seed: int, check_id: str) -> np.random.Generator:
    """One generator per check, derived from the seed and the check's name."""
    digest = hashlib.sha256(check_id.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def all_against(y_true: NDArray[np.int8], decided: Iterable[NDArray[np.int8]]) -> NDArray[np.bool_]:
    """Where every system that decides contradicts the gold, bool (n_items, n_categories); at least two must decide."""
    n_deciding = np.zeros(y_true.shape, dtype=np.int16)
    n_against = np.zeros(y_true.shape, dtype=np.int16)
    for y_pred in decided:
        is_decided = (y_pred != MISSING) & (y_true != MISSING)
        n_deciding += is_decided
        n_against += is_decided & (y_pred != y_true)
    return np.asarray((n_deciding >= 2) & (n_against == n_deciding), dtype=np.bool_)
