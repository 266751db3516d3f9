"""Commands that are printed about stored runs: as they stand they run where they are printed.

Decides when a command must say where its runs lie, and how its words are quoted.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from harness.environment import RUNS_DIR
from harness.errors import without_password

if TYPE_CHECKING:
    from harness.runs.reader import Run


def over_runs(runs_dir: str | Path, *words: str) -> str:
    """A command over the runs of this folder or address.

    >>> over_runs("my runs", "score", "r-1")
    "harness score r-1 --runs-dir 'my runs'"
    >>> over_runs("reports/runs", "score", "r-1")
    'harness score r-1'
    """
    where = str(runs_dir)
    is_usual = where == RUNS_DIR or os.path.abspath(where) == os.path.abspath(RUNS_DIR)
    return shlex.join(["harness", *words, *([] if is_usual else ["--runs-dir", without_password(where)])])


def list_them(runs_dir: str | Path) -> str:
    """The next step of whoever named a run that is not there."""
    return f"list them with: {over_runs(runs_dir, 'runs', 'list')}"


def home_of(run: Run) -> str:
    """Where the run lies among others."""
    return run.path.rstrip("/").rpartition("/")[0] or "."
