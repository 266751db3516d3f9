"""Writes the comparison report as HTML: one file, or a page with a folder of data when the items are many.

Decides when the data leaves the page and which characters a template may print; how values become cells is in
``cells``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.report.comparison import items
from harness.report.comparison.cells import Page
from harness.report.comparison.data import ReportData
from harness.report.comparison.dumbbell import dumbbells
from harness.report.comparison.names import names_of
from harness.report.comparison.source import ReportSource
from harness.report.parts.isolation import isolated
from harness.report.parts.masking import TextMode
from harness.report.parts.templates import environment

FILE_LIMIT = 2_950_000
"""Bytes of a page that still travels as one attachment."""
ONE_FILE_ITEMS = 10_000
"""Up to this many items, long texts are cut rather than moved to a folder."""


def write_html(source: ReportSource, data: ReportData, path: Path, text_mode: TextMode = "masked") -> list[Path]:
    """Write the page, and its data folder when the items are many; returns the files written.

    Blocks are packed one at a time, and stay in memory only while they may still travel inside the page.
    """
    folder = path.with_name(f"{path.stem}_data")
    room = FILE_LIMIT - len(render_page(data, text_mode, [], None).encode("utf-8"))
    widths = items.TEXT_WIDTHS if data.n_items <= ONE_FILE_ITEMS else items.TEXT_WIDTHS[:1]
    for width in widths:
        inline = _that_fit(items.item_blocks(source, text_mode, width), room)
        if inline is not None:
            page, written = render_page(data, text_mode, inline, None), []
            break
    else:
        folder.mkdir(parents=True, exist_ok=True)
        page = render_page(data, text_mode, [], folder.name)
        written = [_write_block(folder, *block) for block in items.item_blocks(source, text_mode)]
    for stale in set(folder.glob("*.js")) - set(written):
        stale.unlink()
    path.write_text(page, encoding="utf-8", newline="\n")
    return [path, *written]


def _that_fit(blocks: Iterable[items.Block], room: int) -> list[items.Block] | None:
    """All blocks, or None as soon as they are too many."""
    kept = []
    for name, content in blocks:
        room -= len(name) + len(content) + 60
        if room < 0:
            return None
        kept.append((name, content))
    return kept


def _write_block(folder: Path, name: str, content: str) -> Path:
    path = folder / f"{name}.js"
    path.write_text(f'harnessBlock("{name}","{content}");\n', encoding="ascii", newline="\n")
    return path


def render_page(data: ReportData, text_mode: TextMode, blocks: list[tuple[str, str]], folder: str | None) -> str:
    """The page as text; ``folder`` names the data folder beside it when the blocks are not inside."""
    template = environment().get_template("comparison.html.jinja")
    page = Page(data, text_mode, blocks, folder)
    return isolated(template.render(page=page, dumbbells=dumbbells), names_of(data))
