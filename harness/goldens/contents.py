"""What makes two items the same: their texts, and the bytes of their pictures, whatever the files are called.

Decides that one caption under two pictures is no copy, that the same picture under two names is one, and that what
stands beside the text (a transcript, texts on a screen) must be the same too. A picture that cannot be read counts by
its name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import FileError
from harness.files.golden.sets import GoldenSet
from harness.files.picture_digests import PictureDigests
from harness.files.pictures import PictureFolder, named_in, pictures_of
from harness.records import Item


class Contents:
    """Tells the contents of the items of one golden set apart; reads each picture once."""

    def __init__(self, golden: GoldenSet) -> None:
        self._folder = PictureFolder.of(golden.items_path)
        self._kept = PictureDigests(Path() if golden.items_path is None else golden.items_path.parent)
        self._digests: dict[str, str] = {}

    def of(self, item: Item) -> tuple[str | None, str] | None:
        """Text and what stands beside it; None for an item that shows nothing."""
        beside = self.beside(item)
        return None if item.text is None and not beside else (item.text, beside)

    def beside(self, item: Item) -> str:
        """What is shown besides the text; empty where nothing is."""
        if not item.images and not any(item.modalities.values()):
            return ""
        pictures = [self._digest(one.name) for one in pictures_of(item)]
        words = {name: _words(name, part) for name, part in item.modalities.items() if part}
        return json.dumps([pictures, words], sort_keys=True, default=str)

    def _digest(self, name: str) -> str:
        if name not in self._digests:
            try:
                self._digests[name] = self._kept.of(self._folder.path(name)).hex()
            except (FileError, OSError, ValueError):
                self._digests[name] = name
        return self._digests[name]


def _words(name: str, part: Any) -> list[Any]:
    """The entries of a modality without the names of its pictures."""
    entries = part if isinstance(part, list) else [part]
    return [
        {key: value for key, value in entry.items() if key != "file"} if isinstance(entry, dict) else entry
        for entry in entries
        if isinstance(entry, dict) or not any(True for _ in named_in(name, entry))
    ]
