"""Where in an item a rule looks: its text, a part of its context, or a part that the card declares as a modality.

Of a modality each text is looked at alone, as a segment of speech or what stands on one frame, and then all of them in
their order as one, since a phrase may go on in the next segment. Names of pictures are no texts; what stands under
``text`` always is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.files.pictures import named_in
from harness.records.candidates import MODALITIES

if TYPE_CHECKING:
    from harness.records import Item

TEXT = "text"


def texts_at(item: Item, place: str) -> list[str]:
    """What stands at a place of an item: ``text``, ``context.`` and a dotted path, or ``modalities.`` and a name.

    >>> from harness.records import Item
    >>> clip = Item("c1", None, {}, modalities={"transcript": [{"text": "buy"}, {"text": "pills"}]})
    >>> texts_at(clip, "modalities.transcript"), texts_at(clip, "text")
    (['buy', 'pills', 'buy pills'], [])
    """
    if place == TEXT:
        return [] if item.text is None else [item.text]
    if place.startswith(MODALITIES):
        return _texts_in(item.modalities.get(place.removeprefix(MODALITIES)))
    found: Any = item.context
    for part in place.split(".")[1:]:
        found = found.get(part) if isinstance(found, Mapping) else None
    values = found if isinstance(found, list | tuple) else [found]
    return [str(one) for one in values if isinstance(one, str | int | float)]


def _texts_in(value: Any) -> list[str]:
    names = {one.name for one in named_in("", value)}
    entries = value if isinstance(value, list | tuple) else [value]
    said = [one.get("text") if isinstance(one, Mapping) else None if one in names else one for one in entries]
    texts = [one for one in said if isinstance(one, str) and one.strip()]
    return [*texts, " ".join(texts)] if len(texts) > 1 else texts
