"""What the weekly report keeps of a run: its scores without items.

Decides the content of a summary; where it is kept is decided in ``kept``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.core.results import MetricResult
from harness.measure.decisions import decisions
from harness.measure.score import UNMEASURED, CandidateScore, score_run, slice_scores
from harness.report.weekly.kept import NOT_MEASURED
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class Summary:
    """A run without its items.

    Attributes:
        gold: Per category, items that violate, that do not, and that nobody labelled.
        n_withheld: Items that had nothing to show.
        candidates: Scores of every candidate, without slices and readings of failures.
    """

    gold: Mapping[str, tuple[int, int, int]]
    n_withheld: int
    candidates: Mapping[str, CandidateScore]


def summary_of(run: Run) -> Summary:
    """Scores of every candidate, with the gold counts they rest on."""
    gold = {}
    for column, name in enumerate(run.categories):
        violating, not_violating, unknown = (int((run.y_true[:, column] == code).sum()) for code in (1, 0, -1))
        gold[name] = (violating, not_violating, unknown)
    return Summary(
        gold,
        int(run.is_withheld.sum()),
        {name: _without_readings(one) for name, one in score_run(run, with_slices=False).candidates.items()},
    )


def _without_readings(scored: CandidateScore) -> CandidateScore:
    categories = {name: replace(one, sensitivity={}) for name, one in scored.categories.items()}
    return replace(scored, categories=categories)


SliceScores = dict[str, dict[str, dict[str, dict[str, dict[str, MetricResult]]]]]
"""Candidate -> slice -> value -> category -> metric."""
SLICE_METRICS = ("recall", "precision", "fpr")
MOST_VALUES = 40
"""Values of a slice that are kept: those with most items."""


def slices_of(run: Run) -> SliceScores:
    """Figures of every candidate by slice value and category, of the larger values."""
    kept = {
        name: sorted(values, key=lambda one, values=values: (-len(values[one]), one))[:MOST_VALUES]  # type: ignore[misc]
        for name, values in run.slices.items()
    }
    found: SliceScores = {}
    for candidate in run.candidates:
        slices = slice_scores(run, decisions(run, candidate))
        found[candidate] = {
            name: {
                value: {
                    category: {
                        metric: one.metrics[metric]
                        for metric in SLICE_METRICS
                        if metric in one.metrics and one.metrics[metric].n
                    }
                    for category, one in values[value].items()
                }
                for value in kept[name]
                if value in values
            }
            for name, values in slices.items()
        }
    return found


def metric(summary: Summary, candidate: str, category: str, name: str) -> MetricResult:
    """One metric of a summary, at operating points of its gate too; undefined when the candidate does not have it."""
    scored = summary.candidates.get(candidate)
    if "@" in name:
        points = () if scored is None else scored.points.get(category, ())
        return next((one.value for one in points if one.metric == name), NOT_MEASURED)
    found = scored.categories.get(category) if scored is not None else None
    return NOT_MEASURED if found is None else found.metrics.get(name, UNMEASURED.get(name, NOT_MEASURED))
