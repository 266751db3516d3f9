"""New errors of a candidate, grouped by category, kind of error and slice value.

Decides what counts as new (wrong now, right last time, on the same item with the same text and today's label) and which
groups stand out: one-sided mid-p McNemar test within the group, Benjamini-Hochberg over all groups. Exploratory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.mcnemar import mcnemar_midp
from harness.core.multiplicity import benjamini_hochberg
from harness.core.sampled import two_proportion_test
from harness.measure.decisions import decisions, outcome_code
from harness.records import MISSING
from harness.records.answers import FALLBACK_OUTCOMES
from harness.report.parts.masking import TextMode
from harness.report.weekly.control import Q
from harness.report.weekly.error_data import Cluster, Errors, Example, Part
from harness.report.weekly.topics import topics_of
from harness.runs import Run

KINDS = ("fn", "fp", "ws", "te")
NO_KIND = -1
MAX_CLUSTERS, MAX_PARTS, MAX_EXAMPLES = 8, 3, 3
MIN_NEW = 3
SAME_PART = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Per item and category the kind of error (a position in ``KINDS``, -1 none), and whether it could be one.

    ``can`` says per kind which items could show it: violating ones for a miss, the others for a wrong flag.
    """

    kinds: NDArray[np.int8]
    y_pred: NDArray[np.int8]
    can: Mapping[str, NDArray[np.bool_]]


def kinds_of(y_true: NDArray[np.int8], y_pred: NDArray[np.int8], failed: NDArray[np.bool_]) -> Kinds:
    """Kinds of error of decisions (n_items, n_categories) against gold of the same shape; ``failed`` per item."""
    is_paired = (y_true != MISSING) & (y_pred != MISSING)
    missed = is_paired & (y_true == 1) & (y_pred == 0)
    wrong = is_paired & (y_true == 0) & (y_pred == 1)
    caught = is_paired & (y_true == 1) & (y_pred == 1)
    elsewhere = (wrong.any(axis=1) & ~caught.any(axis=1))[:, None]
    kinds = np.full(y_true.shape, NO_KIND, dtype=np.int8)
    kinds[missed] = KINDS.index("fn")
    kinds[wrong] = KINDS.index("fp")
    kinds[missed & elsewhere] = KINDS.index("ws")
    kinds[(missed | wrong) & failed[:, None]] = KINDS.index("te")
    positives, negatives = is_paired & (y_true == 1), is_paired & (y_true == 0)
    return Kinds(kinds, y_pred, {"fn": positives, "fp": negatives, "ws": positives, "te": is_paired})


def run_kinds(run: Run, candidate: str) -> Kinds:
    """Kinds of error of a stored candidate, by its first repeat."""
    read = decisions(run, candidate)
    return kinds_of(read.y_true, read.y_pred[:, 0, :], _has_failed(run, candidate))


def _has_failed(run: Run, candidate: str) -> NDArray[np.bool_]:
    codes = [outcome_code(one) for one in FALLBACK_OUTCOMES]
    return np.isin(run.candidate(candidate).outcomes[:, 0], codes)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    category: int
    kind: str
    slice: str
    value: str
    new: NDArray[np.int64]
    n_gone: int
    n_errors: int
    n_items: int
    p_value: float


def error_clusters(
    run: Run,
    candidate: str,
    names: Mapping[str, str],
    examples: Mapping[str, Example],
    previous: tuple[Run, str, NDArray[np.int64], NDArray[np.int64]] | None,
    since: str | None,
    texts: Mapping[str, str | None] | None = None,
    mode: TextMode = "none",
) -> Errors:
    """Clusters of new errors; of all errors where there is nothing to compare with.

    Args:
        run: This week's run.
        candidate: Whose errors.
        names: Category id -> name.
        examples: What may be shown of an item, by id.
        previous: The run before, its candidate, and the positions of the shared items in it and in this one.
        since: Week of the run before.
        texts: Text per item id, for clusters of what the errors say.
        mode: How much of a text may be shown.
    """
    now, is_new = run_kinds(run, candidate), previous is not None
    before, decided, n_shared = _before(run, now, previous)
    groups = _groups(run, now, before, decided, is_new=is_new)
    q_values = benjamini_hochberg([one.p_value for one in groups]).tolist() if groups else []
    found = _clusters(run, names, groups, q_values, examples, is_new=is_new)
    is_error, was_error = now.kinds != NO_KIND, before != NO_KIND
    comparable = decided & (now.y_pred != MISSING)
    is_told = is_error & ~was_error & comparable
    return Errors(
        topics=topics_of(run, candidate, is_told, texts or {}, names, examples, mode),
        is_new=is_new,
        since=since if is_new else None,
        n_items_shared=n_shared,
        n_new=int(is_told.sum()),
        n_gone=int((~is_error & was_error & comparable).sum()),
        clusters=tuple(found[:MAX_CLUSTERS]),
        n_left_out=max(0, len(found) - MAX_CLUSTERS),
    )


def _before(
    run: Run, now: Kinds, previous: tuple[Run, str, NDArray[np.int64], NDArray[np.int64]] | None
) -> tuple[NDArray[np.int8], NDArray[np.bool_], int]:
    """Kinds of error last time by today's labels, where the candidate had decided, and how many items both runs hold.

    Without a run before nothing was an error, and everything counts.
    """
    before, decided = np.full_like(now.kinds, NO_KIND), np.full(now.kinds.shape, previous is None)
    if previous is None:
        return before, decided, 0
    old, candidate, at_old, at_new = previous
    kept = [column for column, one in enumerate(run.categories) if one in old.categories]
    columns = [old.categories.index(run.categories[column]) for column in kept]
    y_pred = np.full((len(at_new), len(run.categories)), MISSING, dtype=np.int8)
    y_pred[:, kept] = decisions(old, candidate).y_pred[at_old, 0, :][:, columns]
    before[at_new] = kinds_of(run.y_true[at_new], y_pred, _has_failed(old, candidate)[at_old]).kinds
    decided[at_new] = y_pred != MISSING
    return before, decided, len(at_new)


def _groups(
    run: Run, now: Kinds, before: NDArray[np.int8], decided: NDArray[np.bool_], *, is_new: bool
) -> Sequence[_Group]:
    slices = [("", "", np.arange(len(run.item_ids)))]
    slices += [(name, value, members) for name, values in run.slices.items() for value, members in values.items()]
    found = []
    for column, (code, kind) in itertools.product(range(len(run.categories)), enumerate(KINDS)):
        is_kind, was_kind = now.kinds[:, column], before[:, column]
        can = now.can[kind][:, column] & decided[:, column]
        new = (is_kind == code) & (was_kind == NO_KIND) & can
        gone = (was_kind == code) & (is_kind == NO_KIND) & can
        total, n_can = int(new.sum()), int(can.sum())
        for name, value, members in slices if total else ():
            n_new, n_gone, n_members = (int(one[members].sum()) for one in (new, gone, can))
            if not n_new:
                continue
            if is_new:
                p_value = mcnemar_midp(n_gone, n_new, alternative="worse")
            else:
                p_value = _p_denser(n_new, n_members, total - n_new, n_can - n_members)
            shown, n_errors = members[new[members]], int((is_kind[members] == code).sum())
            found.append(_Group(column, kind, name, value, shown, n_gone, n_errors, n_members, p_value))
    return found


def _p_denser(n_in: int, of_in: int, n_out: int, of_out: int) -> float:
    """The score test that errors are denser in a part than outside it; NaN where it is empty, or all there is."""
    if not of_in or of_out <= 0:
        return math.nan
    return two_proportion_test(n_in, of_in, n_out, of_out) if n_in / of_in > n_out / of_out else 1.0


def _clusters(
    run: Run,
    names: Mapping[str, str],
    groups: Sequence[_Group],
    q_values: Sequence[float],
    examples: Mapping[str, Example],
    *,
    is_new: bool,
) -> list[Cluster]:
    together: dict[tuple[int, str], list[tuple[_Group, float]]] = {}
    for group, q in zip(groups, q_values, strict=True):
        together.setdefault((group.category, group.kind), []).append((group, q))
    found = []
    for (column, kind), ((whole, whole_q), *members) in together.items():
        category = run.categories[column]
        parts = _parts(whole, [(one, q) for one, q in members if q <= Q and len(one.new) >= MIN_NEW])
        picked = _spread((parts[0][0] if parts else whole).new.tolist(), MAX_EXAMPLES)
        found.append(
            Cluster(
                category=category,
                name=names.get(category, category),
                kind=kind,
                n_new=len(whole.new),
                n_gone=whole.n_gone,
                n_errors=whole.n_errors,
                n_items=whole.n_items,
                q_value=whole_q,
                stands_out=bool(parts) or (whole_q <= Q and len(whole.new) >= MIN_NEW),
                parts=tuple(Part(one.slice, one.value, len(one.new), one.n_gone, one.n_items, q) for one, q in parts),
                examples=tuple(examples[run.item_ids[index]] for index in picked if run.item_ids[index] in examples),
            )
        )
    found.sort(key=lambda one: (not one.stands_out, -(one.n_new - one.n_gone), one.category, one.kind))
    n_shown = max(3, sum(one.stands_out for one in found)) if is_new else None
    return found[:n_shown]


def _parts(whole: _Group, members: list[tuple[_Group, float]]) -> list[tuple[_Group, float]]:
    """The parts richest in new errors; one no richer than the rest, or nearly another part, says nothing new."""
    rich = [(one, q) for one, q in members if _is_richer(one, whole)]
    rich.sort(key=lambda part: (-len(part[0].new) / part[0].n_items, -len(part[0].new), part[0].slice, part[0].value))
    chosen: list[tuple[_Group, float]] = []
    for one, q in rich:
        mine = set(one.new.tolist())
        is_repeated = any(len(mine.intersection(other.new.tolist())) >= SAME_PART * len(mine) for other, _ in chosen)
        if not is_repeated and len(chosen) < MAX_PARTS:
            chosen.append((one, q))
    return chosen


def _is_richer(part: _Group, whole: _Group) -> bool:
    """Whether errors are denser in a part than outside it, by more than chance explains (score test, 0.10)."""
    n_new, n_out = len(part.new), whole.n_items - part.n_items
    return _p_denser(n_new, part.n_items, len(whole.new) - n_new, n_out) <= Q


def _spread(indices: Sequence[int], n: int) -> list[int]:
    """A few of them, evenly spaced: the same every time, and not all from one corner of the file."""
    if len(indices) <= n:
        return list(indices)
    return [indices[(2 * position + 1) * len(indices) // (2 * n)] for position in range(n)]
