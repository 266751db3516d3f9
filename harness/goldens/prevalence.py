"""A labelled sample of a pool -> how much of the pool violates, by items and by views, and what was done about it.

Decides what each figure is a share of, that unlabelled items leave and their stratum's weight goes to those labelled
there, and that a stratum without a label makes a figure undefined instead of wrong. The estimates are the core's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.design_changes import stand_ins
from harness.core.design_estimates import assisted_share, weighted_ratio
from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.text import counted, joined, quoted, shortened
from harness.goldens.imports.convert import meta_name
from harness.goldens.pool_strata import is_flag, number_of

ANY = "any category"
FIGURES: Mapping[str, str] = {name: one.meaning for name, one in PRODUCTION_FIGURES.items()}
"""Figure -> what it is a share of."""
MOST_UNLABELLED = 0.05
"""Share of the pool that unlabelled items may stand for before the figures say so."""
NOTHING_VIOLATES, NOTHING_CLEAN, NOTHING_REMOVED = (
    "no violating item found",
    "every item violates",
    "nothing taken down",
)


@dataclass(frozen=True, slots=True)
class Predictions:
    """A model's labels of a whole pool.

    Attributes:
        of_items: Category -> label or score in [0, 1] of each item of the sample, by id.
        mean: Category -> mean over the pool.
        mean_by_views: Category -> mean over the pool's views; empty where views are not known.
        n_rows: Rows of the pool.
    """

    of_items: Mapping[str, Mapping[str, float]]
    mean: Mapping[str, float]
    mean_by_views: Mapping[str, float]
    n_rows: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one category; ``power`` says how much of a model's labels went into it, None without a model."""

    category: str
    name: str
    result: MetricResult
    n_labelled: int
    n_violating: int
    power: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        method = "design weights" if self.power is None else "prediction-powered"
        return {
            "category": self.category,
            "figure": self.name,
            **self.result.as_dict(),
            "n_labelled": self.n_labelled,
            "n_violating": self.n_violating,
            "method": method,
            "power": self.power,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The sample as arrays: labels (n, n_categories), weights, probabilities, strata, views and removals."""

    ids: tuple[str, ...]
    categories: tuple[str, ...]
    labels: NDArray[np.int8]
    weight: NDArray[np.float64]
    probability: NDArray[np.float64]
    strata: NDArray[np.int64]
    stratum_names: tuple[str, ...]
    views: NDArray[np.float64] | None
    removed: NDArray[np.int8] | None
    notes: tuple[str, ...] = field(default=())


def read_sample(
    golden: GoldenSet, *, views: str | None = None, missing_views: float | None = None, removed: str | None = None
) -> Labelled:
    """The labelled sample of a golden set that ``harness golden sample`` wrote, in whatever version.

    Args:
        golden: The set.
        views: Column of the pool that says how often an item was seen; None takes the one it was drawn by, if any.
        missing_views: What items without views count as; None refuses them.
        removed: Column of the pool that says whether production took the item down.

    Raises:
        HarnessError: Nothing says how the items were drawn, or a column is missing or unreadable.
    """
    items = list(golden.items())
    drawn = [item.meta.get("sample") if isinstance(item.meta.get("sample"), Mapping) else None for item in items]
    weight = np.array([item.weight for item in items])
    notes: list[str] = []
    if any(one is None for one in drawn):
        n_without = sum(one is None for one in drawn)
        if n_without < len(items):
            raise HarnessError(
                f"{golden.path}: {counted(n_without, 'item')} of {len(items):,} do not say how they were drawn",
                allowed="a set whose items all come from one sample",
                next_step="estimate from the sample alone",
            )
        if (weight == weight[0]).all():
            raise HarnessError(
                f"{golden.path}: nothing says how its items were drawn, so it speaks of no pool",
                allowed="a sample with known probabilities: items with 'weight', or meta.sample",
                next_step="draw one: harness golden sample POOL --size N",
            )
        notes.append("no strata are known: the weights alone are used, as of one stratum of a far larger population")
    names = [str(one.get("stratum", "all")) if one is not None else "all" for one in drawn]
    probability = np.array([_probability(one) for one in drawn])
    known = sorted(set(names))
    seen = _views(golden, drawn, items, views, missing_views)
    gone = None if removed is None else _removed(golden, items, removed)
    lost = _lost_strata(golden, known)
    if lost:
        raise HarnessError(
            f"{golden.path}: no item of {counted(len(lost), 'stratum', 'strata')} that were drawn is left: "
            f"{joined(lost, most=3)}",
            allowed="a set that still has items of every stratum",
            next_step="estimate from the set as it was drawn",
        )
    place = {name: at for at, name in enumerate(known)}
    return Labelled(
        tuple(golden.ids()),
        golden.categories,
        golden.labels(),
        weight,
        probability,
        np.array([place[name] for name in names], dtype=np.int64),
        tuple(known),
        seen,
        gone,
        tuple(notes),
    )


def _probability(drawn: Mapping[str, Any] | None) -> float:
    value = None if drawn is None else number_of(drawn.get("inclusion_probability"))
    return 0.0 if value is None or not 0 < value <= 1 else value


def _lost_strata(golden: GoldenSet, known: Sequence[str]) -> list[str]:
    sampling = golden.card.provenance.get("sampling")
    strata = sampling.get("strata") if isinstance(sampling, Mapping) else None
    declared = [str(one.get("stratum")) for one in strata or () if isinstance(one, Mapping)]
    return [name for name in declared if name not in known]


def _views(
    golden: GoldenSet, drawn: Sequence[Any], items: Sequence[Any], column: str | None, missing: float | None
) -> NDArray[np.float64] | None:
    if column is None:
        values = [None if one is None else number_of(one.get("views")) for one in drawn]
        if all(value is None for value in values):
            return None
    else:
        values = [number_of(item.meta.get(meta_name(column))) for item in items]
    bad = [item.id for item, value in zip(items, values, strict=True) if value is None or value < 0]
    if bad and missing is None:
        raise HarnessError(
            f"{golden.path}: {counted(len(bad), 'item')} without a number of views: {joined(bad, most=3)}",
            allowed="a number of 0 or more for each",
            next_step="say what they count as: --missing-views 0",
        )
    return np.array([missing if value is None or value < 0 else value for value in values], dtype=np.float64)


def _removed(golden: GoldenSet, items: Sequence[Any], column: str) -> NDArray[np.int8]:
    name = meta_name(column)
    said = [is_flag(item.meta.get(name)) for item in items]
    unknown = [item.id for item, one in zip(items, said, strict=True) if one is None]
    if unknown:
        raise HarnessError(
            f"{golden.path}: 'meta.{shortened(name)}' does not say of {counted(len(unknown), 'item')} whether it was "
            f"taken down: {joined(unknown, most=3)}",
            allowed="1 or 0, true or false, or a word such as kept or removed, in each item",
            next_step="name the column of the pool with --removed, or fill it",
        )
    return np.array(said, dtype=np.int8)


def estimate(sample: Labelled, predictions: Predictions | None = None) -> list[Figure]:
    """Every figure of every category, and of violating in any of them."""
    columns = {name: sample.labels[:, at] for at, name in enumerate(sample.categories)}
    if len(columns) > 1:
        columns[ANY] = _any(sample.labels)
    return [one for name, labels in columns.items() for one in _figures(sample, name, labels, predictions)]


def unlabelled_notes(sample: Labelled) -> list[str]:
    """Categories of which so much is unlabelled that the figures rest on an assumption."""
    total = float(sample.weight.sum())
    found = []
    for at, name in enumerate(sample.categories):
        unlabelled = sample.labels[:, at] < 0
        share = float(sample.weight[unlabelled].sum()) / total
        if MOST_UNLABELLED < share < 1:
            found.append(
                f"{name}: {counted(int(unlabelled.sum()), 'item')} without a label stand for {100 * share:.0f}% of the "
                "pool; the figures hold if they are like the labelled ones of their stratum"
            )
    return found


def _any(labels: NDArray[np.int8]) -> NDArray[np.int8]:
    has_one, all_known = (labels == 1).any(axis=1), (labels >= 0).all(axis=1)
    return np.where(has_one, 1, np.where(all_known, 0, -1)).astype(np.int8)


def _figures(
    sample: Labelled, category: str, labels: NDArray[np.int8], predictions: Predictions | None
) -> list[Figure]:
    kept = labels >= 0
    n_violating, n = int((labels == 1).sum()), int(kept.sum())
    weight, probability, without = stand_ins(sample.weight, sample.probability, sample.strata, kept)
    empty = [sample.stratum_names[at] for at in without.tolist()]
    y = labels[kept] == 1
    strata = sample.strata[kept]
    views = None if sample.views is None else weight * sample.views[kept]
    gone = None if sample.removed is None else sample.removed[kept] == 1
    found: list[Figure] = []

    def add(name: str, numerator: Any, denominator: Any, counted_as: NDArray[np.float64] | None, why: str) -> None:
        if counted_as is None:
            return
        if empty:
            result = MetricResult.undefined(f"no label in {joined(empty, most=2)}", n=n)
        else:
            result = weighted_ratio(
                numerator, denominator, counted_as, probability=probability, strata=strata, reason=why
            )
        found.append(Figure(category, name, result, n, n_violating))

    everything = np.ones(n, dtype=bool)
    for unit, counted_as in (("items", weight), ("views", views)):
        name = f"violating_{unit}"
        assisted = _assisted(sample, category, kept, y, counted_as, probability, unit, predictions)
        if assisted is not None and not empty:
            found.append(Figure(category, name, assisted[0], n, n_violating, assisted[1]))
        else:
            add(name, y, everything, counted_as, "no labelled item")
    if gone is not None:
        add("leakage_items", y & ~gone, y, weight, NOTHING_VIOLATES)
        add("leakage_views", y & ~gone, y, views, NOTHING_VIOLATES)
        add("violating_views_left_up", y & ~gone, everything, views, "no views")
        add("overkill_items", ~y & gone, ~y, weight, NOTHING_CLEAN)
        add("overkill_views", ~y & gone, ~y, views, NOTHING_CLEAN)
        add("wrong_removals", ~y & gone, gone, weight, NOTHING_REMOVED)
    return found


def _assisted(
    sample: Labelled,
    category: str,
    kept: NDArray[np.bool_],
    y: NDArray[np.bool_],
    weight: NDArray[np.float64] | None,
    probability: NDArray[np.float64],
    unit: str,
    predictions: Predictions | None,
) -> tuple[MetricResult, float] | None:
    means = {} if predictions is None else predictions.mean if unit == "items" else predictions.mean_by_views
    if predictions is None or weight is None or category not in means or not y.size:
        return None
    by_id = predictions.of_items[category]
    ids = [sample.ids[at] for at in np.flatnonzero(kept).tolist()]
    f = np.array([by_id[item] for item in ids])
    return assisted_share(y, f, weight, means[category], probability=probability, strata=sample.strata[kept])


def policy_line(figure: Figure, source: str, date: str) -> str:
    """The line of a policy that states this prevalence; reports then give precision in production."""
    one = figure.result
    value = f"value: {one.value:.6g}, low: {one.low:.6g}, high: {one.high:.6g}"
    return f"prevalence: {{{value}, source: {quoted(source)}, date: {date}}}"
