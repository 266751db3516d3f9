"""Operating points as each surface shows them: column, metric and category -> text as a reader sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from shared_numbers import Told, _Tables, markdown_tables

MARK = "Kept there"
"""The column that tables of operating points alone have."""


def _told(rows: Iterable[dict[str, str]]) -> Told:
    return {
        ("point", column, row["Metric"], row["Category"]): text
        for row in rows
        for column, text in row.items()
        if column not in ("Category", "Metric")
    }


def _rows(cells: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Those of a table of operating points; none of any other table."""
    if not cells or MARK not in cells[0]:
        return []
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def points_of_json(document: Any) -> Told:
    tables = [table for section in document["sections"] for table in section["tables"]]
    return _told(row for table in tables for row in _rows([table["columns"], *table["rows"]]))


def points_of_markdown(text: str) -> Told:
    """The report, or a terminal's tables in the same form."""
    return _told(row for _, rows in markdown_tables(text) for row in rows if MARK in row)


def points_of_page(page: str) -> Told:
    reader = _Tables()
    reader.feed(re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL))
    tables = ([[" ".join(cell.split()) for cell in row] for row in cells] for _, cells in reader.found)
    return _told(row for cells in tables for row in _rows(cells))


def points_of_xlsx(path: Path) -> Told:
    found = Told()
    for sheet in load_workbook(path).worksheets:
        cells = [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        at = next((number for number, row in enumerate(cells) if MARK in row), None)
        found |= {} if at is None else _told(_rows(cells[at:]))
    return found
