"""Writes the comparison report as HTML: one file, or a page with a folder of data when the items are many.

Decides when the data leaves the page and which characters a template may print; how values become cells is in
``cells``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from harness.core.results import MetricResult
from harness.report.comparison import items
from harness.report.comparison.cells import Page
from harness.report.comparison.data import ReportData
from harness.report.comparison.dumbbell import dumbbells
from harness.report.comparison.source import ReportSource
from harness.report.parts import numbers
from harness.report.parts.masking import TextMode, printable
from harness.report.parts.words import outcome_words, plural

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
    return environment().get_template("comparison.html.jinja").render(page=Page(data, text_mode, blocks, folder))


@cache
def environment() -> jinja2.Environment:
    """Templates of the pages: everything printed is escaped and loses its acting characters."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )
    made.filters.update(
        share=numbers.share,
        plural=plural,
        outcome=outcome_words,
        share0=lambda value: numbers.share(value, 0),
        share2=lambda value: numbers.share(value, 2),
        score=numbers.score,
        score_interval=numbers.score_with_interval,
        share_interval=numbers.share_with_interval,
        points=numbers.points,
        count=numbers.count,
        usd=numbers.usd,
        milliseconds=numbers.milliseconds,
        dumbbells=dumbbells,
        lines=lambda text: Markup("\n").join(escape(printable(line)) for line in str(text).split("\n")),
        fixed1=lambda value: f"{value:.1f}",
        ends=_ends,
        point_ends=_point_ends,
        word=lambda text: re.sub(r"\W", "_", str(text)),
        breakable=lambda text: Markup(escape(printable(str(text))).replace("_", Markup("_<wbr>"))),
        lower_first=lambda text: text if text == "F1" else text[:1].lower() + text[1:],
    )
    return made


def _visible(value: object) -> object:
    """Every text that a template prints loses its acting characters; autoescape follows."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ends(result: MetricResult) -> str:
    if math.isnan(result.low) or math.isnan(result.high):
        return f"({result.reason})" if result.reason else ""
    return f"[{100 * result.low:.1f}, {100 * result.high:.1f}]"


def _point_ends(result: MetricResult) -> str:
    if math.isnan(result.low) or math.isnan(result.high):
        return f"({result.reason})" if result.reason else ""
    return f"[{numbers.points(result.low)}, {numbers.points(result.high)}]"
