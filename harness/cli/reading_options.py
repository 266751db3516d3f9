"""How files of rows are read, as far as the user must say: what parts the cells of CSV, and its encoding."""

from __future__ import annotations

import codecs

import click

from harness.cli.options import all_of


def _mark(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    mark = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
    if mark is not None and len(mark) != 1:
        raise click.BadParameter(f"'{value}' is not one character.", param_hint="--delimiter")
    return mark


def _encoding(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return value and codecs.lookup(value) and value
    except (LookupError, ValueError):
        raise click.BadParameter(
            f"'{value}' is no encoding that is known. Allowed: utf-8, cp1252, utf-16, shift_jis, ...",
            param_hint="--encoding",
        ) from None


reading_options = all_of(
    click.option("--delimiter", metavar="MARK", callback=_mark,
                 help="What parts the cells of a CSV file, 'tab' for a tab; default: found out."),
    click.option("--encoding", metavar="NAME", callback=_encoding,
                 help="Encoding of a text file, such as cp1252; default: found out."),
)  # fmt: skip
