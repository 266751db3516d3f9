"""A candidate that is not shown some parts of its items: ``without: [frames]``.

Decides what an item without a part is. Beside the same candidate with all of them, the ordinary comparison says what
the part is worth, item by item: what is newly missed without the frames was caught by the frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.candidates.bases import stop_candidate
from harness.files.pictures import IMAGES
from harness.records import Item
from harness.records.answers import Candidate, Decide

TEXT, CONTEXT = "text", "context"
OWN_PARTS = (TEXT, IMAGES, CONTEXT)
"""What every item may have; the modalities of the card come beside them."""


class Without:
    """A candidate over items that lack the parts named.

    Args:
        parts: Among ``text``, ``images``, ``context`` and the card's modalities.
    """

    def __init__(self, candidate: Candidate, parts: Sequence[str]) -> None:
        self.candidate = candidate
        self._parts = frozenset(parts)
        self.id = candidate.id
        self.categories = tuple(candidate.categories)
        self.needs_text = candidate.needs_text
        self.models_used = tuple(candidate.models_used)
        self.prepares_aside = bool(getattr(candidate, "prepares_aside", False))
        self.fingerprint: Mapping[str, Any] = {**candidate.fingerprint, "without": sorted(self._parts)}

    def prepare(self, items: Sequence[Item]) -> None:
        """Let it prepare a chunk of items as it will see them."""
        self.candidate.prepare([without(item, self._parts) for item in items])

    def stop_computing(self) -> None:
        """Let it end what it computes."""
        stop_candidate(self.candidate)

    def decide(self, item: Item) -> Decide:
        """Let it decide what is left of an item."""
        return self.candidate.decide(without(item, self._parts))


def without(item: Item, parts: frozenset[str]) -> Item:
    """An item that lacks parts.

    >>> clip = Item("a", "buy now", {}, images=("1.png",), modalities={"ocr": "SALE", "frames": ["2.png"]})
    >>> left = without(clip, frozenset({"text", "frames"}))
    >>> left.text, left.images, left.modalities
    (None, ('1.png',), {'ocr': 'SALE', 'frames': None})
    """
    return replace(
        item,
        text=None if TEXT in parts else item.text,
        images=() if IMAGES in parts else item.images,
        context=None if CONTEXT in parts else item.context,
        modalities={name: None if name in parts else part for name, part in item.modalities.items()},
    )
