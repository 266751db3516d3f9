"""``harness golden release``: the decided labels as the next version of a golden set."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.golden.options import author_option, card_argument, policy_option
from harness.cli.options import PATH, json_option, print_json


@click.command("release")
@card_argument
@policy_option
@click.option("--new-policy", "new_policy_path", metavar="PATH", type=PATH,
              help="A later version of the policy, under which the next version is labelled.")  # fmt: skip
@click.option("--note", default="", help="Why this version is released, for the changelog.")
@click.option(
    "--leave-open", is_flag=True, help="Publish although some decisions are open; they keep their old labels."
)
@click.option(
    "--accept-stale", is_flag=True, help="With --new-policy: publish although stale labels were not reviewed."
)
@click.option("--group-duplicates", is_flag=True,
              help="Give items with nearly the same text one group, for honest intervals.")  # fmt: skip
@author_option
@json_option
def command(
    card_path: Path,
    policy_path: Path | None,
    new_policy_path: Path | None,
    note: str,
    leave_open: bool,
    accept_stale: bool,
    group_duplicates: bool,
    author: str,
    as_json: bool,
) -> None:
    """Write the next version of a golden set from the decisions of its reviews.

    Reads the log beside the card (NAME.decisions.jsonl), applies what is settled, and writes items, card, changelog
    and the record of the release beside it. The version before is not touched, and a published version that was
    changed is refused.

    \b
    Example:
      harness golden release golden_sets/community_v1.yaml --note "audit of week 47"
    """
    from harness.cli.golden.options import load_with_policy
    from harness.files.policy import load_policy
    from harness.files.text import counted
    from harness.goldens.decisions import now_text
    from harness.goldens.release import ReleaseOptions, release

    golden, policy = load_with_policy(card_path, policy_path)
    old = None if policy is None else policy.value
    new = None if new_policy_path is None else load_policy(new_policy_path).value
    groups = {}
    if group_duplicates:
        from harness.goldens.grouping import groups_of_copies

        groups = groups_of_copies(golden)
    options = ReleaseOptions(author, note, now_text(), new, leave_open, accept_stale, groups)
    made = release(golden, old, options)
    if as_json:
        print_json({
            "golden_set": golden.name,
            "version": made.version,
            "card": str(made.card),
            "items": made.n_items,
            "changes": [one.as_dict() for one in made.changes],
            "confirmed": made.n_confirmed,
            "open": [{"item": one.item, "category": one.category, "why": one.why} for one in made.still_open],
            "unreviewed": [{"item": one.item, "category": one.category} for one in made.unreviewed],
        })  # fmt: skip
        return
    click.echo(
        f"{golden.name} version {made.version}: {counted(len(made.changes), 'label')} changed, "
        f"{made.n_confirmed:,} confirmed, {len(made.still_open):,} left open; {made.n_items:,} items."
    )
    if made.unreviewed:
        kept = counted(len(made.unreviewed), "label")
        click.echo(f"Kept though not reviewed under the new policy: {kept} ({made.record.name}).")
    if groups:
        click.echo(f"{len(groups):,} items got a group with the items whose text is nearly theirs.")
    click.echo(f"{made.card}\n{made.items}\n{made.changelog}\n{made.record}")
    click.echo(f"What changed and what it does to stored runs: harness golden diff {card_path} {made.card}")
