"""Texts -> groups of texts that are the same but for a few characters.

Two texts are near duplicates when the sets of their overlapping character sequences (case and blanks folded) share at
least ``SIMILAR`` of their union (Jaccard). Candidates are found by MinHash signatures in bands (Broder 1997; Leskovec,
Rajaraman and Ullman 2014, ch. 3; signatures by rensa), and each pair is then measured exactly, so nothing is reported
on an estimate; a pair at the threshold is missed with a chance below 1 in 100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

SIMILAR = 0.8
"""Least Jaccard similarity of near duplicates."""
_GRAM = 5
_BANDS, _ROWS = 21, 4  # 1 - (1 - .8^4)^21 = .9999; pairs below .3 are candidates with a chance of .16
_CHUNK = 4_000
_PAIRS = 20_000
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


def near_duplicates(texts: Iterable[str | None], texts_at: Texts, *, similar: float = SIMILAR) -> list[list[int]]:
    """Groups of positions with (nearly) the same text, each sorted, in the order of their first members.

    Args:
        texts: All texts in order; None and blank texts are like nothing else.
        texts_at: Texts at given rising positions, to measure candidates.
        similar: Least Jaccard similarity, in (0, 1].

    Returns:
        Positions, at least two a group: the connected components of similar pairs.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys = _band_keys(texts)
    n = keys.shape[0]
    first, second = _similar_pairs(keys, texts_at, similar)
    if not len(first):
        return []
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    members = np.unique(np.concatenate([first, second]))
    groups: dict[int, list[int]] = {}
    for at in members.tolist():
        groups.setdefault(int(component[at]), []).append(at)
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


def _candidates(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that share a band: each member of a bucket with the bucket's first, without repeats."""
    found = []
    for band in range(keys.shape[1]):
        column = keys[:, band]
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        head = np.repeat(order[starts], np.diff(np.r_[starts, len(ordered)]))
        is_pair = (head != order) & (ordered != 0)
        found.append(np.stack([head[is_pair], order[is_pair]], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), dtype=np.int64)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)


def _similar_pairs(
    keys: NDArray[np.uint64], texts_at: Texts, similar: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = _candidates(keys)
    is_similar = np.zeros(len(first), dtype=np.bool_)
    for start in range(0, len(first), _PAIRS):
        part = slice(start, start + _PAIRS)
        wanted = np.unique(np.concatenate([first[part], second[part]])).tolist()
        held = dict(zip(wanted, map(_shingled, texts_at(wanted)), strict=True))
        is_similar[part] = [
            _jaccard(held[one], held[other]) >= similar
            for one, other in zip(first[part].tolist(), second[part].tolist(), strict=True)
        ]
    return first[is_similar], second[is_similar]


def _shingled(text: str | None) -> frozenset[str]:
    return frozenset(shingles(text)) if text is not None else frozenset()


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
