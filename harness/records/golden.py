"""Golden sets: the card and the item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from harness.records.base import Bounds, FromFile, NonEmpty, PositiveInt


class PolicyRef(FromFile, frozen=True):
    """The policy version a golden set was labelled under."""

    name: NonEmpty
    version: PositiveInt


class FieldPaths(FromFile, frozen=True):
    """Dotted paths of an item's parts inside a row."""

    id: str = "id"
    text: str = "text"
    labels: str = "labels"
    images: str = "images"
    context: str = "context"
    votes: str = "votes"
    weight: str = "weight"
    group: str = "group"


class GoldenCard(FromFile, frozen=True):
    """What a golden set declares about itself."""

    golden_set: NonEmpty
    version: PositiveInt
    policy: PolicyRef
    items: NonEmpty
    labels: Annotated[tuple[str, ...], Bounds(min_length=1)]
    absent_labels: Literal["unknown", "negative"] = "unknown"
    fields: FieldPaths = field(default_factory=FieldPaths)
    slices: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    label_values: Mapping[str, Literal[0, 1] | None] = field(default_factory=dict)
    cut: float | Mapping[str, float] | None = None
    separator: NonEmpty | None = None
    id: Literal["row"] | None = None
    modalities: Mapping[str, str] = field(default_factory=dict)
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: str | None = None
    ignore: tuple[str, ...] = ()
    must_catch: str = "must_catch"
    revision: str | None = None
    split: str | None = None
    source: str | None = None
    licence: str | None = None
    description: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Item(Struct, frozen=True, gc=False):
    """One labelled item. ``labels`` holds 1, 0 or None (nobody labelled it) for each category of the golden set.

    ``modalities`` holds every one that the card declares, None where the item has none.
    """

    id: str
    text: str | None
    labels: Mapping[str, int | None]
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str | None = None
    weight: float = 1.0
    images: tuple[str, ...] = ()
    context: Any = None
    votes: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    must_catch: bool = False
    modalities: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_withheld(self) -> bool:
        """True when there is nothing a candidate could be shown."""
        return self.text is None and not self.images and not any(self.modalities.values())
