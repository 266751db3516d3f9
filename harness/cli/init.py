"""``harness init``: a new team's folder from the shipped templates."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from harness.errors import HarnessError

RENAMED = {"gitignore": ".gitignore", "github": ".github", "gitlab-ci.yml": ".gitlab-ci.yml"}
"""Template names that would act on this project itself if they carried their dot here."""


def write_team_folder(target: Path) -> list[Path]:
    """Copy the templates into ``target``; refuse to overwrite anything. Returns the files written."""
    template = resources.files("harness") / "jobs" / "team"
    pairs = [(source, target / relative) for source, relative in _files(template, Path())]
    taken = [str(path) for _, path in pairs if path.exists()]
    if taken:
        raise HarnessError(
            f"{target}: already holds {', '.join(taken[:3])}",
            allowed="a folder without these files",
            next_step="name another folder, or move the files away",
        )
    for source, path in pairs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    return [path for _, path in pairs]


def _files(folder: Traversable, relative: Path) -> list[tuple[Traversable, Path]]:
    found: list[tuple[Traversable, Path]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        path = relative / RENAMED.get(entry.name, entry.name)
        if entry.is_dir():
            found.extend(_files(entry, path))
        else:
            found.append((entry, path))
    return found


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Write a new team's folder: evals, golden set, reports, CI workflow.

    \b
    Example:
      harness init moderation-evals
    """
    written = write_team_folder(folder)
    for path in written:
        click.echo(path)
    click.echo(f"\n{len(written)} files written. Next:")
    click.echo(f"  cd {folder}\n  harness check\n  harness run evals/team.yaml --candidate rules")
