"""An item's pictures, frames, transcript and further parts, as a sheet and a row of a report show them.

Decides what may be seen of a picture: masked, eight by eight grey squares, in which nothing can be made out; in full,
a thumbnail. Words of a part are shown as the text is.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import FileError
from harness.files.pictures import Named, PictureFolder, named_in, pictures_of
from harness.records import Item
from harness.report.item.masked import shown_text
from harness.report.parts.masking import TextMode

MASKED_SIDE, ROW_SIDE, FULL_SIDE = 8, 96, 320
"""Pixels of the longer side: masked, in a row of a table, on an item's own sheet."""
MOST_IN_ROW = 3
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Greys of more than eight bits, which Pillow does not make smaller in all its versions."""
SMALL_PIXELS, MOST_PIXELS = 1_000_000, 16_000_000
"""Beyond the first a picture is made small before its colours are changed, which copies it; beyond the second only a
JPEG is unpacked, whose decoder makes it small as it reads (a progressive one does not)."""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture of an item.

    Attributes:
        part: ``images`` or a modality.
        name: File name, or "in the row" for a data URL.
        time: Seconds into the video; None where it is not said.
        about: Type and size, or why it cannot be read.
        thumbnail: A data URL; None where nothing may be shown, or nothing can be.
    """

    part: str
    name: str
    time: float | None
    about: str
    thumbnail: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the picture."""
        return {"part": self.part, "name": self.name, "time": self.time, "about": self.about}

    @property
    def words(self) -> str:
        """One line for a terminal, and the text that stands in for the picture."""
        at = "" if self.time is None else f" at {self.time:g} s"
        return f"{self.name}{at} ({self.about})"


@dataclass(frozen=True, slots=True)
class Media:
    """Everything of an item beside its text: pictures, and words by part."""

    pictures: tuple[ShownPicture, ...] = ()
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "pictures": [one.as_dict() for one in self.pictures],
            "parts": {name: list(lines) for name, lines in self.words},
        }


@dataclass(frozen=True, slots=True)
class RowPictures:
    """The pictures of many items, for the rows of a table.

    Attributes:
        named: Item id -> its pictures; items without any are left out.
    """

    named: Mapping[str, tuple[Named, ...]]
    folder: PictureFolder

    def of(self, item_id: str, mode: TextMode) -> list[tuple[str | None, str]]:
        """Thumbnail and words of the first pictures of an item; the last words count those that are left out."""
        every = self.named.get(item_id, ())
        shown = [_picture(one, self.folder, mode, ROW_SIDE) for one in every[:MOST_IN_ROW]]
        found = [(one.thumbnail, f"{one.part}: {one.words}") for one in shown]
        left = len(every) - len(shown)
        return [*found, (None, f"and {left:,} more")] if left else found


def media_of(item: Item, folder: PictureFolder, mode: TextMode) -> Media:
    """What a sheet shows of an item's parts."""
    words = []
    for name, value in item.modalities.items():
        named = {one.name for one in named_in(name, value)}
        lines = [_line(entry, mode) for entry in _entries(value) if _file(entry) not in named]
        if lines:
            words.append((name, tuple(lines)))
    return Media(tuple(_picture(one, folder, mode) for one in pictures_of(item)), tuple(words))


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _file(entry: Any) -> str | None:
    found = entry.get("file") if isinstance(entry, Mapping) else entry
    return found if isinstance(found, str) else None


def _line(entry: Any, mode: TextMode) -> str:
    """One text, with its seconds where it has them."""
    if not isinstance(entry, Mapping):
        return shown_text(str(entry), mode) or ""
    times = [f"{entry[name]:g}" for name in ("time", "start", "end") if isinstance(entry.get(name), int | float)]
    text = shown_text(str(entry.get("text", "")), mode) or ""
    return f"{' to '.join(times)} s: {text}" if times else text


def _picture(one: Named, folder: PictureFolder, mode: TextMode, side: int = FULL_SIDE) -> ShownPicture:
    name = "in the row" if one.name.startswith("data:") else one.name
    try:
        picture = folder.read(one.name)
    except FileError as error:
        return ShownPicture(one.part, name, one.time, error.found, None)
    about = f"{picture.media_type}, {len(picture.data):,} bytes"
    made = None if mode == "none" else _thumbnail(picture.data, mode, side)
    if made is None and mode != "none":
        about += ", too many pixels for a thumbnail"
    return ShownPicture(one.part, name, one.time, about, made)


def _thumbnail(data: bytes, mode: TextMode, side: int) -> str | None:
    """A data URL; None for a picture whose unpacked pixels would take too much memory."""
    from PIL import Image  # most items have no picture

    side, colours = (side, "RGB") if mode == "full" else (MASKED_SIDE, "L")
    with Image.open(io.BytesIO(data)) as image:
        n_pixels = image.width * image.height
        shrinks_as_read = image.format == "JPEG" and "progressive" not in image.info
        if n_pixels > MOST_PIXELS and not shrinks_as_read:
            return None
        if n_pixels > SMALL_PIXELS and image.mode not in DEEP_MODES:
            image.thumbnail((side, side))
        small = image.convert(colours)
    small.thumbnail((side, side))
    made = io.BytesIO()
    small.save(made, "JPEG" if mode == "full" else "PNG", quality=80)
    kind = "jpeg" if mode == "full" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(made.getvalue()).decode()}"
