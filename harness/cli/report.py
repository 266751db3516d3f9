"""``harness report``: the comparison report as files that people open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    FOLDER,
    find_run,
    formats_option,
    note,
    pair_options,
    points_option,
    production_options,
    run_argument,
    runs_dir_option,
    text_option,
)


def _known() -> Iterable[str]:
    from harness.report.comparison.renderers import RENDERERS

    return RENDERERS


@click.command("report")
@run_argument
@pair_options
@click.option("--candidate", "candidates", multiple=True, help="A candidate to judge; repeatable; default: all others.")
@formats_option(_known, "html", help="Formats, with commas: html,json.")
@click.option("--out", "out", type=FOLDER, help="Folder; default: reports/RUN.")
@points_option
@text_option
@production_options
@click.option("--review-usd", "review_usd_per_hour", type=FiniteRange(min=0), metavar="USD",
              help="What an hour of a reviewer costs; unknown without it.")  # fmt: skip
@runs_dir_option
def command(run_name: str, baseline_run_name: str | None, runs_dir: str, **asked: Any) -> None:
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
    baseline_run = find_run(runs_dir, baseline_run_name) if baseline_run_name else None
    for path in report_files(run, baseline_run=baseline_run, note=note, hint=note, **asked):
        click.echo(str(path))
