"""``harness init``: a new team's folder from the shipped templates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from harness.cli.options import FOLDER
from harness.errors import HarnessError

RENAMED = {"gitignore": ".gitignore", "github": ".github", "gitlab-ci.yml": ".gitlab-ci.yml"}
"""Template names that would act on this project itself if they carried their dot here."""


REQUIREMENTS = """\
# Where CI gets the harness from: what was installed when this folder was made. For another version, name its wheel or
# address and commit here. [local] behind the name adds the embedded model (1.1 GB).
{}
"""


def write_team_folder(target: Path) -> list[Path]:
    """Copy the templates into ``target``, with the line by which CI installs this harness; overwrite nothing.

    Returns:
        The files written.
    """
    content = _content()
    taken = sorted({str(place) for relative in content if (place := _occupied(target, relative)) is not None})
    if taken:
        raise HarnessError(
            f"{target}: already holds {', '.join(taken[:3])}",
            allowed="a folder without these files",
            next_step="name another folder, or move the files away",
        )
    try:
        for relative, data in content.items():
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            with open(target / relative, "xb") as file:
                file.write(data)
    except OSError as error:
        raise HarnessError(
            f"{error.filename or target}: cannot be written: {error.strerror or error}",
            allowed="a folder that can be written to",
            next_step="name another folder",
        ) from None
    return [target / relative for relative in content]


def _content() -> dict[Path, bytes]:
    """What the folder holds, by the path in it."""
    from harness.jobs.source import WHEEL, WHEELS, installed_source

    source = installed_source()
    content = dict(_templates(resources.files("harness") / "jobs" / "team", Path()))
    content[Path("harness-requirements.txt")] = REQUIREMENTS.format(source.requirement).encode()
    if source.wheel is not None:
        content[Path(WHEELS) / WHEEL] = source.wheel
    return content


def _occupied(target: Path, relative: Path) -> Path | None:
    """What is in the way of a file: itself, or a link or file where a folder must be; no link is followed."""
    for folder in [*reversed(relative.parents)][1:]:
        place = target / folder
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return place
    place = target / relative
    return place if os.path.lexists(place) else None


def _templates(folder: Traversable, relative: Path) -> Iterator[tuple[Path, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        path = relative / RENAMED.get(entry.name, entry.name)
        if entry.is_dir():
            yield from _templates(entry, path)
        else:
            yield path, entry.read_bytes()


@click.command("init")
@click.argument("folder", type=FOLDER)
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
    click.echo(f"  cd {folder}\n  harness check\n  harness run evals/team.yaml --candidate rules --candidate rules_v2")
    click.echo("  harness compare latest --baseline rules --candidate rules_v2")
