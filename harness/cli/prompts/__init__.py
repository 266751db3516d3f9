"""``harness prompts``: iterate on prompts."""

from __future__ import annotations

import click

from harness.cli.prompts.ablate import command as ablate_command
from harness.cli.prompts.diff import command as diff_command
from harness.cli.prompts.optimise import command as optimise_command
from harness.cli.prompts.show import command as show_command
from harness.cli.prompts.stability import command as stability_command


@click.group("prompts", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def command() -> None:
    """Iterate on prompts: what changed, what is sent, which part carries what, how stable answers are."""


command.add_command(diff_command)
command.add_command(show_command)
command.add_command(ablate_command)
command.add_command(stability_command)
command.add_command(optimise_command)
