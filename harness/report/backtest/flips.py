"""The list of flips: which items are newly flagged or no longer, for which category, with masked texts.

Decides its columns and their order, the same in CSV and in the sheet.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from harness.measure.backtest import flips
from harness.report.backtest.data import Backtest
from harness.report.parts.masking import TextMode, visible_text
from harness.report.parts.xlsx import Column, Sheet, Value, safe_text

NEWLY, NO_LONGER = "newly flagged", "no longer flagged"
COLUMNS = (
    Column("candidate", "text", 14),
    Column("item", "text", 22),
    Column("category", "text", 18),
    Column("flip", "text", 18),
    Column("views", "number", 12),
    Column("stands for", "number", 12),
    Column("stratum", "text", 30),
    Column("text", "long", 80),
)


def flip_rows(found: Backtest, mode: TextMode) -> Iterator[tuple[Value, ...]]:
    """Flips of the sample, candidate by candidate, those of most views first."""
    items = found.sample.items
    for effect in found.effects:
        rows = flips(effect, found.decided_before)
        rows.sort(key=lambda one: (-(items[one[0]].views or 0.0) / items[one[0]].probability, one[0]))
        for at, name, after in rows:
            one = items[at]
            yield flip_row(
                effect.candidate, one.id, name, after, one.views, 1 / one.probability, one.stratum,
                str(one.row[found.text]), mode,
            )  # fmt: skip


def flip_row(
    candidate: str,
    item_id: str,
    category: str,
    after: int,
    views: float | None,
    weight: float,
    stratum: str,
    text: str,
    mode: TextMode,
) -> tuple[Value, ...]:
    """One row of the list."""
    return (
        candidate,
        item_id,
        category,
        NEWLY if after else NO_LONGER,
        views,
        round(weight, 4),
        stratum,
        visible_text(text, mode),
    )


def csv_line(row: Sequence[Value]) -> str:
    """A row as a line of CSV that no spreadsheet takes for a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        ["" if one is None else safe_text(one) if isinstance(one, str) else f"{one:.10g}" for one in row]
    )
    return text.getvalue()


def csv_text(rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """The list as CSV, line by line."""
    yield csv_line([column.head for column in COLUMNS])
    for row in rows:
        yield csv_line(row)


def sheet(rows: Iterable[Sequence[Value]]) -> Sheet:
    """The list as a sheet."""
    return Sheet("Flips", COLUMNS, rows)
