"""Which candidates of a run may be asked at the same time.

Decides it from the models they ask: those that share one take turns. How many items are worked on at one time is left
to ``engine``.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.answers import Candidate


def groups_of(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Numbers of candidates that share a model, directly or through others; groups may run at the same time.

    A candidate says which models it may ask in ``models_used``; one that does not say may ask any.
    """
    asked = [getattr(candidate, "models_used", None) for candidate in candidates]
    if any(models is None for models in asked):
        return [list(range(len(candidates)))]
    groups: list[tuple[set[str], list[int]]] = []
    for number, models in enumerate(asked):
        mine = set(models or ()) or {""}  # those that ask nobody take turns: they share the processor
        touched = [group for group in groups if group[0] & mine]
        together = mine.union(*(group[0] for group in touched))
        numbers = sorted([number, *(n for group in touched for n in group[1])])
        groups = [*(group for group in groups if group not in touched), (together, numbers)]
    return sorted((numbers for _, numbers in groups), key=lambda numbers: numbers[0])
