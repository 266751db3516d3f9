"""Cells of the page's heat maps: confusion between categories, and slices.

Decides which cells have too few items to be coloured, and how values become shades.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from harness.core.results import MetricResult
from harness.measure.slices import ALL_CATEGORIES, SMALL_CELL
from harness.report.comparison import svg
from harness.report.comparison.data import METRIC_NAMES, Confusion, ReportData, SliceCell, SliceRow, SliceTable
from harness.report.comparison.many import is_many
from harness.report.parts import numbers
from harness.report.parts.words import enumerated, plural

FEW = SMALL_CELL
"""Cells with fewer items are hatched instead of coloured."""
MAX_MOVED = 12


def confusion_cell(cell: int, n: int, is_diagonal: bool) -> Markup:
    """Count and share of a row; rows of few items are hatched."""
    if not cell:
        return Markup('<td class="none">·</td>')
    classes = [] if n < FEW else [f"h{_level(cell / n)}", "hg" if is_diagonal else "hb"]
    classes += ["few"] * (n < FEW) + ["diag"] * is_diagonal
    return Markup('<td class="{}">{}<small>{}</small></td>').format(
        " ".join(classes), numbers.count(cell), numbers.share(cell / n if n else None, 0)
    )


def slice_rows(table: SliceTable, metric: str, candidate: str) -> list[SliceRow]:
    """Values of a slice for which the metric is defined in some category."""
    return [
        row
        for row in table.rows
        if any(one.is_defined for one in row.results.get(metric, {}).get(candidate, {}).values())
    ]


def slice_scale(table: SliceTable, metric: str, candidate: str) -> tuple[float, float]:
    """Ends of a heat map's colours: round values around those of cells with enough items."""
    values = [
        MetricResult(one.value, one.value, one.value, one.n)
        for row in table.rows
        for one in row.results.get(metric, {}).get(candidate, {}).values()
        if one.n >= FEW
    ]
    return svg.proportion_scale(values)


def slice_cell(row: SliceRow, metric: str, candidate: str, category: str, scale: tuple[float, float]) -> Markup:
    """Value, interval and support; few items are hatched."""
    result = row.results.get(metric, {}).get(candidate, {}).get(category)
    if result is None or math.isnan(result.value):
        return Markup('<td class="none"><span class="vh">no data</span>·</td>')
    level = f"h{_level((result.value - scale[0]) / (scale[1] - scale[0]))}"
    class_ = "few" if result.n < FEW else f"{level} {'hb' if metric == 'fpr' else 'hg'}"
    return Markup('<td class="{}">{}<small>{}–{}</small><small>n {}</small></td>').format(
        class_,
        numbers.share(result.value, 0),
        f"{100 * result.low:.0f}",
        f"{100 * result.high:.0f}",
        numbers.count(result.n),
    )


def changed_rows(table: SliceTable, metric: str, candidate: str) -> list[SliceRow]:
    """Values of a slice in which both the candidate and the baseline decide something."""
    return [row for row in table.rows if row.changes.get(metric, {}).get(candidate)]


def change_cell(row: SliceRow, metric: str, candidate: str, category: str) -> Markup:
    """Difference in points, its interval and support; coloured only where it stands out, hatched with few items."""
    one = row.changes.get(metric, {}).get(candidate, {}).get(category)
    if one is None:
        return Markup('<td class="none"><span class="vh">no data</span>·</td>')
    difference, class_, sign = one.difference, "", ""
    if not one.is_tested:
        class_ = "few"
    elif one.is_moved:
        class_ = f"h{_level(2 * abs(difference.value))} {'hb' if one.is_worse else 'hg'}"
        sign = "▼ worse " if one.is_worse else "▲ better "
    return Markup('<td class="{}">{}{}<small>{} to {}</small><small>n {}</small></td>').format(
        class_,
        sign,
        numbers.points(difference.value),
        numbers.points(difference.low),
        numbers.points(difference.high),
        numbers.count(difference.n),
    )


def _cells(tables: Sequence[SliceTable], candidate: str) -> Iterator[tuple[str, str, str, str, SliceCell]]:
    for table in tables:
        for row in table.rows:
            for metric, by_candidate in row.changes.items():
                for category, cell in by_candidate.get(candidate, {}).items():
                    yield table.name, row.value, category, metric, cell


def slice_family(tables: Sequence[SliceTable], candidate: str) -> tuple[int, int]:
    """Cells tested and cells of few items, over all slices and metrics shown."""
    cells = [cell for *_, cell in _cells(tables, candidate)]
    n_tested = sum(cell.is_tested for cell in cells)
    return n_tested, len(cells) - n_tested


def moved_cells(tables: Sequence[SliceTable], candidate: str) -> list[tuple[str, str, str, str, SliceCell]]:
    """Slice, value, category, metric and change of the cells that stand out: worse ones first, the largest first."""
    found = [one for one in _cells(tables, candidate) if one[-1].is_moved]
    return sorted(found, key=lambda one: (not one[-1].is_worse, -abs(one[-1].difference.value), one[:4]))


def _level(share: float) -> int:
    return min(9, max(0, math.ceil(9 * share)))


class HeatMaps:
    """What the template reads of both heat maps: which columns, rows and choices there are."""

    few = FEW
    metric_options = (("recall", "Recall"), ("fpr", "False positive rate"))
    confusion_cell = staticmethod(confusion_cell)
    slice_rows = staticmethod(slice_rows)
    slice_scale = staticmethod(slice_scale)
    slice_cell = staticmethod(slice_cell)
    changed_rows = staticmethod(changed_rows)
    change_cell = staticmethod(change_cell)

    def __init__(self, data: ReportData) -> None:
        self.data = data
        self.names = {ALL_CATEGORIES: "all categories together", **dict(data.categories)}
        self.confusion_options = [(index, one.candidate) for index, one in enumerate(data.confusions)]
        self.first_confusion = self._first([one.candidate for one in data.confusions])
        self.arm_options = list(enumerate(data.candidates))
        self.first_arm = self._first(list(data.candidates))
        self.has_changes = any(row.changes for table in data.slices for row in table.rows)
        self.has_values = not (self.has_changes and is_many(data))
        views = [("change", "Change against the baseline"), ("value", "Values of one candidate")]
        self.view_options = views if self.has_values else []

    def _first(self, names: list[str]) -> int:
        """The first compared candidate is shown first."""
        wanted = self.data.pairs[0].candidate
        return names.index(wanted) if wanted in names else 0

    def confusion_columns(self, one: Confusion) -> list[int]:
        """Positions of the categories that were flagged at all; the others would be columns of dots."""
        return [
            column
            for column in range(len(self.data.categories))
            if one.clean[column] or any(row[column] for row in one.cells)
        ]

    def slice_columns(self, table: SliceTable, metric: str, candidate: str) -> list[tuple[str, str]]:
        """Id and name of the categories with a value in some row."""
        found = {
            category
            for row in table.rows
            for category, one in row.results.get(metric, {}).get(candidate, {}).items()
            if one.is_defined
        }
        return [one for one in self.data.categories if one[0] in found]

    def changed_columns(self, table: SliceTable, metric: str, candidate: str) -> list[tuple[str, str]]:
        """Id and name of the categories with a change in some row."""
        found = {category for row in table.rows for category in row.changes.get(metric, {}).get(candidate, {})}
        return [one for one in self.data.categories if one[0] in found]

    @staticmethod
    def large_and_few(rows: Sequence[SliceRow]) -> tuple[list[SliceRow], list[SliceRow]]:
        """Values with items enough to be told anything of, and the others; all of them where none has enough."""
        large = [row for row in rows if row.n_items >= FEW]
        return (large, [row for row in rows if row.n_items < FEW]) if large else (list(rows), [])

    @staticmethod
    def few_words(rows: Sequence[SliceRow]) -> str:
        """Small values by name and size."""
        return enumerated([f"{row.value} ({numbers.count(row.n_items)})" for row in rows], 12)

    def family(self, candidate: str) -> str:
        """How many cells were tested, and which were not."""
        n_tested, n_few = slice_family(self.data.slices, candidate)
        text = f"{plural(n_tested, 'cell')} of {FEW} items or more tested"
        return text + (f"; {plural(n_few, 'smaller one')} shown hatched and not tested" if n_few else "")

    def moved(self, candidate: str) -> tuple[list[str], int]:
        """Sentences on the cells that stand out, worse ones first, and how many more there are."""
        cells = moved_cells(self.data.slices, candidate)
        return [self._sentence(*one) for one in cells[:MAX_MOVED]], max(0, len(cells) - MAX_MOVED)

    def _sentence(self, slice_name: str, value: str, category: str, metric: str, cell: SliceCell) -> str:
        direction, name = "▼ worse" if cell.is_worse else "▲ better", self.names.get(category, category)
        return (
            f"{direction}: {name}, {slice_name} {value}: "
            f"{METRIC_NAMES[metric].lower()} {numbers.share(cell.baseline.value)} to "
            f"{numbers.share(cell.candidate.value)} ({numbers.points(cell.difference.value)} "
            f"[{numbers.points(cell.difference.low)}, {numbers.points(cell.difference.high)}] points, "
            f"n {numbers.count(cell.difference.n)})"
        )
