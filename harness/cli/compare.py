"""``harness compare``: two candidates, item by item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    find_run,
    golden_option,
    json_option,
    note_same_candidate,
    only_of,
    only_option,
    output_option,
    pair_options,
    points_option,
    print_json,
    run_argument,
    runs_dir_option,
    text_option,
    warn_if_unfinished,
)
from harness.core.metric_table import metrics_on

if TYPE_CHECKING:
    from harness.report.parts.masking import TextMode


@click.command("compare")
@run_argument
@pair_options
@click.option("--candidate", help="The candidate to judge; default: the only other one.")
@click.option("--metric", "metrics", multiple=True, type=click.Choice(metrics_on("compare")),
              default=("recall", "precision"), help="Tables to show; default: recall and precision.")  # fmt: skip
@click.option(
    "--items", "n_items", type=click.IntRange(min=0),
    help="Changed items shown per category and direction; default: 5, and 20 of all categories together.",
)  # fmt: skip
@click.option("--all", "shows_all", is_flag=True, help="Every category and its items, however many there are.")
@golden_option
@only_option
@points_option
@text_option
@runs_dir_option
@output_option
@json_option
def command(
    run_name: str,
    baseline: str | None,
    candidate: str | None,
    baseline_run_name: str | None,
    metrics: tuple[str, ...],
    n_items: int | None,
    shows_all: bool,
    golden_card: Path | None,
    only: tuple[str, ...],
    points: tuple[str, ...],
    text_mode: TextMode,
    runs_dir: str,
    output: str,
    as_json: bool,
) -> None:
    """Compare two candidates item by item.

    Both values per category, the paired difference with its interval and p-value, and the items newly caught,
    missed or wrongly flagged.

    \b
    Examples:
      harness compare latest --baseline v1 --candidate v2
      harness compare latest --baseline v1 --candidate v2 --only hate --only language=ar
      harness compare latest --candidate v2 --baseline-run community-3f9a1c2e0b7d --json
    """
    from harness.gating.choose import choose_pair
    from harness.jobs.compare import compare_candidates

    run = find_run(runs_dir, run_name)
    baseline_run = find_run(runs_dir, baseline_run_name) if baseline_run_name else run
    warn_if_unfinished(run, baseline_run)
    before, after = choose_pair(run, baseline, candidate, baseline_run)
    note_same_candidate(before, after)
    chosen = only_of(run, only, runs_dir)
    baseline_run = chosen if baseline_run is run else only_of(baseline_run, only, runs_dir, is_said=False)
    decided = compare_candidates(baseline_run[before.name], chosen[after.name], points=points)
    if as_json:
        print_json(decided.as_dict())
        return
    from harness.jobs.texts import texts_of
    from harness.report.comparison.terminal import (
        comparison_tables,
        decision_lines,
        foot_lines,
        point_tables,
        shown_items,
        without_points,
    )
    from harness.report.parts.tables import render

    comparison = decided.comparison
    texts = texts_of(chosen, text_mode, shown_items(comparison, n_items), golden_card)
    tables = comparison_tables(
        comparison, texts, metrics=metrics, text_mode=text_mode, n_items=n_items, shows_all=shows_all
    )
    click.echo("".join(f"{line}\n\n" for line in without_points(decided.points, comparison)), nl=False)
    click.echo("\n".join(decision_lines(decided.decision, comparison)) + "\n")
    click.echo(render([*tables, *point_tables(decided.points, comparison)], output))
    click.echo("\n" + "\n".join(foot_lines(comparison)))
