"""``harness show``: one item of a stored run, whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    FILE,
    cache_option,
    find_run,
    json_option,
    print_json,
    run_argument,
    runs_dir_option,
    text_option,
)

if TYPE_CHECKING:
    from harness.report.parts.masking import TextMode


@click.command("show")
@run_argument
@click.argument("item_id", metavar="ITEM")
@click.option("--golden", "golden_card", type=FILE, metavar="CARD",
              help="The card of the golden set, where the run does not find it.")  # fmt: skip
@text_option
@cache_option
@runs_dir_option
@json_option
def command(
    run_name: str,
    item_id: str,
    golden_card: Path | None,
    text_mode: TextMode,
    cache_path: Path | None,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Show one item whole: text, labels, votes, what was sent, what came back and how it was read.

    What was sent is made again from the run's own inputs and checked against the key of the stored answer. Texts,
    messages and answers are masked until --text full asks for them.

    \b
    Examples:
      harness show latest c-0412
      harness show latest c-0412 --text full
      harness show community-3f9a1c2e4b5d c-0412 --json
    """
    from harness.jobs.show import Sources, show_item
    from harness.report.item.terminal import item_text
    from harness.runner import default_cache_path

    run = find_run(runs_dir, run_name)
    sources = Sources(cache_path or default_cache_path(), os.environ, golden_card)
    sheet = show_item(run, item_id, text_mode, sources)
    if as_json:
        print_json(sheet.as_dict())
    else:
        click.echo(item_text(sheet))
