"""``harness quickstart``: the main job, end to end, with no key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from msgspec import structs

from harness.cli.options import (
    cache_option,
    find_run,
    gathered,
    gguf_option,
    interruptible,
    note,
    runs_dir_option,
    typed_name,
)
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.jobs.run import PreparedRun
    from harness.jobs.run_options import RunOptions
    from harness.runs import Run

EVAL = "evals/community.yaml"
BASELINE, CANDIDATE, RULES = "v1", "v2", "rules_v2"
SUBSET = 100
CALLS_PER_S, FIRST_CALL_S = 1.0, 20.0
"""Measured on two cores for the shipped prompts; the first call reads the whole prompt. Only what is announced depends
on it."""


@click.command("quickstart")
@click.option("--full", is_flag=True, help="Run every item instead of the stated subset.")
@click.option("--limit", type=click.IntRange(min=1), default=SUBSET, show_default=True, help="Size of the subset.")
@gguf_option
@cache_option
@runs_dir_option
@gathered("options", "RunOptions")
def command(full: bool, options: RunOptions) -> None:
    """Run the main job end to end on a shipped golden set; no key needed.

    Two prompt versions on a small local language model and a rule set, over a fixed subset of the shipped golden set
    (half of it violating, shared between the categories); then precision and recall per category, and the comparison of
    the two prompts.

    \b
    Examples:
      harness quickstart
      harness quickstart --full
    """
    from harness.cli.summary import announce_model, show_summary, show_weights
    from harness.cli.voice import progress_stream
    from harness.files.shipped import shipped_root
    from harness.jobs.run import execute, prepare_run

    limit = None if full else options.limit
    options = structs.replace(options, candidates=(BASELINE, CANDIDATE, RULES), limit=limit, is_balanced=not full)
    with interruptible():
        prepared = prepare_run(shipped_root() / EVAL, options, os.environ, on_progress=show_weights)
        _announce(prepared)
        summary = execute(prepared, stream=progress_stream(), on_start=announce_model)
    if summary.status != "complete":
        show_summary(summary)
        raise SystemExit(Exit.INCOMPLETE)
    _show(find_run(str(options.runs_dir), summary.run_id))


def _announce(prepared: PreparedRun) -> None:
    from harness.report.parts import numbers
    from harness.runner.dry_run import dry_run

    golden, request = prepared.loaded.golden, prepared.request
    n_items = len(request.indices())
    to_make = [one.calls for one in dry_run(request).values() if one.calls]
    calls = sum(to_make)
    subset = "all" if n_items == len(golden) else f"a fixed subset of {numbers.count(n_items)} of the"
    click.echo(
        f"Golden set {golden.name} v{golden.version}: {subset} {numbers.count(len(golden))} items, "
        f"{len(golden.categories)} policy categories.\n"
        f"Candidates: prompts {BASELINE} and {CANDIDATE} on the embedded model, rule set {RULES}."
    )
    if calls:
        about_s = calls / CALLS_PER_S + FIRST_CALL_S * len(to_make)
        note(
            f"{numbers.count(calls)} calls to make, about {numbers.duration(about_s)} on two cores: about "
            f"{CALLS_PER_S:g} call a second, and {FIRST_CALL_S:g} s for the first call of each prompt. "
            "Ctrl-C is safe: the same command goes on where it stopped."
        )
    else:
        note("Every answer is in the journal already: no call to make.")


def _show(run: Run) -> None:
    from harness.jobs.compare import compare_candidates
    from harness.jobs.texts import texts_of
    from harness.measure.score import score_run
    from harness.report.comparison.terminal import decision_lines, flip_tables, shown_items
    from harness.report.parts.tables import to_terminal
    from harness.report.scores import READING, macro_notes, outcome_line, overview_tables

    score = score_run(run, with_slices=False)
    for table in overview_tables(score):
        click.echo("\n" + to_terminal(table))
    click.echo(f"\n{READING}\n")
    for name, candidate in score.candidates.items():
        click.echo("\n".join([f"{name}: {outcome_line(candidate)}", *(f"  {one}" for one in macro_notes(candidate))]))
    decided = compare_candidates(run[BASELINE], run[CANDIDATE])
    comparison = decided.comparison
    click.echo("\n" + "\n".join(decision_lines(decided.decision, comparison)))
    n_seen = len(run.slices.get("use", {}).get("wording", ()))
    if n_seen:
        click.echo(
            f"{n_seen} of these items were looked at while {CANDIDATE} was worded and flatter it; "
            "the slice 'use' keeps them apart."
        )
    for table in flip_tables(comparison, texts_of(run, "masked", shown_items(comparison, 1)), "masked", 1):
        click.echo("\n" + to_terminal(table))
    run_id, harness = run.meta.run_id, typed_name()
    pair = f"--baseline {BASELINE} --candidate {CANDIDATE}"
    commands = (
        (f"{harness} compare {run_id} {pair}", "every difference with its interval"),
        (f"{harness} report {run_id} {pair}", "the same as one page to open and to send"),
        (f"{harness} init my-evals", "a folder for your own policy and data"),
    )
    width = max(len(one) for one, _ in commands)
    click.echo("\nWhat next:\n" + "\n".join(f"  {one.ljust(width)}   # {why}" for one, why in commands))
