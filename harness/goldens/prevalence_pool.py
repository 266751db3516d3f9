"""A model's labels over a whole pool -> their means, and the labels of the items of a sample.

Decides that the pool read must be the population the sample was drawn from: as many items as its card says, and every
item of the sample among them. Nothing but sums and the sample's labels is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.text import counted, joined, quoted, shortened
from harness.goldens.pool import InSets, Pool, PoolRow, require_columns
from harness.goldens.pool_strata import is_flag, number_of, row_views
from harness.goldens.prevalence import Labelled, Predictions


def read_predictions(
    pool: Pool,
    golden: GoldenSet,
    sample: Labelled,
    columns: Mapping[str, str],
    *,
    excluded: Sequence[GoldenSet] = (),
    views: str | None = None,
    missing_views: float | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Predictions:
    """Read a model's labels of a pool.

    Args:
        pool: The pool the sample was drawn from; it may have further columns by now.
        golden: The sample.
        sample: Its arrays.
        columns: Category -> column of the model's label (1, 0, a word) or score in [0, 1].
        excluded: Golden sets whose items were not drawn, as when the sample was drawn.
        views: Column of views; None takes the one the sample was drawn by, if any.
        missing_views: What rows without views count as.
        on_rows: Told how many rows were read.

    Raises:
        HarnessError: A column or label is missing or unreadable, or the pool is not the one the sample was drawn from.
    """
    sampling = golden.card.provenance.get("sampling")
    facts: Mapping[str, Any] = sampling if isinstance(sampling, Mapping) else {}
    views = views or facts.get("views")
    if missing_views is None and facts.get("missing_views") is not None:
        missing_views = float(facts["missing_views"])
    for column in columns.values():
        require_columns(pool, {"--predicted": column})
    if views is not None:
        require_columns(pool, {"--views": views})
    left_out = InSets(excluded)
    wanted, n, total_views = set(sample.ids), 0, 0.0
    sums, by_views = dict.fromkeys(columns, 0.0), dict.fromkeys(columns, 0.0)
    of_items: dict[str, dict[str, float]] = {category: {} for category in columns}
    for at, row in enumerate(pool.rows(), start=1):
        if on_rows is not None and at % 10_000 == 0:
            on_rows(at)
        if row.values is None or left_out.holds(pool, row):
            continue
        item_id = pool.id_of(row)
        n += 1
        seen = 0.0 if views is None else _seen(row, views, missing_views)
        total_views += seen
        for category, column in columns.items():
            label = _label(row, column)
            sums[category] += label
            by_views[category] += label * seen
            if item_id in wanted:
                of_items[category][item_id] = label
    _require_population(pool, golden, facts, n, wanted - set(next(iter(of_items.values()))))
    return Predictions(
        of_items,
        {name: value / n for name, value in sums.items()},
        {name: value / total_views for name, value in by_views.items()} if total_views > 0 else {},
        n,
    )


def _require_population(pool: Pool, golden: GoldenSet, facts: Mapping[str, Any], n: int, missing: set[str]) -> None:
    population = facts.get("population")
    if missing:
        raise HarnessError(
            f"{pool.files[0]}: {counted(len(missing), 'item')} of {golden.path} not in it: "
            f"{joined(sorted(missing), most=3)}",
            allowed="the pool the sample was drawn from, with the same ids",
            next_step="name that pool, and the same --id",
        )
    if population is not None and population != n:
        raise HarnessError(
            f"{pool.files[0]}: {n:,} items, and {golden.path} was drawn from {population:,}",
            allowed="the pool the sample was drawn from",
            next_step="name all its files, and with --exclude the sets that were left out of it (the sample's --card)",
        )


def _seen(row: PoolRow, column: str, missing: float | None) -> float:
    views = row_views(row.values or {}, column)
    if views is not None:
        return views
    if missing is None:
        raise HarnessError(
            f"{row.where}: '{shortened(column)}' is {quoted((row.values or {}).get(column))}",
            allowed="a number of 0 or more",
            next_step="say what it counts as: --missing-views 0",
        )
    return missing


def _label(row: PoolRow, column: str) -> float:
    value = (row.values or {}).get(column)
    number = number_of(value)
    if number is not None:
        if 0 <= number <= 1:
            return number
    elif (flag := is_flag(value)) is not None:
        return float(flag)
    raise HarnessError(
        f"{row.where}: '{shortened(column)}' is {quoted(value)}",
        allowed="the model's label (1, 0, true, false or a word) or its score from 0 to 1, in each row",
        next_step="let the model label the rows that lack one: it must have seen the whole pool",
    )
