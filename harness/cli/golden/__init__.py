"""``harness golden``: the care of golden sets. A subcommand is one module of this package and one line of the table.

The module holds its click command under the name ``command`` and is imported only when it is used.
"""

from __future__ import annotations

import difflib
import importlib

import click

from harness.cli.project import equip

COMMANDS: dict[str, tuple[str, str]] = {
    "import": ("imports", "Make a golden set (card and items) of a file from elsewhere."),
    "check": ("check", "Look for what is wrong with the items and labels of a golden set."),
    "stats": ("stats", "Show what a golden set holds and what it can prove."),
    "audit": ("audit", "Rank the labels of a golden set by how suspicious they are."),
    "agreement": ("agreement", "Show how far annotators agree: with each other, with their majority, with the gold."),
    "frames": ("frames", "Make items of clips: key frames, what is said, what stands on the screen."),
    "sample": ("sample", "Choose what of an unlabelled pool to label next."),
    "prevalence": ("prevalence", "Estimate what share of a pool violates, from a labelled sample of it."),
    "release": ("release", "Write the next version of a golden set from the decisions of its reviews."),
    "export": ("export", "Write a golden set as other tools read it: Label Studio, JSONL, CSV, xlsx."),
    "perturb": ("perturb", "Write the items again as people write who mean to get past a filter."),
    "diff": ("diff", "Show what changed between two versions of a golden set, and what it does to stored runs."),
    "stale": ("stale", "List the labels that a new version of the policy may judge otherwise."),
}
"""Subcommand -> module of this package and its one-line help (a test holds it equal to the command's own)."""


class _Group(click.Group):
    """Lists subcommands from the table and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that holds the subcommand."""
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f"harness.cli.golden.{COMMANDS[cmd_name][0]}").command
        assert isinstance(found, click.Command)
        return equip(found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest subcommand when one is mistyped."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command '{args[0]}'. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing any subcommand."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group("golden", cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def command() -> None:
    """Take care of golden sets: import, check, agreement, audit, release."""
