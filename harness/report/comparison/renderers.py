"""The formats of the comparison report. A format is a function that writes one or more files from the same data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.report.comparison.data import ReportData
from harness.report.comparison.source import ReportSource
from harness.report.parts.masking import TextMode

Renderer = Callable[[ReportSource, ReportData, Path, TextMode], list[Path]]
"""Takes source, data, the folder to write to and ``--text``; returns the files written, the one to open first."""


def render_html(source: ReportSource, data: ReportData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``report.html``, and ``report_data/`` beside it when the items are many."""
    from harness.report.comparison.page import write_html

    return write_html(source, data, folder / "report.html", text_mode)


def render_json(source: ReportSource, data: ReportData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``report.json``: the whole of ``ReportData``; it holds ids but no item text."""
    path = folder / "report.json"
    text = json.dumps(data.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_bytes((text + "\n").encode("utf-8", "backslashreplace"))
    return [path]


def render_markdown(source: ReportSource, data: ReportData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``report.md``: for a pull request or a wiki page."""
    from harness.report.comparison.markdown import write_markdown

    return [write_markdown(source, data, folder / "report.md", text_mode)]


def render_xlsx(source: ReportSource, data: ReportData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``report.xlsx``: tables to sort and pivot."""
    from harness.report.comparison.sheets import write_xlsx

    return [write_xlsx(source, data, folder / "report.xlsx", text_mode)]


RENDERERS: Mapping[str, Renderer] = {
    "html": render_html,
    "md": render_markdown,
    "xlsx": render_xlsx,
    "json": render_json,
}
