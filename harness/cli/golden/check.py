"""``harness golden check``: what is wrong with a golden set although every row can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.golden.options import card_argument, load_with_policy, policy_option
from harness.cli.options import PATH, json_option, print_json
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.goldens.check import Remark
    from harness.records import Loaded, Prompt, Split


@click.command("check")
@card_argument
@policy_option
@click.option("--eval", "eval_path", metavar="EVAL", type=PATH,
              help="Look for leakage too: items shown by its prompts, copies in both parts of its split.")  # fmt: skip
@click.option("--languages", is_flag=True, help="Compare each text's language with its slice (extra 'language').")
@click.option("--strict", is_flag=True, help="Exit with 1 when there is a warning.")
@json_option
def command(
    card_path: Path, policy_path: Path | None, eval_path: Path | None, languages: bool, strict: bool, as_json: bool
) -> None:
    """Look for what is wrong with the items and labels of a golden set.

    Faults of rows, labels against the policy, copies and near copies (contradicting, or without a common group),
    damaged characters, texts cut at one length, categories without violating items. Exit code 1 for faults; warnings
    are questions to answer.

    \b
    Examples:
      harness golden check golden_sets/community_v1.yaml
      harness golden check golden_sets/community_v1.yaml --eval evals/community.yaml --strict
    """
    from harness.errors import raise_all
    from harness.files.text import counted
    from harness.goldens.check import check_items

    golden, policy = load_with_policy(card_path, policy_path)
    prompts, split = _leakage_of(eval_path, golden)
    errors, remarks = check_items(
        golden, None if policy is None else policy.value, prompts, is_thorough=True, split=split
    )
    if languages:
        remarks += _languages(golden)
    if as_json:
        print_json({
            "golden_set": golden.name,
            "version": golden.version,
            "items": len(golden),
            "errors": [str(error) for error in errors],
            "warnings": [str(remark) for remark in remarks],
        })  # fmt: skip
        raise SystemExit(Exit.MISTAKE if errors or (strict and remarks) else Exit.DONE)
    for remark in remarks:
        click.echo(f"Warning: {remark}")
    raise_all(errors)
    click.echo(
        f"{golden.name} version {golden.version}: {counted(len(golden), 'item')}, {counted(len(remarks), 'warning')}"
    )
    if strict and remarks:
        raise SystemExit(Exit.MISTAKE)


def _leakage_of(eval_path: Path | None, golden: GoldenSet) -> tuple[list[Loaded[Prompt]], Split | None]:
    """Prompts and split of an eval on this golden set."""
    if eval_path is None:
        return [], None

    from harness.errors import HarnessError
    from harness.files.evals import load_eval

    loaded = load_eval(eval_path)
    if loaded.golden.path.resolve() != golden.path.resolve():
        raise HarnessError(
            f"{eval_path}: is an eval on {loaded.golden.path}",
            allowed=f"an eval on {golden.path}",
            next_step="name the eval of this golden set, or the card of that eval",
        )
    split = loaded.eval.value.split
    return list(loaded.prompts.values()), split


def _languages(golden: GoldenSet) -> list[Remark]:
    from harness.errors import HarnessError
    from harness.files.text import counted, joined
    from harness.goldens.check import Remark
    from harness.goldens.languages import SLICES, mismatches

    name = next((name for name in golden.card.slices if name.casefold() in SLICES), None)
    if name is None:
        raise HarnessError(
            f"{golden.path}: declares no slice of languages",
            allowed=f"a slice named {', '.join(SLICES)}",
            next_step="declare it, such as slices: {language: meta.lang}, or leave out --languages",
        )
    items = [
        (item.id, item.text, item.slices[name][0]) for item in golden.items() if item.text and item.slices.get(name)
    ]
    found = mismatches(items, list(dict.fromkeys(value for _, _, value in items)))
    if not found:
        return []
    ids = [f"{one.item} ({one.said}, reads as {one.found})" for one in found]
    return [
        Remark(
            str(golden.items_path or golden.path),
            None,
            f"has {counted(len(found), 'text')} in another language than slice '{name}' says: {joined(ids, most=5)}",
            "look at them: the slice is wrong, or the text mixes languages",
        )
    ]
