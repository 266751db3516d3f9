"""``harness golden perturb``: a set of label-preserving variants, linked item by item to its source."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from harness.cli.golden.options import card_argument, load_with_policy, policy_option
from harness.cli.options import json_option, print_json, require_known


@click.command("perturb")
@card_argument
@policy_option
@click.option("--variant", "variants", multiple=True, metavar="NAME",
              help="leetspeak, homoglyphs, spacing, zero_width, repeats, typos, case, emoji, prefix, injection; "
              "default: all.")  # fmt: skip
@click.option("--swap", "swaps", multiple=True, metavar="WORD=WORD",
              help="Exchange two identity words where the policy says it must not matter; repeatable.")  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the new set; default: NAME_variants.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which words are changed.")
@json_option
def command(
    card_path: Path,
    policy_path: Path | None,
    variants: tuple[str, ...],
    swaps: tuple[str, ...],
    name: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Write the items again as people write who mean to get past a filter.

    Each variant keeps what a person reads, and so its label; it is linked to its source by its id (SOURCE~variant), its
    group and meta.source. Run candidates on the new set, then 'harness robustness' says how much recall each variant
    costs, which instructions inside an item flip a decision, and what is newly over-blocked.

    \b
    Examples:
      harness golden perturb golden_sets/community_v1.yaml
      harness golden perturb golden_sets/community_v1.yaml --variant injection --swap women=men --swap Muslim=Christian
    """
    from harness.errors import HarnessError
    from harness.files.golden.variants import ORIGINAL
    from harness.files.text import counted
    from harness.goldens.imports.account import Account
    from harness.goldens.imports.write import CardFacts, Places, card_text, default_paths, publish
    from harness.goldens.perturb import VARIANTS, perturbed

    for one in variants:
        require_known("there is no variant", one, VARIANTS)
    pairs = [_pair(text) for text in swaps]
    for word, times in Counter(word.casefold() for pair in pairs for word in pair).items():
        if times > 1:
            raise click.BadParameter(f"'{word}' stands {times} times: one other word for each.", param_hint="--swap")
    golden, _ = load_with_policy(card_path, policy_path)
    chosen = variants or tuple(VARIANTS)
    rows = list(perturbed(golden, chosen, swap=pairs, seed=seed))
    if not rows:
        raise HarnessError(
            f"{golden.path}: no item has a text", allowed="items with text", next_step="name another set"
        )
    counts = dict.fromkeys((ORIGINAL, *chosen), 0)
    account = Account(n_rows=len(rows))
    for row in rows:
        counts[row["meta"]["variant"]] = counts.get(row["meta"]["variant"], 0) + 1
        account.count(row["labels"])
    new_name = name or f"{golden.name}_variants"
    card, items = default_paths(golden.path.parent, new_name, golden.version)
    slices = {
        slice_name: path if path.startswith("meta.") else f"meta.{slice_name}"
        for slice_name, path in golden.card.slices.items()
    }
    facts = CardFacts(
        new_name,
        golden.version,
        golden.card.policy.name,
        golden.card.policy.version,
        golden.categories,
        {**slices, "variant": "meta.variant"},
        f"variants of {golden.name} version {golden.version}",
        golden.card.licence or "",
        {"from": golden.path.name, "variants": list(chosen), "swap": list(swaps), "seed": seed},
    )
    publish(Places(card, items), rows, {}, lambda _: card_text(facts, items.name), None, account)
    n_left_out = len(golden) - counts[ORIGINAL]
    if as_json:
        print_json({"card": str(card), "items": len(rows), "variants": counts, "left_out_without_text": n_left_out})
        return
    click.echo(f"{counted(counts.pop(ORIGINAL), 'item')} with variants: {len(rows):,} in all")
    if n_left_out:
        click.echo(f"Left out, no text: {counted(n_left_out, 'item')}")
    for variant, n in counts.items():
        click.echo(f"    {variant:12} {n:>7,}")
    if pairs and not counts.get("swap"):
        click.echo("    No item has a word of --swap, or the swap changes nothing: there is no such variant.")
    click.echo(f"Wrote {card}\n\nNext: name it as golden_set of an eval, run it, then: harness robustness latest")


def _pair(text: str) -> tuple[str, str]:
    one, _, other = text.partition("=")
    if not one.strip() or not other.strip():
        raise click.BadParameter(f"'{text}' is not WORD=WORD.", param_hint="--swap")
    return one.strip(), other.strip()
