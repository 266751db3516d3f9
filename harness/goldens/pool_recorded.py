"""What production decided about the rows of a pool: flagged or not, and for which categories of the policy.

Decides how a recorded decision is read: a column of decisions about the item as a whole, a column of one category, or a
column that names the categories an item was flagged for. A blank is no decision, never a "no". Every word that was read
is counted, so that a reader sees what was taken for a flag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.candidates.names import NameIndex
from harness.errors import HarnessError
from harness.files.text import joined, quoted, shortened, suggestion
from harness.goldens.pool import Pool, PoolRow, require_columns
from harness.goldens.pool_strata import NamedPart, is_flag, number_of, row_views, value_text
from harness.measure.backtest import ANY
from harness.records import MISSING

MOST_WORDS = 40
"""Different values that a column of decisions may have."""
FLAGGED, NOT_FLAGGED, NOT_RECORDED = "flagged", "not flagged", "not recorded"
_PARTS = (",", ";", "|")
_NOTHING = frozenset(("", "none", "null", "nan", "[]", "n/a", "safe", "allow", "allowed", "ok", "0", "false", "no"))


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a pool says what production decided.

    Attributes:
        item: Column of decisions about the item as a whole.
        by_category: Category -> its column.
    """

    item: str | None = None
    by_category: Mapping[str, str] = field(default_factory=dict)
    names: str | None = None

    def __bool__(self) -> bool:
        return bool(self.item or self.by_category or self.names)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"item": self.item, "categories": dict(self.by_category), "names": self.names}


@dataclass(slots=True)
class Tally:
    """What production decided about the whole population: exact, since every row is read.

    Attributes:
        flagged: Rows flagged, by column (``ANY`` and categories).
        known: Rows with a decision, by column.
        flagged_views: Their views.
        known_views: Views of rows with a decision.
    """

    flagged: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    flagged_views: dict[str, float] = field(default_factory=dict)
    known_views: dict[str, float] = field(default_factory=dict)
    words: Counter[tuple[str, bool]] = field(default_factory=Counter)
    unknown_names: Counter[str] = field(default_factory=Counter)
    n_rows: int = 0


class Recorded:
    """Reads the recorded decisions of a pool.

    Args:
        names: Names that the column of names may use; the policy's own for None.
        views: Column of views, so that they are added up too.
        missing_views: What a row without views counts as.
    """

    def __init__(
        self,
        pool: Pool,
        columns: Columns,
        categories: Sequence[str],
        names: NameIndex | None = None,
        *,
        views: str | None = None,
        missing_views: float | None = None,
    ) -> None:
        for category in columns.by_category:
            if category not in categories:
                raise HarnessError(
                    f"--recorded {shortened(category)}=...: the policy has no category '{shortened(category)}'",
                    allowed=joined(categories),
                    next_step=suggestion(category, categories, "name a category of the policy, or the column alone"),
                )
        if columns.by_category and columns.names:
            raise HarnessError(
                "--recorded CATEGORY=COLUMN and --flagged-as both say which categories were flagged",
                allowed="one of the two",
                next_step="leave one out",
            )
        for name in (columns.item, *columns.by_category.values()):
            if name is not None:
                require_columns(pool, {"--recorded": name})
        if columns.names is not None:
            require_columns(pool, {"--flagged-as": columns.names})
        self.columns = columns
        self.categories = tuple(categories)
        self.tally = Tally()
        self.names = names or NameIndex(categories)
        self._views, self._missing_views = views, missing_views or 0.0
        self._last: tuple[PoolRow, Mapping[str, int]] | None = None

    @property
    def known_columns(self) -> tuple[str, ...]:
        """Columns of decisions that there can be: any category, and those categories of which the pool says it."""
        if self.columns.names is not None:
            return (ANY, *self.names.categories)
        return (ANY, *(name for name in self.categories if name in self.columns.by_category))

    def read(self, row: PoolRow) -> Mapping[str, int]:
        """Decisions by column: 1, 0, or -1 where nothing is recorded."""
        if self._last is None or self._last[0] is not row:  # the stratum and the tally ask for the same row
            self._last = row, self._read(row)
        return self._last[1]

    def _read(self, row: PoolRow) -> dict[str, int]:
        values = row.values or {}
        found: dict[str, int] = {}
        if self.columns.names is not None:
            found = self._named(values.get(self.columns.names))
        for category, column in self.columns.by_category.items():
            found[category] = self._decided(row, column)
        if self.columns.item is not None:
            found[ANY] = self._decided(row, self.columns.item)
        elif ANY not in found:
            said = [found[name] for name in self.columns.by_category]
            found[ANY] = 1 if 1 in said else MISSING if MISSING in said else 0
        return found

    def count(self, row: PoolRow) -> None:
        """Add one row of the population to the tally."""
        tally, found = self.tally, self.read(row)
        tally.n_rows += 1
        views = 0.0
        if self._views is not None:
            seen = row_views(row.values or {}, self._views)
            views = self._missing_views if seen is None else seen
        for name, code in found.items():
            if code == MISSING:
                continue
            tally.known[name] += 1
            tally.known_views[name] = tally.known_views.get(name, 0.0) + views
            if code:
                tally.flagged[name] += 1
                tally.flagged_views[name] = tally.flagged_views.get(name, 0.0) + views
        for column in (self.columns.item, *self.columns.by_category.values()):
            if column is not None and (said := is_flag(value := (row.values or {}).get(column))) is not None:
                tally.words[value_text(value), said] += 1
        if len(tally.words) > 2 * MOST_WORDS:
            raise HarnessError(
                f"{row.where}: the recorded decisions have more than {MOST_WORDS} different values",
                allowed="1 or 0, true or false, or words such as removed and kept",
                next_step="name the column of decisions with --recorded, one of categories with --flagged-as",
            )
        if self.columns.names is not None:
            for name in _parts((row.values or {}).get(self.columns.names)):
                if self.names.resolve(name) is None:
                    tally.unknown_names[name] += 1

    def part(self) -> NamedPart:
        """The part of a stratum that says what production decided: rows without a decision are strata of their own."""
        words = {1: FLAGGED, 0: NOT_FLAGGED, MISSING: NOT_RECORDED}
        return NamedPart("recorded", lambda row: words[self.read(row)[ANY]])

    def _decided(self, row: PoolRow, column: str) -> int:
        value = (row.values or {}).get(column)
        number = number_of(value)
        if number is not None and number not in (0, 1):
            raise HarnessError(
                f"{row.where}: '{shortened(column)}' is {quoted(value)}",
                allowed="a decision: 1, 0 or a word (a blank where nothing was decided)",
                next_step="name a column of decisions, and stratify by scores with --score",
            )
        said = is_flag(value)
        return MISSING if said is None else int(said)

    def _named(self, value: Any) -> dict[str, int]:
        if value is None:
            return dict.fromkeys((ANY, *self.names.categories), MISSING)
        found = dict.fromkeys(self.names.categories, 0)
        is_any = False
        for name in _parts(value):
            is_any = True
            for category in self.names.resolve(name) or ():
                found[category] = 1
        return {ANY: int(is_any), **found}


def _parts(value: Any) -> list[str]:
    """Names in a cell: a list, or words parted by a comma, semicolon or bar; what says "nothing" names nothing."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        cells = [str(one) for one in value if one is not None]
    else:
        text = str(value).strip().removeprefix("[").removesuffix("]")
        mark = next((one for one in _PARTS if one in text), None)
        cells = [one.strip().strip("'\"") for one in (text.split(mark) if mark else [text])]
    return [one.strip() for one in cells if one.strip().casefold() not in _NOTHING]
