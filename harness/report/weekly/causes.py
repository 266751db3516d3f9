"""Why the figures moved.

Decides which evidence counts (changed inputs, the frozen control, labels); the wording is in ``sentences``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from harness.gating.findings import Cause, Finding
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
from harness.report.weekly.before import Before
from harness.report.weekly.candidates import version_marks
from harness.report.weekly.changes import OWN_KINDS
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, Change, Movement, Series
from harness.report.weekly.judged import Judged
from harness.report.weekly.ledger import remembered_series
from harness.report.weekly.series import series_of
from harness.runs import Run


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


def causes_of(source: WeeklySource, judged: Judged) -> tuple[str, ...]:
    """Why the figures moved, or why they cannot be compared, in sentences."""
    if source.previous is None:
        return ()
    since, before = source.previous[0], judged.before
    if not before.is_comparable:
        return tuple(_between_labels(source, before, since))
    jumped = [one for one in judged.movements if one.source != "slide"]
    told = [sentences.cause_sentence(judged.cause, since)] if jumped and judged.cause is not None else []
    quiet = [] if judged.movements else [sentences.changes_sentence(before.changes, since)]
    return (*told, *_cause_of_slides(source, judged.findings), *quiet)


def _between_labels(source: WeeklySource, before: Before, since: str) -> Iterator[str]:
    """Why figures over other labels cannot be compared, and what labels and candidate did to those items in both."""
    ours = [one.phrase for one in before.changes if one.kind in OWN_KINDS]
    labels = [one for one in before.changes if one.kind == "golden_set"]
    yield sentences.golden_sentence(labels, since, before.n_split)
    yield (
        f"The candidate changed as well: {enumerated(ours, 4)}."
        if ours
        else "None of the candidate's own inputs changed."
    )
    largest = sorted(before.splits, key=lambda one: -max(abs(one.by_labels), abs(one.by_candidate)))[:3]
    if largest:
        yield f"Largest parts: {'; '.join(map(sentences.split_sentence, largest))}."
    elif before.n_split and before.run is not None and set(source.run.categories).isdisjoint(before.run.categories):
        yield "No category is in both, so that nothing can be set side by side."
    elif before.n_split:
        yield "On the items in both, neither labels nor candidate moved a figure."


def _cause_of_slides(source: WeeklySource, findings: Sequence[Finding]) -> tuple[str, ...]:
    """What of the candidate became another version since the longest of the slides began."""
    starts = [start for one in findings if one.kind == "harm" and (start := one.evidence.slid_since)]
    if not starts:
        return ()
    since = min(starts)
    if behind(source.run.meta.fingerprint(source.candidate)) == "recorded":
        return (sentences.slide_cause_sentence(since, None),)
    changed = {week: told for week, told in version_marks(source, source.remembered).items() if week > since}
    return (sentences.slide_cause_sentence(since, changed),)


def cause_between(source: WeeklySource, movements: Sequence[Movement], changes: Sequence[Change]) -> Cause | None:
    """What may be blamed for this week's movements; None without a run before."""
    if source.previous is None:
        return None
    return cause_of(
        CauseEvidence(
            behind(source.run.meta.fingerprint(source.candidate)),
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
    identical = _decided_alike(then, now, control)
    asked, its = (
        models_of(run.meta.fingerprint(name), run.meta.spec(name))
        for run, name in ((source.run, source.candidate), (now, control))
    )
    rows = now.candidate(control)
    return ControlEvidence(
        control,
        asks_same_model=same_models(asked, its),
        calls_model=asks_model(now.meta.fingerprint(control)),
        n_asked_again=int((~rows.is_cached & (rows.outcomes == outcome_code("ok"))).sum()),
        moved=() if identical else tuple(_moved(source, control, movements)),
        identical=identical,
    )


def _decided_alike(then: Run, now: Run, control: str) -> bool | None:
    """Whether the control decided every item as before; None where the items are others."""
    if now.item_ids != then.item_ids or now.text_hashes != then.text_hashes:
        return None
    return np.array_equal(decisions(then, control).y_pred, decisions(now, control).y_pred)


def _moved(source: WeeklySource, control: str, movements: Sequence[Movement]) -> Iterator[str]:
    """Figures of the control that moved this week, by the names of the candidate's."""
    names = {one.category: one.name for one in movements}
    for one in candidate_series(source, control):
        for point in one.points:
            if point.week == source.week and point.is_flagged:
                size = f"{numbers.points(point.result.value - point.before)} points"
                yield f"{METRIC_NAMES[one.metric].lower()} of {names.get(one.category, one.category)} {size}"
