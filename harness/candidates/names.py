"""Names in an answer -> categories of the policy.

Decides when a name is known: equal to a category, or to a name of the candidate's crosswalk, once case, spaces, dashes
and underscores are disregarded, except between two digits (``S1-1`` is not ``S11``). Nothing else counts as near: an
unknown name makes an answer unreadable.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence

from harness.records import Policy
from harness.records.evals import NEVER, Threshold

Crosswalk = Mapping[str, Sequence[str]]
"""Category of the policy -> names of another taxonomy that count as it."""

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s_-]+(?=\d)")
_LOOSE = re.compile(r"[\s_-]+")


@functools.lru_cache(maxsize=2_048)
def loose(name: str) -> str:
    """A name without case, spaces, dashes and underscores; between two digits they part one number from the next.

    >>> loose("Self-Harm"), loose("S 1"), loose("s1-1"), loose("TVEC.01")
    ('selfharm', 's1', 's1:1', 'tvec.01')
    """
    parted = _BETWEEN_DIGITS.sub(":", name.strip())
    return _LOOSE.sub("", parted).casefold()


class NameIndex:
    """The names an answer may use.

    Args:
        categories: Categories asked about, in the order of the policy.
        crosswalk: How another taxonomy's names map to categories; None when the names are the policy's own.
    """

    def __init__(self, categories: Iterable[str], crosswalk: Crosswalk | None = None) -> None:
        asked = tuple(categories)
        self.has_crosswalk = crosswalk is not None
        if crosswalk is None:
            targets: dict[str, tuple[str, ...]] = {name: (name,) for name in asked}
            self.categories = asked
        else:
            targets = {}
            for category, names in crosswalk.items():
                for name in names:
                    known = targets.setdefault(name, ())
                    targets[name] = (*known, category) if category in asked else known
            self.categories = tuple(category for category in asked if category in crosswalk)
        self._exact, self._written = targets, frozenset(targets)
        self._loose: dict[str, tuple[str, ...] | None] = {}
        for name, found in targets.items():
            key = loose(name)
            self._loose[key] = found if self._loose.get(key, found) == found else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every known name as it is written."""
        return tuple(self._exact)

    def resolve(self, name: str) -> tuple[str, ...] | None:
        """Categories that a name stands for; None for an unknown name, empty for one that was not asked about."""
        found = self._exact.get(name)
        return self._loose.get(loose(name)) if found is None else found

    def knows(self, names: Iterable[str]) -> bool:
        """Whether each of the names is one as it is written."""
        return self._written.issuperset(names)

    def sources(self, category: str) -> tuple[str, ...]:
        """Names that count as a category."""
        return tuple(name for name, targets in self._exact.items() if category in targets)


def crosswalk_of(policy: Policy, name: str | None) -> Crosswalk | None:
    """The crosswalk of a policy by name, without what it maps to null ("has no such category"); None for None."""
    if name is None:
        return None
    return {category: names for category, names in policy.crosswalks[name].items() if names}


def map_decisions(names: NameIndex, decisions: Mapping[str, int | None]) -> dict[str, int | None]:
    """Decisions by name -> by category: 1 if any of its names is 1, else None if any is None, else 0.

    A category none of whose names was given is left out.
    """
    mapped: dict[str, int | None] = {}
    for name, decision in decisions.items():
        for category in names.resolve(name) or ():
            before = mapped.get(category, 0)
            mapped[category] = 1 if 1 in (before, decision) else None if None in (before, decision) else 0
    return mapped


def map_scores(names: NameIndex, scores: Mapping[str, float]) -> dict[str, float]:
    """Scores by name -> by category: the highest of its names."""
    mapped: dict[str, float] = {}
    for name, score in scores.items():
        for category in names.resolve(name) or ():
            mapped[category] = max(score, mapped.get(category, score))
    return mapped


def apply_thresholds(
    decisions: Mapping[str, int | None], scores: Mapping[str, float], thresholds: Mapping[str, Threshold]
) -> dict[str, int | None]:
    """Decide by ``score >= threshold`` where a threshold is declared; without a score there is then no decision.

    >>> apply_thresholds({"hate": 1, "spam": 1}, {"hate": 0.4}, {"hate": "never", "spam": 0.5})
    {'hate': 0, 'spam': None}
    """
    decided = dict(decisions)
    for category, threshold in thresholds.items():
        if category in decided or category in scores:
            decided[category] = int(reaches(scores[category], threshold)) if category in scores else None
    return decided


def reaches(score: float, threshold: Threshold) -> bool:
    """Whether a score is flagged at a threshold.

    >>> reaches(0.5, 0.5), reaches(1.0, "never")
    (True, False)
    """
    return threshold != NEVER and score >= threshold
