"""Where a script or notebook works: in its project's folder, with the defaults declared there, as a command does.

A notebook often lies in a sub-folder. What an argument says goes before the environment, that before what the project
declares (``files.project``), and that before the built-in default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.environment import RUNS_DIR
from harness.files.project import defaults_in_effect, find_project


@dataclass(frozen=True, slots=True)
class Place:
    """The folder a call was made from, its project's folder, and the defaults that count."""

    start: Path
    root: Path
    defaults: dict[str, Any]

    def path(self, given: str | Path) -> str:
        """A path as it was written, from where it was written, else from the project's folder; an address as it is."""
        text = os.fspath(given)
        if self.root == self.start or "://" in text or os.path.isabs(text) or not (self.start / text).exists():
            return text
        return os.path.relpath(self.start / text, self.root)

    def new_path(self, given: str | Path) -> Path:
        """A path that may not be there yet, from where it was written."""
        return self.start / given if self.root != self.start else Path(given)

    def journal(self, given: str | Path | None) -> Path | None:
        """The journal that was named, or that the project names; None where nobody names one."""
        typed = self.defaults.get("cache") if given is None else given
        if not typed:
            return None
        from harness.runner.stored import journal_path

        return journal_path(typed if given is None or "://" in str(typed) else self.new_path(typed))

    @property
    def runs_dir(self) -> str:
        """Where runs are stored; whole where it must hold in another folder too."""
        text = str(self.defaults.get("runs_dir") or RUNS_DIR)
        return text if self.root == self.start or "://" in text else str(self.root / text)


@contextmanager
def place() -> Iterator[Place]:
    """Work in the project's folder for the length of one call."""
    start = Path.cwd()
    project = find_project(start)
    defaults = defaults_in_effect(project, os.environ)
    found = Place(start, start if project is None else project.root, defaults)
    if found.root == start:
        yield found
        return
    with chdir(found.root):
        yield found
