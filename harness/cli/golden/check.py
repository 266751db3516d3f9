"""``harness golden check``: what is wrong with a golden set although every row can be read."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.golden.options import card_argument, load_with_policy, policy_option
from harness.cli.options import json_option, print_json


@click.command("check")
@card_argument
@policy_option
@json_option
def command(card_path: Path, policy_path: Path | None, as_json: bool) -> None:
    """Look for what is wrong with the items and labels of a golden set.

    \b
    Example:
      harness golden check golden_sets/community_v1.yaml
    """
    from harness.errors import raise_all
    from harness.files.text import counted
    from harness.goldens.check import check_items

    golden, policy = load_with_policy(card_path, policy_path)
    errors, remarks = check_items(golden, None if policy is None else policy.value, ())
    if as_json:
        print_json(
            {
                "golden_set": golden.name,
                "version": golden.version,
                "items": len(golden),
                "errors": [str(error) for error in errors],
                "warnings": [str(remark) for remark in remarks],
            }
        )
        raise SystemExit(1 if errors else 0)
    for remark in remarks:
        click.echo(f"Warning: {remark}")
    raise_all(errors)
    click.echo(
        f"{golden.name} version {golden.version}: {counted(len(golden), 'item')}, {counted(len(remarks), 'warning')}"
    )
