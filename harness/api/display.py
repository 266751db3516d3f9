"""Tables of the reports as text and as HTML for a notebook's cell; nothing in them can act on either."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from harness.report.parts.masking import printable
from harness.report.parts.screen import TERMINAL_WIDTH
from harness.report.parts.tables import Table, to_terminal

WIDTH = TERMINAL_WIDTH


def as_text(head: Sequence[str], tables: Sequence[Table], foot: Sequence[str] = ()) -> str:
    """Lines, the tables, and lines underneath."""
    parts = ["\n".join(map(printable, head)), *(to_terminal(one, WIDTH) for one in tables)]
    return "\n\n".join([*parts, *(["\n".join(map(printable, foot))] if foot else [])])


def as_html(head: Sequence[str], tables: Sequence[Table], foot: Sequence[str] = ()) -> str:
    """The same, escaped."""
    above, below = ([Markup("<p>{}</p>").format(printable(line)) for line in lines if line] for lines in (head, foot))
    return str(Markup("\n").join([*above, *map(_table, tables), *below]))


def _table(table: Table) -> Markup:
    align = [Markup(' style="text-align: right"') if name in table.numeric else Markup("") for name in table.columns]
    head = Markup("").join(
        Markup("<th{}>{}</th>").format(how, printable(name)) for how, name in zip(align, table.columns, strict=True)
    )
    rows = Markup("\n").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(how, printable(cell)) for how, cell in zip(align, row, strict=True)
            )
        )
        for row in table.rows
    )
    notes = Markup("").join(Markup("<p><small>{}</small></p>").format(printable(one)) for one in table.notes)
    title = Markup("<caption>{}</caption>").format(printable(table.title)) if table.title else escape("")
    return Markup("<table>{}<thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table>{}").format(title, head, rows, notes)
