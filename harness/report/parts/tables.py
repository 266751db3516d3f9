"""One table, two renderings: the terminal and Markdown.

Decides layout and escaping; the words and numbers in the cells come from the builders.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.report.parts.masking import log_safe, printable

TERMINAL_WIDTH = 128
NARROWEST = 72
COMFORTABLE = 100
"""Columns from which the cells of a table stand well apart."""
LONGEST_WORD = 14
"""Words up to this length are never folded while the screen has room for them."""
_MARKDOWN_ACTIVE = re.compile(r"([\\`*_{}\[\]()#+!|<>~@&$])")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; ``numeric`` columns align right, ``whole`` ones are never folded (ids to copy)."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    numeric: frozenset[str] = field(default_factory=frozenset)
    whole: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells in a table of {len(self.columns)} columns")


def render(tables: Sequence[Table], output: str) -> str:
    """Several tables, a blank line between them: ``terminal`` or ``md``."""
    draw = to_markdown if output == "md" else to_terminal
    return "\n\n".join(draw(table) for table in tables)


def terminal_width() -> int:
    """Columns of a table: those of the screen where there is one, within bounds; a file or pipe gets the most."""
    if not sys.stdout.isatty():
        return TERMINAL_WIDTH
    return max(NARROWEST, min(TERMINAL_WIDTH, shutil.get_terminal_size((TERMINAL_WIDTH, 24)).columns))


def to_terminal(table: Table, width: int | None = None) -> str:
    """The table as plain text of at most ``width`` columns (None: the screen's); cells cannot act on the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    wide = terminal_width() if width is None else width
    padding = 1 if wide >= COMFORTABLE else 0
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, padding))
    for position, name in enumerate(table.columns):
        words = [word for text in (name, *(row[position] for row in table.rows)) for word in printable(text).split()]
        is_whole, longest = name in table.whole, max(map(len, words), default=1)
        longest = longest if is_whole else min(LONGEST_WORD, longest)
        drawn.add_column(
            Text(printable(name) if padding else "\n".join(printable(name).split())),
            justify="right" if name in table.numeric else "left",
            overflow="fold",
            min_width=longest,
            no_wrap=is_whole or (not padding and all(len(printable(row[position])) <= longest for row in table.rows)),
        )
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(width=wide, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(drawn)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    title = [printable(table.title)] if table.title else []
    return "\n".join(log_safe(line) for line in (*title, *lines, *table.notes))


def to_markdown(table: Table) -> str:
    """The table as GitHub-flavoured Markdown; cells are escaped."""
    header = "| " + " | ".join(markdown_text(name) for name in table.columns) + " |"
    rule = "| " + " | ".join("---:" if name in table.numeric else "---" for name in table.columns) + " |"
    rows = ["| " + " | ".join(markdown_text(cell) for cell in row) + " |" for row in table.rows]
    parts = [f"### {markdown_text(table.title)}", ""] if table.title else []
    return "\n".join([*parts, header, rule, *rows, *(f"\n{markdown_text(note)}" for note in table.notes)])


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is: no mark-up, links, HTML, mentions or table breaks."""
    return _MARKDOWN_ACTIVE.sub(r"\\\1", printable(text)).replace("://", r":\/\/")
