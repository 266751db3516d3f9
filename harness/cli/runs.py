"""``harness runs``: what has been run."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import find_run, json_option, note, print_json, run_argument, runs_dir_option


@click.group("runs", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List and show stored runs."""


@command.command("list")
@click.option("--eval", "eval_name", help="Only the runs of this eval.")
@runs_dir_option
@json_option
def list_command(eval_name: str | None, runs_dir: str, as_json: bool) -> None:
    """List stored runs, oldest first.

    \b
    Example:
      harness runs list --eval community
    """
    from harness.runs import list_runs

    found = list_runs(runs_dir, eval_name)
    for one in found.damaged:
        note(f"Left out, damaged: {one}")
    if as_json:
        print_json([_facts(meta) for meta in found])
        return
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal

    columns = ("Run", "Made", "Status", "Golden set", "Items", "Candidates", "Spent")
    rows = [
        (
            meta.run_id,
            meta.created_at[:16].replace("T", " "),
            meta.status,
            f"{meta.golden_set['name']} v{meta.golden_set['version']}",
            numbers.count(meta.n_items),
            ", ".join(meta.candidates),
            numbers.usd(meta.cost_usd),
        )
        for meta in found
    ]
    if not rows:
        click.echo(f"No runs in {runs_dir}. Make one: harness run EVAL")
        return
    click.echo(to_terminal(Table("", columns, tuple(rows), (), frozenset({"Items", "Spent"}), frozenset({"Run"}))))


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
    run = find_run(runs_dir, run_name)
    if as_json:
        print_json(_facts(run.meta))
        return
    from harness.cli.summary import outcome_words
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, render

    meta = run.meta
    facts = Table(
        f"Run {meta.run_id}",
        ("Fact", "Value"),
        (
            ("status", meta.status if meta.reason is None else f"{meta.status} ({meta.reason})"),
            ("made", f"{meta.created_at}, in {numbers.duration(meta.wall_s)}"),
            (
                "golden set",
                f"{meta.golden_set['name']} v{meta.golden_set['version']}, {numbers.count(meta.n_items)} items",
            ),
            ("calls", f"{numbers.count(meta.calls)} made, {numbers.count(meta.cached)} answers from the journal"),
            ("spent", f"{numbers.usd(meta.cost_usd)} by the calls of its last execution"),
            ("list price", f"{numbers.usd(meta.answers_cost_usd)} of all its answers, the journal's included"),
            ("harness", meta.harness_version),
            ("folder", run.path),
        ),
    )
    inputs = Table(
        "Inputs",
        ("Kind", "Name", "Version", "sha256"),
        tuple(
            (kind, str(one.get("name")), str(one.get("version")), str(one.get("sha256"))[:12])
            for kind, one in meta.inputs.items()
        ),
    )
    outcomes = sorted({outcome for counts in meta.counts.values() for outcome, n in counts.items() if n})
    counted = Table(
        "Outcomes",
        ("Candidate", *(outcome_words(one, is_open=meta.status == "incomplete") for one in outcomes)),
        tuple((name, *(numbers.count(counts.get(one, 0)) for one in outcomes)) for name, counts in meta.counts.items()),
        (),
        frozenset(outcome_words(one, is_open=meta.status == "incomplete") for one in outcomes),
    )
    tables = [facts, inputs, counted]
    reasons = tuple(
        (name, reason, numbers.count(n)) for name, most in meta.error_reasons.items() for reason, n in most.items()
    )
    if reasons:
        title = "Most frequent errors"
        tables.append(Table(title, ("Candidate", "Reason", "Rows"), reasons, (), frozenset({"Rows"})))
    click.echo(render(tables, "terminal"))


def _facts(meta: Any) -> dict[str, Any]:
    return {name: getattr(meta, name) for name in meta.__slots__}
