"""Why the figures moved, and the headline that says it.

Decides which evidence counts (changed inputs, the frozen control, labels) and the order in which it is told; the
wording is in ``sentences``.
"""

from __future__ import annotations

import numpy as np

from harness.measure.decisions import decisions
from harness.report.parts import numbers
from harness.report.parts.words import listed
from harness.report.weekly import sentences
from harness.report.weekly.changes import OWN_KINDS, kind_of
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, CategoryRow, Change, LabelSplit, Movement, Series
from harness.report.weekly.series import series_of
from harness.runs import Run


def candidate_series(source: WeeklySource, candidate: str) -> tuple[Series, ...]:
    """One candidate's figures over its weeks."""
    runs = [(one.week, one.of[candidate]) for one in source.by_week.values() if candidate in one.of]
    return series_of(candidate, source.run.categories, runs, source.summaries)


def causes_of(
    source: WeeklySource,
    movements: tuple[Movement, ...],
    changes: tuple[Change, ...],
    splits: tuple[LabelSplit, ...],
    n_split: int,
    *,
    is_comparable: bool,
) -> tuple[str, ...]:
    """Why the figures moved, or why they cannot be compared, in sentences."""
    if source.previous is None:
        return ()
    since, before = source.previous
    ours = [one for one in changes if one.kind in OWN_KINDS]
    if not is_comparable:
        other = [one for one in changes if one.kind == "golden_set"]
        found = [sentences.golden_sentence(other, since, n_split)]
        if ours:
            found.append(f"The candidate changed as well: {listed([one.phrase for one in ours], 4)}.")
        else:
            found.append("None of the candidate's own inputs changed.")
        largest = sorted(splits, key=lambda one: -max(abs(one.by_labels), abs(one.by_candidate)))[:3]
        if largest:
            lines = "; ".join(
                sentences.split_sentence(one.name, one.metric, one.by_labels, one.by_candidate) for one in largest
            )
            found.append(f"Largest parts: {lines}.")
        elif n_split:
            found.append("On the items in both, neither labels nor candidate moved a figure.")
        return tuple(found)
    if not movements:
        quiet = sentences.changes_sentence(changes, since)
        return (quiet,) if quiet else ()
    control, moved, identical = _control_evidence(source, before, movements)
    return (
        sentences.cause_sentence(
            movements,
            ours,
            [one for one in changes if one.kind == "sample"],
            since,
            kind=kind_of(source.run.meta, source.candidate),
            control=control,
            control_moved=moved,
            control_identical=identical,
        ),
    )


def _control_evidence(
    source: WeeklySource, before: Run, movements: tuple[Movement, ...]
) -> tuple[str | None, list[str], bool | None]:
    """The control, the categories in which it moved as well, and whether it decided every item as before."""
    control, now, then = source.control, source.control_run, source.control_previous
    if control is None or now is None or then is None:
        return None, [], None
    identical: bool | None = None
    if now.item_ids == then.item_ids and now.text_hashes == then.text_hashes:
        old, new = decisions(then, control).y_pred, decisions(now, control).y_pred
        identical = old.shape == new.shape and bool(np.array_equal(old, new))
    if identical:
        return control, [], True
    names = {one.category: one.name for one in movements}
    moved = []
    for one in candidate_series(source, control):
        point = next((point for point in one.points if point.week == source.week and point.is_flagged), None)
        if point is not None:
            difference = f"{numbers.points(point.result.value - point.before)} points"
            moved.append(f"{METRIC_NAMES[one.metric].lower()} of {names.get(one.category, one.category)} {difference}")
    return control, moved, identical


def headline_of(
    source: WeeklySource,
    rows: tuple[CategoryRow, ...],
    movements: tuple[Movement, ...],
    causes: tuple[str, ...],
    previous_week: str | None,
    is_comparable: bool,
) -> tuple[str, ...]:
    """The report in a few sentences: what moved, why, what stayed, and how the targets stand."""
    found = [sentences.summary_sentence(movements)] if len(movements) > sentences.TOLD else []
    found += [one.sentence for one in movements[: sentences.TOLD]]
    if not movements:
        found.append(sentences.nothing_moved(previous_week, is_comparable))
    found += causes[:3] if not is_comparable else causes[:1] if movements else ()
    if movements and is_comparable:
        n_quiet = len({(row.id, name) for row in rows for name in row.points}) - len(movements)
        if n_quiet > 0:
            others = "figure" if n_quiet == 1 else f"{n_quiet} figures"
            found.append(f"The other {others} stayed within what chance explains.")
    found.append(sentences.targets_sentence(source.week, source.candidate, rows))
    return tuple(one for one in found if one)
