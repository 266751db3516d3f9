"""The table of sections that are made of tables: the name of a section -> where it is made.

Decides what such a section is and how every format shows it: the page and Markdown under its heading, the workbook as a
sheet for each table, JSON as it is. A new section is one file with a ``Section`` and one line here. Sections that are
drawn (categories, items, curves, slices, cost, production) have their own part in the page's template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.report.comparison.source import ReportSource
from harness.report.parts.tables import Table, markdown_text, to_markdown, with_names
from harness.report.parts.xlsx import Column, Sheet

SECTIONS = {
    "frontier": "harness.report.comparison.frontier:FRONTIER",
    "operating": "harness.report.comparison.operating:OPERATING",
    "cascades": "harness.report.comparison.cascaded:CASCADES",
    "disputes": "harness.report.comparison.disputed:DISPUTES",
    "sensitivity": "harness.report.comparison.sensitivity:SENSITIVITY",
}

LONG = 40
"""Rows of a section beyond which paper leaves it as the reader did, folded."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the comparison report.

    Attributes:
        link: Its name among the links at the top of the page.
        tables: Its tables; a section without any is left out.
    """

    link: str
    title: str
    lead: str
    tables: Callable[[ReportSource], Sequence[Table]]


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its tables made."""

    id: str
    link: str
    title: str
    lead: str
    tables: tuple[Table, ...]

    @property
    def is_long(self) -> bool:
        """Whether it would fill more than a sheet of paper."""
        return sum(len(one.rows) for one in self.tables) > LONG

    def as_plain(self) -> dict[str, Any]:
        """The section in ``report.json``."""
        tables = [{name: getattr(one, name) for name in ("title", "columns", "rows", "notes")} for one in self.tables]
        return {"id": self.id, "title": self.title, "lead": self.lead, "tables": tables}


def shown_sections(source: ReportSource) -> tuple[ShownSection, ...]:
    """The sections of the table that have something to say, in its order."""
    shown = []
    for name, place in SECTIONS.items():
        module, _, attribute = place.partition(":")
        section: Section = getattr(import_module(module), attribute)
        tables = tuple(with_names(one, source.scores.names) for one in section.tables(source))
        if tables:
            shown.append(ShownSection(name, section.link, section.title, section.lead, tables))
    return tuple(shown)


def section_markdown(section: ShownSection) -> str:
    """The section under its heading, a table after another."""
    parts = [f"## {markdown_text(section.title)}", markdown_text(section.lead), *map(to_markdown, section.tables)]
    return "\n\n".join(parts)


def section_sheets(section: ShownSection) -> list[Sheet]:
    """A sheet for each table; figures stay as they are written elsewhere, with their intervals."""
    return [
        Sheet(
            f"{section.link} {table.title}" if len(section.tables) > 1 else section.link,
            tuple(Column(name, width=26) for name in table.columns),
            list(table.rows),
        )
        for table in section.tables
    ]
