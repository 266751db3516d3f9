"""Why the figures moved.

Decides which evidence counts (changed inputs, the frozen control, labels); the wording is in ``sentences``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.gating.findings import Cause
from harness.gating.findings.causes import (
    CauseEvidence,
    ControlEvidence,
    asks_model,
    behind,
    cause_of,
    models_of,
    same_models,
)
from harness.measure.decisions import decisions, outcome_code
from harness.report.parts import numbers
from harness.report.parts.words import enumerated
from harness.report.weekly import sentences
from harness.report.weekly.candidates import version_marks
from harness.report.weekly.changes import OWN_KINDS
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, Change, LabelSplit, Movement, Series
from harness.report.weekly.ledger import remembered_series
from harness.report.weekly.series import series_of


def candidate_series(source: WeeklySource, candidate: str) -> tuple[Series, ...]:
    """One candidate's figures over the weeks shown; the reported one's are tested against earlier ones as well."""
    if candidate == source.candidate:
        return shown_of(source, remembered_series(source))
    runs = [(one.week, one.of[candidate]) for one in source.by_week.values() if candidate in one.of]
    return series_of(candidate, source.run.categories, runs, source.summaries)


def shown_of(source: WeeklySource, long: Sequence[Series]) -> tuple[Series, ...]:
    """The weeks shown of what is remembered; what was never measured in them is left out."""
    cut = (replace(one, points=tuple(point for point in one.points if point.week in source.by_week)) for one in long)
    return tuple(one for one in cut if any(point.result.is_defined for point in one.points))


def causes_of(
    source: WeeklySource,
    movements: tuple[Movement, ...],
    changes: tuple[Change, ...],
    splits: tuple[LabelSplit, ...],
    n_split: int,
    slid_since: Sequence[str] = (),
    *,
    is_comparable: bool,
) -> tuple[str, ...]:
    """Why the figures moved, or why they cannot be compared, in sentences; ``slid_since`` is where slides begin."""
    if source.previous is None:
        return ()
    since, _ = source.previous
    ours = [one for one in changes if one.kind in OWN_KINDS]
    if not is_comparable:
        other = [one for one in changes if one.kind == "golden_set"]
        found = [sentences.golden_sentence(other, since, n_split)]
        if ours:
            found.append(f"The candidate changed as well: {enumerated([one.phrase for one in ours], 4)}.")
        else:
            found.append("None of the candidate's own inputs changed.")
        largest = sorted(splits, key=lambda one: -max(abs(one.by_labels), abs(one.by_candidate)))[:3]
        if largest:
            lines = "; ".join(
                sentences.split_sentence(one.name, one.metric, one.by_labels, one.by_candidate) for one in largest
            )
            found.append(f"Largest parts: {lines}.")
        elif n_split and not set(source.run.categories) & set(source.previous[1].categories):
            found.append("No category is in both, so that nothing can be set side by side.")
        elif n_split:
            found.append("On the items in both, neither labels nor candidate moved a figure.")
        return tuple(found)
    if not movements:
        quiet = sentences.changes_sentence(changes, since)
        return (*_cause_of_slides(source, slid_since), *([quiet] if quiet else []))
    jumped = [one for one in movements if one.source != "slide"]
    cause = cause_between(source, jumped, changes) if jumped else None
    told = () if cause is None else (sentences.cause_sentence(cause, since),)
    return (*told, *_cause_of_slides(source, slid_since))


def _cause_of_slides(source: WeeklySource, slid_since: Sequence[str]) -> tuple[str, ...]:
    """What of the candidate became another version since the longest of the slides began."""
    if not slid_since:
        return ()
    since = min(slid_since)
    if behind(source.run.meta.fingerprint(source.candidate)) == "recorded":
        return (sentences.slide_cause_sentence(since, None),)
    changed = {week: told for week, told in version_marks(source, source.remembered).items() if week > since}
    return (sentences.slide_cause_sentence(since, changed),)


def cause_between(source: WeeklySource, movements: Sequence[Movement], changes: Sequence[Change]) -> Cause | None:
    """What may be blamed for this week's movements; None without a run before."""
    if source.previous is None:
        return None
    fingerprint = source.run.meta.fingerprint(source.candidate)
    return cause_of(
        CauseEvidence(
            behind(fingerprint),
            tuple(one.phrase for one in changes if one.kind in OWN_KINDS),
            (),  # a movement is one over the same labels
            tuple(one.phrase for one in changes if one.kind == "sample"),
            _control_evidence(source, movements),
        )
    )


def _control_evidence(source: WeeklySource, movements: Sequence[Movement]) -> ControlEvidence | None:
    """What the control shows between the two runs; None where it did not run in both."""
    control, now, then = source.control, source.control_run, source.control_previous
    if control is None or now is None or then is None:
        return None
    identical: bool | None = None
    if now.item_ids == then.item_ids and now.text_hashes == then.text_hashes:
        old, new = decisions(then, control).y_pred, decisions(now, control).y_pred
        identical = old.shape == new.shape and bool(np.array_equal(old, new))
    moved = []
    if not identical:
        names = {one.category: one.name for one in movements}
        for one in candidate_series(source, control):
            point = next((point for point in one.points if point.week == source.week and point.is_flagged), None)
            if point is not None:
                size = f"{numbers.points(point.result.value - point.before)} points"
                moved.append(f"{METRIC_NAMES[one.metric].lower()} of {names.get(one.category, one.category)} {size}")
    own = source.run.meta.fingerprint(source.candidate)
    its = now.meta.fingerprint(control)
    specs = [run.meta.spec(name) for run, name in ((source.run, source.candidate), (now, control))]
    rows = now.candidate(control)
    return ControlEvidence(
        control,
        asks_same_model=same_models(models_of(own, specs[0]), models_of(its, specs[1])),
        calls_model=asks_model(its),
        n_asked_again=int((~rows.is_cached & (rows.outcomes == outcome_code("ok"))).sum()),
        moved=tuple(moved),
        identical=identical,
    )
