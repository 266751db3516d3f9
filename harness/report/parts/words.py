"""Small words of all reports: plurals, sentences, and how outcomes are named and counted.

Decides which outcomes hold an answer and which count as failed; numbers are rounded by ``report.numbers``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.records.answers import HUMAN, REJECTED, WITHHELD
from harness.report.parts import numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOT_ASKED = "not_asked"
UNANSWERED = frozenset({"error", REJECTED, WITHHELD, NOT_ASKED})
"""Outcomes of rows that hold no answer: nothing was decided, timed or paid for."""
HELD_WORDS = {"precision": "precision", "recall": "recall", "fpr": "over-blocking"}
"""What an operating point holds."""
NOT_FAILED = frozenset({"ok", HUMAN, WITHHELD, NOT_ASKED})


def plural(n: float, noun: str, several: str | None = None) -> str:
    """``1 target``, ``2 targets``."""
    return f"{numbers.count(n)} {noun if n == 1 else several or noun + 's'}"


def enumerated(words: Sequence[str], shown: int = 3) -> str:
    """``a, b and c``; beyond ``shown`` the rest is counted.

    >>> enumerated(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    found = list(words)
    if len(found) > shown:
        found = [*found[:shown], f"{len(words) - shown} more"]
    return "".join(found) if len(found) < 2 else f"{', '.join(found[:-1])} and {found[-1]}"


def compared_words(candidates: Sequence[str], baseline: str | None) -> str:
    """``v2 against v1``; many candidates are counted.

    >>> compared_words(["a", "b", "c", "d", "e"], "v1")
    '5 candidates against v1'
    """
    names = ", ".join(candidates) if len(candidates) <= 4 else plural(len(candidates), "candidate")
    return f"{names} against {baseline}" if baseline else names


def capital(text: str) -> str:
    """The first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def never_asked(name: str, n: int, n_items: int) -> str:
    """Who was not asked about every item.

    >>> never_asked("v2", 5, 1_000)
    'v2 was never asked about 5 of 1,000 items: these are left out.'
    """
    return f"{name} was never asked about {n:,} of {plural(n_items, 'item')}: these are left out."


def sentence(text: str) -> str:
    """A note as a sentence of its own: a capital and a full stop.

    >>> sentence("run a is a sample of 100 items")
    'Run a is a sample of 100 items.'
    """
    said = capital(text.strip())
    return said if not said or said[-1] in ".!?" else f"{said}."


def outcome_words(name: str) -> str:
    """An outcome as readers see it: ``not asked``, ``sent to a person``."""
    return "sent to a person" if name == HUMAN else name.replace("_", " ")


def n_answered(counts: Mapping[str, int]) -> int:
    """Rows with an answer, usable or not."""
    return sum(n for name, n in counts.items() if name not in UNANSWERED)


def failed_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Outcomes that count as failed; rows that were withheld or never asked did not fail."""
    return {name: n for name, n in counts.items() if name not in NOT_FAILED}


def slice_words(slices: Mapping[str, Mapping[str, NDArray[np.int64]]], n_items: int) -> list[dict[str, str]]:
    """Slice -> value of each item, several values joined by commas.

    >>> import numpy as np
    >>> slice_words({"tag": {"a": np.array([0, 1]), "b": np.array([1])}}, 2)
    [{'tag': 'a'}, {'tag': 'a, b'}]
    """
    found: list[dict[str, str]] = [{} for _ in range(n_items)]
    for name, values in slices.items():
        for value, members in values.items():
            for index in members.tolist():
                found[index][name] = f"{found[index][name]}, {value}" if name in found[index] else value
    return found


def told_apart(candidate: str, run_id: str) -> str:
    """A candidate's name where another run has one of the same name: with the start of its run's hash.

    >>> told_apart("v2", "community-75e743fadd11")
    'v2 (75e743)'
    """
    return f"{candidate} ({run_id.rsplit('-', 1)[-1][:6]})"
