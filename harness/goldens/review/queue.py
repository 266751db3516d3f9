"""What a review shows, and in which order.

Decides how a queue comes about: a file (audit, marks, any list of ids), a filter, a sample, what a new policy made
stale, or the decisions that are open. One entry is an item with the categories to decide on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.text import joined, suggestion
from harness.goldens.decisions import Decision, Open, settle
from harness.goldens.queues import QueueRow, read_queue


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a queue; ``why`` says how it came here."""

    item: str
    categories: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person asks for; everything that is given narrows the queue further.

    Attributes:
        categories: Categories to decide; all for none.
        where: Slice and value pairs an item must have.
        label: Only items whose label is this in one of the categories: 1, 0, or -1 for null.
        sample: At most so many items, drawn at random.
    """

    file: Path | None = None
    categories: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    label: int | None = None
    sample: int | None = None
    seed: int = 0


def make_queue(golden: GoldenSet, known: Sequence[str], choice: Choice, rows: Sequence[QueueRow] = ()) -> list[Entry]:
    """The queue of a review.

    ``rows`` is a queue that was made already (stale labels); the file's rows where it is empty.
    """
    for name in choice.categories:
        if name not in known:
            raise HarnessError(f"there is no category '{name}'", allowed=joined(known),
                               next_step=suggestion(name, known, "choose one of these"))  # fmt: skip
    categories = choice.categories or tuple(known)
    chosen = list(rows) or (read_queue(choice.file, golden) if choice.file else [QueueRow(one) for one in golden.ids()])
    _require_known(chosen, known, choice.file)
    entries = _joined(chosen, categories)
    entries = _filtered(golden, entries, choice)
    if choice.sample is not None and choice.sample < len(entries):
        picked = np.random.default_rng(choice.seed).choice(len(entries), choice.sample, replace=False)
        entries = [entries[at] for at in sorted(picked.tolist())]
    if not entries:
        raise HarnessError("no item is left to review", allowed="a filter that some items pass",
                           next_step="widen --where, --label or --category")  # fmt: skip
    return entries


def open_entries(decisions: Sequence[Decision]) -> tuple[list[Entry], dict[tuple[str, str], Open]]:
    """What waits for an adjudicator: disagreements and escalations; those still awaiting a reviewer do not."""
    found = {
        (one.item, one.category): one
        for one in settle(decisions)[1]
        if one.why in ("reviewers disagree", "escalated")
    }  # fmt: skip
    by_item: dict[str, list[Open]] = {}
    for one in found.values():
        by_item.setdefault(one.item, []).append(one)
    entries = [
        Entry(item, tuple(one.category for one in waiting), ", ".join(dict.fromkeys(one.why for one in waiting)))
        for item, waiting in by_item.items()
    ]
    return entries, found


def _joined(rows: Sequence[QueueRow], categories: Sequence[str]) -> list[Entry]:
    """Rows of one item are one entry, where the first of them stands."""
    wanted: dict[str, dict[str, None]] = {}
    why: dict[str, dict[str, None]] = {}
    for row in rows:
        names = categories if row.category is None else [row.category] if row.category in categories else []
        if names:
            wanted.setdefault(row.item, {}).update(dict.fromkeys(names))
            why.setdefault(row.item, {}).update({row.why: None} if row.why else {})
    return [
        Entry(item, tuple(name for name in categories if name in names), "; ".join(why[item]))
        for item, names in wanted.items()
    ]


def _filtered(golden: GoldenSet, entries: list[Entry], choice: Choice) -> list[Entry]:
    for name, _ in choice.where:
        if name not in golden.card.slices:
            raise HarnessError(f"there is no slice '{name}'", allowed=joined(golden.card.slices),
                               next_step="declare it in the card, or choose one of these")  # fmt: skip
    if choice.label is not None:
        labels = golden.labels()
        column: Mapping[str, int] = {name: at for at, name in enumerate(golden.categories)}
        entries = [
            one for one in entries
            if any(name in column and labels[golden.index_of(one.item), column[name]] == choice.label
                   for name in one.categories)
        ]  # fmt: skip
    if choice.where:
        positions = [golden.index_of(one.item) for one in entries]
        entries = [
            one
            for one, item in zip(entries, golden.items(positions), strict=True)
            if all(value in item.slices.get(name, ()) for name, value in choice.where)
        ]
    return entries


def _require_known(rows: Sequence[QueueRow], known: Sequence[str], file: Path | None) -> None:
    strange = sorted({row.category for row in rows if row.category is not None and row.category not in known})
    if strange:
        raise HarnessError(f"{file or 'the queue'} names categories that the policy does not have: {joined(strange)}",
                           allowed=joined(known), next_step="use a queue of this policy")  # fmt: skip
