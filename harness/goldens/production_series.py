"""A series of production figures: one line a date, category and figure, in a CSV or JSONL file that grows.

Decides the columns, and that a figure of a date is written once.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import FileError
from harness.files.text import joined, reason
from harness.goldens.prevalence import Figure

COLUMNS = ("date", "golden_set", "version", "category", "figure", "value", "low", "high", "n_labelled", "n_violating",
           "method", "reason")  # fmt: skip
_KEY = ("date", "golden_set", "category", "figure")


def append(path: Path, figures: Sequence[Figure], *, date: str, golden_set: str, version: int) -> int:
    """Add the figures of one date to a series, which is made where it is not there; how many lines were added.

    Raises:
        FileError: The file holds something else, has these figures already, or cannot be written.
    """
    rows = [
        {name: {**one.as_dict(), "date": date, "golden_set": golden_set, "version": version}.get(name)
         for name in COLUMNS}
        for one in figures
    ]  # fmt: skip
    is_csv = path.suffix == ".csv"
    try:
        before = _read(path, is_csv=is_csv) if path.exists() else []
        known = {tuple(str(row.get(name)) for name in _KEY) for row in before}
        again = [row for row in rows if tuple(str(row[name]) for name in _KEY) in known]
        if again:
            raise FileError(
                str(path),
                f"has the figures of {date} already: {joined(str(row['figure']) for row in again[:3])}",
                allowed="each date once",
                next_step="name another date with --date, or remove its lines",
            )
        text = io.StringIO(newline="")
        if is_csv:
            writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
            if not before:
                writer.writeheader()
            writer.writerows(rows)
        else:
            text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {reason(error)}", allowed="a file to add lines to",
                        next_step="name another place") from None  # fmt: skip
    return len(rows)


def _read(path: Path, *, is_csv: bool) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text and not text.endswith("\n"):
            raise ValueError("its last line does not end")
        if not is_csv:
            rows = [json.loads(line) for line in text.splitlines()]
        else:
            reader = csv.DictReader(io.StringIO(text, newline=""))
            rows = list(reader)
            if text and tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError("its columns are others")
        if not all(isinstance(row, dict) and set(_KEY) <= set(row) for row in rows):
            raise ValueError("a line is no figure")
    except ValueError as error:
        raise FileError(str(path), f"is no series of production figures: {error}", allowed=", ".join(COLUMNS),
                        next_step="name another file") from None  # fmt: skip
    return rows
