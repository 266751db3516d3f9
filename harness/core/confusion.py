"""Confusion counts per category.

Decides what counts as a hit, a miss, a false alarm and an exclusion when gold or decision may be missing. Leaves the
handling of failed outputs (which fallback a failure becomes) to scoring, which writes it into the decisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.core.arrays import Array, Floats, Ints

_BLOCK_CELLS = 1 << 22  # bounds the temporary masks to a few MB at any number of items


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionCounts:
    """Counts per category; arrays of shape (n_categories,).

    Attributes:
        tp: Violating and flagged.
        fp: Not violating and flagged.
        fn: Violating and not flagged.
        tn: Not violating and not flagged.
        n_excluded: Items without gold or without a decision (always items, never weights).
        n_items: Items in the golden set.
    """

    tp: Array
    fp: Array
    fn: Array
    tn: Array
    n_excluded: Ints
    n_items: int

    def category(self, index: int) -> tuple[float, float, float, float]:
        """Return (tp, fp, fn, tn) of one category.

        Args:
            index: Column of the category.

        Returns:
            Four plain numbers, in the order that ``metrics`` takes.

        >>> import numpy as np
        >>> confusion_counts(np.array([[1], [0]]), np.array([[1], [1]])).category(0)
        (1, 1, 0, 0)
        """
        return (self.tp[index].item(), self.fp[index].item(), self.fn[index].item(), self.tn[index].item())


def check_decisions(y_true: Array, y_pred: Array) -> None:
    """Refuse arrays that are not (n_items, n_categories) of -1, 0, 1 with equal shapes.

    Args:
        y_true: Gold, shape (n_items, n_categories).
        y_pred: Decisions, same shape.

    Raises:
        ValueError: Shapes differ, are not two-dimensional, or a value is not -1, 0 or 1.

    >>> import numpy as np
    >>> check_decisions(np.array([[1, -1]]), np.array([[0, 1]]))
    """
    if y_true.ndim != 2 or y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true and y_pred must share one shape (n_items, n_categories), got {y_true.shape} and {y_pred.shape}"
        )
    for name, array in (("y_true", y_true), ("y_pred", y_pred)):
        check_codes(name, array)


def check_codes(name: str, array: Array) -> None:
    """Refuse values other than -1 (missing), 0 and 1.

    Args:
        name: Name of the argument, for the message.
        array: Integer or boolean array of any shape.

    Raises:
        ValueError: The array is not of integers, or holds another value.

    >>> import numpy as np
    >>> check_codes("y_true", np.array([0, 1, -1]))
    """
    if array.dtype.kind not in "iub":
        raise ValueError(f"{name} must be an integer array of -1, 0, 1, got {array.dtype}")
    if array.size and (array.min() < -1 or array.max() > 1):
        raise ValueError(f"{name} must hold only -1 (missing), 0 and 1, got {array.min()}..{array.max()}")


def confusion_counts(y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> ConfusionCounts:
    """Count hits, false alarms, misses and correct rejections per category.

    An item without gold or without a decision for a category leaves that category only, and is counted as excluded; it
    is never a negative.

    Args:
        y_true: Gold, int8 (n_items, n_categories): 1 violating, 0 not, -1 missing.
        y_pred: Decisions, same shape and codes.
        sample_weight: Weight per item (1/inclusion probability), shape (n_items,), finite and >= 0; None counts items.

    Returns:
        Counts per category: int64, or float64 sums of weights when weights are given.

    Raises:
        ValueError: Shapes differ, a code is not -1, 0 or 1, or a weight is negative or not finite.

    References:
        Rows of the matrix are gold, columns predicted; the positive class is "violating".

    >>> import numpy as np
    >>> counts = confusion_counts(np.array([[1], [1], [0], [-1]]), np.array([[1], [0], [1], [1]]))
    >>> counts.category(0), counts.n_excluded.tolist()
    ((1, 1, 1, 0), [1])
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    check_decisions(y_true, y_pred)
    n_items, n_categories = y_true.shape
    weight = None if sample_weight is None else check_weights(sample_weight, n_items)
    totals = np.zeros((4, n_categories), dtype=np.int64 if weight is None else np.float64)
    included = np.zeros(n_categories, dtype=np.int64)
    step = max(1, _BLOCK_CELLS // max(1, n_categories))
    for start in range(0, n_items, step):
        gold, decided = y_true[start : start + step], y_pred[start : start + step]
        positive, negative = gold == 1, gold == 0
        flagged, passed = decided == 1, decided == 0
        masks = (positive & flagged, negative & flagged, positive & passed, negative & passed)
        for row, mask in enumerate(masks):
            n_mask = np.count_nonzero(mask, axis=0)
            included += n_mask
            totals[row] += n_mask if weight is None else weight[start : start + step] @ mask
    n_excluded = n_items - included
    if weight is None and not np.array_equal(totals.sum(axis=0) + n_excluded, np.full(n_categories, n_items)):
        raise AssertionError("confusion counts and exclusions do not add up to the number of items")
    return ConfusionCounts(totals[0], totals[1], totals[2], totals[3], n_excluded, n_items)


def check_weights(sample_weight: Array, n_items: int) -> Floats:
    """Return weights as float64 after refusing a wrong shape or a negative or non-finite weight.

    Args:
        sample_weight: Weight per item, shape (n_items,).
        n_items: Items expected.

    Returns:
        The weights as float64.

    Raises:
        ValueError: The shape is wrong, or a weight is negative or not finite.

    >>> import numpy as np
    >>> check_weights(np.array([1, 2]), 2).tolist()
    [1.0, 2.0]
    """
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_items,):
        raise ValueError(f"sample_weight must have shape ({n_items},), got {weight.shape}")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight must be finite and >= 0")
    return weight
