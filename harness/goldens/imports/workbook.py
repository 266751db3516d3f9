"""A sheet of a workbook -> its header and its rows.

Decides which sheet is read (the one named, else the first that holds more than one row) and where its header stands:
the first row with at least two filled cells, since people write titles above their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import FileError
from harness.files.text import joined, shortened, suggestion
from harness.goldens.export_cells import xml_unescaped
from harness.goldens.imports.flat import plain, unique

Cells = Callable[[], Iterator[tuple[int, tuple[Any, ...]]]]


def open_sheet(path: Path, inner: Path, wanted: str | None) -> tuple[tuple[str, ...], str, list[str], Cells]:
    """Columns, name of the sheet, names of other filled sheets, and the rows below the header with their numbers."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(inner, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever the XML inside provokes
        raise FileError(str(path), f"cannot be read as a workbook: {shortened(error)}", allowed="an .xlsx file",
                        next_step="save it again as .xlsx, without a password") from None  # fmt: skip
    names = list(book.sheetnames)
    if wanted is not None and wanted not in names:
        raise FileError(str(path), f"has no sheet '{shortened(wanted)}'", allowed=joined(names),
                        next_step=suggestion(wanted, names, "name one of these"))  # fmt: skip
    filled = [name for name in names if _has_rows(book[name])]
    if not filled:
        raise FileError(str(path), "has no sheet with a header and a row", allowed="a table of items",
                        next_step="export it again")  # fmt: skip
    name = wanted or filled[0]
    header_at, header = _header(book[name])
    last = max((at for at, cell in enumerate(header) if cell not in (None, "")), default=-1)
    columns = unique(list(map(_cell, header[: last + 1])))

    def rows() -> Iterator[tuple[int, tuple[Any, ...]]]:
        again = openpyxl.load_workbook(inner, read_only=True, data_only=True)
        for number, values in enumerate(again[name].iter_rows(values_only=True), start=1):
            if number > header_at:
                yield number, tuple(_cell(value) for value in values[: len(columns)])
        again.close()

    book.close()
    return columns, name, [other for other in filled if other != name], rows


def _cell(value: Any) -> Any:
    """A cell's value; text as a spreadsheet shows it, where the file writes a return as ``_x000D_``."""
    value = xml_unescaped(value) if isinstance(value, str) else plain(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _has_rows(sheet: Any) -> bool:
    n = 0
    for values in getattr(sheet, "iter_rows", lambda **_: ())(values_only=True):
        n += any(value not in (None, "") for value in values)
        if n > 1:
            return True
    return False


def _header(sheet: Any) -> tuple[int, tuple[Any, ...]]:
    first: tuple[int, tuple[Any, ...]] = (1, ())
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        n = sum(value not in (None, "") for value in values)
        if n and not first[1]:
            first = number, values
        if n > 1:
            return number, values
        if number > 20:
            break
    return first
