"""Queues of items to review: a CSV that the audit, a report's marks and people write, and the review reads.

Decides the columns: ``item``, and optionally ``category``, ``why`` and ``score``. A file of ids, one a line, is a queue
too; so is any CSV with a column named ``item``, ``item_id`` or ``id``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import FileError
from harness.files.golden.sets import GoldenSet
from harness.files.text import joined, read_text, reason, shortened

COLUMNS = ("item", "category", "why", "score")
_ID_NAMES = ("item", "item_id", "id")
MAX_QUEUE_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One item to look at; ``category`` is None for all of them."""

    item: str
    category: str | None = None
    why: str = ""
    score: float | None = None


def write_queue(path: Path, rows: Sequence[QueueRow]) -> None:
    """Write a queue as CSV; cells that a spreadsheet would run are made text."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        score = "" if row.score is None else f"{row.score:.6g}"
        writer.writerow([safe_cell(cell) for cell in (row.item, row.category or "", row.why, score)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {reason(error)}", next_step="name another file") from None


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula; ``read_queue`` gives the first form back."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "'") and not _is_number(text) else text


def read_queue(path: Path, golden: GoldenSet) -> list[QueueRow]:
    """The rows of a queue in order, each once.

    Raises:
        FileError: A row names an item or category that the set does not have.
    """
    file = read_text(path, what="queue", limit=MAX_QUEUE_BYTES)
    try:
        lines = list(csv.reader(io.StringIO(file.text, newline=""), delimiter=_delimiter(file.text)))
    except csv.Error as error:
        raise FileError(str(path), f"is no CSV: {error}", allowed=f"columns {joined(COLUMNS)}") from None
    names = [cell.strip().casefold() for cell in lines[0]]
    id_column = next((names.index(name) for name in _ID_NAMES if name in names), None)
    body = lines if id_column is None else lines[1:]
    at = {name: names.index(name) for name in COLUMNS[1:] if id_column is not None and name in names}
    known, found = set(golden.ids()), dict[tuple[str, str | None], QueueRow]()
    for number, cells in enumerate(body, start=1 if id_column is None else 2):
        if not any(cell.strip() for cell in cells):
            continue
        item = _back(_cell(cells, id_column or 0), known)
        category = _cell(cells, at.get("category")) or None
        if item not in known:
            raise FileError(
                str(path), f"names the item '{shortened(item)}', which golden set '{golden.name}' does not have",
                line=number, allowed="ids of the set, one a line, or a CSV with a column 'item'",
                next_step="use a queue of this golden set",
            )  # fmt: skip
        row = QueueRow(item, category, _cell(cells, at.get("why")), _number(_cell(cells, at.get("score"))))
        found.setdefault((item, category), row)
    return list(found.values())


def _cell(cells: Sequence[str], at: int | None) -> str:
    return cells[at].strip() if at is not None and at < len(cells) else ""


def _back(item: str, known: set[str]) -> str:
    return item[1:] if item not in known and item.startswith("'") else item


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
