"""What kinds of candidate have in common: those that ask nobody, those that ask other candidates, and how one is ended.

A kind need not use any of it: ``harness.records.answers.Candidate`` says what it must have.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from harness.records import Item
from harness.records.answers import Answer, Candidate, Decide


class Local:
    """A candidate that decides at once, without a request."""

    models_used: tuple[str, ...] = ()

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """Decide without any call."""
        return self._answer(item)
        yield []  # makes this a generator; never reached

    @abstractmethod
    def _answer(self, item: Item) -> Answer:
        """The decision."""


class Joint:
    """A candidate that asks others: it needs what they need, prepares when they do and is ended with them.

    Args:
        covered: Categories that one of the others speaks about.
    """

    has_follow_ups = True

    def __init__(
        self, candidate_id: str, others: Iterable[Candidate], covered: Iterable[str], category_order: Iterable[str]
    ) -> None:
        self.id = candidate_id
        self._others = tuple(others)
        known = frozenset(covered)
        self.categories = tuple(name for name in category_order if name in known)
        self.needs_text = any(one.needs_text for one in self._others)
        self.prepares_aside = any(getattr(one, "prepares_aside", False) for one in self._others)
        self.models_used = tuple(dict.fromkeys(name for one in self._others for name in one.models_used))

    def prepare(self, items: Sequence[Item]) -> None:
        """Each of the others prepares the items it may be asked about."""
        for one in self._others:
            one.prepare(items)

    def stop_computing(self) -> None:
        """Each of the others ends what it computes."""
        for one in self._others:
            stop_candidate(one)


def stop_candidate(candidate: Any) -> None:
    """End what a candidate computes beside the runner's loop: its ``stop_computing``, which not every kind has."""
    stop = getattr(candidate, "stop_computing", None)
    if callable(stop):
        stop()
