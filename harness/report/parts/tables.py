"""One table, two renderings: the terminal and Markdown.

Decides layout and escaping; the words and numbers in the cells come from the builders.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.report.parts.isolation import isolated_text, names_among
from harness.report.parts.masking import printable

TERMINAL_WIDTH = 128
NARROWEST = 60
COMFORTABLE = 100
"""Columns from which the cells of a table stand well apart."""
LONGEST_FIGURE = 24
"""Figures up to this length are never broken; a longer word with digits is an id or a hash."""
_INTERVAL = re.compile(r"\[([^\s\[\]]+), ([^\s\[\]]+)\]")
_GLUE = "\ue000"
"""The blank of an interval while a table is drawn, so that none is folded; ``printable`` lets no other by."""
LEAST_SIDE_BY_SIDE = 2
"""Figures beside the other columns below which a list is shorter."""
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
    if output != "md":
        return "\n\n".join(to_terminal(table) for table in tables)
    names = names_among(cell for table in tables for row in table.rows for cell in row)
    return isolated_text("\n\n".join(to_markdown(table) for table in tables), map(markdown_text, names))


def terminal_width() -> int:
    """Columns of a table: those of the screen where there is one, within bounds; a file or pipe gets the most."""
    if sys.stdout is None or not sys.stdout.isatty():
        return TERMINAL_WIDTH
    return max(NARROWEST, min(TERMINAL_WIDTH, shutil.get_terminal_size((TERMINAL_WIDTH, 24)).columns))


def to_screen(text: str) -> str:
    """Sentences for a screen, each line folded between words at its width; a file or pipe gets them as they are."""
    if sys.stdout is None or not sys.stdout.isatty():
        return text
    return "\n".join(_folded(line, terminal_width()) for line in text.split("\n"))


def _folded(line: str, wide: int) -> str:
    blanks = " " * (len(line) - len(line.lstrip(" ")))
    below = blanks + "  " if line.lstrip(" ").startswith(("- ", "* ")) else blanks
    kept = _INTERVAL.sub(rf"[\1,{_GLUE}\2]", line.lstrip(" "))
    drawn = textwrap.wrap(
        kept,
        wide,
        initial_indent=blanks,
        subsequent_indent=below,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(drawn).replace(_GLUE, " ")


def to_terminal(table: Table, width: int | None = None) -> str:
    """The table as plain text of at most ``width`` columns (None: the screen's); cells cannot act on the terminal.

    A table whose figures do not fit side by side becomes a list, and says so: no figure or interval is cut or broken.
    """
    wide = terminal_width() if width is None else width
    widths = [_least_width(table, position) for position in range(len(table.columns))]
    n_gaps = len(widths) - 1  # a gap is one column, and two more where the cells stand well apart
    padding = 1 if wide >= COMFORTABLE and sum(widths) + 3 * n_gaps <= wide else 0
    fits = sum(widths) + n_gaps <= wide
    lines = [
        line.replace(_GLUE, " ") for line in (_drawn(table, wide, widths, padding) if fits else _listed(table, wide))
    ]
    title = [printable(table.title)] if table.title else []
    notes = [line for note in table.notes for line in textwrap.wrap(printable(note), max(wide, NARROWEST)) or [""]]
    return "\n".join([*title, *lines, *notes])


def side_by_side(table: Table, width: int | None = None) -> list[Table]:
    """The table as the fewest that fit the screen, each with all columns that are no figures; itself where none would.

    For tables of many figures of one kind: categories, of which a list would show one a line.
    """
    wide = terminal_width() if width is None else width
    keys = [at for at, name in enumerate(table.columns) if name not in table.numeric]
    groups: list[list[int]] = [[]]
    for at in (one for one in range(len(table.columns)) if one not in keys):
        columns = [*keys, *groups[-1], at]
        if groups[-1] and sum(_least_width(table, one) for one in columns) + len(columns) - 1 > wide:
            groups.append([])
        groups[-1].append(at)
    if len(groups) == 1 or min(map(len, groups[:-1])) < LEAST_SIDE_BY_SIDE:
        return [table]
    return [
        replace(
            table,
            title=f"{table.title} ({number} of {len(groups)})",
            columns=tuple(table.columns[at] for at in (*keys, *group)),
            rows=tuple(tuple(row[at] for at in (*keys, *group)) for row in table.rows),
            notes=table.notes if number == len(groups) else (),
        )
        for number, group in enumerate(groups, 1)
    ]


def _whole(cell: str) -> str:
    """A cell's text whose intervals are one word each."""
    return _INTERVAL.sub(rf"[\1,{_GLUE}\2]", printable(cell))


def _least_width(table: Table, position: int) -> int:
    """Columns that a column needs: its longest figure, and its longest word as far as words may be folded."""
    name = table.columns[position]
    words = [word for text in (name, *(row[position] for row in table.rows)) for word in _whole(text).split()]
    figures = [len(word) for word in words if any(map(str.isdigit, word))]
    longest = max(map(len, words), default=1)
    if name in table.whole or name in table.numeric:
        return longest
    return max(min(LONGEST_WORD, longest), min(max(figures, default=0), LONGEST_FIGURE))


def _drawn(table: Table, wide: int, widths: Sequence[int], padding: int) -> list[str]:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, padding))
    for name, least in zip(table.columns, _shared_out(table, wide, widths, padding), strict=True):
        drawn.add_column(
            Text(printable(name) if padding else "\n".join(printable(name).split())),
            justify="right" if name in table.numeric else "left",
            overflow="fold",
            width=least,
            no_wrap=name in table.whole,
        )
    for row in table.rows:
        drawn.add_row(*(Text(_whole(cell)) for cell in row))
    console = Console(width=wide, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(drawn)
    return [line.rstrip() for line in captured.get().splitlines()]


def _shared_out(table: Table, wide: int, widths: Sequence[int], padding: int) -> list[int]:
    """The columns' widths: what each needs at least; then whole words, whole figures, whole cells.

    Within each step those come first that need the least more: a head is folded before a figure with its interval.
    """
    cells = [[_whole(row[position]) for row in table.rows] for position in range(len(table.columns))]
    heads = [printable(name) for name in table.columns]
    figures = [
        max(map(len, column), default=0) if name in table.numeric else 0
        for name, column in zip(table.columns, cells, strict=True)
    ]
    words = [
        min(LONGEST_FIGURE, max((len(word) for text in column for word in text.split()), default=0)) for column in cells
    ]
    natural = [max(map(len, (head, *column))) for head, column in zip(heads, cells, strict=True)]
    found = list(widths)
    left = wide - sum(found) - (1 + 2 * padding) * (len(found) - 1)
    for wanted in (words, figures, natural):
        for position in sorted(range(len(found)), key=lambda one: wanted[one] - found[one]):
            more = min(max(wanted[position] - found[position], 0), left)
            found[position] += more
            left -= more
    return found


def _listed(table: Table, wide: int) -> list[str]:
    """One block a row: its first cell, then every other cell under its name."""
    lines = [f"(a list: a table of {len(table.columns)} columns needs a wider screen)"]
    for row in table.rows:
        lines.append(printable(row[0]))
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            if cell:
                text = f"{printable(name)}: {_whole(cell)}"
                lines += textwrap.wrap(
                    text, wide, initial_indent="  ", subsequent_indent="    ", break_long_words=False
                )
    return lines


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
