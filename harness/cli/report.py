"""``harness report``: the comparison report as files that people open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    find_run,
    note,
    pair_options,
    points_option,
    production_options,
    run_argument,
    runs_dir_option,
    text_option,
)

if TYPE_CHECKING:
    from harness.report.parts.masking import TextMode


def _formats(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    from harness.report.comparison.renderers import RENDERERS

    wanted = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [one for one in wanted if one not in RENDERERS]
    if unknown or not wanted:
        raise click.BadParameter(f"found '{', '.join(unknown) or value}'; allowed: {', '.join(RENDERERS)}")
    return wanted


@click.command("report")
@run_argument
@pair_options
@click.option("--candidate", "candidates", multiple=True, help="A candidate to judge; repeatable; default: all others.")
@click.option(
    "--format", "formats", default="html", show_default=True, callback=_formats, help="Formats, with commas: html,json."
)
@click.option("--out", "out", type=click.Path(path_type=Path, file_okay=False), help="Folder; default: reports/RUN.")
@points_option
@text_option
@production_options
@click.option(
    "--review-usd",
    "review_usd_per_hour",
    type=FiniteRange(min=0),
    metavar="USD",
    help="What an hour of a reviewer costs; unknown without it.",
)
@runs_dir_option
def command(
    run_name: str,
    baseline: str | None,
    candidates: tuple[str, ...],
    baseline_run_name: str | None,
    formats: tuple[str, ...],
    out: Path | None,
    points: tuple[str, ...],
    text_mode: TextMode,
    items_per_day: float,
    review_seconds: float,
    review_usd_per_hour: float | None,
    runs_dir: str,
) -> None:
    """Write the comparison report of a stored run.

    One HTML file that opens anywhere: verdict, categories, what changed, fixed and broken items, curves, slices, cost.

    A page with masked texts holds every text and rationale in full, packed, so that a reader can show them: whoever
    has the file has the texts. --text none writes a page without them (ids, labels, decisions and scores stay), for
    readers who may not have them. Markdown and spreadsheet hold masked texts alone, the JSON none.

    \b
    Examples:
      harness report latest
      harness report latest --baseline v1 --candidate v2 --format html,json --out reports/v2
      harness report latest --text none
    """
    from harness.jobs.report import report_files

    run = find_run(runs_dir, run_name)
    written = report_files(
        run,
        baseline,
        candidates,
        find_run(runs_dir, baseline_run_name) if baseline_run_name else None,
        formats=formats,
        out=out,
        text_mode=text_mode,
        items_per_day=items_per_day,
        review_seconds=review_seconds,
        review_usd_per_hour=review_usd_per_hour,
        points=points,
        note=note,
        hint=note,
    )
    for path in written:
        click.echo(str(path))
