"""New errors of a candidate, grouped by category, kind of error and slice value.

Decides what counts as new (wrong now, right last time, on the same item with the same text and today's label) and which
groups stand out: one-sided mid-p McNemar test within the group, Benjamini-Hochberg over all groups. Exploratory.
"""

from __future__ import annotations

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


def run_kinds(run: Run, candidate: str, y_true: NDArray[np.int8] | None = None) -> Kinds:
    """Kinds of error of a stored candidate, by its first repeat."""
    read, rows = decisions(run, candidate), run.candidate(candidate)
    failed = np.isin(rows.outcomes[:, 0], [outcome_code(one) for one in FALLBACK_OUTCOMES])
    return kinds_of(read.y_true if y_true is None else y_true, read.y_pred[:, 0, :], failed)


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
    now = run_kinds(run, candidate)
    n_items = len(run.item_ids)
    is_shared = np.zeros(n_items, dtype=bool)
    before = np.full(now.kinds.shape, NO_KIND, dtype=np.int8)
    decided = np.zeros(now.kinds.shape, dtype=bool)
    if previous is not None:
        before_run, before_candidate, at_old, at_new = previous
        is_shared[at_new] = True
        columns = [list(before_run.categories).index(one) for one in run.categories if one in before_run.categories]
        kept = [column for column, one in enumerate(run.categories) if one in before_run.categories]
        read = decisions(before_run, before_candidate)
        rows = before_run.candidate(before_candidate)
        y_pred = np.full((len(at_new), len(run.categories)), MISSING, dtype=np.int8)
        y_pred[:, kept] = read.y_pred[at_old, 0, :][:, columns]
        failed = np.isin(rows.outcomes[at_old, 0], [outcome_code(one) for one in FALLBACK_OUTCOMES])
        past = kinds_of(run.y_true[at_new], y_pred, failed)
        before[at_new], decided[at_new] = past.kinds, past.y_pred != MISSING
    groups = list(_groups(run, now, before, decided & is_shared[:, None], is_new=previous is not None))
    q_values = benjamini_hochberg([one.p_value for one in groups]) if groups else np.array([])
    found = _clusters(run, names, groups, q_values.tolist(), examples, is_new=previous is not None)
    is_error, was_error = now.kinds != NO_KIND, before != NO_KIND
    comparable = decided & is_shared[:, None] & (now.y_pred != MISSING)
    is_told = is_error & ~was_error & comparable if previous is not None else is_error
    return Errors(
        topics=topics_of(run, candidate, is_told, texts or {}, names, examples, mode),
        is_new=previous is not None,
        since=since if previous is not None else None,
        n_items_shared=int(is_shared.sum()),
        n_new=int((is_error & ~was_error & comparable).sum()) if previous is not None else int(is_error.sum()),
        n_gone=int((~is_error & was_error & comparable).sum()),
        clusters=tuple(found[:MAX_CLUSTERS]),
        n_left_out=max(0, len(found) - MAX_CLUSTERS),
    )


def _groups(
    run: Run, now: Kinds, before: NDArray[np.int8], comparable: NDArray[np.bool_], *, is_new: bool
) -> Sequence[_Group]:
    slices = [("", "", np.arange(len(run.item_ids)))]
    slices += [(name, value, members) for name, values in run.slices.items() for value, members in values.items()]
    found = []
    for column in range(len(run.categories)):
        is_error, was_error = now.kinds[:, column] != NO_KIND, before[:, column] != NO_KIND
        for code, kind in enumerate(KINDS):
            of_kind = now.kinds[:, column] == code
            if not of_kind.any():
                continue
            can = now.can[kind][:, column]
            if is_new:
                can = can & comparable[:, column]
                new = of_kind & ~was_error & can
                gone = (before[:, column] == code) & ~is_error & can
            else:
                new, gone = of_kind, np.zeros_like(of_kind)
            total, n_can = int(new.sum()), int(can.sum())
            if not total:
                continue
            for name, value, members in slices:
                n_new, n_gone = int(new[members].sum()), int(gone[members].sum())
                if not n_new:
                    continue
                n_members = int(can[members].sum())
                if is_new:
                    p_value = mcnemar_midp(n_gone, n_new, alternative="worse")
                elif name and n_members < n_can:
                    share = n_new / n_members > (total - n_new) / (n_can - n_members)
                    p_value = two_proportion_test(n_new, n_members, total - n_new, n_can - n_members) if share else 1.0
                else:
                    p_value = math.nan
                shown = members[new[members]]
                found.append(
                    _Group(column, kind, name, value, shown, n_gone, int(of_kind[members].sum()), n_members, p_value)
                )
    return found


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
    for (column, kind), members in together.items():
        whole, whole_q = members[0]
        parts = _parts(whole, [(one, q) for one, q in members[1:] if q <= Q and len(one.new) >= MIN_NEW])
        stands_out = bool(parts) or (whole_q <= Q and len(whole.new) >= MIN_NEW)
        source = parts[0].new if parts else whole.new
        picked = _spread([int(index) for index in source], MAX_EXAMPLES)
        found.append(
            Cluster(
                category=run.categories[column],
                name=names.get(run.categories[column], run.categories[column]),
                kind=kind,
                n_new=len(whole.new),
                n_gone=whole.n_gone,
                n_errors=whole.n_errors,
                n_items=whole.n_items,
                q_value=whole_q,
                stands_out=stands_out,
                parts=tuple(
                    Part(one.slice, one.value, len(one.new), one.n_gone, one.n_items, q)
                    for one in parts
                    for other, q in members
                    if other is one
                ),
                examples=tuple(examples[run.item_ids[index]] for index in picked if run.item_ids[index] in examples),
            )
        )
    found.sort(key=lambda one: (not one.stands_out, -(one.n_new - one.n_gone), one.category, one.kind))
    shown = [one for one in found if one.stands_out]
    rest = [one for one in found if not one.stands_out]
    return shown + (rest[: max(0, 3 - len(shown))] if is_new else rest)


def _parts(whole: _Group, members: list[tuple[_Group, float]]) -> list[_Group]:
    """The parts richest in new errors; one no richer than the rest, or nearly another part, says nothing new."""
    rich = [one for one, _ in members if _is_richer(one, whole)]
    rich.sort(key=lambda one: (-len(one.new) / one.n_items, -len(one.new), one.slice, one.value))
    chosen: list[_Group] = []
    for one in rich:
        mine = set(one.new.tolist())
        is_repeated = any(len(mine & set(other.new.tolist())) >= SAME_PART * len(mine) for other in chosen)
        if not is_repeated and len(chosen) < MAX_PARTS:
            chosen.append(one)
    return chosen


def _is_richer(part: _Group, whole: _Group) -> bool:
    """Whether errors are denser in a part than outside it, by more than chance explains (score test, 0.10)."""
    n_out, new_out = whole.n_items - part.n_items, len(whole.new) - len(part.new)
    if not part.n_items or n_out <= 0:
        return False
    is_denser = len(part.new) / part.n_items > new_out / n_out
    return is_denser and two_proportion_test(len(part.new), part.n_items, new_out, n_out) <= Q


def _spread(indices: Sequence[int], n: int) -> list[int]:
    """A few of them, evenly spaced: the same every time, and not all from one corner of the file."""
    if len(indices) <= n:
        return list(indices)
    return [indices[(2 * position + 1) * len(indices) // (2 * n)] for position in range(n)]
