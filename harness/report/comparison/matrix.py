"""The matrix of candidates by category: who may ship first, and where each is better or worse.

Decides the order (by the decision, then fewest harms, then most gains, then F1) and which categories fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from harness.core.results import MetricResult
from harness.gating.findings.records import Answer
from harness.measure.score import UNDECIDED
from harness.report.comparison.change_signs import SIGNS
from harness.report.comparison.data import Measure, Pair, ReportData
from harness.report.parts import numbers
from harness.report.parts.tables import Table
from harness.report.parts.xlsx import Column, Sheet, Value, number

MATRIX_FROM, MOST_COLUMNS = 3, 12
"""Candidates from which a matrix is drawn, and its categories."""
WIDEST = 130
"""Characters of the longest words of its heads and of the longest candidate that a page of 1,280 pixels holds."""
PRINTED = 4
"""Most candidates of one printed table: eight figures with their intervals fill a sheet of paper."""
_RANKED: tuple[tuple[Answer, ...], ...] = (
    ("ship", "better"), ("look", "mixed"), ("same", "wait"), ("worse",), ("no",), ("invalid",),
)  # fmt: skip
_RANK = {answer: rank for rank, answers in enumerate(_RANKED) for answer in answers}


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One candidate: its decision, how much speaks against and for it, and recall with a sign per category."""

    candidate: str
    word: str
    n_harms: int
    n_gains: int
    cells: tuple[tuple[str, str], ...]
    """Text and class of each cell."""


def decided_categories(data: ReportData) -> list[tuple[str, str]]:
    """Ids and names of the categories that some comparison is about; not all candidates need to decide the same."""
    decided = {
        row.id
        for pair in data.pairs
        for row in pair.rows
        if any(one.candidate.reason not in UNDECIDED for one in row.measures.values())
    }
    return [one for one in data.categories if one[0] in decided]


def matrix_columns(data: ReportData) -> list[tuple[str, str]]:
    """Ids and names of the categories that are drawn: all, or those in which recall moved most for some candidate."""
    decided = decided_categories(data)

    def weight(position: int) -> tuple[int, float]:
        found = [_recall(pair, decided[position][0]) for pair in data.pairs]
        moved = [abs(one.difference.value) for one in found if one and one.change in SIGNS and one.difference]
        return len(moved), max(moved, default=0.0)

    first = sorted(range(len(decided)), key=weight, reverse=True)[:MOST_COLUMNS]
    left = WIDEST - min(24, max((len(pair.candidate) for pair in data.pairs), default=0))
    widths = accumulate(max(7, *map(len, decided[at][1].split())) + 2 for at in first)
    kept = [at for at, width in zip(first, widths, strict=True) if width <= left]
    return [decided[at] for at in sorted(kept or first[:1])]


def candidate_matrix(data: ReportData) -> list[MatrixRow]:
    """The rows, those that may ship first; none below ``MATRIX_FROM`` candidates."""
    if len(data.pairs) < MATRIX_FROM or data.baseline is None:
        return []
    words = {line.candidate: line.word for line in data.verdict.lines}
    columns = [category for category, _ in matrix_columns(data)]
    return [
        MatrixRow(pair.candidate, words[pair.candidate], _n_harms(pair), _n_gains(pair), _cells(pair, columns))
        for pair in ranked(data)
    ]


def baseline_cells(data: ReportData) -> list[str]:
    """The baseline's recall in each drawn category: what the candidates' figures are read against."""
    found = [
        next((one.baseline for pair in data.pairs if (one := _recall(pair, category)) and one.baseline), None)
        for category, _ in matrix_columns(data)
    ]
    return ["n/a" if one is None else numbers.share(one.value) for one in found]


def matrix_caption(data: ReportData) -> str:
    """What the matrix shows, and how many categories it leaves out."""
    n_shown, n = len(matrix_columns(data)), len(decided_categories(data))
    cut = f"; {n_shown} of {n} categories, those that moved most" if n_shown < n else ""
    signs = f"▲ ▼ proven against {data.baseline}, △ ▽ maybe, no mark: the same, or no change that can be told"
    return f"Recall by category, candidates by decision, best first{cut}; {signs}"


def ranked(data: ReportData) -> list[Pair]:
    """The comparisons, those that may ship first."""
    return ranked_pairs(data.pairs)


def ranked_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """The same, before there is a report."""
    return sorted(pairs, key=_order)


def _order(pair: Pair) -> tuple[int, int, int, float]:
    return _RANK.get(pair.decision.answer, 3), _n_harms(pair), -_n_gains(pair), -_f1(pair)


def _f1(pair: Pair) -> float:
    """Mean over the categories in which it is defined."""
    found = [one.candidate.value for row in pair.rows if (one := row.measures.get("f1"))]
    known = [value for value in found if not math.isnan(value)]
    return sum(known) / len(known) if known else 0.0


def _n_harms(pair: Pair) -> int:
    return sum(not one.evidence.restates for one in pair.decision.harms)


def _n_gains(pair: Pair) -> int:
    return sum(not one.evidence.restates for one in pair.decision.of("gain"))


def _recall(pair: Pair, category: str) -> Measure | None:
    """None where the candidate does not decide the category: each comparison has the rows that both sides decide."""
    return next((row.measures.get("recall") for row in pair.rows if row.id == category), None)


def _cells(pair: Pair, columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(_cell(_recall(pair, category)) for category in columns)


def _cell(one: Measure | None) -> tuple[str, str]:
    if one is None:
        return "n/a", ""
    return f"{numbers.share(one.candidate.value)} {SIGNS.get(one.change, '')}".strip(), f"c-{one.change}"


def matrix_table(data: ReportData) -> Table | None:
    """The matrix as a table of text; None below ``MATRIX_FROM`` candidates."""
    rows = candidate_matrix(data)
    if not rows:
        return None
    cells = [(f"{data.baseline} (baseline)", "", "", "", *baseline_cells(data))]
    cells += [
        (one.candidate, one.word, str(one.n_harms), str(one.n_gains), *(text for text, _ in one.cells)) for one in rows
    ]
    columns = ("Candidate", "Decision", "Harm", "Gains", *(name for _, name in matrix_columns(data)))
    return Table("Candidates", columns, tuple(cells), (f"{matrix_caption(data)}.",), frozenset(columns[2:]))


def matrix_sheet(data: ReportData) -> list[Sheet]:
    """Every candidate by every category, with its place; none below ``MATRIX_FROM`` candidates."""
    if len(data.pairs) < MATRIX_FROM or data.baseline is None:
        return []
    words = {line.candidate: line.word for line in data.verdict.lines}
    columns = (
        Column("Place", "count", 7),
        Column("Candidate", width=18),
        Column("Decision", width=26),
        Column("Harm", "count", 7),
        Column("Gains", "count", 7),
        *(Column(f"Recall, {name}", "share", 11) for _, name in decided_categories(data)),
    )
    known = {category: one for pair in data.pairs for category, one in _baseline_recalls(pair)}
    compared = [known.get(category) for category, _ in decided_categories(data)]
    rows: list[tuple[Value, ...]] = [(None, data.baseline, "(baseline)", None, None, *compared)]
    rows += [
        (place, one.candidate, words[one.candidate], _n_harms(one), _n_gains(one), *_recalls(one, data))
        for place, one in enumerate(ranked(data), 1)
    ]
    return [Sheet("Candidates", columns, rows, title=f"By decision, best first, against {data.baseline}")]


def _recalls(pair: Pair, data: ReportData) -> list[Value]:
    found = (_recall(pair, category) for category, _ in decided_categories(data))
    return [None if one is None else number(one.candidate.value) for one in found]


def _baseline_recalls(pair: Pair) -> list[tuple[str, Value]]:
    found = [(row.id, row.measures.get("recall")) for row in pair.rows]
    return [(category, number(one.baseline.value)) for category, one in found if one and one.baseline]


def printed_rows(data: ReportData) -> list[tuple[tuple[str, ...], list[tuple[str, list[tuple[str, str]]]]]]:
    """For paper, where nothing can be switched: recall and precision of every candidate, as many to each table."""
    values: dict[tuple[str, str, str], MetricResult] = {}
    for pair in data.pairs:
        for row in pair.rows:
            for metric, one in row.measures.items():
                values[pair.candidate, row.id, metric] = one.candidate
                if pair.baseline is not None and one.baseline is not None:
                    values.setdefault((pair.baseline, row.id, metric), one.baseline)

    def cells(group: Sequence[str], category: str) -> list[tuple[str, str]]:
        return [_printed(values.get((one, category, metric))) for one in group for metric in ("recall", "precision")]

    n, categories = len(data.candidates), decided_categories(data)
    n_each = -(-n // -(-n // PRINTED))
    groups = [data.candidates[at : at + n_each] for at in range(0, n, n_each)]
    return [(group, [(name, cells(group, category)) for category, name in categories]) for group in groups]


def _printed(result: MetricResult | None) -> tuple[str, str]:
    """Value and ends."""
    value, _, ends = ("–" if result is None else numbers.share_with_interval(result)).partition(" ")
    return value, ends
