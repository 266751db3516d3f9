"""Options that several commands share, and how they find what they name."""

from __future__ import annotations

import datetime
import functools
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from harness.cli.finite import FiniteRange
from harness.cli.screen import as_written
from harness.cli.voice import verbosity
from harness.environment import CACHE_VARIABLE, RUNS_DIR, RUNS_DIR_VARIABLE, TEXT_VARIABLE
from harness.errors import Exit, HarnessError

if TYPE_CHECKING:
    from harness.gating.gate_report import GateSide
    from harness.runs import Run, StoredCandidate

F = TypeVar("F", bound=Callable[..., Any])

WAVE = re.compile(r"[A-Za-z0-9._-]{1,40}")
ISO_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{1,2})", re.IGNORECASE)


def all_of(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options as one decorator, in the order of the help."""
    return lambda function: functools.reduce(lambda inner, option: option(inner), reversed(options), function)


PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
run_argument = click.argument("run_name", metavar="RUN")
"""A run's id, its folder, ``latest`` (the run asked for last) or ``latest~1`` (the one before)."""
eval_argument = click.argument("eval_path", metavar="EVAL", type=PATH)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
runs_dir_option = click.option(
    "--runs-dir", default=RUNS_DIR, show_default=True, envvar=RUNS_DIR_VARIABLE,
    help="Folder or fsspec URL that holds runs.",
)  # fmt: skip
gguf_option = click.option(
    "--gguf", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Any GGUF file as the embedded model, instead of the one that is fetched.",
)  # fmt: skip
cache_option = click.option(
    "--cache", "cache_path", type=FILE, envvar=CACHE_VARIABLE,
    help="Journal of answers, a file or an address (s3://...); default: in the user's cache folder.",
)  # fmt: skip
golden_option = click.option("--golden", "golden_card", type=PATH, help="Card of the golden set, where it has moved.")
output_option = click.option(
    "--format", "output", type=click.Choice(["terminal", "md"]), default="terminal", show_default=True
)
only_option = click.option(
    "--only", multiple=True, metavar="CHOICE",
    help="Only items that violate a category (hate; or its name), of a slice (language=ar), by id (c-1,c-2 or @FILE), "
    "or that a run got wrong (failed:RUN), has no answer for (errors:RUN) or whose candidates disagree (disagree:RUN). "
    "Commas add up; several --only cut each other down.",
)  # fmt: skip
points_option = click.option(
    "--at", "points", multiple=True, metavar="METRIC@HELD=NUMBER",
    help="Also show a metric at an operating point: recall@precision=0.9, recall@fpr=0.01, precision@recall=0.8; "
    "repeatable. Those of the eval's gate are shown anyway.",
)  # fmt: skip
review_seconds_option = click.option(
    "--review-seconds", type=FiniteRange(min=0), default=30.0, show_default=True,
    help="Seconds a reviewer needs for one flagged item.",
)  # fmt: skip
production_options = all_of(
    click.option(
        "--traffic", "items_per_day", type=FiniteRange(min=0), default=1_000_000.0, show_default=True,
        help="Items a day, for the production view.",
    ),
    review_seconds_option,
)  # fmt: skip
"""The day in production that reports speak of."""
pair_options = all_of(
    click.option("--baseline", help="The candidate to compare against; default: the eval's baseline."),
    click.option(
        "--baseline-run", "baseline_run_name", metavar="RUN", help="Take the baseline from another stored run."
    ),
)
"""Against whom candidates are judged."""


def shown_as(flag: str) -> Callable[[F], F]:
    """How much of an item's text is shown, by this option: ``--show`` where ``--text`` names a column."""
    return click.option(
        flag,
        "text_mode",
        envvar=TEXT_VARIABLE,
        type=click.Choice(["masked", "full", "none"]),
        callback=_text_mode,
        help="How item text is shown; default: masked, and none where CI is set.",
    )


def _text_mode(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    from harness.report.parts.masking import default_text_mode

    return value or default_text_mode(os.environ)


text_option = shown_as("--text")


def print_json(data: Any) -> None:
    """Write JSON with sorted keys off: the order is the contract's; NaN cannot occur."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    with as_written():
        click.echo(text.replace("##", "\\u0023#"))  # the same text to whoever reads JSON, and no command to a CI system


def typed_name() -> str:
    """The command as this person must type it: bare when it is on the path, else with its folder."""
    if shutil.which("harness"):
        return "harness"
    return os.path.relpath(sys.argv[0]) if sys.argv and Path(sys.argv[0]).is_file() else "harness"


def note(message: str) -> None:
    """Write progress or advice to stderr; not for ``--quiet``."""
    if verbosity() >= 0:
        click.echo(message, err=True)


def _wave(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A label that can stand in a file name, and a week that the calendar has."""
    if value is None:
        return None
    if not WAVE.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no label: 1 to 40 of the characters A-Z, a-z, 0-9, '.', '_' and '-', say 2026-W47."
        )
    week = ISO_WEEK.fullmatch(value)
    if week is not None:
        year, number = int(week[1]), int(week[2])
        weeks = datetime.date(max(year, 1), 12, 28).isocalendar().week
        if not 1 <= number <= weeks or year < 1:
            raise click.BadParameter(f"{value!r} is no ISO week: {year} has the weeks {year}-W01 to {year}-W{weeks}.")
    return value


def wave_option(text: str) -> Callable[[F], F]:
    """``--wave``: ask again under a label."""
    return click.option("--wave", metavar="LABEL", callback=_wave, help=text)


def max_cost_option(text: str) -> Callable[[F], F]:
    """``--max-cost``: a bound on what is spent."""
    return click.option("--max-cost", "max_cost_usd", type=FiniteRange(min=0), help=text)


def formats_option(known: Callable[[], Iterable[str]], default: str | None = None, **more: Any) -> Callable[[F], F]:
    """``--format``: names with commas between them, each once; at least one where there is a default."""

    def read(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(part.strip() for part in (value or "").split(",") if part.strip()))
        unknown = [one for one in names if one not in known()]
        if unknown or (default and not names):
            raise click.BadParameter(f"found '{', '.join(unknown) or value}'; allowed: {', '.join(known())}")
        return names

    return click.option("--format", "formats", default=default, show_default=True, callback=read, **more)


@contextmanager
def interruptible() -> Iterator[None]:
    """End a run in order when Ctrl-C comes while nothing of the run has begun yet, or all of it has ended."""
    try:
        yield
    except KeyboardInterrupt:
        note(going_on("interrupted"))
        raise SystemExit(Exit.INCOMPLETE) from None


def going_on(reason: str | None) -> str:
    """What to say of a run that stopped before its end."""
    command = "the same command with a higher bound" if reason == "budget" else "the same command"
    return f"The run is incomplete ({reason}): {command} goes on where it stopped."


def gathered(name: str, kind: str) -> Callable[[F], F]:
    """Pass on what is given of the fields of a record of ``jobs.run_options`` as one argument, such a record."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def with_one(*args: Any, **given: Any) -> Any:
            from harness.jobs import run_options

            made = getattr(run_options, kind)
            fields = given.keys() & {*made.__struct_fields__}
            return function(*args, **{name: made(**{one: given.pop(one) for one in fields})}, **given)

        return cast("F", with_one)

    return decorate


run_options = all_of(
    click.option("--candidate", "candidates", multiple=True, metavar="ID", help="Run only this candidate; repeatable."),
    click.option("--limit", type=click.IntRange(min=1), help="Run a fixed random sample of this many items."),
    only_option,
    click.option("--balanced", "is_balanced", is_flag=True, help="Share the sample out between the categories."),
    click.option("--repeats", type=click.IntRange(min=1), help="Ask every item this often; default: the eval's."),
    wave_option("Ask the models again under this label, say the ISO week 2026-W47."),
    max_cost_option("Stop before the run spends more US dollars, earlier executions of it included."),
    click.option("--max-tokens", type=click.IntRange(min=1), help="Stop before the run uses more tokens."),
    gguf_option,
    cache_option,
    runs_dir_option,
    gathered("options", "RunOptions"),
)
"""Everything about a run that a person may change, with what else bears such a name, as ``options: RunOptions``."""


def find_run(runs_dir: str, name: str) -> Run:
    """The run a person means; what was left out on the way is said on stderr."""
    from harness.runs.find import find_run

    return find_run(runs_dir, name, note=note)


def require_known(missing: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that is not among those known; ``missing`` begins the message: ``run r has no item``."""
    from harness.files.text import joined, suggestion

    if name not in known:
        step = suggestion(name, known, "name one of these")
        raise HarnessError(f"{missing} '{name}'", allowed=joined(known), next_step=step)


def only_of(run: Run, only: tuple[str, ...], runs_dir: str, *, is_said: bool = True) -> Run:
    """The run with the chosen items; that its numbers speak of these alone is said on stderr."""
    if not only:
        return run
    from harness.jobs.only import narrowed, warning

    found = narrowed(run, only, runs_dir)
    if is_said:
        note(f"Note: {warning(only, len(found.item_ids), run.meta.n_items)}")
    return found


def warn_if_unfinished(*runs: Run) -> None:
    """Say on stderr which runs are no basis for a verdict."""
    from harness.runs.find import unfinished

    for one in unfinished(*runs):
        note(f"Warning: {one}")


def note_same_candidate(before: StoredCandidate | GateSide, after: StoredCandidate | GateSide) -> None:
    """Say on stderr where a candidate of one run is compared with itself."""
    if (before.run_id, before.name) == (after.run_id, after.name):
        note(
            f"Note: this is an A/A comparison: '{after.name}' with its own rows of the same run. Every difference is 0 "
            "by construction; for the noise of a second asking, run it again with --wave and compare the two runs."
        )
