"""The strip of the first screen: language by category, what moved and where.

Decides which slice is drawn (languages before others), which metrics (recall always, over-blocking where it stands
out), which columns fit, and what is folded: a cell of few items is a dot, a value or category of nothing but dots is
named in a line below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.gating.findings.restated import LANGUAGE_SLICES
from harness.measure.slices import SMALL_CELL
from harness.report.comparison.data import METRIC_NAMES, Pair, ReportData, SliceCell, SliceRow, SliceTable
from harness.report.comparison.many import is_many
from harness.report.parts import numbers
from harness.report.parts.words import enumerated, plural

MOST_COLUMNS, MOST_OF_MANY, MOST_ROWS = 10, 6, 12
_METRICS = ("recall", "fpr")
ALL_CATEGORIES = ("*", "all together")
Told = Mapping[str, Mapping[str, SliceCell]]
"""Value of the slice -> category -> change."""


@dataclass(frozen=True, slots=True)
class StripCell:
    """Change of one category in one value of the slice; None for few items."""

    difference: SliceCell | None

    @property
    def words(self) -> str:
        """``▼ -15.1``; a cell of few items is a dot."""
        if self.difference is None:
            return "·"
        sign = ("▼ " if self.difference.is_worse else "▲ ") if self.difference.is_moved else ""
        return f"{sign}{numbers.points(self.difference.difference.value)}"

    @property
    def html(self) -> Markup:
        """The cell with its values as a tooltip, which the style sheet also says to those who hear the page."""
        one = self.difference
        if one is None:
            return Markup('<td class="none"><span class="vh">too few items</span>·</td>')
        class_ = ("s-bad" if one.is_worse else "s-good") if one.is_moved else "s-none"
        said = (
            f"{numbers.share_with_interval(one.baseline)} to {numbers.share_with_interval(one.candidate)}, "
            f"{numbers.points_with_interval(one.difference)} points, n {numbers.count(one.difference.n)}"
        )
        return Markup('<td class="{}" title="{}">{}</td>').format(class_, said, self.words)


@dataclass(frozen=True, slots=True)
class Strip:
    """One table: its finding as a title, categories across, values of the slice down, and what it leaves out."""

    title: str
    slice_name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[StripCell, ...]], ...]
    left_out: str


def strips(data: ReportData, pair: Pair) -> list[Strip]:
    """The strips of one comparison; none without slices that both decided."""
    table = _chosen(data.slices)
    if pair.baseline is None or table is None:
        return []
    found = []
    for metric in _METRICS:
        cells = {row.value: row.changes.get(metric, {}).get(pair.candidate, {}) for row in table.rows}
        is_told = metric == "recall" or any(cell.is_moved for row in cells.values() for cell in row.values())
        one = _strip(data, table, metric, cells) if is_told else None
        found += [one] if one else []
    return found


def _chosen(tables: Sequence[SliceTable]) -> SliceTable | None:
    """Languages before other slices; else the first."""
    return min(tables, key=lambda one: one.name.lower() not in LANGUAGE_SLICES, default=None)


def _strip(data: ReportData, table: SliceTable, metric: str, cells: Told) -> Strip | None:
    told = {value: {name: one for name, one in row.items() if one.is_tested} for value, row in cells.items()}
    rows = [row for row in table.rows if told[row.value]]
    named = (ALL_CATEGORIES, *data.categories)
    columns = [one for one in named if any(one[0] in told[row.value] for row in rows)]
    if len(rows) < 2 or not columns:  # one value alone is the category table again
        return None
    most = MOST_COLUMNS if not is_many(data) else MOST_OF_MANY
    shown_rows, shown_columns = _first_rows(rows, told), _first_columns(columns, told, most)
    left = []
    if few := [row.value for row in table.rows if not told[row.value]]:
        left.append(f"fewer than {SMALL_CELL} items in {table.name} {enumerated(few, 8)}")
    if few := [name for key, name in data.categories if not any(key in told[row.value] for row in rows)]:
        left.append(f"fewer than {SMALL_CELL} items in every {table.name} of {enumerated(few, 3)}")
    if hidden := len(rows) - len(shown_rows):
        left.append(f"{plural(hidden, 'more value')} of {table.name}")
    if undrawn := [name for key, name in columns if (key, name) not in shown_columns]:
        left.append(enumerated(undrawn, 3))
    drawn = tuple(
        (row.value, row.n_items, tuple(StripCell(told[row.value].get(one)) for one, _ in shown_columns))
        for row in shown_rows
    )
    title, names = _title(table, metric, told, dict(named)), tuple(name for _, name in shown_columns)
    return Strip(title, table.name, names, drawn, f"Not drawn: {'; '.join(left)}." if left else "")


def _weight(one: SliceCell) -> tuple[bool, bool, float]:
    return one.is_moved and one.is_worse, one.is_moved, abs(one.difference.value)


def _first_rows(rows: list[SliceRow], told: Told) -> list[SliceRow]:
    """The values in which most moved, in their order."""
    ranked = sorted(rows, key=lambda row: max(map(_weight, told[row.value].values())), reverse=True)
    return [row for row in rows if row in ranked[:MOST_ROWS]]


def _first_columns(columns: list[tuple[str, str]], told: Told, most: int) -> list[tuple[str, str]]:
    """The categories in which most moved, in their order."""

    def weight(column: tuple[str, str]) -> tuple[bool, bool, float]:
        return max(_weight(row[column[0]]) for row in told.values() if column[0] in row)

    ranked = sorted((one for one in columns if one != ALL_CATEGORIES), key=weight, reverse=True)[:most]
    return [one for one in columns if one == ALL_CATEGORIES or one in ranked]


def _title(table: SliceTable, metric: str, told: Told, names: Mapping[str, str]) -> str:
    """``Recall by language: worse in ar (Hate); better in 3 cells``."""
    cells = [one for row in told.values() for one in row.values()]
    fell = {
        value: [names.get(category, category) for category, one in row.items() if one.is_moved and one.is_worse]
        for value, row in told.items()
    }
    worse = [f"{value} ({enumerated(where, 2)})" for value, where in fell.items() if where]
    n_better = sum(one.is_moved and not one.is_worse for one in cells)
    said = [f"worse in {enumerated(worse, 3)}"] if worse else []
    said += [f"better in {plural(n_better, 'cell')}"] if n_better else []
    nothing = f"no cell stands out of {numbers.count(len(cells))}"
    return f"{METRIC_NAMES[metric]} by {table.name}: {'; '.join(said) or nothing}"
