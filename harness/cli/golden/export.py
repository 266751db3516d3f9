"""``harness golden export``: a golden set as other tools read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.golden.options import card_argument, load_with_policy, policy_option

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.goldens.export import Decisions

ENDINGS = {"label_studio": ".json", "jsonl": ".jsonl", "csv": ".csv", "xlsx": ".xlsx"}


@click.command("export")
@card_argument
@click.option("--format", "form", type=click.Choice(list(ENDINGS)), default="jsonl", show_default=True,
              help="What the file is for.")  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE",
              help="Where it goes; default: the golden set's name and version, in this folder.")  # fmt: skip
@click.option("--predictions", multiple=True, metavar="NAME=FILE",
              help="Recorded decisions of a candidate, as predictions of a Label Studio task. Repeatable.")  # fmt: skip
@policy_option
def command(
    card_path: Path, form: str, output: Path | None, predictions: tuple[str, ...], policy_path: Path | None
) -> None:
    """Write a golden set as other tools read it: Label Studio, JSONL, CSV, xlsx.

    A Label Studio export has every annotator's vote as an annotation (skipped ones too), the set's label as the one
    marked as ground truth, and a choice of yes or no for each category; import brings all of it back. Texts are
    written unmasked. In CSV and xlsx a cell that a spreadsheet would run begins with an apostrophe.

    \b
    Examples:
      harness golden export golden_sets/community_v1.yaml --format label_studio
      harness golden export golden_sets/community_v1.yaml --format xlsx -o community.xlsx
    """
    from harness.files.permissions import no_more_readable_than
    from harness.goldens.export import cannot_hold, labelling_config

    if predictions and form != "label_studio":
        raise click.UsageError("--predictions is for --format label_studio.")
    golden, _ = load_with_policy(card_path, policy_path)
    path = output or Path(f"{golden.name}_v{golden.version}{ENDINGS[form]}")
    _require_free(path)
    decisions = dict(_recorded(said, golden.categories) for said in predictions)
    with no_more_readable_than(golden.path, golden.items_path):
        _write(golden, form, path, decisions)
    click.echo(f"Wrote {path}: {len(golden):,} items of {golden.name} version {golden.version}")
    if form == "label_studio":
        lost = cannot_hold(golden)
        if lost:
            click.echo(f"Not in the file, for a task has no place for it: {', '.join(lost)}")
        if any(item.group is not None for item in golden.items()):
            click.echo("Groups are in the tasks' data: import them again with --group data.group")
        click.echo(f"\nThe labelling interface that fits it:\n\n{labelling_config(golden.categories)}")


def _require_free(path: Path) -> None:
    from harness.errors import FileError

    if path.exists() or path.is_symlink():
        raise FileError(str(path), "is there already", allowed="a new file", next_step="name another: -o FILE")


def _recorded(said: str, categories: tuple[str, ...]) -> tuple[str, dict[str, dict[str, Any]]]:
    from harness.candidates.names import NameIndex
    from harness.candidates.recorded import read_recorded

    name, mark, file = said.partition("=")
    if not mark or not name or not file:
        raise click.BadParameter(f"'{said}' is not NAME=FILE.", param_hint="--predictions")
    rows = read_recorded(Path(file), NameIndex(categories))
    return name, {item: json.loads(line) for item, line in rows.lines.items()}


def _write(golden: GoldenSet, form: str, path: Path, decisions: Decisions) -> None:
    from harness.errors import FileError
    from harness.files.text import reason
    from harness.goldens.export import rows, table, tasks

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "label_studio":
            _write_lines(path, tasks(golden, decisions), is_array=True)
        elif form == "jsonl":
            _write_lines(path, rows(golden), is_array=False)
        elif form == "csv":
            _write_csv(path, *table(golden))
        else:
            _write_xlsx(path, *table(golden))
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {reason(error)}", allowed="a folder to write in",
                        next_step="name another file: -o FILE") from None  # fmt: skip


def _write_lines(path: Path, values: Iterable[dict[str, Any]], *, is_array: bool) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        for at, value in enumerate(values):
            file.write(("[" if at == 0 else ",\n") if is_array else "")
            file.write(json.dumps(value, ensure_ascii=False) + ("" if is_array else "\n"))
        file.write("]\n" if is_array else "")


def _write_csv(path: Path, head: list[str], cells: Iterable[list[Any]]) -> None:
    import csv

    from harness.goldens.queues import safe_cell

    with path.open("x", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in cells)


def _write_xlsx(path: Path, head: list[str], cells: Iterable[list[Any]]) -> None:
    from openpyxl import Workbook

    from harness.report.parts.xlsx import MAX_CELL, safe_text

    book = Workbook(write_only=True)
    sheet = book.create_sheet("items")
    sheet.append(head)
    for row in cells:
        sheet.append([safe_text(cell)[:MAX_CELL] if isinstance(cell, str) else cell for cell in row])
    book.save(path)
