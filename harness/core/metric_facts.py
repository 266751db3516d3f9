"""What is known of a metric: its words and surfaces and, for a share of items, which it counts among which.

Decides what follows from a share alone: its formula, what one item adds, and its cells in the table of a pair. Which
metrics there are is ``metric_table``'s; intervals and tests are left to ``metrics``, ``clusters`` and ``paired``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

ItemKind = Literal["tp", "fp", "fn", "tn"]
"""Gold and decision of an item: caught, wrongly flagged, missed, rightly passed."""
System = Literal["baseline", "candidate"]
Surface = Literal["score", "compare", "gate", "average", "ranking", "weekly"]

NO_POSITIVES = "no violating items"
NO_NEGATIVES = "no non-violating items"
NOTHING_FLAGGED = "nothing flagged"
NO_ITEMS = "no items"
NOTHING_TO_FIND = "no violating items and nothing flagged"
_KINDS: dict[tuple[int, int], ItemKind] = {(1, 1): "tp", (0, 1): "fp", (1, 0): "fn", (0, 0): "tn"}


@dataclass(frozen=True, slots=True)
class Share:
    """A share of items.

    Attributes:
        counted: Kinds of items with the property.
        among: Kinds of items in the denominator; holds ``counted`` and more.
        reason: What is said where the denominator is empty.
    """

    counted: tuple[ItemKind, ...]
    among: tuple[ItemKind, ...]
    reason: str

    def __post_init__(self) -> None:
        if not self.counted or not set(self.counted) < set(self.among):
            raise ValueError(f"a share counts some of the items it is among, got {self.counted} among {self.among}")

    @property
    def gold(self) -> tuple[int, ...]:
        """Gold labels of the denominator where the label alone says who is in it; empty where decisions have a say.

        >>> Share(("tp",), ("tp", "fn"), NO_POSITIVES).gold, Share(("tp",), ("tp", "fp"), NOTHING_FLAGGED).gold
        ((1,), ())
        """
        labels = {label: {_KINDS[label, decided] for decided in (0, 1)} for label in (1, 0)}
        named = [label for label, kinds in labels.items() if kinds & set(self.among)]
        return tuple(named) if set(self.among) == set().union(*(labels[label] for label in named)) else ()

    def totals(self, tp: float, fp: float, fn: float, tn: float) -> tuple[float, float]:
        """Numerator and denominator from the counts of one system.

        Args:
            tp: Violating and flagged.
            fp: Not violating and flagged.
            fn: Violating and not flagged.
            tn: Not violating and not flagged.

        >>> Share(("fp",), ("fp", "tn"), NO_NEGATIVES).totals(5, 1, 2, 9)
        (1, 10)
        """
        counts = {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
        counted, among = ([counts[one] for one in kinds] for kinds in (self.counted, self.among))
        return reduce(lambda a, b: a + b, counted), reduce(lambda a, b: a + b, among)

    def masks(self, y: Any, flagged: Any, known: Any) -> tuple[Any, Any]:
        """Which items are counted and which are in the denominator, as boolean arrays.

        Args:
            y: Whether an item violates and has a decision, bool (n_items,).
            flagged: Whether it is flagged and has gold.
            known: Whether it has both.

        >>> import numpy as np
        >>> y, flagged = np.array([True, True, False]), np.array([True, False, True])
        >>> Share(("tp",), ("tp", "fp"), NOTHING_FLAGGED).masks(y, flagged, np.ones(3, dtype=bool))[1].tolist()
        [True, False, True]
        """
        of: dict[ItemKind, Any] = {}
        for one in self.among:
            of[one] = (y if one in ("tp", "fn") else known & ~y) & (flagged if one in ("tp", "fp") else ~flagged)
        counted, among = ([of[one] for one in kinds] for kinds in (self.counted, self.among))
        return reduce(lambda a, b: a | b, counted), reduce(lambda a, b: a | b, among)

    def cells(self, system: System) -> tuple[list[int], list[int]]:
        """Cells of a paired table that one system counts, and those of its denominator; cell = 4y + 2a + b.

        Args:
            system: Which of the two.

        >>> Share(("tp",), ("tp", "fp"), NOTHING_FLAGGED).cells("candidate")
        ([5, 7], [1, 3, 5, 7])
        """
        kind = {cell: _KINDS[cell >> 2, cell >> 1 & 1 if system == "baseline" else cell & 1] for cell in range(8)}
        counted = [cell for cell in kind if kind[cell] in self.counted]
        return counted, [cell for cell in kind if kind[cell] in self.among]

    @property
    def support(self) -> list[int]:
        """Cells of a paired table that are in the denominator of either system.

        >>> Share(("tp",), ("tp", "fp"), NOTHING_FLAGGED).support
        [1, 2, 3, 5, 6, 7]
        """
        return sorted({*self.cells("baseline")[1], *self.cells("candidate")[1]})

    @property
    def switched(self) -> tuple[list[int], list[int]]:
        """Cells that only the candidate counts, and cells that only the baseline counts.

        >>> Share(("fp",), ("fp", "tn"), NO_NEGATIVES).switched
        ([1], [2])
        """
        a, b = self.cells("baseline")[0], self.cells("candidate")[0]
        return [one for one in b if one not in a], [one for one in a if one not in b]


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What is known of a metric before anything is measured.

    Attributes:
        title: Name in tables and charts.
        words: Name within a sentence.
        interval: Method of its interval, as signatures name it.
        meaning: What it is a share of, or what it says, in plain words; empty where no surface explains it.
        unit: What its denominator counts.
        paired_unit: What the denominator of a paired difference counts.
        is_lower_better: Whether less is better.
        surfaces: Where it is shown.
        share: The items it counts, for a share of items.
        verbs: What a candidate does that is better, and worse, at it, with ``{}`` for the category.
    """

    title: str
    words: str
    interval: str
    meaning: str = ""
    unit: str = "items"
    paired_unit: str = ""
    is_lower_better: bool = False
    surfaces: frozenset[Surface] = frozenset()
    share: Share | None = None
    verbs: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        if "gate" in self.surfaces and (self.share is None or not (self.share.gold or self.words == "precision")):
            raise ValueError(
                f"the gate tests shares of items that the gold label alone chooses, and precision; not {self.words}"
            )
