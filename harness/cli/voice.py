"""How much a command says beside its result: ``-q`` and ``-v``, wherever on the line they stand."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import click

from harness.errors import HarnessError

_KEY = "harness.voice"


def verbosity() -> int:
    """-1 for ``--quiet``, 0 for neither, 1 and more for ``--verbose``."""
    context = click.get_current_context(silent=True)
    return 0 if context is None else int(context.meta.get(_KEY, 0))


def progress_stream() -> TextIO | None:
    """Where progress is shown; nowhere for ``--quiet``."""
    return None if verbosity() < 0 else sys.stderr


def say_error(error: HarnessError) -> None:
    """Say a mistake on stderr; what a server or a file said must not act there."""
    from harness.report.parts.masking import log_safe

    click.echo("\n".join(log_safe(line) for line in f"Error: {error}".split("\n")), err=True)


def listen(context: click.Context, words: Sequence[str]) -> None:
    """Take ``-q`` and ``-v`` from a line that is not parsed yet: what is said before a command begins heeds them."""
    flags = set(words[: words.index("--")] if "--" in words else words)
    if flags & {"-q", "--quiet"}:
        context.meta[_KEY] = -1
    elif flags & {"-v", "-vv", "--verbose"}:
        context.meta[_KEY] = 1


def _quieter(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_KEY] = -1


def _louder(context: click.Context, _parameter: click.Parameter, value: int) -> None:
    if value:
        context.meta[_KEY] = value


def voice_options() -> list[click.Option]:
    """``-q`` and ``-v`` as every command has them; neither is passed to it."""
    return [
        click.Option(
            ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_quieter,
            help="Only the result and errors: no progress, notes or warnings.",
        ),
        click.Option(
            ["-v", "--verbose"], count=True, expose_value=False, callback=_louder,
            help="Also the project, the defaults in effect and where they come from, and the time taken.",
        ),
    ]  # fmt: skip


@contextmanager
def timed(context: click.Context) -> Iterator[None]:
    """Say how long a command took, for ``--verbose``."""
    began = time.monotonic()
    try:
        yield
    finally:
        if int(context.meta.get(_KEY, 0)) > 0:
            click.echo(f"Took {time.monotonic() - began:.1f} s", err=True)
