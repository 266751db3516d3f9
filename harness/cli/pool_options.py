"""Options about a pool of production items and the sample that is drawn of it, and how they become what they name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import F, all_of, note
from harness.cli.reading_options import reading_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.goldens.pool import Pool

NEEDS = (("--bins", "--score"), ("--missing-views", "--views"), ("--views-part", "--views"))
"""Options of a sample that go with another alone."""

pool_argument = click.argument("files", metavar="POOL...", nargs=-1, required=True)
pool_options = all_of(
    click.option(
        "--text", "text_column", metavar="COLUMN", help="The column of texts, where its name does not say so."
    ),
    click.option("--id", "id_column", metavar="COLUMN", help="The column of ids; 'row' numbers the rows of each file."),
    reading_options,
)
"""How the pool is read."""


def sample_options(allocation: str) -> Callable[[F], F]:
    """How a sample is drawn; ``allocation`` is what goes unless another is named."""
    return all_of(
        click.option("--score", "scores", multiple=True, metavar="COLUMN",
                     help="Stratify by a score, in bins; repeatable."),
        click.option("--bins", "edges", callback=_edges, metavar="A,B,...",
                     help="Where bins begin; default: 0.05,0.2,0.5,0.8,0.95."),
        click.option("--by", multiple=True, metavar="COLUMN",
                     help="Stratify by the values of a column (language, category flagged); repeatable."),
        click.option("--views", metavar="COLUMN",
                     help="How often an item was seen: much-seen ones are drawn more often."),
        click.option("--views-part", type=FiniteRange(0, 1, min_open=True, max_open=True), default=0.5,
                     show_default=True, metavar="SHARE", help="Part of the chance that follows views."),
        click.option("--missing-views", type=FiniteRange(min=0), metavar="N",
                     help="What rows without views count as."),
        click.option("--allocation", type=click.Choice(["equal", "root", "proportional"]), default=allocation,
                     show_default=True,
                     help="Items per stratum: as many of each, by the root of its size, or in proportion."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draw."),
    )  # fmt: skip


def _edges(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...]:
    from harness.goldens.pool_strata import DEFAULT_EDGES

    if value is None:
        return DEFAULT_EDGES
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"'{value}' is not numbers such as 0.1,0.5,0.9.", param_hint="--bins") from None


def pool_of(files: Sequence[str], said: dict[str, Any]) -> Pool:
    """The pool that is meant; that its rows have no ids, or that nothing names its encoding, is said on stderr."""
    from harness.goldens.imports.foreign import Reading
    from harness.goldens.pool import open_pool

    reading = Reading(said["delimiter"], said["encoding"])
    pool = open_pool(files, text=said["text_column"], id_column=said["id_column"], reading=reading)
    if pool.id is None:
        note("the pool has no column of ids: items are called by file and row number")
    if pool.guessed_encoding is not None:
        found = f"{pool.guessed_encoding} is the likeliest by its letters"
        note(f"the pool is not UTF-8 and names no encoding: {found}; say --encoding where it is another")
    return pool


def told(n: int) -> None:
    """Say how far a pool has been read, where somebody looks on."""
    if sys.stderr.isatty():
        click.echo(f"\r{n:,} rows", err=True, nl=False)
