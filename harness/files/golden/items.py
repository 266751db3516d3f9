"""A checked row of a golden set -> an ``Item``. What a row may hold was decided when the set was loaded (``rows``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.files.golden.fields import MISSING, Fields, Row, slice_values
from harness.files.golden.values import NULL, UNKNOWN, LabelValues
from harness.records import GoldenCard, Item

_MOST_LABEL_SETS = 50_000


class ItemBuilder:
    """Builds the items of one card."""

    def __init__(self, card: GoldenCard, categories: Sequence[str], *, is_text: bool = False) -> None:
        self.categories = tuple(categories)
        self._card, self._is_text = card, is_text
        self._fields = Fields(card)
        self._rename = dict(card.rename)
        self._values = LabelValues(card, is_text=is_text)
        self._has_row_ids = card.id == "row"
        self._hidden = tuple(
            tuple(path.split(".")[1:])
            for path in (card.fields.labels, card.fields.votes, card.fields.weight)
            if path.startswith("meta.")
        )
        self._label_sets: dict[bytes, Mapping[str, int | None]] = {}
        paths = card.fields
        self._bare = frozenset((paths.id, paths.text, paths.labels, "meta"))
        others = (paths.images, paths.context, paths.votes, paths.weight, paths.group)
        self._has_bare = not (card.modalities or self._hidden) and self._bare.isdisjoint(
            path.split(".")[0] for path in others
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _build, (self._card, self.categories, self._is_text)  # getters are closures; workers build their own

    def item(self, row: Row, codes: bytes, index: int) -> Item:
        """The item of the row at ``index``; ``codes`` are its final labels (int8, -1 for null)."""
        labels = self._label_sets.get(codes)
        if labels is None:
            if len(self._label_sets) > _MOST_LABEL_SETS:
                self._label_sets.clear()
            labels = {name: None if code == NULL else code for name, code in zip(self.categories, codes, strict=True)}
            self._label_sets[codes] = labels
        get = self._fields
        if self._has_bare and row.keys() <= self._bare:
            text = row.get(get.paths.text)
            return Item(
                str(index + 1) if self._has_row_ids else str(get.id(row)),
                text if type(text) is str else None,
                labels,
                {name: slice_values(value(row)) or () for name, _, value in get.slices},
                meta=row.get("meta") or {},
            )
        text, images, context = get.text(row), get.images(row), get.context(row)
        group, weight, votes = get.group(row), get.weight(row), get.votes(row)
        meta: Mapping[str, Any] = row.get("meta") or {}
        for path in self._hidden:
            meta = _without(meta, path)
        made = self._votes(votes)
        return Item(
            id=str(index + 1) if self._has_row_ids else str(get.id(row)),
            text=text if type(text) is str else None,
            labels=labels,
            slices={
                name: agreement_of(made) if path == get.paths.votes else slice_values(value(row)) or ()
                for name, path, value in get.slices
            },
            group=None if group is MISSING or group is None else str(group),
            weight=1.0 if weight is MISSING or weight is None else float(weight),
            images=tuple(images) if type(images) is list else (),
            context=None if context is MISSING else context,
            votes=made,
            meta=meta,
            modalities={name: None if (part := value(row)) is MISSING else part for name, _, value in get.modalities},
        )

    def _votes(self, votes: Any) -> tuple[Mapping[str, Any], ...]:
        if votes is MISSING or not votes:
            return ()
        return tuple(map(self._vote, _counted_votes(votes) if type(votes) is dict else votes))

    def _vote(self, vote: Mapping[str, Any]) -> Mapping[str, Any]:
        labels: dict[str, int | None] = {}
        for name, value in vote["labels"].items():
            category = self._rename.get(name, name)
            code = self._values.code(name, value)
            label = None if code in (NULL, UNKNOWN) else code
            labels[category] = label if category not in labels else _either(labels[category], label)
        grades = {} if self._card.cut is None else {"grades": vote["labels"]}
        return {**vote, "annotator": str(vote["annotator"]), "labels": labels, **grades}


def _build(card: GoldenCard, categories: Sequence[str], is_text: bool) -> ItemBuilder:
    return ItemBuilder(card, categories, is_text=is_text)


NOT_NAMED = "#"
"""Begins the name of an annotator of whom only the vote is known."""


def _counted_votes(counts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Votes of nobody in particular, from how many were for each label and how many were cast."""
    most = max(n_cast for _, n_cast in counts.values())
    return [
        {
            "annotator": f"{NOT_NAMED}{at + 1}",
            "labels": {name: int(at < n_for) for name, (n_for, n_cast) in counts.items() if at < n_cast}
            | {name: None for name, (_, n_cast) in counts.items() if at >= n_cast},
        }
        for at in range(most)
    ]


def agreement_of(votes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The slice of an item by its votes: ``unanimous`` when they agree on every label, ``split`` otherwise."""
    votes = [vote for vote in votes if not vote["labels"] or any(code is not None for code in vote["labels"].values())]
    if len(votes) < 2:
        return ()
    names = {name for vote in votes for name in vote["labels"]}
    is_split = any(
        len({vote["labels"].get(name, 0) for vote in votes if vote["labels"].get(name, 0) is not None}) > 1
        for name in names
    )
    return ("split",) if is_split else ("unanimous",)


def _either(first: int | None, second: int | None) -> int | None:
    """Three-valued or: 1 beats null beats 0."""
    if first == 1 or second == 1:
        return 1
    return None if first is None or second is None else 0


def _without(mapping: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    if path[0] not in mapping:
        return mapping
    if len(path) == 1:
        return {name: value for name, value in mapping.items() if name != path[0]}
    inner = mapping[path[0]]
    return {**mapping, path[0]: _without(inner, path[1:])} if isinstance(inner, dict) else mapping
