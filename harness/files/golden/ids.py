"""The ids of a set, in the order of the file, and where each stands.

Between processes they travel as one text, and are taken apart where somebody asks for them: who carries out a part of a
run does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Ids:
    """Ids, each once.

    Args:
        names: The ids, in order.
        packed: Their number and all of them, one a line, in place of that.
    """

    __slots__ = ("_index", "_names", "_packed")

    def __init__(self, names: tuple[str, ...] | None, packed: tuple[int, bytes] | None = None) -> None:
        self._names, self._packed = names, packed
        self._index: Mapping[str, int] | None = None

    def __len__(self) -> int:
        return self._packed[0] if self._packed is not None else len(self.names)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._packed is None:  # ids are printable: no line break is part of one
            self._packed = len(self), "\n".join(self.names).encode("utf-8", "surrogatepass")
        return Ids, (None, self._packed)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids."""
        if self._names is None:
            n, text = self._packed or (0, b"")
            self._names = tuple(text.decode("utf-8", "surrogatepass").split("\n")) if n else ()
        return self._names

    @property
    def index(self) -> Mapping[str, int]:
        """Where each stands."""
        if self._index is None:
            self._index = {name: at for at, name in enumerate(self.names)}
        return self._index
