"""``harness golden stats``: what a golden set holds, and what it can prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.finite import FiniteRange
from harness.cli.golden.options import card_argument, load_with_policy, names_in, policy_option
from harness.cli.options import json_option, print_json
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.goldens.stats import SetStats
    from harness.report.parts.tables import Table

_MOST_VALUES = 20
_MOST_CATEGORIES, _WEAKEST = 30, 15
"""Categories up to which every one is shown; of more, those that prove the least."""


@click.command("stats")
@card_argument
@policy_option
@click.option("--margin", type=FiniteRange(0, 1, min_open=True, max_open=True), metavar="SHARE",
              help="Exit with 1 when a category cannot prove this margin, such as 0.05.")  # fmt: skip
@click.option("--all", "shows_all", is_flag=True, help="Every category, however many there are.")
@json_option
def command(card_path: Path, policy_path: Path | None, margin: float | None, shows_all: bool, as_json: bool) -> None:
    """Show what a golden set holds and what it can prove.

    Of many categories those that prove the least are shown; --all shows every one.

    Per category: violating, not violating and unlabelled items, hard negatives (items that violate another category),
    how wide the interval of a recall of 80% is, the smallest margin that an equal candidate passes at the gate, and how
    many violating items a margin of five points still needs. Per slice: items, and violating items of each category.

    \b
    Examples:
      harness golden stats golden_sets/community_v1.yaml
      harness golden stats golden_sets/community_v1.yaml --margin 0.05 --json
    """
    from harness.goldens.stats import MIN_CELL, set_stats
    from harness.report.parts.tables import render, with_names

    golden, policy = load_with_policy(card_path, policy_path)
    called = {one: one for one in golden.categories} | names_in(policy)
    found = set_stats(golden)
    weak = [
        one.category
        for one in found.categories
        if margin is not None and (one.provable_margin is None or one.provable_margin > margin)
    ]
    if as_json:
        print_json({"golden_set": golden.name, "version": golden.version, **found.as_dict(), "cannot_prove": weak})
        raise SystemExit(Exit.MISTAKE if weak else Exit.DONE)
    click.echo(
        f"{golden.name} version {golden.version}: {found.n_items:,} items in {found.n_groups:,} groups, "
        f"{found.n_clean:,} violate nothing, {found.n_without_labels:,} without a label, "
        f"{found.n_withheld:,} withheld\n"
    )
    n_all = len(golden.categories)
    weakest = sorted(found.categories, key=lambda one: -1.0 if one.provable_margin is None else -one.provable_margin)
    is_long = n_all > _MOST_CATEGORIES and not shows_all
    shown = replace(found, categories=tuple(weakest[:_WEAKEST])) if is_long else found
    columns = tuple(one.category for one in shown.categories) if is_long else golden.categories
    click.echo(render([with_names(_categories(shown), called), *_slices(found, columns, called)], "terminal"))
    if is_long:
        click.echo(f"Shown are the {_WEAKEST} of {n_all:,} categories that prove the least; --all shows every one.")
    if found.thin:
        click.echo(
            f"{len(found.thin):,} cells (category x slice) hold fewer than {MIN_CELL} violating items: a recall there "
            "says little. --json lists them."
        )
    if weak:
        click.echo(f"Cannot prove a margin of {margin:g}: {', '.join(called[one] for one in weak)}")
        raise SystemExit(Exit.MISTAKE)


def _categories(found: SetStats) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = (
        "Category", "Violating", "Not violating", "Unlabelled", "Hard negatives", "Recall of 80%", "Provable margin",
        "To add",
    )  # fmt: skip
    rows = tuple(
        (
            one.category,
            numbers.count(one.n_positive),
            numbers.count(one.n_negative),
            numbers.count(one.n_unlabelled),
            numbers.count(one.n_hard),
            "no items" if one.half_width is None else f"± {100 * one.half_width:.1f}",
            "none" if one.provable_margin is None else f"{100 * one.provable_margin:.1f}",
            "cannot be told" if one.needed is None else numbers.count(one.needed),
        )
        for one in found.categories
    )
    notes = (
        "Points. Provable margin: an equal candidate that differs on 5% of the items passes with 80% chance. To add: "
        "violating items for a margin of 5 points. Items of one group count as one.",
    )
    return Table("What it holds and what it can prove", columns, rows, notes, frozenset(columns[1:]))


def _slices(found: SetStats, categories: tuple[str, ...], called: Mapping[str, str]) -> list[Table]:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    tables = []
    for name, values in found.slices.items():
        columns = (name, "Items", *(called[one] for one in categories))
        rows = tuple(
            (value, numbers.count(n), *(numbers.count(positives[category]) for category in categories))
            for value, (n, positives) in list(values.items())[:_MOST_VALUES]
        )
        left = len(values) - _MOST_VALUES
        notes = (f"{left} smaller values are not shown; --json has all.",) if left > 0 else ()
        tables.append(Table(f"Violating items by {name}", columns, rows, notes, frozenset(columns[1:])))
    return tables
