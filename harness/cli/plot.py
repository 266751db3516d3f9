"""``harness plot``: one picture of a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import FILE, find_run, note, pair_options, run_argument, runs_dir_option
from harness.core.metric_table import metrics_on

if TYPE_CHECKING:
    from harness.report.comparison.plots import PlotFormat

KINDS = ("categories", "differences", "curves", "reliability", "slices", "frontier")


@click.command("plot")
@run_argument
@click.option("--kind", type=click.Choice(KINDS), default="categories", show_default=True, help="What to draw.")
@click.option("--metric", type=click.Choice(metrics_on("compare")), default="recall", show_default=True,
              help="For categories, differences, slices and frontier.")  # fmt: skip
@click.option("--format", "plot_format", type=click.Choice(["png", "svg"]), help="Default: from the name, else png.")
@click.option("--out", type=FILE, help="File, .png or .svg; default: KIND.png.")
@pair_options
@click.option("--candidate", "candidates", multiple=True, help="A candidate to show; repeatable; default: all others.")
@click.option("--review-seconds", type=FiniteRange(min=0), default=30.0, show_default=True,
              help="With frontier: seconds a person needs for one item that is left to people.")  # fmt: skip
@click.option("--review-usd", "review_usd_per_hour", type=FiniteRange(min=0), metavar="USD",
              help="With frontier: what an hour of a reviewer costs; unknown without it.")  # fmt: skip
@runs_dir_option
def command(
    run_name: str,
    kind: str,
    plot_format: str | None,
    out: Path | None,
    baseline_run_name: str | None,
    runs_dir: str,
    **asked: Any,
) -> None:
    """Draw one plot of a stored run, with intervals, as PNG or SVG.

    Frontier sets the cost of 1,000 items against a quality, over all categories, and joins the candidates that nobody
    beats in both; a candidate of unknown cost is named, not placed.

    \b
    Examples:
      harness plot latest --kind differences --out difference.svg
      harness plot latest --kind slices --metric fpr
      harness plot latest --kind frontier --metric f1
    """
    from harness.jobs.report import picture

    chosen = _format(out, plot_format)
    run = find_run(runs_dir, run_name)
    baseline_run = find_run(runs_dir, baseline_run_name) if baseline_run_name else None
    content = picture(run, kind, chosen, baseline_run=baseline_run, note=note, **asked)
    path = out or Path(f"{kind}.{chosen}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    click.echo(str(path))


def _format(out: Path | None, wanted: str | None) -> PlotFormat:
    """The format that the file's name promises; a name that promises another one is refused."""
    from harness.report.comparison.plots import FORMATS

    ending = out.suffix.lower().removeprefix(".") if out is not None else wanted or "png"
    if ending not in FORMATS or wanted not in (None, ending):
        allowed = ", ".join(f".{one}" for one in FORMATS if wanted in (None, one))
        raise click.BadParameter(f"'{out}' ends in '{out and out.suffix}'; allowed: {allowed}", param_hint="--out")
    return next(one for one in FORMATS if one == ending)
