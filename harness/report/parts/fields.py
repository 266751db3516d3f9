"""Records as the rows of a sheet: a column beside what its cells hold, so that no head comes out of step with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.core.results import MetricResult
from harness.report.parts.xlsx import Column, Kind, Sheet, Value, proportion

Record = TypeVar("Record")
ENDS = ("", ", low", ", high")


@dataclass(frozen=True, slots=True)
class Field(Generic[Record]):
    """Columns that stand side by side, and their cells for a record."""

    columns: tuple[Column, ...]
    cells: Callable[[Record], Sequence[Value]]


def field(head: str, cell: Callable[[Record], Value], kind: Kind = "text", width: float = 14) -> Field[Record]:
    """Return one column and its cell."""
    return Field((Column(head, kind, width),), lambda one: (cell(one),))


def fields(
    heads: Iterable[str], cells: Callable[[Record], Sequence[Value]], kind: Kind = "text", width: float = 14
) -> Field[Record]:
    """Return columns of one kind and their cells."""
    return Field(tuple(Column(head, kind, width) for head in heads), cells)


def ends(
    heads: Sequence[str], result: Callable[[Record], MetricResult | None], kind: Kind = "share", width: float = 9
) -> Field[Record]:
    """Return value, low and high of a result."""
    return fields(heads, lambda one: proportion(result(one))[: len(heads)], kind, width)


def table(name: str, records: Iterable[Record], columns: Sequence[Field[Record]], **more: Any) -> Sheet:
    """Return the sheet of records; ``more`` are the other attributes of a sheet."""
    heads = tuple(column for one in columns for column in one.columns)
    return Sheet(name, heads, [tuple(cell for one in columns for cell in one.cells(of)) for of in records], **more)
