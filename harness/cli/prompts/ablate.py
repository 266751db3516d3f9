"""``harness prompts ablate``: which example or policy paragraph carries which category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.options import eval_argument, json_option, print_json, run_options
from harness.cli.prompts.trial import run_trial

if TYPE_CHECKING:
    from pathlib import Path

    from harness.jobs.prompt_trials import Moved
    from harness.jobs.prompt_variants import Variant
    from harness.jobs.run import RunOptions
    from harness.runs import Run

PARTS = ("examples", "policy", "paragraphs")
_KINDS = {"examples": "example", "policy": "policy", "paragraphs": "paragraph"}


@click.command("ablate")
@eval_argument
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS),
              help="Only these parts; repeatable. Default: all.")  # fmt: skip
@click.option("--about", metavar="CATEGORY", help="Only parts that speak of this category.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show the variants, calls and cost; call nothing.")
@run_options
@json_option
def command(
    eval_path: Path, parts: tuple[str, ...], about: str | None, options: RunOptions, is_dry_run: bool, as_json: bool
) -> None:
    """Leave each part of a prompt out, one at a time, and show what it carries.

    Parts: few-shot examples (of the front matter, or as turns), lines that say what a category is, the policy's
    definitions where the template prints them, other paragraphs. Each variant is asked the same items as the prompt
    itself, by an ordinary run named EVAL-ablate; differences are paired, with 95% intervals.

    \b
    Examples:
      harness prompts ablate evals/community.yaml --candidate v2 --part examples --limit 200 --balanced
      harness prompts ablate evals/community.yaml --candidate v2 --about hate --dry-run
    """
    from harness.files.evals import load_eval
    from harness.jobs.prompt_trials import prompt_of, what_moved
    from harness.jobs.prompt_variants import ablations

    loaded = load_eval(eval_path)
    name, prompt = prompt_of(loaded, options.candidates)
    kinds = {_KINDS[one] for one in parts or PARTS}
    variants = [
        one
        for one in ablations(prompt, loaded.policy.value)
        if one.part in kinds and (about is None or about in one.categories)
    ]
    tried = run_trial(loaded, name, variants, options, suffix="ablate", is_dry_run=is_dry_run)
    if tried is None:
        return
    run, variants = tried.run, tried.variants
    moved = what_moved(run, name, variants)
    if as_json:
        data = {"run_id": run.meta.run_id, "candidate": name, "n_items": len(run.item_ids)}
        print_json({**data, "variants": [_variant(one) for one in variants], "moved": [_json(one) for one in moved],
                    "not_compared": tried.as_dicts()})  # fmt: skip
        return
    _say(name, variants, moved, run, tried.notes)


def _variant(one: Variant) -> dict[str, object]:
    return {"name": one.name, "part": one.part, "what": one.what, "categories": list(one.categories)}


def _json(one: Moved) -> dict[str, object]:
    from harness.measure.compare import paired_dict

    metrics = {name: {**paired_dict(result), "p_holm": one.p_holm[name]} for name, result in one.metrics.items()}
    return {"variant": one.variant.name, "category": one.category, "newly": dict(one.newly), **metrics}


def _say(name: str, variants: list[Variant], moved: list[Moved], run: Run, left_out: list[str]) -> None:
    from harness.records.evals import ALPHA
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal, with_names

    columns = ("Left out", "Category", "Recall, points", "p (Holm)", "Over-blocking, points", "p (Holm) ",
               "Newly missed", "Newly caught", "Newly wrongly flagged", "No longer")  # fmt: skip
    rows = tuple(
        (one.variant.what, one.category, *_cells(one),
         *(str(one.newly.get(kind, 0)) for kind in ("missed", "caught", "wrongly_flagged", "cleared")))
        for one in moved
    )  # fmt: skip
    notes = [*left_out, "Differences are the variant minus the prompt: a recall that falls is what the part carried."]
    still = [one.what for one in variants if all(one is not moving.variant for moving in moved)]
    if still:
        notes.append(f"Moved no decision: {', '.join(still)}.")
    proven = sum(min(one.p_holm.values()) < ALPHA for one in moved)
    notes.append(
        f"{numbers.count(len(run.item_ids))} items; {proven} of {len(rows)} rows are more than chance at 5%, Holm over "
        "all parts, categories and both metrics."
    )
    title = f"What each part of '{name}' carries"
    table = Table(title, columns, rows, tuple(notes), frozenset(columns[2:]))
    click.echo(to_terminal(with_names(table, run.meta.policy.names_of(run.categories))))


def _cells(one: Moved) -> list[str]:
    from harness.report.parts import numbers

    cells = []
    for metric in ("recall", "fpr"):
        cells += [numbers.points_with_interval(one.metrics[metric].difference), numbers.p_value(one.p_holm[metric])]
    return cells
