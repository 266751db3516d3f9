"""``harness prompts optimise``: a better wording, searched for on the dev part of an eval."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    FILE,
    cache_option,
    eval_argument,
    gathered,
    gguf_option,
    interruptible,
    json_option,
    max_cost_option,
    note,
    print_json,
)
from harness.cli.voice import progress_stream
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.jobs.optimise.gepa import Found
    from harness.jobs.optimise.objective import Metric, Objective
    from harness.jobs.run_options import RunOptions

METRICS = ("overlap", "exact", "agreement")


@click.command("optimise")
@eval_argument
@click.option("--candidate", "name", metavar="ID", help="The candidate whose prompt it is; default: the only one.")
@click.option("--teacher", "model_id", metavar="MODEL", required=True,
              help="The model of models.yaml that writes proposals: a strong one, with enough max_tokens.")  # fmt: skip
@click.option("--metric", type=click.Choice(METRICS), default="overlap", show_default=True,
              help="What one answer is worth: overlap of its categories with the gold, all right or nothing, or the "
              "share of categories decided right.")  # fmt: skip
@click.option("--max-answers", type=click.IntRange(min=1), default=400, show_default=True,
              help="Judge no more answers than this; a look for which too few are left is not begun.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=2), help="Search on this many items of the dev part.")
@click.option("--balanced", "is_balanced", is_flag=True, help="Share them out between the categories.")
@max_cost_option("Stop before answers and proposals together cost more US dollars.")
@click.option("--write", "path", metavar="FILE", type=FILE,
              help="Where the new version goes; default: beside the prompt.")  # fmt: skip
@click.option("--add", "new_name", metavar="ID", help="Add it to the eval as a candidate of this name.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show what would be changed and on what; call nothing.")
@gguf_option
@cache_option
@json_option
@gathered("options", "RunOptions")
def command(
    eval_path: Path,
    name: str | None,
    model_id: str,
    metric: Metric,
    max_answers: int,
    options: RunOptions,
    path: Path | None,
    new_name: str | None,
    is_dry_run: bool,
    as_json: bool,
) -> None:
    """Search for a better wording with GEPA, and write it as the prompt's next version (extra: optimise).

    Only the dev part of the eval's split is asked and shown to the teacher, never the gate part: what is found is
    judged there afterwards, by an ordinary run and its gate. The words before the item may change; the item, examples
    written as turns and how answers are read stay. Ends with 5 when the budget or a failure cut the search short; what
    was found until then is written.

    \b
    Examples:
      harness prompts optimise evals/community.yaml --candidate v2 --teacher hosted --dry-run
      harness prompts optimise evals/community.yaml --candidate v2 --teacher hosted --max-answers 600 --add v3
    """
    from harness.files.evals import load_eval
    from harness.jobs.optimise.gepa import must_suffice, need, optimise
    from harness.jobs.optimise.objective import Objective
    from harness.jobs.optimise.teacher import teacher
    from harness.jobs.optimise.written import check_destination

    with (
        interruptible(),
        Objective(load_eval(eval_path), name, metric=metric, options=options, environment=os.environ) as objective,
    ):
        reflect = teacher(objective, model_id, os.environ)
        must_suffice(objective, max_answers)
        check_destination(objective, path, new_name)
        _announce(objective)
        if is_dry_run:
            return
        need("gepa")
        stream = progress_stream()
        found = optimise(
            objective, reflect, max_answers=max_answers, say=(lambda line: note(_short(line))) if stream else _silent
        )
        _result(objective, found, path, new_name, as_json=as_json)
    if found.stopped:
        raise SystemExit(Exit.INCOMPLETE)


def _announce(objective: Objective) -> None:
    from harness.report.parts import numbers

    sizes = ", ".join(f"{name} ({len(text):,} characters)" for name, text in objective.seed.items())
    note(
        f"Texts of '{objective.name}' that may change: {sizes}. Proposals are made from "
        f"{numbers.count(len(objective.train))} items of the dev part and chosen by {numbers.count(len(objective.val))}"
        f" others; {numbers.count(objective.n_gate)} items of the gate part are not shown."
    )


def _silent(line: str) -> None:
    """Say nothing: nobody watches."""


def _short(line: str) -> str:
    from harness.report.parts.masking import log_safe, shorten

    head, _, words = line.partition("Proposed new text for ")
    return log_safe(shorten(line if not words else f"{head}Proposed a new text.", 200))


def _result(objective: Objective, found: Found, path: Path | None, new_name: str | None, *, as_json: bool) -> None:
    from harness.jobs.optimise.written import add_version, write_version
    from harness.report.parts import numbers

    written = write_version(objective, found.texts, path) if found.is_better else None
    spent = objective.purse.spent()
    notes = add_version(objective, written, new_name) if written is not None and new_name else []
    if as_json:
        cost_usd = spent.usd if spent.usd or not spent.unknown_calls else None
        print_json(
            {"candidate": objective.name, "metric": objective.metric, "before": found.before, "after": found.after,
             "n_val": found.n_val, "n_proposals": found.n_proposals, "n_answers": found.n_asked,
             "n_unusable_proposals": found.n_unusable, "cost_usd": cost_usd,
             "stopped": found.stopped or None, "texts": dict(found.texts),
             "prompt": None if written is None else written.path.as_posix(),
             "version": None if written is None else written.value.header.version}
        )  # fmt: skip
    if found.n_unusable:
        notes.append(f"{numbers.count(found.n_unusable)} answers of the teacher held no proposal")
    for line in [*notes, *([f"The search ended early: {found.stopped}"] if found.stopped else [])]:
        note(f"Warning: {line}")
    if as_json:
        return
    cost = f", {numbers.usd_spent(spent.usd, spent.unknown_calls)} spent" if spent.usd or spent.unknown_calls else ""
    change = f"{found.before:.3f} -> {found.after:.3f}" if found.is_better else f"stays at {found.before:.3f}"
    click.echo(
        f"Mean {objective.metric} on {numbers.count(found.n_val)} dev items {change}, of {found.n_proposals - 1} "
        f"proposals worth a look; {numbers.count(found.n_asked)} answers judged{cost}."
    )
    if written is None:
        click.echo("Nothing better was found, and nothing is written.")
        return
    click.echo(f"Written as {written.path}, version {written.value.header.version}.")
    eval_path = objective.loaded.eval.path
    name = new_name or "NAME"
    click.echo(
        "These items chose it, so they prove nothing of it. Next, on the gate part:\n"
        f"  harness run {eval_path} --candidate {objective.name} --candidate {name}\n"
        f"  harness gate latest --baseline {objective.name} --candidate {name}"
    )
