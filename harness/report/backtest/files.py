"""A back-test as files that people open: page, Markdown, workbook, JSON, and the list of flips as CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from markupsafe import Markup

from harness import __version__
from harness.report.backtest.data import Backtest, Period, document
from harness.report.backtest.flips import COLUMNS, csv_text, flip_rows, sheet
from harness.report.backtest.tables import headline, lead_lines, tables
from harness.report.parts.assets import asset, sha256_source
from harness.report.parts.isolation import isolated, isolated_text, names_among
from harness.report.parts.masking import TextMode
from harness.report.parts.tables import render
from harness.report.parts.templates import environment
from harness.report.parts.xlsx import Column, Sheet, workbook_bytes

SHOWN_FLIPS = 200
NAME = "backtest"


def page(found: Backtest, period: Period, mode: TextMode) -> str:
    """One HTML page that loads nothing."""
    css = Markup(asset("report.css"))
    rows = list(flip_rows(found, mode))
    shown = tables(found, period)
    text = environment().get_template("backtest.html.jinja").render(
        policy=f"default-src 'none'; style-src {sha256_source(css)}; base-uri 'none'; form-action 'none'",
        css=css,
        title=f"Back-test of {', '.join(one.candidate for one in found.effects)}",
        kicker=f"Eval {found.eval_name}, run {found.run_id}",
        headlines=[headline(found, one, period) for one in found.effects],
        lead=lead_lines(found),
        tables=shown,
        flips=list(islice(rows, SHOWN_FLIPS)),
        n_flips=len(rows),
        columns=[column.head for column in COLUMNS],
        text_mode=mode,
        version=__version__,
    )  # fmt: skip
    return isolated(text, names_among(cell for table in shown for row in table.rows for cell in row))


def markdown(found: Backtest, period: Period, _mode: TextMode) -> str:
    """Headlines and tables."""
    from harness.report.parts.tables import markdown_text

    lines = [headline(found, one, period) for one in found.effects] + lead_lines(found)
    text = "\n\n".join([*map(markdown_text, lines), render(tables(found, period), "md")]) + "\n"
    return isolated_text(text)


def _workbook(found: Backtest, period: Period, mode: TextMode) -> bytes:
    sheets = []
    for number, table in enumerate(tables(found, period), start=1):
        columns = tuple(Column(name, "text", 24) for name in table.columns)
        sheets.append(Sheet(f"{number} {table.title}"[:31].replace(":", ""), columns, table.rows, table.title))
    return workbook_bytes([*sheets, sheet(flip_rows(found, mode))], title=f"Back-test of {found.eval_name}")


def _json(found: Backtest, period: Period, _mode: TextMode) -> str:
    return json.dumps(document(found, period), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: Mapping[str, Callable[[Backtest, Period, TextMode], str | bytes]] = {
    "html": page,
    "md": markdown,
    "xlsx": _workbook,
    "json": _json,
    "csv": lambda found, _, mode: "".join(csv_text(flip_rows(found, mode))),
}
"""Format -> what writes it; ``csv`` is the list of flips alone."""


def write_files(found: Backtest, period: Period, mode: TextMode, formats: tuple[str, ...], folder: Path) -> list[Path]:
    """Write the formats into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in formats:
        content = FORMATS[name](found, period, mode)
        path = folder / (f"flips.{name}" if name == "csv" else f"{NAME}.{name}")
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        written.append(path)
    return written
