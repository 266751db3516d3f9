"""``harness baseline``: promote a run on purpose, and show what was promoted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.gate import baselines_option
from harness.cli.options import find_run, json_option, print_json, run_argument, runs_dir_option

if TYPE_CHECKING:
    from harness.gating.baselines import Promotion
    from harness.report.parts.tables import Table


@click.group("baseline", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Promote a run as the baseline of later gates, and show it."""


@command.command("set")
@run_argument
@click.option("--candidate", metavar="ID", help="The candidate to promote; default: the only one.")
@click.option("--reason", required=True, help="Why it becomes the baseline, in one line.")
@click.option("--by", metavar="NAME", help="Who decides; default: the author version control names, else your login.")
@baselines_option
@runs_dir_option
@json_option
def set_command(
    run_name: str, candidate: str | None, reason: str, by: str | None, baselines_dir: Path, runs_dir: str, as_json: bool
) -> None:
    """Promote a candidate of a stored run as the baseline of its eval.

    Writes a small folder without texts; commit it, and CI on another machine needs nothing else.

    \b
    Example:
      harness baseline set latest --candidate v2 --reason "shipped on 3 March"
    """
    from harness.gating.baselines import promote, read_promotion
    from harness.gating.choose import promotable

    run = find_run(runs_dir, run_name)
    chosen = promotable(run, candidate)
    folder = promote(run, chosen, who=by or login(), why=reason, now=datetime.now(UTC), root=baselines_dir)
    promotion = read_promotion(folder)
    if as_json:
        print_json({"folder": folder.as_posix(), **(promotion.as_dict() if promotion else {})})
        return
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    click.echo(f"Promoted {chosen} of run {run.meta.run_id}: {folder.as_posix()} ({size / 1000:,.0f} kB)")
    click.echo(f"Next: git add {shlex.quote(folder.as_posix())} && git commit")


@command.command("show")
@click.argument("eval_name", required=False)
@baselines_option
@json_option
def show_command(eval_name: str | None, baselines_dir: Path, as_json: bool) -> None:
    """Show the promoted baselines: who, when, why, which run.

    \b
    Examples:
      harness baseline show
      harness baseline show community --json
    """
    from harness.gating.baselines import promoted_run, read_promotion
    from harness.report.parts.tables import to_terminal

    if eval_name is not None:
        promoted_run(eval_name, baselines_dir)
    names = [eval_name] if eval_name else _names(baselines_dir)
    found = {name: one for name in names if (one := read_promotion(baselines_dir / name)) is not None}
    if as_json:
        print_json({name: one.as_dict() for name, one in found.items()})
        return
    if not found:
        click.echo(f'No baselines in {baselines_dir.as_posix()}. Promote one: harness baseline set RUN --reason "..."')
        return
    click.echo(to_terminal(_table(found)))
    for one in found.values():
        click.echo(f"signature: {one.signature}")


def _table(found: Mapping[str, Promotion]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = ("Eval", "Candidate", "Run", "When", "Who", "Why", "Golden set", "Items")
    rows = tuple(
        (
            name,
            one.candidate,
            one.run_id,
            one.when[:16].replace("T", " "),
            one.who,
            one.why,
            one.golden_set.title,
            numbers.count(one.golden_set.n_items),
        )
        for name, one in found.items()
    )
    return Table("", columns, rows, (), frozenset(["Items"]))


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def login() -> str:
    """The author that version control names, else the login; empty for neither."""
    import getpass

    try:
        return os.environ.get("GIT_AUTHOR_NAME") or getpass.getuser()
    except (OSError, KeyError):  # no such user on this system
        return ""
