"""``harness rules``: iterate on rule sets."""

from __future__ import annotations

import click

from harness.cli.rules.test import command as test_command


@click.group("rules", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def command() -> None:
    """Iterate on rule sets: what each rule does, and what a new version changes."""


command.add_command(test_command)
