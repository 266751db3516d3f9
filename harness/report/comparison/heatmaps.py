"""Cells of the page's heat maps: confusion between categories, and slices.

Decides which cells have too few items to be coloured, and how values become shades.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

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
_NO_DATA = Markup('<td class="none"><span class="vh">no data</span>·</td>')


def confusion_cell(cell: int, n: int, is_diagonal: bool) -> Markup:
    """Count and share of a row; rows of few items are hatched."""
    if not cell:
        return Markup('<td class="none">·</td>')
    classes = [] if n < FEW else [f"h{_level(cell / n)}", "hg" if is_diagonal else "hb"]
    classes += ["few"] * (n < FEW) + ["diag"] * is_diagonal
    return Markup('<td class="{}">{}<small>{}</small></td>').format(
        " ".join(classes), numbers.count(cell), numbers.share(cell / n if n else None, 0)
    )


def _results(row: SliceRow, metric: str, candidate: str) -> Mapping[str, MetricResult]:
    """Category -> result; empty where the candidate has none."""
    return row.results.get(metric, {}).get(candidate, {})


def _changes(row: SliceRow, metric: str, candidate: str) -> Mapping[str, SliceCell]:
    """Category -> change against the baseline; empty where one of both decides nothing."""
    return row.changes.get(metric, {}).get(candidate, {})


def slice_rows(table: SliceTable, metric: str, candidate: str) -> list[SliceRow]:
    """Values of a slice for which the metric is defined in some category."""
    return [row for row in table.rows if any(one.is_defined for one in _results(row, metric, candidate).values())]


def slice_scale(table: SliceTable, metric: str, candidate: str) -> tuple[float, float]:
    """Ends of a heat map's colours: round values around those of cells with enough items."""
    found = [one for row in table.rows for one in _results(row, metric, candidate).values() if one.n >= FEW]
    return svg.proportion_scale([MetricResult(one.value, one.value, one.value, one.n) for one in found])


def slice_cell(row: SliceRow, metric: str, candidate: str, category: str, scale: tuple[float, float]) -> Markup:
    """Value, interval and support; few items are hatched."""
    result = _results(row, metric, candidate).get(category)
    if result is None or math.isnan(result.value):
        return _NO_DATA
    level = f"h{_level((result.value - scale[0]) / (scale[1] - scale[0]))}"
    class_ = "few" if result.n < FEW else f"{level} {'hb' if metric == 'fpr' else 'hg'}"
    ends = f"{100 * result.low:.0f}–{100 * result.high:.0f}"
    return _cell(class_, numbers.share(result.value, 0), ends, result.n)


def _cell(class_: str, value: str, ends: str, n: float) -> Markup:
    cell = Markup('<td class="{}">{}<small>{}</small><small>n {}</small></td>')
    return cell.format(class_, value, ends, numbers.count(n))


def changed_rows(table: SliceTable, metric: str, candidate: str) -> list[SliceRow]:
    """Values of a slice in which both the candidate and the baseline decide something."""
    return [row for row in table.rows if _changes(row, metric, candidate)]


def change_cell(row: SliceRow, metric: str, candidate: str, category: str) -> Markup:
    """Difference in points, its interval and support; coloured only where it stands out, hatched with few items."""
    one = _changes(row, metric, candidate).get(category)
    if one is None:
        return _NO_DATA
    difference, class_, sign = one.difference, "" if one.is_tested else "few", ""
    if one.is_tested and one.is_moved:
        class_ = f"h{_level(2 * abs(difference.value))} {'hb' if one.is_worse else 'hg'}"
        sign = f"{_direction(one)} "
    ends = f"{numbers.points(difference.low)} to {numbers.points(difference.high)}"
    return _cell(class_, f"{sign}{numbers.points(difference.value)}", ends, difference.n)


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


def _direction(one: SliceCell) -> str:
    return "▼ worse" if one.is_worse else "▲ better"


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
        return [at for at, flagged in enumerate(zip(one.clean, *one.cells, strict=True)) if any(flagged)]

    def slice_columns(self, table: SliceTable, metric: str, candidate: str) -> list[tuple[str, str]]:
        """Id and name of the categories with a value in some row."""
        results = [item for row in table.rows for item in _results(row, metric, candidate).items()]
        found = {category for category, one in results if one.is_defined}
        return [one for one in self.data.categories if one[0] in found]

    def changed_columns(self, table: SliceTable, metric: str, candidate: str) -> list[tuple[str, str]]:
        """Id and name of the categories with a change in some row."""
        found = {category for row in table.rows for category in _changes(row, metric, candidate)}
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
        before, after = numbers.share(cell.baseline.value), numbers.share(cell.candidate.value)
        points, n = numbers.points_with_interval(cell.difference), numbers.count(cell.difference.n)
        return (
            f"{_direction(cell)}: {self.names.get(category, category)}, {slice_name} {value}: "
            f"{METRIC_NAMES[metric].lower()} {before} to {after} ({points} points, n {n})"
        )
