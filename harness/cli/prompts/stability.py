"""``harness prompts stability``: do answers depend on wording and order?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from harness.cli.options import FILE, eval_argument, json_option, print_json, run_options
from harness.cli.prompts.trial import run_trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.jobs.prompt_trials import Flips
    from harness.jobs.run import RunOptions


@click.command("stability")
@eval_argument
@click.option("--rewording", "paths", multiple=True, metavar="FILE", type=FILE,
              help="A prompt file that means the same; repeatable. Fixed rewordings are tried as well.")  # fmt: skip
@click.option("--only-given", is_flag=True, help="Try the given rewordings alone.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show calls and cost; call nothing.")
@run_options
@json_option
def command(
    eval_path: Path, paths: tuple[Path, ...], only_given: bool, options: RunOptions, is_dry_run: bool, as_json: bool
) -> None:
    """Ask the same in other words and another order; show how many decisions flip, beside the noise of asking twice.

    Fixed rewordings: a polite first sentence, other list marks, other spacing, the list of categories and the examples
    from their end. Every item is asked twice under each (--repeats for more): flips of the prompt against
    itself are the floor. The run is an ordinary one, named EVAL-stability.

    \b
    Examples:
      harness prompts stability evals/community.yaml --candidate v2 --limit 200
      harness prompts stability evals/community.yaml --candidate v2 --rewording evals/prompts/community_v2_short.md
    """
    from harness.files.evals import load_eval
    from harness.jobs.prompt_trials import flips, prompt_of
    from harness.jobs.prompt_variants import given, rewordings

    loaded = load_eval(eval_path)
    name, prompt = prompt_of(loaded, options.candidates)
    fixed = [] if only_given else rewordings(prompt, loaded.policy.value)
    variants = [*given(paths), *fixed]
    options = structs.replace(options, repeats=max(options.repeats or 2, 2))
    tried = run_trial(loaded, name, variants, options, suffix="stability", is_dry_run=is_dry_run)
    if tried is None:
        return
    run = tried.run
    found = flips(run, name, tried.variants)
    if as_json:
        print_json({"run_id": run.meta.run_id, "candidate": name, "n_items": len(run.item_ids),
                    "floor": found[0].floor.as_dict(), "variants": [_json(one) for one in found],
                    "not_compared": tried.as_dicts()})  # fmt: skip
        return
    _say(name, found, tried.notes, run.meta.policy.names_of(run.categories))


def _json(one: Flips) -> dict[str, object]:
    return {
        "name": one.variant.name, "what": one.variant.what, "flips": one.rate.as_dict(), "p_holm": one.p_value,
        "categories": {category: rate.as_dict() for category, rate in one.by_category.items()},
    }  # fmt: skip


def _say(name: str, found: list[Flips], left_out: list[str], called: Mapping[str, str]) -> None:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal

    columns = ("Wording", "Items that flip", "p above the floor (Holm)", "Category that flips most")
    rows = [("the same prompt, asked twice (floor)", numbers.share_with_interval(found[0].floor), "", "")]
    for one in found:
        worst = max(one.by_category.items(), key=lambda pair: pair[1].value, default=None)
        most = (
            ""
            if worst is None or not worst[1].value
            else f"{called.get(worst[0], worst[0])} {numbers.share(worst[1].value)}"
        )
        rows.append((one.variant.what, numbers.share_with_interval(one.rate), numbers.p_value(one.p_value), most))
    notes = (
        *left_out,
        "An item flips when any of its categories is decided otherwise. 95% intervals; p one-sided, paired by item.",
    )
    click.echo(to_terminal(Table(f"Stability of '{name}'", columns, tuple(rows), notes, frozenset(columns[1:3]))))
