"""``harness prompts diff``: two versions of a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from harness.cli.options import PATH, json_option, note, print_json
from harness.cli.screen import as_written


@click.command("diff")
@click.argument("before_path", metavar="A", type=PATH)
@click.argument("after_path", metavar="B", type=PATH)
@json_option
def command(before_path: Path, after_path: Path, as_json: bool) -> None:
    """Show what changed between two prompt files: settings, text, examples, size.

    Two texts under the same name and version are warned about: their runs could not be told apart.

    \b
    Example:
      harness prompts diff evals/prompts/community_v1.md evals/prompts/community_v2.md
    """
    from harness.jobs.prompts import diff_prompts, tokens
    from harness.report.parts.masking import log_safe

    found = diff_prompts(before_path, after_path)
    if found.is_same_version:
        note(
            f"Warning: {before_path.name} and {after_path.name} say the same name and version over different texts; "
            "give the newer one the next version"
        )
    if as_json:
        print_json(found.as_dict())
        return
    for name, (before, after) in found.header.items():
        for line in _changes(name, before, after):
            click.echo(log_safe(line))
    before_n, after_n, removed, added = found.examples
    if before_n or after_n:
        click.echo(f"examples: {before_n} -> {after_n} ({removed} removed, {added} added)")
    click.echo(
        f"about {tokens(found.bytes[0]):,} -> {tokens(found.bytes[1]):,} tokens of text, without policy and item"
    )
    if not found.lines:
        click.echo("The messages are the same.")
        return
    with as_written():  # a line of a text that is broken up is another line
        click.echo("\n".join(["", *map(log_safe, found.lines)]))


def _changes(name: str, before: Any, after: Any) -> Iterator[str]:
    """A field's change; of a field with entries, such as labels, each entry that differs."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield f"{name}: {_shown(before)} -> {_shown(after)}"
        return
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            yield f"{name}: - {key}: {_shown(before[key])}"
        elif key not in before:
            yield f"{name}: + {key}: {_shown(after[key])}"
        elif before[key] != after[key]:
            yield f"{name}: {key}: {_shown(before[key])} -> {_shown(after[key])}"


def _shown(value: Any) -> str:
    return (
        ", ".join(map(str, value)) or "nothing" if isinstance(value, list) else "none" if value is None else str(value)
    )
