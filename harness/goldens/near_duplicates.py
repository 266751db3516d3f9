"""Texts -> groups of texts that are the same but for a few characters, under the same pictures.

Two texts are near duplicates when the sets of their overlapping character sequences (case and blanks folded) share at
least ``SIMILAR`` of their union (Jaccard). Candidates are found by MinHash signatures in bands (Broder 1997; Leskovec,
Rajaraman and Ullman 2014, ch. 3; signatures by rensa), and each pair is then measured exactly, so nothing is reported
on an estimate. Of texts that share a band each is compared with the ``_ROUNDS`` before it, and in as many rounds with
the first that is in no group with it. What is missed, measured against all pairs of made-up sets: no similar pair of
1,861 that stood alone, 0 of 11,237 among chains of small changes, 1 in 580 of 5,807 among templates with filled slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.records import Item

SIMILAR = 0.8
"""Least Jaccard similarity of near duplicates."""
_GRAM = 5
_BANDS, _ROWS = 21, 4
_SHARED = 2  # bands: .9997 of pairs at .8 share as many, .38 of those at .5, .013 of those at .3
_ROUNDS = 8
_CHUNK = 4_000
_PAIRS = 20_000
_COMPARED = 1_000_000
_SEED = 7

Texts = Callable[[Sequence[int]], Iterable[str | None]]


def shingles(text: str) -> set[str]:
    """The character sequences of a text, case and blanks folded; the whole text where it is shorter than one.

    >>> sorted(shingles("Ab  cdef"))
    [' cdef', 'ab cd', 'b cde']
    """
    plain = " ".join(text.split()).casefold()
    if len(plain) <= _GRAM:
        return {plain}
    return {plain[at : at + _GRAM] for at in range(len(plain) - _GRAM + 1)}


def near_duplicates(
    texts: Iterable[str | None], texts_at: Texts, *, similar: float = SIMILAR, beside: Sequence[str] | None = None
) -> list[list[int]]:
    """Groups of positions with (nearly) the same text, each sorted, in the order of their first members.

    Args:
        texts: All texts in order; None and blank texts are like nothing else.
        texts_at: Texts at given rising positions, to measure candidates.
        similar: Least Jaccard similarity, in (0, 1].
        beside: What stands beside each text, empty for nothing: only texts with the same beside them are compared.

    Returns:
        Positions, at least two a group: the connected components of similar pairs.
    """
    keys = _band_keys(texts)
    if beside is not None and any(beside):
        apart = np.array([hash(one) if one else 0 for one in beside], dtype=np.int64).astype(np.uint64)
        keys = np.where(keys == 0, keys, keys ^ apart[:, None])
    joined = _Joined(keys, texts_at, similar)
    bucket, member = _buckets(joined.keys)
    for back in range(1, _ROUNDS + 1):
        is_one = bucket[back:] == bucket[:-back]
        joined.compare(member[:-back][is_one], member[back:][is_one])
    for _ in range(_ROUNDS):
        if not len(member):
            break
        start = np.r_[True, bucket[1:] != bucket[:-1]]
        head = member[start][np.cumsum(start) - 1]
        joined.compare(head, member)
        bucket, member = _left(bucket, member, joined.component[member] != joined.component[head])
    return joined.groups()


def near_duplicates_of(golden: GoldenSet) -> list[list[int]]:
    """Groups of positions of a golden set's items with (nearly) the same text and the same pictures.

    An item without text is compared by its pictures alone.
    """
    from harness.goldens.contents import Contents

    contents = Contents(golden)
    beside = [contents.beside(item) for item in golden.items()]

    def text(item: Item, at: int) -> str | None:
        return item.text if item.text is not None and item.text.strip() else beside[at] or item.text

    return near_duplicates(
        (text(item, at) for at, item in enumerate(golden.items())),
        lambda wanted: (text(item, at) for at, item in zip(wanted, golden.items(wanted), strict=True)),
        beside=beside,
    )


class _Joined:
    """Which texts were found to be similar so far, and which groups that makes."""

    def __init__(self, keys: NDArray[np.uint64], texts_at: Texts, similar: float) -> None:
        self.keys = keys
        self.component: NDArray[np.int32] = np.arange(len(keys), dtype=np.int32)
        self._texts_at, self._similar = texts_at, similar
        self._edges = [np.zeros((0, 2), dtype=np.int32)]
        self._seen = np.zeros(0, dtype=np.uint64)

    def compare(self, one: NDArray[np.int32], other: NDArray[np.int32]) -> None:
        """Measure pairs that are not in one group yet, each once, and join those that are similar."""
        apart = np.flatnonzero(self.component[one] != self.component[other])
        apart = apart[_shared_bands(self.keys, one[apart], other[apart]) >= _SHARED]
        low = np.minimum(one[apart], other[apart]).astype(np.uint64)
        high = np.maximum(one[apart], other[apart]).astype(np.uint64)
        pairs = np.setdiff1d(np.unique(low << np.uint64(32) | high), self._seen, assume_unique=True)
        if not len(pairs):
            return
        self._seen = np.union1d(self._seen, pairs)
        first = (pairs >> np.uint64(32)).astype(np.int32)
        second = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int32)
        is_similar = _are_similar(first, second, self._texts_at, self._similar)
        if is_similar.any():
            self._edges.append(np.stack([first[is_similar], second[is_similar]], axis=1))
            self._join()

    def _join(self) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        edges = np.concatenate(self._edges)
        n = len(self.keys)
        graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(n, n))
        self.component = connected_components(graph, directed=False)[1]

    def groups(self) -> list[list[int]]:
        """Positions of each group, in the order of their first members."""
        groups: dict[int, list[int]] = {}
        for at in np.unique(np.concatenate(self._edges)).tolist():
            groups.setdefault(int(self.component[at]), []).append(at)
        return sorted(groups.values())


def _band_keys(texts: Iterable[str | None]) -> NDArray[np.uint64]:
    """A hash of each band of each signature, shape (n, bands); 0 where there is no text."""
    from rensa import RMinHash

    parts = []
    source = iter(texts)
    while chunk := list(islice(source, _CHUNK)):
        tokens = [list(shingles(text)) if text is not None and text.strip() else [] for text in chunk]
        rows = RMinHash.digest_matrix_from_token_sets(tokens, _BANDS * _ROWS, _SEED).to_rows()
        digests = np.array(rows, dtype=np.uint64).reshape(len(chunk), _BANDS, _ROWS)
        keys = np.zeros((len(chunk), _BANDS), dtype=np.uint64)
        for row in range(_ROWS):
            keys = (keys ^ digests[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
            keys ^= keys >> np.uint64(29)
        keys[keys == 0] = 1
        keys[[not one for one in tokens]] = 0
        parts.append(keys)
    return np.concatenate(parts) if parts else np.zeros((0, _BANDS), dtype=np.uint64)


def _buckets(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Texts that share a band with another: the number of the bucket, and the position; sorted by both."""
    buckets, members, n = [np.zeros(0, dtype=np.int32)], [np.zeros(0, dtype=np.int32)], 0
    for band in range(keys.shape[1]):
        column = keys[:, band]
        order = np.argsort(column, kind="stable").astype(np.int32)
        ordered = column[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])[: len(ordered)]
        sizes = np.diff(np.r_[starts, len(ordered)])
        number = np.repeat(np.arange(len(starts), dtype=np.int32), sizes)
        is_shared = (np.repeat(sizes, sizes) > 1) & (ordered != 0)
        buckets.append(number[is_shared] + np.int32(n))
        members.append(order[is_shared])
        n += len(starts)
    return np.concatenate(buckets), np.concatenate(members)


def _left(
    bucket: NDArray[np.int32], member: NDArray[np.int32], is_apart: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What is in no group with its bucket's first yet, in buckets of at least two."""
    bucket, member = bucket[is_apart], member[is_apart]
    _, number, sizes = np.unique(bucket, return_inverse=True, return_counts=True)
    is_shared = sizes[number] > 1
    return bucket[is_shared], member[is_shared]


def _shared_bands(keys: NDArray[np.uint64], one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    shared = np.zeros(len(one), dtype=np.int64)
    for start in range(0, len(one), _COMPARED):
        part = slice(start, start + _COMPARED)
        shared[part] = (keys[one[part]] == keys[other[part]]).sum(axis=1)
    return shared


def _are_similar(
    one: NDArray[np.int32], other: NDArray[np.int32], texts_at: Texts, similar: float
) -> NDArray[np.bool_]:
    is_similar = np.zeros(len(one), dtype=np.bool_)
    for start in range(0, len(one), _PAIRS):
        part = slice(start, start + _PAIRS)
        wanted = np.unique(np.concatenate([one[part], other[part]])).tolist()
        held = dict(zip(wanted, map(_shingled, texts_at(wanted)), strict=True))
        is_similar[part] = [
            _jaccard(held[left], held[right]) >= similar
            for left, right in zip(one[part].tolist(), other[part].tolist(), strict=True)
        ]
    return is_similar


def _shingled(text: str | None) -> frozenset[str]:
    return frozenset(shingles(text)) if text is not None else frozenset()


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
