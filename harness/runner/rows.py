"""Rows in a fixed order: answers come in any order, rows leave in the order of the golden set."""

from __future__ import annotations

from collections.abc import Callable

from harness.records.answers import Prediction


class InOrder:
    """Passes rows on by sequence number, whatever the order they come in."""

    def __init__(self, add: Callable[[Prediction], None]) -> None:
        self._add = add
        self._waiting: dict[int, Prediction] = {}
        self.next = 0

    def put(self, number: int, row: Prediction) -> None:
        """Take a row; pass it on with all that waited for it."""
        if number != self.next:
            self._waiting[number] = row
            return
        self._add(row)
        self.next = number + 1
        waiting = self._waiting
        while waiting and (following := waiting.pop(self.next, None)) is not None:
            self._add(following)
            self.next += 1
