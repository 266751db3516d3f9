"""``harness rules test``: what each rule of a set does on a golden set, and what a new version changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.golden.options import load_with_policy, names_in, policy_option
from harness.cli.options import PATH, json_option, note, print_json

if TYPE_CHECKING:
    from harness.measure.rule_hits import RuleDiff, RuleReport
    from harness.report.parts.tables import Table

_SHOWN = 5


@click.command("test")
@click.argument("rules_path", metavar="RULES", type=PATH)
@click.option("--golden", "card_path", metavar="CARD", required=True, type=PATH,
              help="The golden set to try the rules on.")  # fmt: skip
@click.option("--against", "old_path", metavar="OLD", type=PATH, help="The version before: show what changes, by rule.")
@policy_option
@json_option
def command(rules_path: Path, card_path: Path, old_path: Path | None, policy_path: Path | None, as_json: bool) -> None:
    """Show what each rule does on a golden set: hits, precision, unique catches, dead and shadowed rules.

    Also what each normalisation step adds, which rules overlap, and the time per item. With --against the items that a
    new version newly catches, newly misses and newly over-blocks, each with the rules that decided. Nothing is stored:
    to score and gate a rule set, make it a candidate of an eval.

    \b
    Examples:
      harness rules test evals/rules/community_v2.yaml --golden golden_sets/community_v1.yaml
      harness rules test v2.yaml --golden golden_sets/community_v1.yaml --against v1.yaml
    """
    from harness.errors import raise_all
    from harness.files.rules import load_rules, rules_policy_faults
    from harness.measure.rule_hits import rule_diff, rule_report
    from harness.report.parts.tables import render, with_names

    rules = load_rules(rules_path)
    golden, policy = load_with_policy(card_path, policy_path)
    if policy is not None:
        raise_all(list(rules_policy_faults(rules, policy.value, golden.card)))
    items = list(golden.items())
    report = rule_report(rules.value, items, golden.labels(), golden.categories)
    diff = None
    if old_path is not None:
        old = load_rules(old_path)
        for fault in () if policy is None else rules_policy_faults(old, policy.value, golden.card):
            note(f"Warning: {fault}")
        diff = rule_diff(old.value, rules.value, items, golden.labels(), golden.categories)
    if as_json:
        print_json({"rule_set": rules.value.rule_set, "version": rules.value.version, "golden_set": golden.name,
                    **report.as_dict(), **({} if diff is None else {"changes": _diff_json(diff)})})  # fmt: skip
        return
    called = names_in(policy)
    unlabelled = [called.get(one, one) for one in sorted({one.category for one in report.rules} - {*golden.categories})]
    click.echo(
        f"{rules.value.rule_set} version {rules.value.version} on {golden.name} version {golden.version}: "
        f"{report.n_items:,} items, {report.us_per_item:,.0f} µs of CPU an item\n"
    )
    tables = [_category_table(report), _rule_table(report, called), *_more_tables(report)]
    click.echo(render([with_names(one, called) for one in tables], "terminal"))
    if unlabelled:
        click.echo(f"Not labelled in this golden set, so not judged: {', '.join(unlabelled)}")
    if diff is not None:
        click.echo()
        _say_diff(diff, called)


def _category_table(report: RuleReport) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    rows = tuple(
        (name, numbers.share_with_interval(precision), numbers.share_with_interval(recall))
        for name, (precision, recall) in report.categories.items()
    )
    return Table(
        "All rules together", ("Category", "Precision", "Recall"), rows, (), frozenset(("Precision", "Recall"))
    )


def _rule_table(report: RuleReport, called: Mapping[str, str]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = ("Rule", "Category", "Hits", "Decides", "Right", "Wrong", "Alone", "Precision", "State")
    ordered = sorted(report.rules, key=lambda one: (one.category, -one.n_hits, one.rule))
    rows = tuple(
        (
            one.rule,
            one.category if one.is_flag else f"{called.get(one.category, one.category)} (allows)",
            *(numbers.count(n) for n in (one.n_hits, one.n_decides, one.n_right, one.n_wrong, one.n_alone)),
            numbers.share_with_interval(one.precision),
            one.state,
        )
        for one in ordered
    )
    notes = (
        "Alone: violating items that no other rule catches. Dead: applies to no item. Shadowed: another rule always "
        "decides first.",
    )
    return Table("Each rule", columns, rows, notes, frozenset(columns[2:8]))


def _more_tables(report: RuleReport) -> list[Table]:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    tables = []
    if report.steps:
        rows = tuple((one.step, numbers.count(one.n_caught), numbers.count(one.n_false)) for one in report.steps)
        columns = ("Normalisation step", "Caught only by it", "Wrong flags only by it")
        tables.append(Table("What normalisation adds", columns, rows, (), frozenset(columns[1:])))
    if report.overlaps:
        rows = tuple((one, other, numbers.count(n)) for one, other, n in report.overlaps)
        tables.append(Table("Rules that apply together", ("Rule", "And", "Items"), rows, (), frozenset(("Items",))))
    return tables


def _say_diff(diff: RuleDiff, called: Mapping[str, str]) -> None:
    from harness.files.text import counted

    n_moved = sum(len(moved) for kind in diff.kinds().values() for moved in kind.values())
    click.echo(f"Against the version before {counted(n_moved, 'decision')} changed.")
    for words, by_category in diff.kinds().items():
        for category, moved in by_category.items():
            rules: dict[tuple[str | None, str | None], list[str]] = {}
            for one in moved:
                rules.setdefault((one.before, one.after), []).append(one.item)
            click.echo(f"  {called.get(category, category)}, {words}: {len(moved):,}")
            for (before, after), ids in sorted(rules.items(), key=lambda entry: -len(entry[1])):
                how = f"{before or 'no rule'} -> {after or 'no rule'}"
                more = ", ..." if len(ids) > _SHOWN else ""
                click.echo(f"      {how}: {len(ids):,} ({', '.join(ids[:_SHOWN])}{more})")


def _diff_json(diff: RuleDiff) -> dict[str, Any]:
    return {
        words.replace(" ", "_").replace("-", "_"): {
            category: [{"item": one.item, "before": one.before, "after": one.after} for one in moved]
            for category, moved in by_category.items()
        }
        for words, by_category in diff.kinds().items()
    }
