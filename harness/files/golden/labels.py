"""Label codes as the file has them -> codes of the categories, one byte per item and category.

Decides how renamed labels are merged, what an absent label means, and that a child's 1 implies its parent's 1. What one
row may hold is decided in ``rows``. Works on bytes, so that whoever checks a set needs no numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from harness.files.golden.faults import Faults
from harness.files.golden.values import ABSENT, NULL, UNKNOWN
from harness.files.policy import implied_parents
from harness.records import GoldenCard, Policy


def resolve(
    card: GoldenCard,
    policy: Policy | None,
    categories: Sequence[str],
    file_labels: Sequence[str],
    codes: bytearray,
    faults: Faults,
) -> tuple[bytes, Mapping[str, int]]:
    """File labels -> categories, row by row, and how often each parent was implied.

    Several labels renamed to one category are joined by a three-valued or: 1 if any is 1, else null if any is null or
    absent, else 0. A child's 1 makes a null parent 1; against a parent's 0 it is a fault. What the card declares
    unknown stays null where absent labels are negative.
    """
    of_category: dict[str, dict[int, str]] = {category: {} for category in categories}
    for at, name in enumerate(file_labels):
        of_category[card.rename.get(name, name)][at] = name
    columns = {category: _merged(category, labels, codes, len(file_labels)) for category, labels in of_category.items()}
    n_implied: dict[str, int] = {}
    for child, ancestors in implied_parents(policy).items() if policy is not None else ():
        for parent in ancestors:
            if child in columns and parent in columns:
                n_new = _imply(child, parent, columns, str(card.fields.labels), faults)
                if n_new:
                    n_implied[parent] = n_implied.get(parent, 0) + n_new
    final = bytes.maketrans(bytes([NULL, UNKNOWN]), bytes([0 if card.absent_labels == "negative" else NULL, NULL]))
    resolved = bytearray(sum(map(len, columns.values())))
    for at, column in enumerate(columns.values()):
        resolved[at :: len(columns)] = column.translate(final)
    return bytes(resolved), n_implied


def _merged(category: str, labels: Mapping[int, str], codes: bytearray, n_labels: int) -> bytearray:
    """One category's codes, of the labels that stand for it in these columns: 1, 0, ``NULL`` or ``UNKNOWN``."""
    columns = [codes[at::n_labels] for at in labels]
    if len(columns) == 1:
        return columns[0].replace(bytes([ABSENT]), bytes([NULL]))
    own = next((place for place, name in enumerate(labels.values()) if name == category), None)

    @cache
    def merged(row: tuple[int, ...]) -> int:
        if 1 in row:
            return 1
        if UNKNOWN in row:
            return UNKNOWN
        is_settled = own is not None and row[own] != ABSENT
        is_absent = not is_settled and any(code == ABSENT for place, code in enumerate(row) if place != own)
        return NULL if NULL in row or is_absent else 0

    return bytearray(map(merged, zip(*columns, strict=True)))


def _imply(child: str, parent: str, columns: Mapping[str, bytearray], field: str, faults: Faults) -> int:
    """Make the parent of every 1 of a child 1; how many were null."""
    children, parents = columns[child], columns[parent]
    n_new = 0
    row = children.find(1)
    while row >= 0:
        if parents[row] == 0:
            faults.add(
                row,
                field,
                f"has '{child}' 1 and its parent '{parent}' 0",
                "a child's 1 only with the parent's 1 (or null, which it implies)",
                f"set '{parent}' to 1 or '{child}' to 0",
            )
        elif parents[row] != 1:
            parents[row] = 1
            n_new += 1
        row = children.find(1, row + 1)
    return n_new
