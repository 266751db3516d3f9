"""Arguments and options that the subcommands of ``harness golden`` share, and how they find what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import PATH

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.records import Loaded, Policy

card_argument = click.argument("card_path", metavar="CARD", type=PATH)
policy_option = click.option(
    "--policy", "policy_path", metavar="PATH", type=PATH,
    help="The policy file; default: the one the card names, in the folders around it.",
)  # fmt: skip
"""The policy the labels are judged under, where it cannot be found beside the card."""


def load_with_policy(card_path: Path, policy_path: Path | None) -> tuple[GoldenSet, Loaded[Policy] | None]:
    """The golden set of a card with its policy: the one that was named, else the one the card names, else none."""
    from harness.files.golden.policies import policy_of_card
    from harness.files.golden.sets import load_golden
    from harness.files.policy import load_policy

    policy = policy_of_card(card_path) if policy_path is None else load_policy(policy_path)
    return load_golden(card_path, None if policy is None else policy.value), policy


def names_in(policy: Loaded[Policy] | None) -> dict[str, str]:
    """Category -> its name; none where no policy is at hand: tables then show what stands in the file."""
    return {} if policy is None else policy.value.names


def _author(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    from harness.cli.baseline import login

    name = (value or login()).strip()
    if not name or len(name) > 80 or not name.isprintable():
        raise click.BadParameter("a name is 1 to 80 printable characters.")
    return name


author_option = click.option(
    "--author", envvar="HARNESS_AUTHOR", metavar="NAME", callback=_author,
    help="Name in the log; default: the author version control names, else your login.",
)  # fmt: skip
"""Who decides or releases; written into the log, shown in no page that is shared."""
