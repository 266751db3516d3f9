"""Which stored run a person means, and what must be said of it before its numbers are read.

Decides what ``latest`` is; opening a run is ``reader``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.runs.reader import Run, list_runs, open_run

LATEST = "latest"


def find_run(runs_dir: str | Path, name: str | Path, *, note: Callable[[str], None] = lambda _: None) -> Run:
    """The run a person means: an id or the beginning of one, a folder, or ``latest``.

    Args:
        runs_dir: Folder or fsspec address that holds runs.
        name: What was asked for.
        note: Takes what was left out on the way.

    Raises:
        HarnessError: There is no such run, or what is named is no run.
    """
    name = str(name)
    if name.endswith((".yaml", ".yml")):
        raise HarnessError(
            f"'{name}' is a file of an eval, and this command takes a run",
            allowed=f"the id of a run, its folder, or {LATEST}",
            next_step=f"make a run of it (harness run {name}), or see what it can prove (harness gate --plan {name})",
        )
    if name != LATEST:
        return open_run(name, runs_dir)
    runs = list_runs(runs_dir)
    for one in runs.damaged:
        note(f"Left out, damaged: {one}")
    if not runs:
        raise HarnessError(
            f"no runs in {runs_dir}", allowed="a folder that holds runs", next_step="make one: harness run EVAL"
        )
    return open_run(runs[-1].run_id, runs_dir)


def unfinished(*runs: Run) -> list[str]:
    """Which runs are no basis for a verdict, in words: stopped before their end, or with too many errors."""
    found = []
    for meta in {run.meta.run_id: run.meta for run in runs}.values():
        if meta.status != "complete":
            n_rows = meta.n_items * meta.repeats * len(meta.candidates)
            missing = [f"{meta.n_errors:,} of {n_rows:,} rows have no answer"] if meta.n_errors else []
            if meta.n_not_asked:
                missing.append(f"{meta.n_not_asked:,} of {n_rows:,} rows were not asked yet")
            found.append(
                f"run {meta.run_id} is {meta.status}: {' and '.join(missing) or 'it stopped before its end'}; "
                "they are left out. The command that made it asks again for what is missing."
            )
    return found
