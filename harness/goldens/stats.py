"""What a golden set holds and what it can prove: per category and slice, before any candidate is run.

Decides how proof is described without a candidate: the width of the interval of a recall of .8, the smallest margin at
which equal systems would pass, and the items that a margin of five points still needs. The formulas are those of the
gate (``core.planning``), for two systems that differ on 5% of the items; groups count as the effective items they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.intervals import wilson_interval
from harness.core.planning import PLANNED_DISCORDANCE, further_items, recall_items_needed, smallest_provable_margin
from harness.files.golden.sets import GoldenSet

RECALL = 0.8
MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class CategoryStats:
    """Labels of one category, and what they can prove about its recall.

    Attributes:
        n_hard: Items that do not violate it while they violate another category: what a coarse candidate flags too.
        half_width: Half the 95% interval of a recall of .8, as a proportion; None without violating items.
        provable_margin: The smallest margin that equal systems pass with 80% chance; None where none below 1 does.
        needed: Further violating items for a margin of five points; None where no number up to the planner's limit is
            enough.
    """

    category: str
    n_positive: int
    n_negative: int
    n_unlabelled: int
    n_hard: int
    half_width: float | None
    provable_margin: float | None
    needed: int | None


@dataclass(frozen=True, slots=True)
class SetStats:
    """A golden set in numbers; ``slices`` is slice -> value -> (items, category -> violating items)."""

    n_items: int
    n_groups: int
    n_withheld: int
    n_without_labels: int
    n_clean: int
    categories: tuple[CategoryStats, ...]
    slices: Mapping[str, Mapping[str, tuple[int, Mapping[str, int]]]]
    thin: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "items": self.n_items,
            "groups": self.n_groups,
            "withheld": self.n_withheld,
            "without_labels": self.n_without_labels,
            "clean": self.n_clean,
            "categories": {one.category: {k: v for k, v in asdict(one).items() if k != "category"}
                           for one in self.categories},
            "slices": {name: {value: {"items": n, "positives": dict(ones)} for value, (n, ones) in values.items()}
                       for name, values in self.slices.items()},
            "thin": list(self.thin),
        }  # fmt: skip


MIN_CELL = 20
"""Violating items of a category in a slice below which its recall there says little."""


def set_stats(golden: GoldenSet) -> SetStats:
    """The numbers of a golden set; its items are read once."""
    labels = golden.labels()
    groups: list[str | None] = []
    values: dict[str, dict[str, list[int]]] = {name: {} for name in golden.card.slices}
    n_withheld = 0
    for at, item in enumerate(golden.items()):
        groups.append(item.group)
        n_withheld += item.is_withheld
        for name, found in item.slices.items():
            for value in found:
                values.setdefault(name, {}).setdefault(value, []).append(at)
    is_labelled = (labels >= 0).any(axis=1)
    any_positive = (labels == 1).any(axis=1)
    categories = tuple(
        _category(name, labels[:, at], any_positive, groups) for at, name in enumerate(golden.categories)
    )
    slices: dict[str, dict[str, tuple[int, dict[str, int]]]] = {}
    thin = []
    for name, by_value in values.items():
        rows = {}
        for value, places in sorted(by_value.items(), key=lambda entry: -len(entry[1])):
            positives = (labels[places] == 1).sum(axis=0)
            rows[value] = len(places), dict(zip(golden.categories, positives.tolist(), strict=True))
            thin += [
                f"{category}, {name} {value}: {n}"
                for category, n in zip(golden.categories, positives.tolist(), strict=True)
                if 0 < n < MIN_CELL and len(places) >= MIN_CELL
            ]
        if rows:
            slices[name] = rows
    named = {group for group in groups if group is not None}
    return SetStats(
        len(golden),
        len(named) + sum(group is None for group in groups),
        n_withheld,
        int((~is_labelled).sum()),
        int((is_labelled & ~any_positive).sum()),
        categories,
        slices,
        tuple(thin),
    )


def _category(
    name: str, labels: NDArray[np.int8], any_positive: NDArray[np.bool_], groups: Sequence[str | None]
) -> CategoryStats:
    positive = np.flatnonzero(labels == 1)
    n = len(positive)
    scale = _items_per_effective(positive, groups)
    effective = int(n / scale) if n else 0
    interval = wilson_interval(RECALL * effective, effective) if effective else None
    margin = smallest_provable_margin(effective, PLANNED_DISCORDANCE) if effective else 1.0
    wanted = recall_items_needed(MARGIN, PLANNED_DISCORDANCE)
    return CategoryStats(
        name,
        n,
        int((labels == 0).sum()),
        int((labels < 0).sum()),
        int(((labels == 0) & any_positive).sum()),
        None
        if interval is None or interval.low is None or interval.high is None
        else (interval.high - interval.low) / 2,
        margin if margin < 1 else None,
        None if wanted is None else further_items(wanted, effective, scale),
    )


def _items_per_effective(places: NDArray[np.intp], groups: Sequence[str | None]) -> float:
    """How many items count as one when members of a group are alike (the design effect at full correlation)."""
    sizes: dict[str, int] = {}
    n_alone = 0
    for at in places.tolist():
        group = groups[at]
        if group is None:
            n_alone += 1
        else:
            sizes[group] = sizes.get(group, 0) + 1
    n = len(places)
    return (n_alone + sum(size * size for size in sizes.values())) / n if n else 1.0
