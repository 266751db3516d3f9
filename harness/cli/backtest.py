"""``harness backtest``: what a candidate would have done to a pool of production items."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    FOLDER,
    cache_option,
    eval_argument,
    formats_option,
    gathered,
    gguf_option,
    interruptible,
    json_option,
    max_cost_option,
    note,
    print_json,
    review_seconds_option,
    runs_dir_option,
    shown_as,
    wave_option,
)
from harness.cli.pool_options import NEEDS, pool_argument, pool_of, pool_options, sample_options, told
from harness.cli.together import refuse_alone, refuse_clashes
from harness.errors import Exit, writing

if TYPE_CHECKING:
    from harness.jobs.backtest_ready import Prepared, Wanted
    from harness.jobs.run_options import RunOptions
    from harness.report.backtest.data import Backtest, Period
    from harness.report.parts.masking import TextMode
    from harness.runner import RunSummary

FORMAT_NAMES = ("html", "md", "xlsx", "json", "csv")
PILOT = 2_000


@click.command("backtest")
@eval_argument
@pool_argument
@click.option("--candidate", "candidates", multiple=True, metavar="ID",
              help="Who is tried; repeatable; default: all that decide items.")  # fmt: skip
@click.option("--recorded", multiple=True, metavar="[CATEGORY=]COLUMN",
              help="Column of what production decided, about the item or one category; repeatable.")  # fmt: skip
@click.option("--baseline", metavar="ID",
              help="Who stands for before where nothing is recorded; default: the eval's baseline.")  # fmt: skip
@click.option("--flagged-as", metavar="COLUMN", help="Column that names the categories an item was flagged for.")
@click.option("--crosswalk", metavar="NAME", help="Crosswalk of the policy for the names of --flagged-as.")
@click.option("--size", type=click.IntRange(min=1), default=PILOT, show_default=True, metavar="N",
              help="Items to draw; with --precision, of the pilot.")  # fmt: skip
@click.option("--precision", type=FiniteRange(min=0, min_open=True, max=50), metavar="POINTS",
              help="Draw as many as show the flag rate to plus or minus so many points.")  # fmt: skip
@click.option("--full", "is_full", is_flag=True, help="Ask about every item, and list every flip (with --out).")
@sample_options("root")
@pool_options
@click.option("--days", type=FiniteRange(min=0, min_open=True), metavar="N",
              help="Days of traffic in the pool: numbers are given a day.")  # fmt: skip
@review_seconds_option
@shown_as("--show")
@formats_option(lambda: FORMAT_NAMES, metavar="LIST",
                help="Files to write, with commas: html,md,xlsx,json,csv (csv: the flips).")  # fmt: skip
@click.option("--out", type=FOLDER, help="Folder; default: reports/RUN.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Draw the sample, show calls and cost; call nothing.")
@max_cost_option("Stop before more US dollars are spent.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Stop before more tokens are used.")
@wave_option("Ask the models again under this label, say the ISO week 2026-W47.")
@gguf_option
@cache_option
@runs_dir_option
@json_option
@gathered("options", "RunOptions")
def command(eval_path: Path, files: tuple[str, ...], options: RunOptions, as_json: bool, **said: Any) -> None:
    """Show what candidates would have done to a pool of production items.

    POOL is Parquet, CSV, TSV, JSONL, JSON or xlsx, also under .gz: files, folders or patterns of millions of rows. A
    sample of it, stratified by what production decided, old scores and views, goes through the candidates of EVAL like
    any run (kept answers, --max-cost, going on after Ctrl-C). Out come flag rates before and after, flips in both
    directions by category, views, reviewer hours and the cost of the full pass, with 95% intervals.

    Before is what production decided (--recorded, --flagged-as); where the pool does not hold it, the eval's baseline
    is asked about the same items. --precision draws a pilot first, and then as many as it takes; answers of the pilot
    are used again where --views does not change the draw. --full asks about everything, to list the flips.

    \b
    Examples:
      harness backtest evals/community.yaml october.parquet --recorded action --score hate_score --views views --days 31
      harness backtest evals/community.yaml pool.csv --candidate v7 --recorded hate=hate_flag --precision 0.05
      harness backtest evals/community.yaml 'pool/*.jsonl.gz' --flagged-as reasons --format html,csv --out reports/v7
      harness backtest evals/community.yaml pool.parquet --recorded action --candidate rules_v2 --full --out flips
    """
    from harness.files.evals import load_eval
    from harness.jobs.backtest import backtest
    from harness.jobs.backtest_ready import prepare_backtest
    from harness.report.backtest.data import Period

    full = "--full asks about every item: leave --precision and --dry-run out."
    refuse_clashes(("--full", ("--precision", "--dry-run"), full))
    wanted = _wanted(said)
    pool = pool_of(files, said)
    period = Period(said["days"], said["review_seconds"])
    mode: TextMode = said["text_mode"]
    with interruptible():
        from harness.cli.summary import announce_model, show_weights
        from harness.cli.voice import progress_stream

        ready = prepare_backtest(load_eval(eval_path), pool, wanted, options, os.environ, on_progress=show_weights)
        if said["is_full"]:
            _full(ready, said, mode, as_json)
            return
        if said["is_dry_run"]:
            _dry_run(ready, as_json)
            return
        asked: list[RunSummary] = []
        found = backtest(
            ready, stream=progress_stream(), on_start=announce_model, on_rows=told, on_asked=asked.append, note=note
        )
    written = _write(found, period, mode, said)
    if as_json:
        from harness.report.backtest.data import document

        print_json(document(found, period))
    else:
        _show(found, asked[-1], period)
        for path in written:
            click.echo(str(path))
    if found.status != "complete":
        raise SystemExit(Exit.INCOMPLETE)


def _wanted(said: dict[str, Any]) -> Wanted:
    from harness.goldens.pool_recorded import Columns
    from harness.goldens.pool_sample import Asked
    from harness.goldens.pool_strata import Design
    from harness.jobs.backtest_ready import Wanted

    refuse_alone(*NEEDS, ("--crosswalk", "--flagged-as"))
    before = "--baseline stands for before where the pool records nothing: leave one of them out."
    refuse_clashes(("--baseline", ("--recorded", "--flagged-as"), before))
    item, by_category = None, {}
    for one in said["recorded"]:
        category, separator, column = one.partition("=")
        if separator:
            by_category[category.strip()] = column.strip()
        elif item is not None:
            raise click.UsageError("--recorded COLUMN, the decision about the item, is one column; --recorded "
                                   "CATEGORY=COLUMN may be several.")  # fmt: skip
        else:
            item = one
    design = Design(said["scores"], said["edges"], said["by"])
    shares = (said["allocation"], said["views"], said["views_part"], said["missing_views"])
    asked = Asked(said["size"], design, *shares, seed=said["seed"])
    precision = None if said["precision"] is None else said["precision"] / 100
    return Wanted(asked, Columns(item, by_category, said["flagged_as"]), said["crosswalk"], precision, said["baseline"])


def _dry_run(ready: Prepared, as_json: bool) -> None:
    from harness.cli.run import show_dry_run
    from harness.jobs.backtest import draw_sample, items_of, request_of

    sample, _ = draw_sample(ready, ready.wanted.sample, told)
    request = request_of(ready, items_of(ready, sample), unchanged=lambda: None)
    if not as_json:
        click.echo(f"{sample.n_rows:,} rows, {sample.population:,} items, {len(sample.items):,} to ask about")
    show_dry_run(structs.replace(ready.prepared, request=request), as_json, first="--size")


def _show(found: Backtest, asked: RunSummary, period: Period) -> None:
    from harness.cli.summary import show_asked
    from harness.report.backtest.tables import headline, lead_lines, tables
    from harness.report.parts.tables import render

    for one in found.effects:
        click.echo(headline(found, one, period))
    click.echo("\n".join(lead_lines(found)) + "\n")
    click.echo(render(tables(found, period), "terminal"))
    show_asked(asked)


def _write(found: Backtest, period: Period, mode: TextMode, said: dict[str, Any]) -> list[Path]:
    if not said["formats"] and said["out"] is None:
        return []
    from harness.report.backtest.files import write_files

    folder = said["out"] or Path("reports") / found.run_id
    with writing(f"{folder}:", next_step="name another with --out"):
        return write_files(found, period, mode, said["formats"] or ("html",), folder)


def _full(ready: Prepared, said: dict[str, Any], mode: TextMode, as_json: bool) -> None:
    from harness.cli.summary import announce_model
    from harness.cli.voice import progress_stream
    from harness.jobs.backtest_full import full_pass
    from harness.report.backtest.full import full_tables
    from harness.report.parts.tables import render

    if said["out"] is None:
        raise click.UsageError("--full lists every flip: say where with --out FOLDER.")
    found = full_pass(ready, said["out"], mode, stream=progress_stream(), on_start=announce_model, note=note)
    if as_json:
        print_json(found.as_dict())
    else:
        click.echo(render(full_tables(found), "terminal"))
        click.echo(f"\n{found.flips_path}")
    if found.reason is not None:
        raise SystemExit(Exit.INCOMPLETE)
