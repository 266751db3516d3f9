"""``harness runs``: what has been run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import find_run, json_option, note, print_json, run_argument, runs_dir_option
from harness.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.report.headlines import Headline
    from harness.report.parts.tables import Table
    from harness.runs import Run, RunMeta
    from harness.runs.listing import RunList

MOST_SHOWN = 20


@click.group("runs", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, show and annotate stored runs."""


@command.command("list")
@click.option("--eval", "eval_name", help="Only the runs of this eval.")
@click.option("--all", "is_all", is_flag=True, help=f"All of them; default: the {MOST_SHOWN} asked for last.")
@runs_dir_option
@json_option
def list_command(eval_name: str | None, is_all: bool, runs_dir: str, as_json: bool) -> None:
    """List stored runs, the one asked for last at the end.

    That one is "latest", those before it are "latest~1", "latest~2" and so on. Recall and precision are the averages
    over the categories of the run's first candidate.

    \b
    Examples:
      harness runs list --eval community
      harness runs list --all --json
    """
    from harness.cli.weekly import eval_name_of
    from harness.report.headlines import headlines
    from harness.runs.asked import by_last_asked, read_note
    from harness.runs.commands import over_runs

    most = None if is_all else MOST_SHOWN
    shown = by_last_asked(runs_dir, eval_name_of(eval_name) if eval_name else None, most=most)
    for one in shown.damaged:
        note(f"Left out, damaged: {one}")
    numbers_of = headlines(runs_dir, shown)
    notes = {meta.run_id: read_note(runs_dir, meta.run_id) for meta in shown}
    if as_json:
        told = {run_id: one.as_dict() for run_id, one in numbers_of.items()}
        print_json([_document(one, notes[one.run_id]) | {"headline": told.get(one.run_id)} for one in shown])
    elif not shown:
        step = f"Make one: {over_runs(runs_dir, 'run', 'EVAL')}"
        if waiting := _of_shards(runs_dir):
            step = f"Put shards together: {over_runs(runs_dir, 'runs', 'merge', waiting)}"
        click.echo(f"No runs in {runs_dir}. {step}")
    else:
        from harness.report.parts.tables import to_terminal

        click.echo(to_terminal(_table(shown, notes, numbers_of)))


def _of_shards(runs_dir: str) -> str | None:
    """A run of which there are shards, the last by name."""
    from harness.runner.shards import SHARDS_FOLDER
    from harness.runs import RunFolder

    names = RunFolder(f"{runs_dir.rstrip('/')}/{SHARDS_FOLDER}").names()
    return next((name.rpartition(".")[0] for name in reversed(names) if not name.startswith(".")), None)


def _document(meta: RunMeta, text: str | None) -> dict[str, Any]:
    """A run in the shape of ``--json``."""
    from harness.runs import meta_document

    return {**meta_document(meta), "label": meta.wave, "note": text}


def _table(shown: RunList, notes: Mapping[str, str | None], numbers_of: Mapping[str, Headline]) -> Table:
    """A row a run; labels and notes where a run has one."""
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = (
        "Run", "Made", "Label", "Status", "Golden set", "Items", "Candidates", "Recall", "Precision", "Spent", "Note",
    )  # fmt: skip
    rows = [
        (
            meta.run_id,
            meta.created_at[:16].replace("T", " "),
            meta.wave or "",
            meta.status,
            meta.golden_set.title,
            _items(meta),
            ", ".join(meta.candidates),
            *numbers_of[meta.run_id].cells(),
            numbers.usd_spent(meta.spent_usd, meta.n_unknown_calls),
            notes[meta.run_id] or "",
        )
        for meta in shown
    ]
    several = [meta for meta in shown if len(meta.candidates) > 1]
    whose = ("Recall and precision: averages over the categories, of the first candidate.",) if several else ()
    left = (f"{numbers.count(shown.n_all - len(shown))} earlier runs: --all",) if len(shown) < shown.n_all else ()
    kept = [at for at, name in enumerate(columns) if name not in ("Label", "Note") or any(row[at] for row in rows)]
    return Table(
        "",
        tuple(columns[at] for at in kept),
        tuple(tuple(row[at] for at in kept) for row in rows),
        (*whose, *left),
        frozenset({"Items", "Recall", "Precision", "Spent"}),
        frozenset({"Run"}),
    )


def _items(meta: RunMeta) -> str:
    """How many items the run asked about, and of how many where that is a part."""
    from harness.report.parts import numbers

    in_set = meta.golden_set.n_items_in_set
    some = numbers.count(meta.n_items)
    return some if in_set is None or in_set == meta.n_items else f"{some} of {numbers.count(in_set)}"


def _prompt_cache(meta: RunMeta) -> str:
    """How much of the input the providers read from their caches of prompts."""
    from harness.report.parts import numbers

    n_input, n_cached = meta.tokens.get("input_tokens", 0), meta.tokens.get("cached_tokens", 0)
    if not n_input:
        return "no tokens were counted"
    return (
        f"{numbers.share(n_cached / n_input)} of {numbers.count(n_input)} input tokens came from the provider's cache"
    )


@command.command("merge")
@click.argument("names", metavar="SHARD...", nargs=-1, required=True)
@runs_dir_option
@json_option
def merge_command(names: tuple[str, ...], runs_dir: str, as_json: bool) -> None:
    """Put the shards of a run together (made with: harness run EVAL --shard i/n).

    SHARD is the id of the run, for all its shards in the runs folder, or the folders of shards, from wherever they were
    made. The tables of the run are the same bytes as those of a run on one machine with the same answers; its run.json
    differs in when it was made, how long it took and how calls were slowed. Shards that are missing, given twice, of
    another run or not carried through are named and refused.

    \b
    Examples:
      harness runs merge community-0a1b2c3d4e5f
      harness runs merge node-*/runs/shards/community-0a1b2c3d4e5f.*
    """
    from datetime import UTC, datetime

    from harness.report.parts import numbers
    from harness.runner.merge import find_shards, merge
    from harness.runs import open_run
    from harness.runs.asked import mark_asked
    from harness.runs.commands import over_runs

    shards = find_shards(names, runs_dir)
    meta = open_run(path := merge(shards, runs_dir)).meta
    mark_asked(runs_dir, meta.run_id, datetime.now(UTC))
    if as_json:
        facts = {"run_id": meta.run_id, "path": path, "status": meta.status, "items": meta.n_items}
        print_json({**facts, "shards": len(shards), "counts": {name: dict(one) for name, one in meta.counts.items()}})
    else:
        items = numbers.count(meta.n_items)
        click.echo(f"Run {meta.run_id}: {meta.status}; {items} items of {len(shards):,} shards; {path}")
        click.echo(f"Next: {over_runs(runs_dir, 'score', meta.run_id)}")
    if meta.status != "complete":
        raise SystemExit(Exit.INCOMPLETE)


@command.command("note")
@run_argument
@click.argument("text", nargs=-1, required=True)
@runs_dir_option
def note_command(run_name: str, text: tuple[str, ...], runs_dir: str) -> None:
    """Keep a line about a run, shown by runs list and history; "" removes it.

    \b
    Example:
      harness runs note latest "shorter definitions, two examples"
    """
    from harness.errors import printable
    from harness.runs.asked import write_note

    run = find_run(runs_dir, run_name)
    line = printable(" ".join(" ".join(text).split()))
    write_note(runs_dir, run.meta.run_id, line)
    click.echo(f"{run.meta.run_id}: {line or 'note removed'}")


@command.command("show")
@run_argument
@runs_dir_option
@json_option
def show_command(run_name: str, runs_dir: str, as_json: bool) -> None:
    """Show what went into a run and how its calls ended.

    \b
    Example:
      harness runs show latest
    """
    from harness.runs.asked import read_note

    run = find_run(runs_dir, run_name)
    text = read_note(runs_dir, run.meta.run_id)
    if as_json:
        print_json(_document(run.meta, text))
        return
    from harness.report.parts.tables import render

    click.echo(render([_facts(run, text), _inputs(run.meta), _outcomes(run.meta), *_errors(run.meta)], "terminal"))


def _facts(run: Run, text: str | None) -> Table:
    """What the run is, what it took and where it lies."""
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    meta = run.meta
    spent = numbers.usd_spent(meta.spent_usd, meta.n_unknown_calls)
    if meta.earlier_cost_usd or meta.earlier_unknown_calls:
        spent += f" in all its executions, {numbers.usd_spent(meta.cost_usd, meta.unknown_calls)} in the last"
    listed = (
        f"{numbers.usd_known(meta.answers_cost_usd, meta.unpriced_answers)} of all its answers, the journal's included"
    )
    if meta.unpriced_answers:
        listed += f"; the price of {numbers.count(meta.unpriced_answers)} is unknown"
    why = "no price in models.yaml" if any(meta.tokens.values()) else "no answer says what it used"
    rows = (
        ("status", meta.status if meta.reason is None else f"{meta.status} ({meta.reason})"),
        ("label", meta.wave or "none"),
        ("note", text or "none"),
        ("made", f"{meta.created_at}, in {numbers.duration(meta.wall_s)}"),
        ("golden set", f"{meta.golden_set.title}, {numbers.count(meta.n_items)} items"),
        ("calls", f"{numbers.count(meta.calls)} made, {numbers.count(meta.cached)} answers from the journal"),
        ("spent", spent),
        ("list price", f"unknown: {why}" if meta.answers_cost_usd is None else listed),
        ("prompt cache", _prompt_cache(meta)),
        ("harness", meta.harness_version),
        ("folder", run.path),
    )
    return Table(f"Run {meta.run_id}", ("Fact", "Value"), rows)


def _inputs(meta: RunMeta) -> Table:
    from harness.report.parts.tables import Table

    rows = tuple((kind, one.name, str(one.version), one.sha256[:12]) for kind, one in meta.inputs.items())
    return Table("Inputs", ("Kind", "Name", "Version", "sha256"), rows)


def _outcomes(meta: RunMeta) -> Table:
    """How often each candidate came to what."""
    from harness.cli.summary import outcome_words
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    outcomes = sorted({outcome for counts in meta.counts.values() for outcome, n in counts.items() if n})
    columns = [outcome_words(one, is_open=meta.status == "incomplete") for one in outcomes]
    rows = tuple((name, *(numbers.count(of.get(one, 0)) for one in outcomes)) for name, of in meta.counts.items())
    return Table("Outcomes", ("Candidate", *columns), rows, (), frozenset(columns))


def _errors(meta: RunMeta) -> list[Table]:
    """The most frequent errors, where there were any."""
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    rows = tuple((name, why, numbers.count(n)) for name, most in meta.error_reasons.items() for why, n in most.items())
    columns = ("Candidate", "Reason", "Rows")
    return [Table("Most frequent errors", columns, rows, (), frozenset({"Rows"}))] if rows else []
