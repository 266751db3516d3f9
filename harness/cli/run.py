"""``harness run``: the candidates of an eval over its golden set."""

from __future__ import annotations

import math
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import eval_argument, interruptible, json_option, note, print_json, run_options
from harness.cli.summary import announce_model, note_incomplete, reused_lines, show_summary, show_weights
from harness.cli.together import refuse_alone, refuse_clashes
from harness.cli.voice import progress_stream
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.jobs.run import PreparedRun
    from harness.jobs.run_options import RunOptions
    from harness.runner import RunSummary
    from harness.runner.dry_run import CandidateEstimate
    from harness.runner.shards import Shard

GOOD = 0.15
"""An estimate that is closer than this is not to be bettered."""
CLASHES = (
    ("--engine ray", ("--shard", "--batch", "--watch", "--early-stop"),
     "--engine ray makes and merges its own shards and asks live, over all items; leave {} out."),
    ("--shard", ("--watch", "--early-stop"),
     "--early-stop and --watch look at the items of the whole run, and --shard asks a part: leave one out."),
    ("--batch", ("--watch", "--early-stop"),
     "--batch asks everything at once and answers within a day, so there is nothing left that --early-stop or --watch "
     "could leave out: leave one of them out."),
    ("--watch", ("--dry-run", "--early-stop", "--json"),
     "--watch goes on until Ctrl-C and shows tables; leave {} out."),
    ("--early-stop", ("--only",),
     "--early-stop decides about the golden set, so not about chosen items: leave --only out."),
    ("--dry-run", ("--early-stop",), "--dry-run shows the whole run; leave --early-stop out."),
)  # fmt: skip
NEEDS = (
    ("--shards", "--engine ray", "--shards goes with --engine ray."),
    ("--ray-address", "--engine ray", "--ray-address goes with --engine ray."),
    ("--baseline", "--early-stop", "--baseline goes with --early-stop; a stored run is judged with: harness gate RUN"),
)


def _shard(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Shard | None:
    from harness.runner.shards import read_shard

    return None if value is None else read_shard(value)


@click.command("run")
@eval_argument
@run_options
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show calls, tokens and cost; call nothing.")
@click.option(
    "--watch", "is_watch", is_flag=True, help="Run again whenever a file of the eval is saved; show what moved."
)
@click.option(
    "--early-stop", "is_early_stop", is_flag=True, help="Look at 20, 40, ... 100%; stop when the gate is clear."
)
@click.option(
    "--baseline", metavar="REF", help="With --early-stop: a candidate of the eval, RUN[:candidate], or promoted."
)
@click.option(
    "--shard", metavar="i/n", callback=_shard,
    help="Ask only part i of n of the items; put together by: harness runs merge.",
)  # fmt: skip
@click.option(
    "--batch", "is_batch", is_flag=True, help="Ask models by OpenAI's Batch API: within a day, at a batch's price."
)
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Where shards are carried out: here, or as tasks of a Ray cluster (extra: ray).",
)  # fmt: skip
@click.option("--shards", "n_shards", type=int, help="With --engine ray: how many parts; default: by the items.")
@click.option(
    "--ray-address", metavar="ADDRESS", help="With --engine ray: auto or HOST:PORT; default: this machine alone."
)
@json_option
def command(
    eval_path: Path,
    options: RunOptions,
    is_dry_run: bool,
    is_watch: bool,
    is_early_stop: bool,
    baseline: str | None,
    engine: str,
    n_shards: int | None,
    ray_address: str | None,
    as_json: bool,
) -> None:
    """Run the candidates of an eval over its golden set.

    Answers are kept: the same command again asks only what is missing, also after Ctrl-C or kill -9. With --watch it
    runs again at every save, over the dev items where the eval declares a split, and shows what moved since the save
    before. With --shard, n machines or jobs run a part each, and harness runs merge makes one run of them; with
    --engine ray a Ray cluster does so by itself.

    \b
    Examples:
      harness run evals/community.yaml --dry-run
      harness run evals/community.yaml --candidate v2 --limit 100
      harness run evals/community.yaml --candidate v2 --only failed:latest
      harness run evals/community.yaml --candidate v2 --watch
      harness run evals/community.yaml --batch
      harness run evals/community.yaml --shard 1/4 --cache shard-1.sqlite
      harness run evals/community.yaml --engine ray --ray-address auto --shards 200
      harness run evals/community.yaml --wave 2026-W47 --max-cost 5
      harness run evals/community.yaml --candidate v2 --early-stop --baseline v1
    """
    refuse_alone(*NEEDS)
    refuse_clashes(*CLASHES)
    if is_watch:
        from harness.cli.watch import watch_eval

        watch_eval(eval_path, options)
    elif is_early_stop:
        _run_early_stop(eval_path, options, baseline, as_json)
    elif is_dry_run:
        with interruptible():
            from harness.jobs.run import prepare_run

            show_dry_run(prepare_run(eval_path, options, os.environ, on_progress=show_weights), as_json)
    elif engine == "ray":
        _run_on_ray(eval_path, options, n_shards, ray_address, as_json)
    elif not _show_done_before(eval_path, options, as_json):
        _run(eval_path, options, as_json)


def _show_done_before(eval_path: Path, options: RunOptions, as_json: bool) -> bool:
    """Show again what the same command said of a complete run, where nothing has changed since; False where not so."""
    from harness.jobs.done_before import done_before
    from harness.runs.asked import mark_asked

    found = done_before(eval_path, options, os.environ)
    if found is None or not mark_asked(options.runs_dir, found["run_id"], datetime.now(UTC)):
        return False
    if as_json:
        print_json(found["json"])
    else:
        click.echo("\n".join(found["lines"]))
    return True


def _run(eval_path: Path, options: RunOptions, as_json: bool) -> None:
    with interruptible():
        from harness.jobs.done_before import Looked, keep_done
        from harness.jobs.run import as_next_time, execute, prepare_run

        began_ns, environment = time.time_ns(), Looked(os.environ)
        prepared = prepare_run(eval_path, options, environment, on_progress=show_weights)
        summary = execute(prepared, stream=progress_stream(), on_start=announce_model)
        if (done := as_next_time(summary, options.runs_dir)) is not None:
            shown = {"run_id": done.run_id, "lines": reused_lines(done), "json": done.as_dict()}
            keep_done(prepared, options, environment, began_ns, Path(done.path), shown)
    _show(summary, as_json)


def _run_on_ray(eval_path: Path, options: RunOptions, n_shards: int | None, address: str | None, as_json: bool) -> None:
    with interruptible():
        from harness.jobs.cluster import execute_on_ray

        summary = execute_on_ray(eval_path, options, n_shards=n_shards, address=address, stream=progress_stream())
    _show(summary, as_json)


def _show(summary: RunSummary, as_json: bool) -> None:
    if as_json:
        print_json(summary.as_dict())
    else:
        show_summary(summary)
    if summary.status != "complete":
        raise SystemExit(Exit.INCOMPLETE)


def _run_early_stop(eval_path: Path, options: RunOptions, baseline: str | None, as_json: bool) -> None:
    from harness.jobs.early_stop import early_stop_eval
    from harness.report.gate.sequential import sequential_lines

    now, stream = datetime.now(UTC), progress_stream()
    with interruptible():
        report = early_stop_eval(eval_path, options, os.environ, baseline, now=now, stream=stream, on_look=note)
    if report.reuse is not None and report.reuse.warning:
        note(f"Warning: {report.reuse.warning}")
    if as_json:
        print_json(report.as_dict())
    else:
        click.echo("\n".join(sequential_lines(report)))
        note_incomplete(report.run)
    raise SystemExit(report.exit_code)


def show_dry_run(prepared: PreparedRun, as_json: bool, *, first: str = "--limit") -> None:
    """Print what a run would ask and cost; ``first`` is the option by which a few items are asked first."""
    from harness.jobs.prompt_tokens import counts_of
    from harness.runner.dry_run import dry_run
    from harness.runner.measures import FEWEST

    estimates = dry_run(prepared.request, counts_of(prepared.loaded))
    if as_json:
        print_json({name: one.as_dict() for name, one in estimates.items()})
        return
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal

    columns = (
        "Candidate", "Items", "Calls to make", "Answers at hand", "Input tokens", "Output tokens", "Cost",
        "Estimated from",
    )  # fmt: skip
    rows = []
    for name, one in estimates.items():
        counts = (one.items, one.calls, one.cached, one.input_tokens, one.output_tokens)
        cost = f"{'at least ' if one.is_lower_bound else ''}{numbers.usd(one.cost_usd)}{_margin_words(one)}"
        rows.append((name, *(numbers.count(n) for n in counts), cost, _basis_words(one)))
    bases = {one.basis for one in estimates.values()}
    notes = []
    if "tokeniser" in bases:
        notes.append("Input counted by the model's tokeniser; output tokens are max_tokens, the most an answer takes.")
    if "rule" in bases:
        step = f"run {first} {2 * FEWEST} once, and the estimate rests on its answers."
        guessed = [name for name, one in estimates.items() if one.basis == "rule"]
        if all(estimates[name].cached >= FEWEST for name in guessed):
            step = f"the answers at hand of {', '.join(guessed)} do not say what they used, so more would tell nothing."
        rule = "Rule of thumb: one token for every 4 bytes of a request, and max_tokens as output."
        notes.append(f"{rule} It may be far off: {step}")
    if any(one.cost_usd is None for one in estimates.values()):
        unpriced = ", ".join(sorted(one.model_id for one in prepared.request.endpoints.values() if one.price is None))
        notes.append(f"No price is known for {unpriced}: add price to it in models.yaml.")
    for name, one in estimates.items():
        if (n := _enough(one)) is not None:
            notes.append(
                f"{name}: its answers differ so much that {one.n_measured:,} tell its cost to within "
                f"{_margin_words(one).strip()}; {first} {n:,} first tells it to within {GOOD:.0%}."
            )
    notes.append("Nothing was called.")
    click.echo(to_terminal(Table("", columns, tuple(rows), (" ".join(notes),), frozenset(columns[1:-1]))))


def _margin_words(one: CandidateEstimate) -> str:
    return f" \u00b1{one.margin_usd / one.cost_usd:.0%}" if one.margin_usd and one.cost_usd else ""


def _enough(one: CandidateEstimate) -> int | None:
    """How many first answers tell the cost well; None where those at hand do."""
    if not one.cost_usd or not one.margin_usd or one.margin_usd <= GOOD * one.cost_usd:
        return None
    n = one.n_measured * (one.margin_usd / one.cost_usd / GOOD) ** 2
    return min(one.cached + one.calls, 10 * math.ceil(n / 10))


def _basis_words(one: CandidateEstimate) -> str:
    """What an estimate rests on."""
    words = {None: "nothing to ask", "rule": "rule of thumb", "tokeniser": "its tokeniser"}
    others = "" if one.basis == "candidate" else " of the model to other candidates"
    return words.get(one.basis, f"{one.n_measured:,} answers{others}")
