"""``harness golden stale``: which labels a new policy version leaves in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.golden.options import card_argument, policy_option
from harness.cli.options import FILE, PATH, json_option, print_json, runs_dir_option

if TYPE_CHECKING:
    from harness.gating.gate_report import Across


@click.command("stale")
@card_argument
@click.option("--new-policy", "new_policy_path", metavar="PATH", required=True, type=PATH,
              help="The later version of the policy.")  # fmt: skip
@click.option("--old-run", metavar="RUN", help="A run of the old candidate; with --new-run: the change in four cells.")
@click.option("--new-run", metavar="RUN", help="A run of the new candidate, over the set as it was relabelled.")
@click.option("--queue", type=FILE, metavar="FILE",
              help="Write the stale labels as CSV, which 'harness review --queue' takes.")  # fmt: skip
@policy_option
@runs_dir_option
@json_option
def command(
    card_path: Path,
    new_policy_path: Path,
    old_run: str | None,
    new_run: str | None,
    queue: Path | None,
    policy_path: Path | None,
    runs_dir: str,
    as_json: bool,
) -> None:
    """List the labels that a new version of the policy may judge otherwise.

    A label is stale when the definition, the exceptions, the parent or the levels of its category changed; names,
    owners, targets, prevalence and comments touch nothing. With two runs, the change between them is split into what
    the labels did and what the candidate did, so that a new policy never looks like a worse model.

    \b
    Example:
      harness golden stale golden_sets/community_v1.yaml --new-policy evals/policies/community_v2.yaml
    """
    if bool(old_run) != bool(new_run):
        raise click.UsageError("the change in four cells needs both: --old-run RUN and --new-run RUN.")
    from harness.cli.golden.options import load_with_policy
    from harness.errors import HarnessError
    from harness.files.policy import load_policy
    from harness.files.text import counted
    from harness.goldens.decisions import DecisionLog, log_path, settle
    from harness.goldens.policy_change import category_changes, policy_name, reviewed_since, stale_labels

    golden, old = load_with_policy(card_path, policy_path)
    new = load_policy(new_policy_path).value
    if old is None:
        raise HarnessError(
            f"{card_path}: the policy it is labelled under ({golden.card.policy.name} version "
            f"{golden.card.policy.version}) is not in the folders around it",
            allowed="both versions of the policy",
            next_step="name the old one with --policy PATH",
        )
    changes = category_changes(old.value, new)
    stale = stale_labels(golden, changes)
    settled, _ = settle(DecisionLog(log_path(golden.path)).read())
    left = reviewed_since(
        stale, ((one.item, one.category, one.decisions[-1].policy) for one in settled), policy_name(new)
    )
    if queue is not None:
        from harness.goldens.queues import QueueRow, write_queue

        rows = [QueueRow(one.item, one.category, f"policy version {new.version}") for one in left]
        write_queue(queue, rows)
    across, sides = _four_cells(old_run, new_run, runs_dir) if old_run and new_run else (None, "")
    if as_json:
        print_json({
            "golden_set": golden.name,
            "version": golden.version,
            "policy": {"old": old.value.version, "new": new.version},
            "changes": [one.as_dict() for one in changes],
            "stale": [{"item": one.item, "category": one.category, "label": one.label} for one in stale],
            "to_review": len(left),
            "across_versions": None if across is None else across.as_dict(),
        })  # fmt: skip
        return
    called = {**old.value.names, **new.names}
    for change in changes:
        click.echo(f"Policy: {change.told(called)}")
    n_items = len({one.item for one in left})
    click.echo(
        f"{counted(len(stale), 'label')} may be stale under {policy_name(new)}; {len(left):,} of them, on "
        f"{counted(n_items, 'item')}, were not reviewed under it yet."
        if changes
        else f"Nothing that {policy_name(new)} changed touches a label."
    )
    if left:
        click.echo(f"Review them: harness review {card_path} --new-policy {new_policy_path}")
    if across is not None:
        from harness.report.gate.tables import across_table
        from harness.report.parts.tables import to_terminal

        click.echo("\n" + to_terminal(across_table(across)))
        click.echo(sides)


def _four_cells(old_name: str, new_name: str, runs_dir: str) -> tuple[Across, str]:
    """The split of the change, and which candidates of which runs it is about."""
    from harness.cli.options import find_run
    from harness.gating.across import split_change
    from harness.gating.choose import choose_pair
    from harness.measure.comparable import shared_positions

    old, new = find_run(runs_dir, old_name), find_run(runs_dir, new_name)
    before, after = choose_pair(new, None, None, old)
    said = f"Old candidate: {before.name} of {before.run_id}. New candidate: {after.name} of {after.run_id}."
    return split_change(before, after, shared_positions(old, new)), said
