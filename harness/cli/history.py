"""``harness history``: versions of prompt and rules against categories, one row a run."""

from __future__ import annotations

import click

from harness.cli.options import json_option, output_option, print_json, runs_dir_option


@click.command("history")
@click.argument("eval_name", metavar="EVAL")
@click.option("--candidate", "candidates", multiple=True, metavar="ID", help="Only this candidate; may be repeated.")
@click.option(
    "--metric", type=click.Choice(["recall", "precision"]), help="Only this table; default: recall and precision."
)
@output_option
@click.option("--all", "shows_all", is_flag=True, help="Every category, however many there are.")
@runs_dir_option
@json_option
def command(
    eval_name: str,
    candidates: tuple[str, ...],
    metric: str | None,
    output: str,
    shows_all: bool,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Show how the categories moved from run to run.

    EVAL is the name of an eval, or its file. Every complete run is a row: its prompt or rules with version and hash,
    and a mark where a text changed under an unchanged version.

    \b
    Examples:
      harness history community
      harness history evals/community.yaml --candidate v2 --metric recall
      harness history community --json
    """
    from harness.cli.weekly import eval_name_of
    from harness.errors import HarnessError
    from harness.report.history import METRICS, as_dict, history, history_table
    from harness.report.parts.tables import render
    from harness.runs.commands import over_runs

    name = eval_name_of(eval_name)
    rows = history(runs_dir, name, candidates)
    if not rows:
        raise HarnessError(
            f"no complete run of eval '{name}' in {runs_dir}" + (" with that candidate" if candidates else ""),
            allowed="an eval that was run",
            next_step=f"see what is there: {over_runs(runs_dir, 'runs', 'list')}",
        )
    if as_json:
        print_json(as_dict(rows))
        return
    tables = [history_table(rows, one, shows_all=shows_all) for one in ((metric,) if metric else METRICS)]
    click.echo(render(tables, output))
