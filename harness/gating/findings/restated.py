"""Which slices that moved only restate what a wider part says, and which are findings of their own.

Decides that a slice restates the set, or the slices that hold all of its items, unless it moved beyond each of them:
its interval lies wholly past every wider change. Against the set a test of the slice against the rest must say so too,
over the family of all tested slices; otherwise one of forty slices that fall alike would stand out by chance.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.results import MetricResult
from harness.measure.slices import ALL_CATEGORIES, SLICE_FDR, SliceChange

LANGUAGE_SLICES = ("language", "lang", "locale")


def restates(moved: Sequence[tuple[SliceChange, bool]]) -> list[bool]:
    """Of each slice, whether it says nothing of its own.

    Args:
        moved: Each slice that moved, and whether its category moves the same way, or any category where it counts all.
    """
    is_alone = [not is_told or moves_apart(one) for one, is_told in moved]
    named = {
        (*_place(one), *_way(one))
        for (one, _), alone in zip(moved, is_alone, strict=True)
        if alone and one.category != ALL_CATEGORIES
    }
    found = [
        not alone or (is_told and one.category == ALL_CATEGORIES and (*_place(one), *_way(one)) in named)
        for (one, is_told), alone in zip(moved, is_alone, strict=True)
    ]
    wider: dict[tuple[object, ...], SliceChange] = {}
    for at in sorted(range(len(moved)), key=lambda at: _widest_first(moved[at][0])):
        one, _ = moved[at]
        holders = [wider[key] for place in one.within if (key := (one.category, *place, *_way(one))) in wider]
        if holders and not all(_is_beyond(one.difference, holder.difference.value) for holder in holders):
            found[at] = True
        if not found[at]:
            wider[one.category, *_place(one), *_way(one)] = one
    return found


def moves_apart(one: SliceChange) -> bool:
    """Whether a slice moved beyond the whole set: otherwise than the rest, and wholly past the change of all."""
    return one.q_rest <= SLICE_FDR and _is_beyond(one.difference, one.whole)


def _is_beyond(difference: MetricResult, change: float) -> bool:
    """Whether the interval lies wholly past a change, on the side on which the difference itself lies."""
    return difference.high < change if difference.value < 0 else difference.low > change


def _place(one: SliceChange) -> tuple[str, str]:
    return one.slice_name, one.value


def _way(one: SliceChange) -> tuple[str, bool]:
    """What moved, and whether it rose."""
    return one.metric, one.difference.value > 0


def _widest_first(one: SliceChange) -> tuple[object, ...]:
    return -one.difference.n, one.slice_name.lower() not in LANGUAGE_SLICES, one.slice_name, one.value
