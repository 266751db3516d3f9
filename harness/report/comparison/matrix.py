"""The matrix of candidates by category: who may ship first, and where each is better or worse.

Decides the order (by the decision, then fewest harms, then most gains) and which categories fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.gating.findings.records import Answer
from harness.report.comparison.data import Pair, ReportData
from harness.report.parts import numbers
from harness.report.parts.tables import Table
from harness.report.parts.xlsx import Column, Sheet, Value, number

MATRIX_FROM, MOST_COLUMNS = 3, 12
"""Candidates from which a matrix is drawn, and its categories."""
_SIGNS = {"better": "▲", "worse": "▼", "leans_better": "△", "leans_worse": "▽"}
_RANK: dict[Answer, int] = {
    "ship": 0,
    "better": 0,
    "look": 1,
    "mixed": 1,
    "same": 2,
    "wait": 2,
    "worse": 3,
    "no": 4,
    "invalid": 5,
}


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One candidate: its decision, how much speaks against and for it, and recall with a sign per category."""

    candidate: str
    word: str
    n_harms: int
    n_gains: int
    cells: tuple[tuple[str, str], ...]
    """Text and class of each cell."""


def matrix_columns(data: ReportData) -> list[int]:
    """Positions of the categories that are drawn: all, or those in which recall moved most for some candidate."""
    n = len(data.pairs[0].rows)

    def weight(position: int) -> tuple[int, float]:
        found = [pair.rows[position].measures.get("recall") for pair in data.pairs]
        moved = [one for one in found if one is not None and one.change in _SIGNS and one.difference is not None]
        return len(moved), max((abs(one.difference.value) for one in moved if one.difference is not None), default=0.0)

    return sorted(sorted(range(n), key=weight, reverse=True)[:MOST_COLUMNS])


def candidate_matrix(data: ReportData) -> list[MatrixRow]:
    """The rows, those that may ship first; none below ``MATRIX_FROM`` candidates."""
    if len(data.pairs) < MATRIX_FROM or data.baseline is None:
        return []
    words = {line.candidate: line.word for line in data.verdict.lines}
    ordered, columns = ranked(data), matrix_columns(data)
    return [
        MatrixRow(pair.candidate, words[pair.candidate], _n_harms(pair), _n_gains(pair), _cells(pair, columns))
        for pair in ordered
    ]


def matrix_caption(data: ReportData) -> str:
    """What the matrix shows, and how many categories it leaves out."""
    n_shown, n = len(matrix_columns(data)), len(data.categories)
    cut = f"; {n_shown} of {n} categories, those that moved most" if n_shown < n else ""
    signs = f"▲ ▼ proven against {data.baseline}, △ ▽ maybe"
    return f"Recall by category, the candidates that may ship first{cut}; {signs}"


def ranked(data: ReportData) -> list[Pair]:
    """The comparisons, those that may ship first."""
    return ranked_pairs(data.pairs)


def ranked_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """The same, before there is a report."""
    return sorted(pairs, key=_order)


def _order(pair: Pair) -> tuple[int, int, int]:
    return _RANK.get(pair.decision.answer, 3), _n_harms(pair), -_n_gains(pair)


def _n_harms(pair: Pair) -> int:
    return sum(not one.evidence.restates for one in pair.decision.harms)


def _n_gains(pair: Pair) -> int:
    return sum(not one.evidence.restates for one in pair.decision.of("gain"))


def _cells(pair: Pair, columns: Sequence[int]) -> tuple[tuple[str, str], ...]:
    cells = []
    for position in columns:
        one = pair.rows[position].measures.get("recall")
        if one is None:
            cells.append(("n/a", ""))
        else:
            cells.append(
                (f"{numbers.share(one.candidate.value)} {_SIGNS.get(one.change, '')}".strip(), f"c-{one.change}")
            )
    return tuple(cells)


def matrix_table(data: ReportData) -> Table | None:
    """The matrix as a table of text; None below ``MATRIX_FROM`` candidates."""
    rows = candidate_matrix(data)
    if not rows:
        return None
    names = [data.pairs[0].rows[position].name for position in matrix_columns(data)]
    cells = [
        (one.candidate, one.word, str(one.n_harms), str(one.n_gains), *(text for text, _ in one.cells)) for one in rows
    ]
    columns = ("Candidate", "Decision", "Harm", "Gains", *names)
    return Table("Candidates", columns, tuple(cells), (f"{matrix_caption(data)}.",), frozenset(columns[2:]))


def matrix_sheet(data: ReportData) -> Sheet | None:
    """Every candidate by every category, with its place; None below ``MATRIX_FROM`` candidates."""
    if len(data.pairs) < MATRIX_FROM or data.baseline is None:
        return None
    words = {line.candidate: line.word for line in data.verdict.lines}
    columns = (
        Column("Place", "count", 7),
        Column("Candidate", width=18),
        Column("Decision", width=26),
        Column("Harm", "count", 7),
        Column("Gains", "count", 7),
        *(Column(f"Recall, {row.name}", "share", 11) for row in data.pairs[0].rows),
    )
    rows = [
        (place, one.candidate, words[one.candidate], _n_harms(one), _n_gains(one), *_recalls(one))
        for place, one in enumerate(ranked(data), 1)
    ]
    return Sheet("Candidates", columns, rows, title=f"Those that may ship first, against {data.baseline}")


def _recalls(pair: Pair) -> list[Value]:
    found = (row.measures.get("recall") for row in pair.rows)
    return [None if one is None else number(one.candidate.value) for one in found]


def printed_rows(data: ReportData) -> list[tuple[str, list[str]]]:
    """For paper, where nothing can be switched: recall and precision of every candidate, by category."""
    values: dict[tuple[str, str, str], str] = {}
    for pair in data.pairs:
        for row in pair.rows:
            for metric, one in row.measures.items():
                values[pair.candidate, row.id, metric] = numbers.share_with_interval(one.candidate)
                if pair.baseline is not None and one.baseline is not None:
                    values.setdefault((pair.baseline, row.id, metric), numbers.share_with_interval(one.baseline))
    return [
        (
            row.name,
            [values.get((name, row.id, metric), "–") for name in data.candidates for metric in ("recall", "precision")],
        )
        for row in data.pairs[0].rows
    ]
