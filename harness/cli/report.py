"""``harness report``: the comparison report as files that people open."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import default_text_mode, find_run, note, run_argument, runs_dir_option, text_option

if TYPE_CHECKING:
    from harness.report.comparison.from_run import Choice
    from harness.report.comparison.source import ReportSource
    from harness.runs import Run

MAX_CANDIDATES = 8
"""Candidates of one report, the baseline included: as many as eight colours tell apart."""


def _formats(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    from harness.report.comparison.renderers import RENDERERS

    wanted = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [one for one in wanted if one not in RENDERERS]
    if unknown or not wanted:
        raise click.BadParameter(f"found '{', '.join(unknown) or value}'; allowed: {', '.join(RENDERERS)}")
    return wanted


@click.command("report")
@run_argument
@click.option("--baseline", help="The candidate to compare against; default: the eval's baseline.")
@click.option("--candidate", "candidates", multiple=True, help="A candidate to judge; repeatable; default: all others.")
@click.option("--baseline-run", "baseline_run_name", metavar="RUN", help="Take the baseline from another stored run.")
@click.option(
    "--format", "formats", default="html", show_default=True, callback=_formats, help="Formats, with commas: html,json."
)
@click.option("--out", "out", type=click.Path(path_type=Path, file_okay=False), help="Folder; default: reports/RUN.")
@text_option
@click.option(
    "--traffic",
    "items_per_day",
    type=click.FloatRange(min=0),
    default=1_000_000.0,
    show_default=True,
    help="Items a day, for the production view.",
)
@click.option(
    "--review-seconds",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds a reviewer needs for one flagged item.",
)
@runs_dir_option
def command(
    run_name: str,
    baseline: str | None,
    candidates: tuple[str, ...],
    baseline_run_name: str | None,
    formats: tuple[str, ...],
    out: Path | None,
    text_mode: str,
    items_per_day: float,
    review_seconds: float,
    runs_dir: str,
) -> None:
    """Write the comparison report of a stored run.

    One HTML file that opens anywhere: verdict, categories, what changed, fixed and broken items, curves, slices, cost.

    \b
    Examples:
      harness report latest
      harness report latest --baseline v1 --candidate v2 --format html,json --out reports/v2
      harness report latest --text none
    """
    from harness import __version__
    from harness.report.comparison.build import build_report
    from harness.report.comparison.renderers import RENDERERS

    run = find_run(runs_dir, run_name)
    baseline_run = find_run(runs_dir, baseline_run_name) if baseline_run_name else run
    source, mode = load_source(run, baseline, candidates, baseline_run, text_mode)
    data = build_report(
        source,
        generated_at=now_text(),
        version=__version__,
        items_per_day=items_per_day,
        review_seconds=review_seconds,
    )
    for one in data.banners:
        note(f"{one.word}: {one.text}")
    folder = out or Path("reports") / run.meta.run_id
    folder.mkdir(parents=True, exist_ok=True)
    for name in formats:
        written = RENDERERS[name](source, data, folder, mode)
        click.echo(str(written[0]))
        if len(written) > 1:
            note(f"{written[0].name} needs the {len(written) - 1} files in {written[1].parent} beside it")


def load_source(
    run: Run, baseline: str | None, candidates: tuple[str, ...], baseline_run: Run, text_mode: str | None
) -> tuple[ReportSource, Any]:
    """The source of a report over stored runs, and how text is shown in it."""
    from harness.cli.texts import texts_of
    from harness.report.comparison.from_run import source_from_run

    chosen, has_baseline = choose(run, baseline, candidates, baseline_run)
    mode = text_mode or default_text_mode()
    texts = texts_of(run, mode)
    if mode != "none" and not texts:
        note("The golden set of this run is not at hand or has changed: the report shows no item texts.")
        mode = "none"
    return source_from_run(chosen, texts, has_baseline=has_baseline), mode


def choose(run: Run, baseline: str | None, candidates: tuple[str, ...], baseline_run: Run) -> tuple[list[Choice], bool]:
    """Who is in the report: the baseline first; one candidate alone has none."""
    from harness.errors import HarnessError
    from harness.report.comparison.from_run import choices

    there = baseline_run.candidates
    declared = run.meta.eval.get("baseline")
    chosen = baseline or (declared if declared in there else there[0])
    for name, allowed, of in ((chosen, there, baseline_run), *((one, run.candidates, run) for one in candidates)):
        if name not in allowed:
            raise HarnessError(f"run {of.meta.run_id} has no candidate '{name}'", allowed=", ".join(allowed))
    others = [one for one in candidates or run.candidates if baseline_run is not run or one != chosen]
    others = list(dict.fromkeys(others))
    if not others:
        return choices(run, None, [str(chosen)]), False
    if len(others) >= MAX_CANDIDATES:
        note(f"Only the first {MAX_CANDIDATES - 1} candidates are reported; choose others with --candidate.")
        others = others[: MAX_CANDIDATES - 1]
    return choices(run, str(chosen), others, baseline_run), True


def now_text() -> str:
    """The time of writing; ``SOURCE_DATE_EPOCH`` sets it, so that a report can be rebuilt byte by byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else datetime.datetime.now(datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")
