"""One table, two renderings: the terminal and Markdown.

Decides layout and escaping; the words and numbers in the cells come from the builders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.report.parts.isolation import isolated_cell, isolated_text, names_among
from harness.report.parts.masking import printable
from harness.report.parts.screen import GLUE, INTERVAL, folded, screen_width, terminal_width, unbroken

COMFORTABLE = 100
"""Columns from which the cells of a table stand well apart."""
LONGEST_FIGURE = 24
"""Figures up to this length are never broken; a longer word with digits is an id or a hash."""
CATEGORY = "Category"
"""The head of a column of categories."""
LEAST_SIDE_BY_SIDE = 2
"""Figures beside the other columns below which a list is shorter."""
MOST_KEYS = 3
"""Leading columns beyond which rows are told apart by their order."""
LONGEST_WORD = 14
"""Words up to this length are never folded while the screen has room for them."""
_MARKDOWN_ACTIVE = re.compile(r"([\\`*_{}\[\]()#+!|<>~@&$])")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading.

    ``numeric`` columns align right, ``whole`` ones are never folded (ids to copy), ``keys`` stand in every part where a
    table is drawn in parts (none named: the first column, or as many as it takes to tell the rows apart).
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    numeric: frozenset[str] = field(default_factory=frozenset)
    whole: frozenset[str] = field(default_factory=frozenset)
    keys: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells in a table of {len(self.columns)} columns")


def with_names(table: Table, names: Mapping[str, str]) -> Table:
    """The table with every category that stands under "Category" called by its name."""
    at = [one for one, head in enumerate(table.columns) if head == CATEGORY]
    if not at or all(name == category for category, name in names.items()):
        return table
    rows = (tuple(names.get(cell, cell) if one in at else cell for one, cell in enumerate(row)) for row in table.rows)
    return replace(table, rows=tuple(rows))


def render(tables: Sequence[Table], output: str) -> str:
    """Several tables, a blank line between them: ``terminal`` or ``md``."""
    if output != "md":
        return "\n\n".join(to_terminal(table) for table in tables)
    names = names_among(cell for table in tables for row in table.rows for cell in row)
    return isolated_text("\n\n".join(to_markdown(table) for table in tables), map(markdown_text, names))


def to_terminal(table: Table, width: int | None = None) -> str:
    """The table as plain text of at most ``width`` columns (None: the screen's); cells cannot act on the terminal.

    A table whose figures do not fit side by side is drawn in parts below each other, or where these would be of one
    column each as a list, and says so: no figure or interval is cut or broken.
    """
    wide = terminal_width() if width is None else width
    is_screen = width is None and screen_width() is not None
    return "\n\n".join(_one(part, wide, is_screen) for part in _parts(table, wide))


def _one(table: Table, wide: int, is_screen: bool) -> str:
    widths = [_least_width(table, position) for position in range(len(table.columns))]
    n_gaps = len(widths) - 1  # a gap is one column, and two more where the cells stand well apart
    padding = 1 if wide >= COMFORTABLE and sum(map(max, widths, _figures(table))) + 3 * n_gaps <= wide else 0
    fits = sum(widths) + n_gaps <= wide
    lines = _drawn(table, wide, widths, padding, is_screen) if fits else _listed(table, wide)
    lines = [line.replace(GLUE, " ") for line in lines]
    title = folded(printable(table.title), wide) if table.title else []
    notes = [line for note in table.notes for line in folded(printable(note), wide)]
    return "\n".join([*title, *lines, *notes])


def _parts(table: Table, wide: int) -> list[Table]:
    """The table as the fewest that fit the screen, each with the keys; itself where it fits, or none would."""
    least = [_least_width(table, position) for position in range(len(table.columns))]
    keys = _keys(table)
    if sum(least) + len(least) - 1 <= wide:
        return [table]
    roomy = [
        max(one, min(LONGEST_FIGURE, _widest(_whole(row[at]) for row in table.rows))) if at in keys else one
        for at, one in enumerate(least)
    ]
    groups = min(_groups(roomy, keys, wide), _groups(least, keys, wide), key=len)
    if min(map(len, groups[:-1]), default=0) < LEAST_SIDE_BY_SIDE:
        return [table]
    why = f": {len(table.columns)} columns need a wider screen"
    shown = [sorted([*keys, *group]) for group in groups]
    return [
        replace(
            table,
            title=f"{table.title} ({number} of {len(groups)}{why if number == 1 else ''})".lstrip(),
            columns=tuple(table.columns[at] for at in columns),
            rows=tuple(tuple(row[at] for at in columns) for row in table.rows),
            notes=table.notes if number == len(groups) else (),
        )
        for number, columns in enumerate(shown, 1)
    ]


def _keys(table: Table) -> list[int]:
    """The columns that every part holds."""
    if table.keys:
        return [at for at, name in enumerate(table.columns) if name in table.keys]
    apart = (n for n in range(1, MOST_KEYS + 1) if len({row[:n] for row in table.rows}) == len(table.rows))
    return list(range(next(apart, 1)))


def _groups(least: Sequence[int], keys: Sequence[int], wide: int) -> list[list[int]]:
    """Which columns beside the keys stand together, left to right, where each has the width it needs."""
    groups: list[list[int]] = [[]]
    for at in (one for one in range(len(least)) if one not in keys):
        columns = [*keys, *groups[-1], at]
        if groups[-1] and sum(least[one] for one in columns) + len(columns) - 1 > wide:
            groups.append([])
        groups[-1].append(at)
    return groups


def _whole(cell: str) -> str:
    """A cell's text whose intervals are one word each."""
    return unbroken(printable(cell))


def _least_width(table: Table, position: int) -> int:
    """Columns that a column needs: its longest figure, and its longest word as far as words may be folded."""
    name = table.columns[position]
    words = [word for text in (name, *(row[position] for row in table.rows)) for word in _whole(text).split()]
    longest = _widest(words)
    if name in table.whole or name in table.numeric:
        return longest
    figures = _widest(word for word in words if any(map(str.isdigit, word)))
    return max(min(LONGEST_WORD, longest), min(figures, LONGEST_FIGURE))


def _widest(texts: Iterable[str]) -> int:
    """Columns of a screen that the widest takes: a wide character takes two, a combining one none."""
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _drawn(table: Table, wide: int, widths: Sequence[int], padding: int, is_screen: bool) -> list[str]:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, padding))
    shared = _shared_out(table, wide, widths, padding)
    for name, least in zip(table.columns, shared, strict=True):
        drawn.add_column(
            Text(_within(printable(name), least)),
            justify="right" if name in table.numeric else "left",
            overflow="fold",
            width=least,
            no_wrap=name in table.whole,
        )
    for row in table.rows:
        drawn.add_row(*(Text(_within(_whole(cell), least)) for cell, least in zip(row, shared, strict=True)))
    console = Console(width=wide, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(drawn)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return [_cells_apart(line, shared, 1 + 2 * padding) for line in lines] if is_screen else lines


def _within(cell: str, wide: int) -> str:
    """The lines of a cell: a word that is wider than its column ends behind an underscore or a hyphen where it can."""
    from rich.cells import cell_len

    if cell_len(cell) <= wide:
        return cell
    lines = [""]
    for word in cell.split(" "):
        if cell_len(lines[-1]) + 1 + cell_len(word) <= wide:
            lines[-1] += f" {word}"
            continue
        while cell_len(word) > wide:
            at = next(one for one in range(len(word) - 1, 0, -1) if cell_len(word[:one]) <= wide or one == 1)
            joint = max(map(word[:at].rfind, "_-/.")) + 1
            lines.append(word[: joint or at])
            word = word[joint or at :]
        lines.append(word)
    return "\n".join(line.strip() for line in lines if line)


def _cells_apart(line: str, widths: Sequence[int], gap: int) -> str:
    """A drawn line whose cells cannot change places on a screen that turns words from right to left."""
    if line.isascii():
        return line
    from rich.cells import cell_len

    cells, at = [""], 0
    for character in line:
        if at + cell_len(character) > widths[len(cells) - 1] + gap and len(cells) < len(widths):
            cells.append("")
            at = 0
        cells[-1] += character
        at += cell_len(character)
    return "".join(map(isolated_cell, cells))


def _shared_out(table: Table, wide: int, widths: Sequence[int], padding: int) -> list[int]:
    """The columns' widths: what each needs at least; then whole words, whole figures, rows of few lines, whole heads.

    Within each step those come first that need the least more: a head is folded before a figure with its interval.
    """
    cells = [[_whole(row[position]) for row in table.rows] for position in range(len(table.columns))]
    longest, figures = [_widest(column) for column in cells], _figures(table)
    words = [min(LONGEST_FIGURE, _widest(word for text in column for word in text.split())) for column in cells]
    natural = [max(_widest([printable(name)]), one) for name, one in zip(table.columns, longest, strict=True)]
    space = wide - (1 + 2 * padding) * (len(widths) - 1)
    found = list(widths)
    found = _widened(found, words, space)
    if sum(map(max, found, figures)) <= space:  # some alone would leave the names no room
        found = _widened(found, figures, space)
    return _widened(_widened(found, _even(found, longest, space), space), natural, space)


def _figures(table: Table) -> list[int]:
    """Columns that figures need to stand whole, with their intervals beside them; 0 for words."""
    found = []
    for position, name in enumerate(table.columns):
        cells = [row[position] for row in table.rows]
        widest = _widest(map(_whole, cells))
        is_figure = name in table.numeric or (widest <= LONGEST_FIGURE and any(map(INTERVAL.search, cells)))
        found.append(widest if is_figure else 0)
    return found


def _even(least: Sequence[int], longest: Sequence[int], space: int) -> list[int]:
    """Widths at which the longest cells of all columns take about equally many lines."""
    found = list(least)
    for _ in range(space - sum(least)):
        fullest = max(range(len(found)), key=lambda one: longest[one] / max(found[one], 1))
        if found[fullest] >= longest[fullest]:
            break
        found[fullest] += 1
    return found


def _widened(widths: Sequence[int], wanted: Sequence[int], space: int) -> list[int]:
    found, left = list(widths), space - sum(widths)
    for position in sorted(range(len(found)), key=lambda one: wanted[one] - found[one]):
        more = min(max(wanted[position] - found[position], 0), left)
        found[position] += more
        left -= more
    return found


def _listed(table: Table, wide: int) -> list[str]:
    """One block a row: its first cell, then every other cell under its name."""
    lines = [f"(a list: a table of {len(table.columns)} columns needs a wider screen)"]
    for row in table.rows:
        lines += folded(printable(row[0]), wide)
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            if cell:
                lines += folded(f"{printable(name)}: {_whole(cell)}", wide, "  ", "    ")
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


def markdown_code(text: str) -> str:
    """Text to copy, such as a command: as code, where nothing is escaped or isolated."""
    return markdown_text(text) if "`" in text else f"`{printable(text)}`"
