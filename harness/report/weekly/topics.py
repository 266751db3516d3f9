"""What new errors say alike: clusters of their texts, named by words, slices and rules.

Decides what a cluster is called. A slice value or a rule names it when most of the cluster has it and the other errors
much less often. Found by ``parts.topics``; exploratory: no test stands behind a cluster, and none is claimed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.report.parts.masking import TextMode, mask, printable
from harness.report.parts.topics import TextCluster, text_clusters
from harness.report.weekly.error_data import Example, Topic
from harness.runs import Run

MAX_TOPICS, MAX_EXAMPLES, MAX_NAMES = 6, 3, 2
MOST = 2 / 3
"""Share of a cluster that must have a slice value or rule which names it."""
DENSER = 1.5
"""So many times as frequent in the cluster as among all the errors."""
_RULE = re.compile(r"\brule ([\w.:-]+)")


def topics_of(
    run: Run,
    candidate: str,
    errors: NDArray[np.bool_],
    texts: Mapping[str, str | None],
    names: Mapping[str, str],
    examples: Mapping[str, Example],
    mode: TextMode,
) -> tuple[Topic, ...]:
    """Clusters of the items that are wrong somewhere in ``errors``, bool (n_items, n_categories), largest first."""
    at = [index for index in np.flatnonzero(errors.any(axis=1)).tolist() if texts.get(run.item_ids[index])]
    if mode == "none" or not at:
        return ()
    found = text_clusters([str(texts[run.item_ids[index]]) for index in at])[:MAX_TOPICS]
    if not found:
        return ()
    kinds = [_facts_of_slices(run, at), _facts_of_rules(run, candidate, at)]
    return tuple(_topic(run, one, at, errors, kinds, names, examples, mode) for one in found)


def _facts_of_slices(run: Run, at: Sequence[int]) -> list[frozenset[str]]:
    position = {index: number for number, index in enumerate(at)}
    found: list[set[str]] = [set() for _ in at]
    for name, values in run.slices.items():
        for value, members in values.items():
            for index in members.tolist():
                if index in position:
                    found[position[index]].add(f"{name}: {value}")
    return [frozenset(one) for one in found]


def _facts_of_rules(run: Run, candidate: str, at: Sequence[int]) -> list[frozenset[str]]:
    """Rules that a rationale names; a model that writes the word is no rule set, and has other words behind it."""
    kind = run.meta.fingerprints.get(candidate, {}).get("kind")
    if kind not in ("rules", "cascade"):
        return [frozenset() for _ in at]
    said = run.texts(candidate, "rationale")
    return [frozenset(f"rule {name}" for name in _RULE.findall(said[index][0] or "")) for index in at]


def _topic(
    run: Run,
    cluster: TextCluster,
    at: Sequence[int],
    errors: NDArray[np.bool_],
    kinds: Sequence[Sequence[frozenset[str]]],
    names: Mapping[str, str],
    examples: Mapping[str, Example],
    mode: TextMode,
) -> Topic:
    indices = [at[member] for member in cluster.members]
    wrong = errors[indices]
    missed = int((wrong & (run.y_true[indices] == 1)).any(axis=1).sum())
    counted = Counter(column for row in wrong for column in np.flatnonzero(row).tolist())
    words = tuple(printable(mask(word) if mode == "masked" else word) for word in cluster.words)
    marks = tuple(mark for facts in kinds for mark in _marks(facts, cluster.members))
    shown = [run.item_ids[index] for index in indices]
    return Topic(
        words=words,
        marks=marks,
        n=len(indices),
        n_missed=missed,
        n_wrongly_flagged=int((wrong & (run.y_true[indices] == 0)).any(axis=1).sum()),
        categories=tuple(
            (names.get(run.categories[column], run.categories[column]), n)
            for column, n in sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:MAX_NAMES]
        ),
        item_ids=tuple(shown),
        examples=tuple(examples[one] for one in shown[:MAX_EXAMPLES] if one in examples),
    )


def _marks(facts: Sequence[frozenset[str]], members: Sequence[int]) -> list[str]:
    """What most of the cluster has and the errors as a whole have less often, the most telling first."""
    inside = Counter(fact for member in members for fact in facts[member])
    everywhere = Counter(fact for one in facts for fact in one)
    telling = []
    for fact, n in inside.items():
        share, overall = n / len(members), everywhere[fact] / len(facts)
        if share >= MOST and share >= DENSER * overall:
            telling.append((overall / share, fact, n))
    return [f"{fact} ({n} of {len(members)})" for _, fact, n in sorted(telling)[:MAX_NAMES]]
