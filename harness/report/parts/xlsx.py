"""Spreadsheets: tables as an xlsx file that cannot execute anything and has the same bytes for the same tables.

Decides styles, widths and what a cell may hold. Every text is written as a string; one that a spreadsheet could take
for a formula, also after a detour through CSV, begins with an apostrophe. Which tables there are is up to the callers.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.core.results import MetricResult
from harness.report.parts.isolation import isolated_sentence, names_among
from harness.report.parts.masking import printable, shorten

Kind = Literal[
    "text", "count", "share", "rate", "points", "number", "amount", "money", "milliseconds", "long", "clip", "p_value"
]
FORMATS: dict[Kind, str] = {
    "text": "@",
    "long": "@",
    "clip": "@",
    "count": "#,##0",
    "share": "0.0%",
    "rate": "[<0.02]0.000%;0.0%",
    "points": '[>=0.05]+0.0;[<=-0.05]-0.0;"0.0"',
    "number": "0.000",
    "amount": "[>=100]#,##0;[>=10]0.0;0.00",
    "p_value": '[<0.001]"<0.001";0.000',
    "money": "$#,##0.0000",
    "milliseconds": "#,##0",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A count or text that leads to a row of another sheet of the same workbook; nothing outside can be named."""

    shown: str | int
    sheet: str
    row: int


Value = str | float | int | Link | None
MAX_CELL = 32_000
MAX_ROWS = 1_048_575
TITLE_ROWS = 2
LINE = 14.0
"""Height of one line of a row, in points."""
PAGE_WIDTH = 400
"""Characters that a printed page may hold side by side; a wider sheet takes several pages, its first column on each."""
_TONES = {"good": ("00704F", "E2F3EC"), "bad": ("A83F00", "FBE9DF"), "open": ("7A5200", "FBF1D9")}
"""Tone of a cell -> its ink and its fill."""
WIDEST_TEXT, WIDEST_WORD = 44.0, 30.0
"""Characters up to which a column grows for its texts, and for the longest word of its head."""
_DANGEROUS = "=+-@\t\r\n|%＝＋－＠'"
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MODIFIED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, what its cells hold, and its width in characters."""

    head: str
    kind: Kind = "text"
    width: float = 14


@dataclass(frozen=True, slots=True)
class Chart:
    """A native chart of a sheet's own rows, beside or below its table.

    Attributes:
        kind: Lines over the rows, or bars side by side.
        columns: Positions of the columns that are drawn, from 0.
        rows: So many of the first rows; 0 for all.
        low: Least value of the axis; None for zero where all is positive.
        high: Largest value of the axis; None for what fits.
        marks: Positions of columns that are drawn as triangles without a line.
    """

    title: str
    kind: Literal["line", "bar"]
    columns: tuple[int, ...]
    number_format: str
    rows: int = 0
    low: float | None = None
    high: float | None = None
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: a title line, a head that stays in view, and rows.

    Attributes:
        rows: Values, one per column; None is an empty cell.
        title: First line of the sheet; empty for a sheet that begins with its head, ready for a pivot.
        marks: Cell text -> tone, for verdicts that stand out.
        charts: Drawn one below the other, right of the table, or under one that fills a screen; their rows are
            named by the first column.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Value]]
    title: str = ""
    marks: tuple[tuple[str, Literal["good", "bad", "open"]], ...] = ()
    charts: tuple[Chart, ...] = ()

    @property
    def width(self) -> float:
        """Of all columns together, in characters."""
        return sum(column.width for column in self.columns)


_FIGURE = re.compile(r"[+-][\d,.]+ \[[+-]?[\d,.]+, [+-]?[\d,.]+\]")
"""A signed number with its interval: begins as a formula does, and computes nothing."""


def safe_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula, and that XML can hold.

    >>> safe_text("=1+1"), safe_text("fine"), safe_text("+9.2 [-2.3, +21.9]")
    ("'=1+1", 'fine', '+9.2 [-2.3, +21.9]')
    """
    if _FIGURE.fullmatch(text):
        return text
    clean = _NO_XML.sub("�", printable(shorten(text, MAX_CELL)))
    return f"'{clean}" if clean.lstrip(" \u00a0")[:1] and clean.lstrip(" \u00a0")[0] in _DANGEROUS else clean


def proportion(result: MetricResult | None) -> tuple[float | None, float | None, float | None, int | None]:
    """Value, both interval ends and n as cells; undefined numbers are empty."""
    if result is None:
        return None, None, None, None
    return number(result.value), number(result.low), number(result.high), result.n


def number(value: float | None) -> float | None:
    """A number as a cell; NaN is empty."""
    return None if value is None or math.isnan(value) else float(value)


def write_workbook(sheets: Sequence[Sheet], path: Path, *, title: str) -> Path:
    """Write the sheets; the file holds neither clock nor machine."""
    path.write_bytes(workbook_bytes(sheets, title=title))
    return path


def workbook_bytes(sheets: Sequence[Sheet], *, title: str) -> bytes:
    """The sheets as the bytes of an xlsx file."""
    from openpyxl import Workbook

    tables = [(sheet, _checked(sheet)) for sheet in sheets]
    book = Workbook(write_only=True)
    book.properties.title = safe_text(title)
    book.properties.creator = "moderation-harness"
    styles = _styles(book)
    tabs: list[str] = []
    names = names_among(cell for _, rows in tables for row in rows for cell in row)
    for sheet, rows in tables:
        tabs.append(_sheet_name(sheet.name, tabs))
        _write(book, tabs[-1], sheet, rows, styles, names)
    buffer = io.BytesIO()
    book.save(buffer)
    return _stable(buffer.getvalue())


def _checked(sheet: Sheet) -> list[Sequence[Value]]:
    """The rows, before anything is written."""
    rows = list(sheet.rows)
    if len(rows) > MAX_ROWS - TITLE_ROWS:
        raise ValueError(f"sheet {sheet.name} has {len(rows)} rows; a spreadsheet holds {MAX_ROWS}")
    for row in rows:
        if len(row) != len(sheet.columns):
            raise ValueError(f"a row of {len(row)} cells in a sheet of {len(sheet.columns)} columns")
    return rows


def _sheet_name(name: str, taken: Sequence[str]) -> str:
    """A name that Excel accepts, once."""
    clean = re.sub(r"[\[\]:*?/\\']", " ", printable(name)).strip()[:31] or "Sheet"
    names = itertools.chain([clean], (f"{clean[:28]} {number}" for number in itertools.count(2)))
    return next(one for one in names if one.lower() not in [other.lower() for other in taken])


def _styles(book: Any) -> dict[str, Any]:
    from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side

    styles: dict[str, Any] = {}

    def add(name: str, font: Mapping[str, Any], align: Mapping[str, Any] | None, fill: str = "", **more: Any) -> None:
        solid = PatternFill("solid", fgColor=fill) if fill else None
        placed = None if align is None else Alignment(vertical="top", **align)
        letter = Font(**{"name": "Calibri", "size": 10, **font})
        styles[name] = NamedStyle(f"h_{name}", font=letter, fill=solid, alignment=placed, **more)
        book.add_named_style(styles[name])

    for kind, number_format in FORMATS.items():
        is_text = number_format == "@"
        place = {"horizontal": "left" if is_text else None, "indent": int(is_text)}
        add(kind, {}, {"wrap_text": kind in ("long", "clip"), **place}, number_format=number_format)
    line = Border(bottom=Side(style="thin", color="D9DEE5"))
    left = {"horizontal": "left", "indent": 1}
    add("head", {"bold": True}, {"wrap_text": True, **left}, "EEF1F5", border=line)
    add("head_number", {"bold": True}, {"wrap_text": True, "horizontal": "right"}, "EEF1F5", border=line)
    add("title", {"size": 13, "bold": True}, None)
    for tone, (ink, fill) in _TONES.items():
        add(tone, {"bold": True, "color": ink}, left, fill)
    add("link", {"color": "0B5CAD", "underline": "single"}, {}, number_format=FORMATS["count"])
    return styles


def _write(
    book: Any, name: str, sheet: Sheet, rows: Sequence[Sequence[Value]], styles: dict[str, Any], names: set[str]
) -> None:
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(name)
    first = TITLE_ROWS + 1 if sheet.title else 1
    widths = [_width(column, [row[at] for row in rows]) for at, column in enumerate(sheet.columns)]
    for position, width in enumerate(widths, start=1):
        page.column_dimensions[get_column_letter(position)].width = width
    page.freeze_panes = f"B{first + 1}"
    _for_print(page, sheet, first)
    make = _cells(page, styles, dict(sheet.marks), names)
    if sheet.title:
        page.append([make(sheet.title, "title")])
        page.append([])
    heads = zip(sheet.columns, widths, strict=True)
    page.row_dimensions[first].height = LINE * max(_lines(column.head, width) for column, width in heads) + 2
    page.append([make(one.head, "head" if FORMATS[one.kind] == "@" else "head_number") for one in sheet.columns])
    for number_, row in enumerate(rows, start=first + 1):
        cells = list(zip(row, sheet.columns, widths, strict=True))
        lines = (_lines(value, width) for value, column, width in cells if column.kind == "long")
        page.row_dimensions[number_].height = LINE * max(lines, default=1) + 1
        made = [make(value.shown if isinstance(value, Link) else value, column.kind) for value, column, _ in cells]
        for position, value in enumerate(row):
            if isinstance(value, Link):
                made[position]._hyperlink = _inside(value, f"{get_column_letter(position + 1)}{number_}")
                made[position].style = styles["link"].name
        page.append(made)
    last = first + max(len(rows), 1)
    page.auto_filter.ref = f"A{first}:{get_column_letter(len(sheet.columns))}{last}"
    if sheet.charts and rows:
        from harness.report.parts.xlsx_charts import add_charts

        add_charts(page, sheet, first, len(rows))


def _for_print(page: Any, sheet: Sheet, first: int) -> None:
    """On paper: as many pages as it is wide, its head and first column on each."""
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = math.ceil(sheet.width / PAGE_WIDTH), 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_title_rows = f"{first}:{first}"
    page.print_title_cols = "A:A"
    page.oddHeader.left.text, page.oddHeader.right.text = "&A", "&P of &N"  # a printed page has no tab


def _inside(link: Link, ref: str) -> Any:
    from openpyxl.worksheet.hyperlink import Hyperlink

    return Hyperlink(ref=ref, location=f"'{link.sheet}'!A{link.row}")


def _width(column: Column, cells: Iterable[Value]) -> float:
    """The column's own width, or what its texts and the words of its head need: a name that is cut names nothing."""
    word = max(map(len, column.head.split()), default=0) + 3
    texts = (len(cell) + 3 for cell in cells if isinstance(cell, str)) if column.kind == "text" else ()
    return max(column.width, min(WIDEST_WORD, word), min(WIDEST_TEXT, max(texts, default=0)))


def _lines(value: Value, width: float) -> int:
    """Lines that a wrapped text takes, roughly."""
    return min(20, max(1, math.ceil(len(value) / max(width, 4)))) if isinstance(value, str) else 1


def _cells(page: Any, styles: dict[str, Any], marks: Mapping[str, str], names: set[str]) -> Any:
    from openpyxl.cell import WriteOnlyCell

    @cache
    def text_of(value: str, is_clip: bool) -> str:
        """The text as a cell may hold it, made once: sheets repeat weeks, names and metrics row by row."""
        return safe_text(value) if is_clip else isolated_sentence(safe_text(value), names)

    @cache
    def style_of(kind: str) -> Any:
        """A style as cells hold it, looked up once a sheet: a name is slow to resolve, and cells are many."""
        cell = WriteOnlyCell(page)
        cell.style = styles[kind].name
        return cell._style

    def make(value: Value, kind: str) -> Any:
        if value is None or value == "":
            return None
        cell = WriteOnlyCell(page, value="" if isinstance(value, str) else value)
        if isinstance(value, str):  # its type is never guessed: no formula, no link, no date
            cell._value, cell.data_type = text_of(value, kind == "clip"), "s"
            kind = marks.get(value, kind)
        cell._style = style_of(kind)
        return cell

    return make


def _stable(content: bytes) -> bytes:
    """The same archive without times: entries in a fixed order, at a fixed date."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target,
    ):
        for name in sorted(source.namelist(), key=lambda one: (one != "[Content_Types].xml", one)):
            part = source.read(name)
            if name == "docProps/core.xml":
                part = _MODIFIED.sub(rb"\g<1>2000-01-01T00:00:00Z\g<3>", part)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, part)
    return out.getvalue()
