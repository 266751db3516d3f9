"""Which stored run a person means, and what must be said of it before its numbers are read.

Decides what ``latest~2`` is; when runs were asked for is kept by ``asked``, opening one is ``reader``'s.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.runs.asked import by_last_asked
from harness.runs.commands import list_them, over_runs
from harness.runs.reader import Run, open_run

LATEST = "latest"
_LATEST = re.compile(LATEST + r"(?:~([0-9]{1,6}))?")


def find_run(runs_dir: str | Path, name: str | Path, *, note: Callable[[str], None] = lambda _: None) -> Run:
    """The run a person means: an id or the beginning of one, a folder, the one asked for last (``latest``) or before.

    ``note`` takes what was left out on the way.

    Raises:
        HarnessError: There is no such run, or what is named is no run.
    """
    name = str(name)
    if not name.strip():
        raise HarnessError(
            "the name of the run is blank",
            allowed=f"the id of a run, its folder, or {LATEST}",
            next_step=list_them(runs_dir),
        )
    if name.endswith((".yaml", ".yml")):
        raise HarnessError(
            f"'{name}' is a file of an eval, and this command takes a run",
            allowed=f"the id of a run, its folder, or {LATEST}",
            next_step=f"make a run of it ({over_runs(runs_dir, 'run', name)}), or see what it can prove "
            f"(harness gate --plan {shlex.quote(name)})",
        )
    back = _LATEST.fullmatch(name)
    if back is None:
        return open_run(name, runs_dir)
    n_back = int(back[1] or 0)
    runs = by_last_asked(runs_dir, most=n_back + 1)
    for one in runs.damaged:
        note(f"Left out, damaged: {one}")
    if not runs:
        raise HarnessError(
            f"no runs in {runs_dir}",
            allowed="a folder that holds runs",
            next_step=f"make one: {over_runs(runs_dir, 'run', 'EVAL')}",
        )
    if n_back >= len(runs):
        raise HarnessError(
            f"'{name}' goes back {n_back:,} runs, and {runs_dir} holds {len(runs):,}",
            allowed=LATEST if len(runs) == 1 else f"{LATEST} to {LATEST}~{len(runs) - 1}",
            next_step=list_them(runs_dir),
        )
    return open_run(runs[-1 - n_back].run_id, runs_dir)


def unfinished(*runs: Run) -> list[str]:
    """Which runs are no basis for a verdict, in words: stopped before their end, or with too many errors."""
    found = []
    for meta in {run.meta.run_id: run.meta for run in runs}.values():
        if meta.only:
            found.append(
                f"run {meta.run_id} asked only about items chosen by hand ({', '.join(meta.only)}): "
                "its numbers speak of these items, not of the golden set"
            )
        if meta.shard is not None:
            found.append(
                f"run {meta.run_id} is {meta.shard.title} of run {meta.shard.run_id}: its numbers speak of "
                f"{meta.n_items:,} of {meta.shard.n_items:,} items. Put the shards together with: harness runs merge"
            )
        if meta.status != "complete":
            n_rows = meta.n_items * meta.repeats * len(meta.candidates)
            missing = [f"{meta.n_errors:,} of {n_rows:,} rows have no answer"] if meta.n_errors else []
            if meta.n_not_asked:
                missing.append(f"{meta.n_not_asked:,} of {n_rows:,} rows were not asked yet")
            if meta.status == "invalid" and not missing:
                found.append(
                    f"run {meta.run_id} is invalid: no answer of a candidate could be used, so no verdict can rest "
                    "on it. Mend the prompt or the model, and run again."
                )
                continue
            found.append(
                f"run {meta.run_id} is {meta.status}: {' and '.join(missing) or 'it stopped before its end'}; "
                "they are left out. The command that made it asks again for what is missing."
            )
    return found
