"""Which JSON lines of a set a shard has to read: its own, and those that its id or hash cannot do without.

A shard asks a part of the items, and needs of the others their ids and bytes alone. Ids are taken from many lines at
once where every line begins with one in plain letters. Decides when that will do: no line may hold what the set's hash
or its list of must-catch items rests on (pictures, marks), and no id may come twice. Else each line is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from harness.files.golden.rows import RowReader
from harness.records import GoldenCard

Owns = Callable[[Sequence[str]], Sequence[int]]
"""Which items are asked for, by their ids: their positions among these."""


class Part:
    """The lines of one part of a set."""

    def __init__(self, card: GoldenCard, reader: RowReader, owns: Owns) -> None:
        self._owns, self._ids = owns, reader.ids
        read = (card.fields.images, card.must_catch, *card.modalities.values())
        tops = {path.split(".")[0] for path in read} - {*card.ignore}
        self._needed = (b"\\u00", *(_quoted(name) for name in sorted(tops)))  # a key may be spelt with the first
        self._has_ids = card.id != "row" and "." not in card.fields.id
        self._ids_of = re.compile(rb"\n\{%b: ?\"([ !#-\[\]-~]+)\"" % re.escape(_quoted(card.fields.id))).findall

    def own(self, lines: Sequence[bytes], index: int) -> Sequence[int] | None:
        """Positions of the part's own lines, with the ids of all of them noted; None where each is to be read."""
        content = b"\n" + b"".join(lines)  # a pattern that begins with plain letters is looked for faster
        if not self._has_ids or any(one in content for one in self._needed):
            return None
        found = self._ids_of(content)
        if len(found) != len(lines):
            return None
        ids = b"\n".join(found).decode("ascii").split("\n")
        if len(set(ids)) != len(ids) or not self._ids.keys().isdisjoint(ids):
            return None
        self._ids.update(zip(ids, range(index, index + len(ids)), strict=True))
        return self._owns(ids)


def _quoted(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode()
