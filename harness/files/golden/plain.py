"""Plain lines of a JSON lines set, many at once: a type made from the card reads and checks a block of them in one go.

Decides which rows are plain: every part stands under a name of its own, labels are a mapping of 1, 0 and null, what
``meta`` holds is flat, and there are no pictures, votes or must-catch marks. Nothing is said of a block with any other
row in it: its lines are left to ``rows``, which takes all that is taken here, and says what is wrong with the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType, defstruct, structs
from msgspec.json import Decoder

from harness.files.golden.fields import label_names
from harness.files.golden.values import ABSENT, NULL, LabelValues
from harness.records import GoldenCard

_HOLDERS = frozenset((dict, list))
_NAME = Annotated[str, Meta(min_length=1)] | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_VALUE = str | int | float | bool
_FLAT = _VALUE | list[_VALUE] | None
_OPTIONAL: Mapping[str, Any] = {
    "images": None,
    "votes": None,
    "context": _FLAT,
    "weight": Annotated[float, Meta(gt=0)] | None,
    "group": _NAME | None,
}
_CODES: Mapping[Any, int] = {0: 0, 1: 1, None: NULL, UNSET: ABSENT}
_NUL = b"\\u0000"
_SPACED = re.compile(rb'"\s+:')
"""How a key ends whose colon stands apart."""


class Plain(NamedTuple):
    """What a block holds: the ids of its rows (none where the card numbers them), and the codes of their labels."""

    ids: list[str]
    codes: bytes


class PlainRows:
    """Reads plain rows: by what each must have, the last of it its labels, and by what it may have."""

    def __init__(
        self, required: Mapping[str, Any], optional: Mapping[str, Any], must_catch: str, *, has_ids: bool
    ) -> None:
        rows = _struct(required, optional)
        names, self._n_required = rows.__struct_fields__, len(required)
        self._read = Decoder(rows).decode_lines
        self._id_of = attrgetter(names[0]) if has_ids else None
        self._labels_of = attrgetter(names[self._n_required - 1])
        self._optional, self._must_catch = tuple(optional), must_catch
        self._optional_of, self._unset = attrgetter(*names[self._n_required :]), (UNSET,) * len(optional)

    @classmethod
    def of(cls, card: GoldenCard) -> PlainRows | None:
        """The reader for a card; None where no row is plain."""
        paths, ignored, names = card.fields, {*card.ignore}, label_names(card)
        sliced = {*card.slices.values()}
        has_ids = card.id != "row"
        required: dict[str, Any] = {paths.id: _NAME} if has_ids else {}
        required |= {paths.text: str | None, paths.labels: _struct({}, dict.fromkeys(names, Literal[0, 1] | None))}
        parts = {getattr(paths, part): kind for part, kind in _OPTIONAL.items()} | {card.must_catch: bool | None}
        tops = {path.split(".")[0] for path in sliced}
        if paths.context not in tops:
            parts[paths.context] = Any
        read = {name: kind for name, kind in parts.items() if name.split(".")[0] not in ignored}
        others = tops - required.keys() - read.keys()
        optional = {
            **dict.fromkeys(ignored - required.keys(), Any),
            **read,
            **{name: _FLAT if name in sliced else _FLAT | dict[str, _FLAT] for name in others},
            "meta": dict[str, _FLAT] | None,
        }
        is_each_apart = len({*required, *parts}) == 2 + has_ids + len(_OPTIONAL) + 1
        has_odd_names = any("." in one or one == "meta" for one in (*required, *read))
        is_plain = LabelValues(card).is_plain and not card.modalities and "choices" not in names
        if not is_plain or not is_each_apart or has_odd_names or not sliced.isdisjoint(("meta", paths.labels)):
            return None
        return cls(required, optional, card.must_catch, has_ids=has_ids)

    def read(self, block: bytes, n_lines: int) -> Plain | None:
        """What whole lines hold; None where they are not plain."""
        if block.count(b"}\n{") != n_lines - 1 or not block.startswith(b"{") or not block.endswith(b"}\n"):
            return None  # with so many rows in it, each stands on a line of its own: no text holds a line break
        try:
            rows = self._read(block)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if len(rows) != n_lines or _NUL in block:
            return None
        codes = _codes([*map(self._labels_of, rows)])
        n_keys = n_lines * self._n_required + len(codes) - codes.count(ABSENT)
        beside = [*map(self._optional_of, rows)]
        if beside.count(self._unset) < n_lines:
            columns = dict(zip(self._optional, zip(*beside, strict=True), strict=True))
            if True in columns.get(self._must_catch, ()):
                return None
            for column in columns.values():
                if n_given := n_lines - column.count(UNSET):
                    n_keys += n_given + sum(map(n_keys_in, column))
        if may_repeat_keys(block, n_keys):
            return None
        ids = [] if self._id_of is None else [*map(self._id_of, rows)]
        if not {*map(type, ids)} <= {str}:
            ids = [*map(str, ids)]
        return Plain(ids, codes) if "".join(ids).isprintable() else None


def _struct(required: Mapping[str, Any], optional: Mapping[str, Any]) -> type[Struct]:
    """Names need not be Python's."""
    kinds: list[Any] = [(f"f{at}", kind) for at, kind in enumerate(required.values())]
    kinds += [(f"f{at}", UnsetType | kind, UNSET) for at, kind in enumerate(optional.values(), len(kinds))]
    spelt = {one[0]: name for one, name in zip(kinds, (*required, *optional), strict=True)}
    return defstruct("Row", kinds, rename=spelt, forbid_unknown_fields=True, gc=False)


def _codes(labels: Sequence[Struct]) -> bytes:
    values = [*chain.from_iterable(map(structs.astuple, labels))]
    try:
        return bytes(values)  # most rows of most sets have every label
    except TypeError:
        return bytes(map(_CODES.__getitem__, values))


def may_repeat_keys(text: bytes, n_keys: int) -> bool:
    """Whether a key may stand twice in objects that were read as having so many keys.

    Every ``":`` is counted: where no colon stands apart, each key has one, and texts can only add to them.
    """
    return text.count(b'":') != n_keys or _SPACED.search(text) is not None


def n_keys_in(value: Any) -> int:
    """How many keys the mappings in a value have, itself and all below it."""
    parts: Collection[Any]
    if type(value) is dict:
        parts, n_keys = value.values(), len(value)
    elif type(value) is list:
        parts, n_keys = value, 0
    else:
        return 0
    if _HOLDERS.isdisjoint(map(type, parts)):
        return n_keys
    return n_keys + sum(n_keys_in(part) for part in parts if type(part) in _HOLDERS)
