"""``harness run --watch``: run again whenever a file of the eval is saved, and tell what moved since the save before.

Decides what is watched (every file that the eval names), what a turn is (the dev items where the eval declares a
split, else all; answers come from the journal) and what moved: per candidate whose question or rules changed, each
category now and before. Runs are put into a folder that lasts as long as the watch; the journal keeps the answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from msgspec import structs

from harness.core.results import MetricResult
from harness.files.evals import LoadedEval, load_eval
from harness.jobs.run import RunOptions, execute, prepare_run
from harness.measure.decisions import decisions
from harness.measure.score import score_candidate
from harness.records import MISSING
from harness.runner import RunSummary
from harness.runs import Run, open_run

DEV = "split=dev"
METRICS = ("recall", "precision")
SUFFIXES = (".md", ".yaml", ".yml")
WAKE_MS = 1_000
"""So often the files are looked at even where the system tells of no change."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One candidate of a turn beside its turn before.

    Attributes:
        values: (Category, metric) -> now.
        before: The same in the turn before; empty for the first turn, or over other items.
        newly_right: Category -> ids decided like the gold now and not before.
        newly_wrong: Category -> ids decided like the gold before and not now.
        outcomes: Outcome -> rows.
    """

    candidate: str
    values: Mapping[tuple[str, str], MetricResult]
    before: Mapping[tuple[str, str], MetricResult]
    newly_right: Mapping[str, Sequence[str]]
    newly_wrong: Mapping[str, Sequence[str]]
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of a watch: what was saved, what the run came to, how categories are called, what moved, who stayed."""

    saved: Sequence[Path]
    summary: RunSummary
    names: Mapping[str, str]
    moved: Sequence[Moved]
    unchanged: Sequence[str]
    is_dev: bool


class Watch:
    """Turns of one eval."""

    def __init__(
        self,
        eval_path: Path,
        options: RunOptions,
        environment: Mapping[str, str],
        folder: Path,
        *,
        stream: TextIO | None = None,
        on_start: Callable[[], None] | None = None,
    ) -> None:
        self._eval_path, self._options, self._environment = eval_path, options, environment
        self._folder, self._stream, self._on_start = folder, stream, on_start
        self._files: tuple[Path, ...] = (eval_path,)
        self._state: Mapping[Path, tuple[int, int] | None] = {}
        self._last: dict[str, tuple[Run, object]] = {}
        self._is_broken = False

    @property
    def folders(self) -> list[Path]:
        """Folders that hold what is watched."""
        return sorted({self._eval_path.parent, *(path.parent for path in self._files)})

    def saved(self) -> list[Path]:
        """Files that changed since the last turn began."""
        now = self._look()
        return [path for path in now if now[path] != self._state.get(path, ())]

    def turn(self) -> Turn:
        """Load, run, compare with the turn before.

        Raises:
            HarnessError: A file is at fault, or the run could not be made; the next turn may mend it.
        """
        saved = self.saved() if self._state else []
        self._is_broken = True  # until this turn has ended
        self._state = self._look()
        try:
            loaded = load_eval(self._eval_path)
            self._files = tuple(files_of(loaded))
        finally:
            self._state = {**self._look(), **self._state}
        is_dev = loaded.eval.value.split is not None
        only = (*self._options.only, DEV) if is_dev else self._options.only
        prepared = prepare_run(loaded, structs.replace(self._options, only=only), self._environment)
        request = structs.replace(prepared.request, runs_dir=self._folder)
        prepared = structs.replace(prepared, request=request)
        summary = execute(prepared, stream=self._stream, on_start=self._on_start)
        run = open_run(summary.run_id, self._folder).of_part("all")
        moved, unchanged = [], []
        for name in run.candidates:
            made_of = (run.meta.fingerprints[name], run.item_ids, run.meta.golden_set.hash)
            before = self._last.get(name)
            if before is not None and before[1] == made_of:
                unchanged.append(name)
            else:
                moved.append(moved_between(run, None if before is None else before[0], name))
            if summary.status != "incomplete":
                self._last[name] = (run, made_of)
        self._is_broken = False
        return Turn(saved, summary, run.meta.policy.names_of(run.categories), moved, unchanged, is_dev)

    def wait(self) -> Iterator[None]:
        """Come back whenever something was saved; ends with KeyboardInterrupt."""
        from watchfiles import watch

        while True:
            folders = self.folders
            for _ in watch(*folders, debounce=200, step=20, rust_timeout=WAKE_MS, yield_on_timeout=True):
                if self.saved():
                    yield
                    if self.folders != folders:
                        break  # the eval names files elsewhere now

    def _look(self) -> dict[Path, tuple[int, int] | None]:
        """Time and size of every watched file; after a broken turn, of every file beside the eval that may mend it."""
        paths = list(self._files)
        if self._is_broken:
            for parent, _, names in os.walk(self._eval_path.parent):
                paths += [Path(parent) / name for name in names if name.endswith(SUFFIXES)]
        found: dict[Path, tuple[int, int] | None] = {}
        for path in paths:
            try:
                facts = path.stat()
                found[path] = (facts.st_mtime_ns, facts.st_size)
            except OSError:
                found[path] = None
        return found


def files_of(loaded: LoadedEval) -> list[Path]:
    """Every file that an eval is made of, the eval first."""
    found = [loaded.eval.path, loaded.policy.path, loaded.golden.path]
    found += [] if loaded.golden.items_path is None else [loaded.golden.items_path]
    found += [one.path for one in (loaded.models, loaded.must_catch) if one is not None]
    for files in loaded.named.values():
        found += [path for one in files.values() if isinstance(path := getattr(one, "path", one), Path)]
    return list(dict.fromkeys(found))


def moved_between(run: Run, before: Run | None, name: str) -> Moved:
    """How a candidate stands, beside a run before over the same items and labels."""
    is_same = (
        before is not None
        and before.item_ids == run.item_ids
        and before.categories == run.categories
        and np.array_equal(before.y_true, run.y_true)
    )
    right: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    if before is not None and is_same:
        old, new = (decisions(one, name).y_pred[:, 0, :] for one in (before, run))
        is_labelled = (run.y_true != MISSING) & (old != MISSING) & (new != MISSING)
        for column, category in enumerate(run.categories):
            old_right, new_right = (one[:, column] == run.y_true[:, column] for one in (old, new))
            for found, flags in ((right, new_right & ~old_right), (wrong, old_right & ~new_right)):
                found[category] = [run.item_ids[at] for at in np.flatnonzero(flags & is_labelled[:, column]).tolist()]
    values_before = _values(before, name) if before is not None and is_same else {}
    return Moved(name, _values(run, name), values_before, right, wrong, run.meta.counts[name])


def _values(run: Run, candidate: str) -> dict[tuple[str, str], MetricResult]:
    scored = score_candidate(run, candidate, with_slices=False)
    return {
        (category, metric): one.metrics[metric] for category, one in scored.categories.items() for metric in METRICS
    }
