"""A series of production figures: one line a date, category and figure, in a CSV or JSONL file that grows.

Decides the columns, that a figure of a date is written once, and what a line must hold to be read.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.errors import FileError
from harness.files.text import joined, quoted, read_text, reason, suggestion
from harness.goldens.prevalence import Figure

COLUMNS = ("date", "golden_set", "version", "category", "figure", "value", "low", "high", "n_labelled", "n_violating",
           "method", "reason")  # fmt: skip
SUFFIXES = (".csv", ".jsonl")
MAX_BYTES = 100_000_000
_KEY = ("date", "golden_set", "category", "figure")


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One figure of one date.

    Attributes:
        date: ISO date.
        category: Category id, or the name of all together.
        figure: Which figure.
        result: Estimate with its interval; undefined with a reason.
        n_labelled: Labelled items of the sample.
        n_violating: Of them violating.
    """

    date: str
    golden_set: str
    version: str
    category: str
    figure: str
    result: MetricResult
    n_labelled: int
    n_violating: int
    method: str


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
        before = [row for _, row in _rows(path)] if path.exists() and path.stat().st_size else []
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


def read_series(path: Path) -> tuple[SeriesLine, ...]:
    """Every line of a series, in the order of the file.

    Raises:
        FileError: It is not there, holds something else, or has a line that is no figure.
    """
    if path.suffix not in SUFFIXES:
        raise FileError(str(path), "is no series of production figures", allowed=f"a file in {' or '.join(SUFFIXES)}",
                        next_step="write one: harness golden prevalence CARD --series production.csv")  # fmt: skip
    return tuple(_line(path, number, row) for number, row in _rows(path))


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Line number and content of every line."""
    text = read_text(path, what="series of production figures", limit=MAX_BYTES).text
    try:
        if not text.endswith("\n"):
            raise ValueError("its last line does not end: was it cut off?")
        if path.suffix != ".csv":
            lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
            rows = [(number, json.loads(line)) for number, line in lines]
        else:
            reader = csv.DictReader(io.StringIO(text, newline=""))
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError("its columns are others")
            rows = [(reader.line_num, row) for row in reader]
            short = next((number for number, row in rows if None in row or None in row.values()), None)
            if short is not None:
                raise ValueError(f"line {short} has more or fewer cells than its head")
        if not all(isinstance(row, dict) and set(_KEY) <= set(row) for _, row in rows):
            raise ValueError("a line is no figure")
    except ValueError as error:
        raise FileError(str(path), f"is no series of production figures: {error}", allowed=joined(COLUMNS),
                        next_step="name another file") from None  # fmt: skip
    return rows


def _line(path: Path, number: int, row: Mapping[str, Any]) -> SeriesLine:
    def wrong(name: str, allowed: str, next_step: str = "correct the line") -> FileError:
        return FileError(
            str(path), f"is {quoted(row.get(name))}", line=number, field=name, allowed=allowed, next_step=next_step
        )

    try:
        date = datetime.date.fromisoformat(str(row["date"]).strip()).isoformat()
    except ValueError:
        raise wrong("date", "a date such as 2026-11-27", "a spreadsheet may have rewritten it") from None
    figure = str(row["figure"]).strip()
    if figure not in PRODUCTION_FIGURES:
        raise wrong("figure", joined(PRODUCTION_FIGURES), suggestion(figure, PRODUCTION_FIGURES, "correct the line"))
    if not str(row["category"] or "").strip():
        raise wrong("category", "the id of a category")
    ends = []
    for name in ("value", "low", "high"):
        said = row.get(name)
        try:
            end = math.nan if said is None or said == "" else float(said)
        except (TypeError, ValueError):
            raise wrong(name, "a share from 0 to 1, with a point, or nothing") from None
        if not (math.isnan(end) and said in (None, "")) and not 0 <= end <= 1:
            raise wrong(name, "a share from 0 to 1, with a point, or nothing")
        ends.append(end)
    value, low, high = ends
    if math.isnan(value) != math.isnan(low) or math.isnan(low) != math.isnan(high):
        raise wrong("value", "value, low and high together, or none of them")
    if not math.isnan(value) and not low <= value <= high:
        raise wrong("value", f"a value between low ({low:g}) and high ({high:g})")
    counts = []
    for name in ("n_labelled", "n_violating"):
        try:
            counts.append(int(str(row.get(name)).strip()))
        except ValueError:
            raise wrong(name, "a whole number") from None
        if counts[-1] < 0:
            raise wrong(name, "a whole number")
    n_labelled, n_violating = counts
    result = (
        MetricResult.undefined(str(row.get("reason") or "undefined"), n=n_labelled)
        if math.isnan(value)
        else MetricResult(value, low, high, n_labelled)
    )
    golden, version = str(row["golden_set"]), str(row.get("version") or "")
    method = str(row.get("method") or "")
    return SeriesLine(
        date, golden, version, str(row["category"]).strip(), figure, result, n_labelled, n_violating, method
    )
