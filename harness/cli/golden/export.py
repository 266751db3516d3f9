"""``harness golden export``: a golden set as other tools read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.golden.options import card_argument, load_with_policy, policy_option
from harness.cli.options import PATH

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.goldens.export import Decisions, Table
    from harness.goldens.export_cells import Cells

MAX_COLUMNS = 16_384
ENDINGS = {"label_studio": ".json", "jsonl": ".jsonl", "csv": ".csv", "xlsx": ".xlsx"}


@click.command("export")
@card_argument
@click.option("--format", "form", type=click.Choice(list(ENDINGS)),
              help="What the file is for; default: what the ending of -o says, else jsonl.")  # fmt: skip
@click.option("--output", "-o", type=PATH, metavar="FILE",
              help="Where it goes; default: the golden set's name and version, in this folder.")  # fmt: skip
@click.option("--predictions", multiple=True, metavar="NAME=FILE",
              help="Recorded decisions of a candidate, as predictions of a Label Studio task. Repeatable.")  # fmt: skip
@policy_option
def command(
    card_path: Path, form: str | None, output: Path | None, predictions: tuple[str, ...], policy_path: Path | None
) -> None:
    """Write a golden set as other tools read it: Label Studio, JSONL, CSV, xlsx.

    A Label Studio export has every annotator's vote as an annotation (skipped ones too), the set's label as the one
    marked as ground truth, and a choice of yes or no for each category; import brings all of it back. Texts are
    written unmasked. In CSV and xlsx a cell that a spreadsheet would run begins with an apostrophe, which import takes
    off again; a value that such a table cannot hold is named.

    \b
    Examples:
      harness golden export golden_sets/community_v1.yaml --format label_studio
      harness golden export golden_sets/community_v1.yaml -o community.xlsx
    """
    from harness.files.permissions import no_more_readable_than
    from harness.goldens.export import cannot_hold, labelling_config
    from harness.goldens.imports.formats.own_export import KNOWN_MODALITIES

    form = _form(form, output)
    if predictions and form != "label_studio":
        raise click.UsageError("--predictions is for --format label_studio.")
    golden, _ = load_with_policy(card_path, policy_path)
    path = output or Path(f"{golden.name}_v{golden.version}{ENDINGS[form]}")
    _require_free(path)
    decisions = dict(_recorded(said, golden.categories) for said in predictions)
    with no_more_readable_than(golden.path, golden.items_path):
        cells = _write(golden, form, path, decisions)
    click.echo(f"Wrote {path}: {len(golden):,} items of {golden.name} version {golden.version}")
    if cells is not None and cells.changed:
        _show_changed(cells)
    if form == "label_studio":
        lost = cannot_hold(golden)
        if lost:
            click.echo(f"Not in the file, for a task has no place for it: {', '.join(lost)}")
        if any(item.group is not None for item in golden.items()):
            click.echo("Groups are in the tasks' data: import them again with --group data.group")
        click.echo(f"\nThe labelling interface that fits it:\n\n{labelling_config(golden.categories)}")
    elif {*golden.card.modalities} - {*KNOWN_MODALITIES}:
        click.echo(f"Import it again with its modalities: harness golden import {path} --format harness")


def _form(form: str | None, output: Path | None) -> str:
    """The form that was asked for, or that the ending of the file says; the two must not contradict each other."""
    ending = "" if output is None else output.suffix.lower()
    said = next((name for name, own in ENDINGS.items() if own == ending), None)
    if form is None and ending == ENDINGS["label_studio"]:
        raise click.UsageError(
            f"'{output}' could be one JSON document: say --format label_studio, or name it .jsonl for a row an item."
        )
    if form is not None and said is not None and form != said:
        assert output is not None
        raise click.UsageError(
            f"'{output}' ends in {ending}, and --format {form} writes {ENDINGS[form]}. Name it "
            f"'{output.with_suffix(ENDINGS[form])}', or say --format {said}."
        )
    return form or said or "jsonl"


def _show_changed(cells: Cells) -> None:
    from harness.files.text import counted

    click.echo(f"Not the same when a {cells.form} is imported again (--format jsonl holds everything):")
    for (column, why), (n, items) in cells.changed.items():
        named = ", ".join(item for item in items if item)
        of = f" ({named}{', ...' if n > len(items) else ''})" if named else ""
        click.echo(f"    {column}: {counted(n, 'value')}: {why}{of}")


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


def _write(golden: GoldenSet, form: str, path: Path, decisions: Decisions) -> Cells | None:
    """Write the file; the cells of a table know what of it does not come back."""
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
            return _write_csv(path, table(golden, "csv"))
        else:
            return _write_xlsx(path, table(golden, "xlsx"), len(golden))
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {reason(error)}", allowed="a folder to write in",
                        next_step="name another file: -o FILE") from None  # fmt: skip
    return None


def _write_lines(path: Path, values: Iterable[dict[str, Any]], *, is_array: bool) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        for at, value in enumerate(values):
            file.write(("[" if at == 0 else ",\n") if is_array else "")
            file.write(json.dumps(value, ensure_ascii=False) + ("" if is_array else "\n"))
        file.write("]\n" if is_array else "")


def _write_csv(path: Path, table: Table) -> Cells:
    import csv

    with path.open("x", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.head)
        writer.writerows(table.rows)
    return table.cells


def _write_xlsx(path: Path, table: Table, n_items: int) -> Cells:
    from openpyxl import Workbook

    from harness.errors import FileError
    from harness.report.parts.xlsx import MAX_ROWS

    for n, most, what in ((n_items, MAX_ROWS, "items"), (len(table.head), MAX_COLUMNS, "columns")):
        if n > most:
            raise FileError(str(path), f"would hold {n:,} {what}", allowed=f"{most:,} in a sheet",
                            next_step="use --format csv")  # fmt: skip
    book = Workbook(write_only=True)
    sheet = book.create_sheet("items")
    sheet.append(table.head)
    for row in table.rows:
        sheet.append(row)
    book.save(path)
    return table.cells
