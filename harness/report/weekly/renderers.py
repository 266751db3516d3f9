"""The formats of the weekly report: functions that write files from the same data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.report.parts.masking import TextMode
from harness.report.weekly.data import METRIC_NAMES, WeeklyData

Renderer = Callable[[WeeklyData, Path, TextMode], list[Path]]
"""Takes data, the folder to write to and ``--text``; returns the files written."""


def render_html(data: WeeklyData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``weekly.html``: one file."""
    from harness.report.weekly.page import write_html

    return [write_html(data, folder / "weekly.html", text_mode)]


def render_xlsx(data: WeeklyData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``weekly.xlsx``: tables to sort and pivot."""
    from harness.report.weekly.workbook import write_xlsx

    return [write_xlsx(data, folder / "weekly.xlsx", text_mode)]


def render_digest(data: WeeklyData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``weekly.md``: one chat message, without item texts."""
    from harness.report.weekly.digest import write_digest

    return [write_digest(data, folder / "weekly.md")]


def render_json(data: WeeklyData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``weekly.json``: the whole of ``WeeklyData`` without item texts."""
    path = folder / "weekly.json"
    text = json.dumps(data.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_bytes((text + "\n").encode("utf-8", "backslashreplace"))
    return [path]


def render_png(data: WeeklyData, folder: Path, text_mode: TextMode) -> list[Path]:
    """``trend_recall.png`` and ``trend_precision.png``."""
    return _plots(data, folder, "png")


def render_svg(data: WeeklyData, folder: Path, text_mode: TextMode) -> list[Path]:
    """The trend plots as SVG."""
    return _plots(data, folder, "svg")


def _plots(data: WeeklyData, folder: Path, plot_format: str) -> list[Path]:
    from harness.report.weekly.plots import trend_plot

    written = []
    for metric in METRIC_NAMES:
        content = trend_plot(data, metric, plot_format)  # type: ignore[arg-type]
        if content is not None:
            path = folder / f"trend_{metric}.{plot_format}"
            path.write_bytes(content)
            written.append(path)
    return written


RENDERERS: Mapping[str, Renderer] = {
    "html": render_html,
    "md": render_digest,
    "xlsx": render_xlsx,
    "json": render_json,
    "png": render_png,
    "svg": render_svg,
}
