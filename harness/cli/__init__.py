"""The command line: parse, call, print, exit code.

This package alone turns a ``HarnessError`` into text and an exit code.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from contextlib import suppress
from typing import Any

import click

from harness import __version__
from harness.cli.colours import coloured
from harness.cli.lazy import LazyGroup
from harness.cli.screen import fitting
from harness.cli.streams import defused, escape_unwritable
from harness.cli.voice import listen, say_error, timed, voice_options
from harness.errors import HarnessError, refused_by_system

COMMANDS: dict[str, tuple[str, str]] = {
    "quickstart": ("quickstart", "Run the main job end to end on a shipped golden set; no key needed."),
    "init": ("init", "Write a new team's folder: evals, golden set, reports, CI workflow."),
    "check": ("check", "Validate every file and every reference between them; calls nothing unless asked to."),
    "golden": ("golden", "Take care of golden sets: import, check, agreement, audit, release."),
    "run": ("run", "Run the candidates of an eval over its golden set."),
    "score": ("score", "Show precision, recall and more per category from a stored run."),
    "show": ("show", "Show one item whole: text, labels, votes, what was sent, what came back and how it was read."),
    "compare": ("compare", "Compare two candidates item by item."),
    "history": ("history", "Show how the categories moved from run to run."),
    "runs": ("runs", "List, show and annotate stored runs."),
    "backtest": ("backtest", "Show what candidates would have done to a pool of production items."),
    "gate": ("gate", "Decide whether a candidate may replace the baseline."),
    "baseline": ("baseline", "Promote a run as the baseline of later gates, and show it."),
    "ci": ("ci", "Run an eval, gate it, and write JUnit, annotations, job summary and comment."),
    "robustness": ("robustness", "Show what rewriting items costs each candidate."),
    "cases": ("cases", "Show whether conversations, threads and accounts are caught, and how late."),
    "prompts": (
        "prompts",
        "Iterate on prompts: what changed, what is sent, which part carries what, how stable answers are.",
    ),
    "rules": ("rules", "Iterate on rule sets: what each rule does, and what a new version changes."),
    "thresholds": ("thresholds", "Choose the score from which on each category is flagged."),
    "bands": ("bands", "Choose what passes, what is removed, and what a person looks at."),
    "report": ("report", "Write the comparison report of a stored run."),
    "weekly": ("weekly", "Write the weekly quality report of an eval from its stored runs."),
    "plot": ("plot", "Draw one plot of a stored run, with intervals, as PNG or SVG."),
    "view": ("view", "Browse runs and reports, and compare any two, in a browser on this machine."),
    "review": ("review", "Review the labels of a golden set in a browser on this machine."),
    "explain": ("explain", "Explain a metric, a verdict or a method in plain words."),
    "completion": ("completion", "Print the script by which a shell completes commands, options, evals and runs."),
}
"""Command -> module of this package and its one-line help (a test holds it equal to the command's own)."""

NO_READER = 141
"""Exit code where nobody reads the output any more: 128 and SIGPIPE, as shells count it."""
EXIT_CODES = """Exit codes: 0 done or PASS, 1 something you can mend, 2 wrong usage, 3 REGRESSION, 4 INCONCLUSIVE,
5 INVALID or incomplete."""


class _Main(LazyGroup):
    """Turns what a command raises into a message and an exit code."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the command line; help that nobody reads to its end is no error."""
        try:
            return super().make_context(*args, **more)
        except OSError as error:
            _end_without_reader(error)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whose output nobody reads to its end is no error."""
        try:
            return self._run(ctx)
        except OSError as error:
            _end_without_reader(error)
            raise

    def _run(self, ctx: click.Context) -> Any:
        """Run the command; a user's mistake becomes one message and its exit code."""
        listen(ctx, [*ctx._protected_args, *ctx.args])
        try:
            with timed(ctx):
                return super().invoke(ctx)
        except HarnessError as error:
            say_error(error)
            ctx.exit(error.exit_code)

    def main(self, *args: Any, **more: Any) -> Any:
        """Run a command line; what the system refuses (a full disk, also behind the output) is one message too.

        Where the reader of the output stops early, as ``head`` does, the command ends as other tools do: in silence.
        """
        escape_unwritable()
        try:
            with coloured(os.environ), fitting(), defused(os.environ):
                try:
                    return super().main(*args, **more)
                finally:
                    if sys.stdout is not None and not sys.stdout.closed:
                        sys.stdout.flush()  # said here, and not by the interpreter's end
        except OSError as error:
            _end_without_reader(error)
            named = refused_by_system(error, "the output")
            if named is None:
                raise
            _leave(sys.stdout)
            with suppress(OSError):
                click.echo(f"Error: {named}", err=True)
            raise SystemExit(named.exit_code) from None


def _is_closed(error: BaseException | None) -> bool:
    """Whether an error says that nobody reads the output any more: not that of another pipe, such as a worker's."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE and any(map(_has_no_reader, _streams()))


def _has_no_reader(stream: Any) -> bool:
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(found & select.POLLERR for _, found in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # no file behind it, or a system without poll
        return False


def _streams() -> tuple[Any, ...]:
    return tuple(one for one in (sys.__stdout__, sys.__stderr__) if one is not None)


def _end_without_reader(error: OSError) -> None:
    """End in silence where nobody reads any more; click would end with 1, "something you can mend"."""
    if _is_closed(error):
        for stream in filter(_has_no_reader, _streams()):
            _leave(stream)
        raise SystemExit(NO_READER) from None


def _leave(stream: Any) -> None:
    """Let go of an output that takes nothing, so that the interpreter's end does not try again."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@click.group(
    cls=_Main,
    package=__name__,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="harness")
@click.pass_context
def main(context: click.Context) -> None:
    """Evaluate LLM content moderation: prompts, rules and models over golden labelled sets.

    Works from any sub-folder of a project. Its harness.toml, or [tool.harness] of its pyproject.toml, may declare
    defaults: harness explain defaults.
    """
    from harness.cli.project import enter

    enter(context, context.invoked_subcommand)


main.params.extend(voice_options())
