"""Two versions of a golden set: items, labels, policy, and how stored runs' scores move because of labels alone.

Decides what counts as a change of an item, where its author and reason come from (the records of the releases between
the two), and which stored runs are scored again: those over either version. The candidates' decisions stay as they
were, so that every movement is the labels'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.gating.across import SPLIT_METRICS, item_metric
from harness.goldens.policy_change import CategoryChange, category_changes
from harness.goldens.published import releases
from harness.measure.decisions import decisions
from harness.measure.weighted import WEIGHTED_NOTE, weights_of
from harness.records import MISSING, Policy
from harness.runs import Run, list_runs, open_run

_WATCHED = ("text", "images", "context", "weight", "group", "must_catch")


@dataclass(frozen=True, slots=True)
class Relabelled:
    """One label that differs; by whom and why where a release says so."""

    item: str
    category: str
    before: int | None
    after: int | None
    by: tuple[str, ...] = ()
    time: str | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data of ``harness golden diff --json``."""
        return {"item": self.item, "category": self.category, "before": self.before, "after": self.after,
                "by": list(self.by), "time": self.time, "reason": self.reason}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moved:
    """One score of a stored run on the old and on the new labels, over the items that both versions have.

    Items count by the weights that the run was made with on both sides: an edited weight is no change of a label.
    """

    run_id: str
    candidate: str
    category: str
    metric: str
    before: MetricResult
    after: MetricResult
    is_weighted: bool = False

    @property
    def change(self) -> float:
        """What the labels alone did."""
        return self.after.value - self.before.value

    def as_dict(self) -> dict[str, Any]:
        """Plain data of ``harness golden diff --json``."""
        change = self.change
        return {"run_id": self.run_id, "candidate": self.candidate, "category": self.category, "metric": self.metric,
                "old_labels": self.before.as_dict(), "new_labels": self.after.as_dict(),
                "is_weighted": self.is_weighted,
                "change": None if change != change else change}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SetDiff:
    """What differs between two versions."""

    old: tuple[str, int]
    new: tuple[str, int]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    edited: Mapping[str, tuple[str, ...]]
    relabelled: tuple[Relabelled, ...]
    categories_added: tuple[str, ...]
    categories_removed: tuple[str, ...]
    policy: tuple[CategoryChange, ...]
    moved: tuple[Moved, ...] = ()
    runs_left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands beside the scores."""
        runs = dict.fromkeys(one.run_id for one in self.moved if one.is_weighted)
        return (f"{', '.join(runs)}: {WEIGHTED_NOTE}",) if runs else ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data of ``harness golden diff --json``."""
        return {
            "old": {"golden_set": self.old[0], "version": self.old[1]},
            "new": {"golden_set": self.new[0], "version": self.new[1]},
            "items": {"added": list(self.added), "removed": list(self.removed),
                      "edited": {name: list(fields) for name, fields in self.edited.items()}},
            "categories": {"added": list(self.categories_added), "removed": list(self.categories_removed)},
            "relabelled": [one.as_dict() for one in self.relabelled],
            "policy": [one.as_dict() for one in self.policy],
            "scores": [one.as_dict() for one in self.moved],
            "runs_left_out": dict(self.runs_left_out),
            "notes": list(self.notes),
        }  # fmt: skip


def diff_sets(old: GoldenSet, new: GoldenSet, policies: tuple[Policy | None, Policy | None] = (None, None)) -> SetDiff:
    """Compare two versions item by item; runs are added by ``with_runs``."""
    before, after = set(old.ids()), set(new.ids())
    if not before & after:
        raise HarnessError(
            f"{old.path} and {new.path} share no item",
            allowed="two versions of one golden set",
            next_step="name the cards of two versions",
        )
    shared = [name for name in new.ids() if name in before]
    return SetDiff(
        old=(old.name, old.version),
        new=(new.name, new.version),
        added=tuple(name for name in new.ids() if name not in before),
        removed=tuple(name for name in old.ids() if name not in after),
        edited=_edited(old, new, shared),
        relabelled=tuple(_relabelled(old, new, shared)),
        categories_added=tuple(name for name in new.categories if name not in old.categories),
        categories_removed=tuple(name for name in old.categories if name not in new.categories),
        policy=tuple(category_changes(*policies)) if policies[0] and policies[1] else (),  # type: ignore[arg-type]
    )


def score_moves(
    old: GoldenSet, new: GoldenSet, runs_dir: str | Path, chosen: Sequence[Run] = ()
) -> tuple[tuple[Moved, ...], dict[str, str]]:
    """Scores of stored runs on old and new labels, and the runs that could not be scored with the reason.

    All runs over either version are scored where none is ``chosen``.
    """
    runs = list(chosen)
    if not runs:
        metas = [
            meta for meta in list_runs(runs_dir)
            if meta.golden_set.name == old.name and meta.golden_set.version in (old.version, new.version)
        ]  # fmt: skip
        runs = [open_run(meta.run_id, runs_dir) for meta in metas]
    moved: list[Moved] = []
    left_out: dict[str, str] = {}
    for run in runs:
        try:
            moved += _moves(run, old, new)
        except HarnessError as error:
            left_out[run.meta.run_id] = error.message
    return tuple(moved), left_out


def _moves(run: Run, old: GoldenSet, new: GoldenSet) -> Iterator[Moved]:
    ids = run.item_ids
    before, after = ({name: at for at, name in enumerate(one.ids())} for one in (old, new))
    kept = np.asarray([at for at, name in enumerate(ids) if name in before and name in after], dtype=np.int64)
    if not kept.size:
        raise HarnessError(f"run {run.meta.run_id} has no item that both versions have")
    rows = {which: [where[ids[at]] for at in kept.tolist()] for which, where in (("old", before), ("new", after))}
    groups = None if run.clusters is None else run.clusters[kept]
    weights = None if (every := weights_of(run)) is None else every[kept]
    for candidate in run.candidates:
        y_pred = decisions(run, candidate).y_pred[kept]
        for category in old.categories:
            if category not in new.categories or category not in run.categories:
                continue
            decided = y_pred[:, :, list(run.categories).index(category)]
            golds = {which: _column(one, category)[rows[which]] for which, one in (("old", old), ("new", new))}
            if (decided == MISSING).all() or np.array_equal(golds["old"], golds["new"]):
                continue
            for metric in SPLIT_METRICS:
                before_it, after_it = (
                    item_metric(metric, golds[which], decided, groups, weights) for which in ("old", "new")
                )
                yield Moved(run.meta.run_id, candidate, category, metric, before_it, after_it, weights is not None)


def _column(golden: GoldenSet, category: str) -> NDArray[np.int8]:
    column: NDArray[np.int8] = golden.labels()[:, golden.categories.index(category)]
    return column


def _edited(old: GoldenSet, new: GoldenSet, shared: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Items whose content differs beside their labels, and in which fields."""
    found = {}
    positions = [old.index_of(name) for name in shared], [new.index_of(name) for name in shared]
    for before, after in zip(old.items(positions[0]), new.items(positions[1]), strict=True):
        fields = [name for name in _WATCHED if getattr(before, name) != getattr(after, name)]
        fields += ["slices"] if {k: v for k, v in before.slices.items() if v} != {
            k: v for k, v in after.slices.items() if v} else []  # fmt: skip
        fields += ["votes"] if len(before.votes) != len(after.votes) else []
        if fields:
            found[before.id] = tuple(fields)
    return found


def _relabelled(old: GoldenSet, new: GoldenSet, shared: Sequence[str]) -> Iterator[Relabelled]:
    told = _told(old, new)
    rows = [old.index_of(name) for name in shared], [new.index_of(name) for name in shared]
    for category in new.categories:
        after = _column(new, category)[rows[1]]
        before = np.full_like(after, -1) if category not in old.categories else _column(old, category)[rows[0]]
        for at in np.flatnonzero(before != after).tolist():
            release = told.get((shared[at], category), {})
            yield Relabelled(
                shared[at], category, _label(before[at]), _label(after[at]), tuple(release.get("by") or ()),
                release.get("time"), str(release.get("reason") or ""),
            )  # fmt: skip


def _told(old: GoldenSet, new: GoldenSet) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What the releases between the two versions say about each label; the last word counts."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for release in releases(new.path.parent, new.name):
        if old.version < release["version"] <= new.version:
            for change in release.get("changes") or ():
                found[str(change.get("item")), str(change.get("category"))] = change
    return found


def _label(code: Any) -> int | None:
    return None if int(code) < 0 else int(code)
