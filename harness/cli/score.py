"""``harness score``: the numbers of a stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    find_run,
    json_option,
    only_of,
    only_option,
    output_option,
    points_option,
    print_json,
    require_known,
    run_argument,
    runs_dir_option,
    warn_if_unfinished,
)
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.measure.score import RunScore
    from harness.runs import Run


@click.command("score")
@run_argument
@only_option
@points_option
@runs_dir_option
@click.option("--candidate", "candidates", multiple=True, metavar="ID", help="Only this candidate; repeatable.")
@click.option("--all", "shows_all", is_flag=True, help="Every table of every candidate, however many there are.")
@click.option("--slices", "with_slices", is_flag=True, help="Also show every slice.")
@click.option("--slice", "slice_name", metavar="NAME", help="Also show this slice only.")
@output_option
@json_option
def command(
    run_name: str,
    only: tuple[str, ...],
    points: tuple[str, ...],
    runs_dir: str,
    candidates: tuple[str, ...],
    shows_all: bool,
    with_slices: bool,
    slice_name: str | None,
    output: str,
    as_json: bool,
) -> None:
    """Show precision, recall and more per category from a stored run.

    RUN is a run id, its folder, or "latest". Works offline, with no key. Where candidates and categories are many, a
    row for each candidate and what each falls short of most come first; --candidate and --all show the rest.

    \b
    Examples:
      harness score latest
      harness score latest --candidate v2
      harness score latest --slice language
      harness score latest --at recall@precision=0.9 --at recall@fpr=0.01
      harness score latest --only language=ar --only failed:latest~1
      harness score community-3f9a1c2e0b7d --json > score.json
    """
    from harness.measure.score import score_run

    run = find_run(runs_dir, run_name)
    warn_if_unfinished(run)
    for name in candidates:
        require_known(f"run {run.meta.run_id} has no candidate", name, run.candidates)
    run = only_of(run, only, runs_dir)
    with_slices = with_slices or slice_name is not None
    score = score_run(run, with_slices=with_slices or as_json, points=points, candidates=candidates)
    if as_json:
        print_json(score.as_dict())
        return
    if slice_name is not None and slice_name not in run.slices:
        allowed = ", ".join(run.slices) or "none"
        raise HarnessError(f"run {run.meta.run_id} has no slice '{slice_name}'", allowed=allowed)
    from harness.report.parts.tables import render
    from harness.report.score_overview import is_long
    from harness.report.scores import READING, point_lines, score_head, score_tables, standing_lines

    click.echo("".join(f"{line}\n\n" for line in (*point_lines(score), score_head(score))), nl=False)
    if is_long(score) and not (candidates or shows_all or with_slices or points):
        _show_overview(run, score, only, runs_dir, output)
        return
    if standing := [] if only else standing_lines(run, score):
        click.echo("\n".join(standing))
    click.echo(render(score_tables(score, with_slices=with_slices, slice_name=slice_name), output))
    click.echo(f"\n{READING}")


def _show_overview(run: Run, score: RunScore, only: tuple[str, ...], runs_dir: str, output: str) -> None:
    """A row for each of many candidates, what each falls short of most, and how to see the rest."""
    from harness.report.parts.tables import render
    from harness.report.score_overview import left_out_lines, overview
    from harness.report.scores import READING
    from harness.runs.commands import over_runs

    words = ["score", run.meta.run_id, *(word for one in only for word in ("--only", one))]
    of_one = over_runs(runs_dir, *words, "--candidate", next(iter(score.candidates)))
    click.echo(render(overview(run, score, is_whole=not only), output))
    left_out = left_out_lines(score, of_one, over_runs(runs_dir, *words, "--all"))
    click.echo("\n" + "\n".join([READING.partition("\n")[0], "", *left_out]))
