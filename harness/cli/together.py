"""Which options of a command go together.

Decides what counts as typed, and what is said of options that do not go together: before anything is read. Which
ones those are is the command's.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.core import ParameterSource


def typed() -> set[str]:
    """Options that stand on the command line, each with and without its value: ``--engine`` and ``--engine ray``."""
    context = click.get_current_context()
    found = [
        (one.opts[0], context.params.get(one.name))
        for one in context.command.params
        if one.name and context.get_parameter_source(one.name) is ParameterSource.COMMANDLINE
    ]
    return {text for option, value in found for text in (option, f"{option} {value}")}


def refuse_clashes(*clashes: tuple[str, Sequence[str], str]) -> None:
    """Refuse an option beside one of others; ``{}`` in the words is the one that was typed."""
    there = typed()
    for option, others, words in clashes:
        if option in there and (beside := [one for one in others if one in there]):
            raise click.UsageError(words.format(beside[0]))


def refuse_alone(*needs: tuple[str, str] | tuple[str, str, str]) -> None:
    """Refuse an option without the one that it is for; a third text says it in other words."""
    there = typed()
    for option, owner, *words in needs:
        if option in there and owner not in there:
            raise click.UsageError(words[0] if words else f"{option} is for {owner}.")
