"""How far a golden set is from the pool that production brings: what of it the set has never seen.

Decides the features, and the two figures of them: the share of the pool's features that the set knows, and the
Jensen-Shannon divergence of both distributions. Features are hashed runs of four characters within words, whatever the
language, or, with a sentence model, cells of meaning: which side of ten random planes a text's vector lies on, in
sixteen such tables (Charikar 2002). Both figures depend on how much text a set holds, so they stand beside those of a
simple random sample of the pool with as many items.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.core.results import number_or_none
from harness.goldens.embeddings import Embedder, Vectors

BATCH = 2_000
LEVELS = (0.5, 0.8, 0.95)
LEVEL_NAMES = ("known half", "50 to 80%", "80 to 95%", "farthest 5%")
_TABLES, _PLANES = 16, 10
_SEED = 20_02


class Space(Protocol):
    """What texts are made of."""

    name: str
    words: str
    """What a feature is, for a note under the figures."""
    n_features: int

    def measure(self, texts: Sequence[str], own: Profile, against: Profile | None) -> NDArray[np.float32]:
        """Add the features of some texts to a profile; returns how new each text is to another profile, 0 to 1."""


class Sequences:
    """Runs of four characters within words; a text is as new as the share of its different runs that nobody wrote."""

    name = "runs of four characters"
    words = "runs of four characters"
    n_features = 1 << 20

    def measure(self, texts: Sequence[str], own: Profile, against: Profile | None) -> NDArray[np.float32]:
        """See ``Space``."""
        matrix = self._vectorizer().transform(texts)
        own.counts += np.bincount(matrix.indices, weights=matrix.data, minlength=self.n_features)
        if against is None:
            return np.zeros(len(texts), dtype=np.float32)
        is_new = np.concatenate([[0], np.cumsum(~against.known[matrix.indices])])
        n_new = is_new[matrix.indptr[1:]] - is_new[matrix.indptr[:-1]]
        return np.asarray(n_new / np.maximum(np.diff(matrix.indptr), 1), dtype=np.float32)

    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import HashingVectorizer

        return HashingVectorizer(
            analyzer="char_wb", ngram_range=(4, 4), n_features=self.n_features, norm=None, alternate_sign=False
        )


class Meanings:
    """Cells of meaning; a text is as new as it is far, in cosine, from the nearest text of the other profile."""

    words = "cells of meaning"
    n_features = _TABLES << _PLANES

    def __init__(self, embedder: Embedder) -> None:
        self.name = f"meaning, by {embedder.name}"
        self._embedder = embedder
        self._planes: NDArray[np.float32] | None = None

    def measure(self, texts: Sequence[str], own: Profile, against: Profile | None) -> NDArray[np.float32]:
        """See ``Space``."""
        vectors = self._embedder.vectors(texts)
        own.counts += np.bincount(self._cells(vectors).ravel(), minlength=self.n_features)
        if own.keeps_vectors:
            own.vectors.append(vectors)
        if against is None or not against.vectors:
            return np.zeros(len(texts), dtype=np.float32)
        nearest = np.max([(vectors @ part.T).max(axis=1) for part in against.vectors], axis=0)
        return np.asarray(np.clip(1 - nearest, 0, 1), dtype=np.float32)

    def _cells(self, vectors: Vectors) -> NDArray[np.int64]:
        if self._planes is None:
            rng = np.random.default_rng(_SEED)
            self._planes = rng.standard_normal((vectors.shape[1], _TABLES * _PLANES)).astype(np.float32)
        sides = (vectors @ self._planes > 0).reshape(len(vectors), _TABLES, _PLANES)
        return np.asarray(sides @ (1 << np.arange(_PLANES)) + (np.arange(_TABLES) << _PLANES), dtype=np.int64)


@dataclass(slots=True)
class Profile:
    """How often each feature occurs in some texts, and where asked for their vectors."""

    space: Space
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    n_texts: int = 0
    keeps_vectors: bool = False
    vectors: list[Vectors] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.counts.size:
            self.counts = np.zeros(self.space.n_features)

    def add(self, texts: Sequence[str], against: Profile | None = None) -> NDArray[np.float32]:
        """Count the features of some texts; returns how new each is to another profile."""
        self.n_texts += len(texts)
        return self.space.measure(texts, self, against)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which features occur."""
        return np.asarray(self.counts > 0)


def profile_of(space: Space, texts: Iterable[str], *, keeps_vectors: bool = False) -> Profile:
    """The profile of many texts, read in batches."""
    found, source = Profile(space, keeps_vectors=keeps_vectors), iter(texts)
    while batch := list(islice(source, BATCH)):
        found.add(batch)
    return found


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close some texts are to a pool.

    Attributes:
        coverage: Share of the pool's features, by occurrence, that the texts hold.
        divergence: Jensen-Shannon divergence to the pool in bits, 0 (alike) to 1.
    """

    n_texts: int
    coverage: float
    divergence: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "texts": self.n_texts,
            "coverage": number_or_none(self.coverage),
            "divergence": number_or_none(self.divergence),
        }


def closeness(own: Profile, pool: Profile) -> Closeness:
    """How close the texts of one profile are to those of a pool."""
    total = float(pool.counts.sum())
    covered = float(pool.counts[own.known].sum()) / total if total else math.nan
    return Closeness(own.n_texts, covered, jensen_shannon(own.counts, pool.counts))


def jensen_shannon(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence of two counts in bits: H((p+q)/2) - (H(p) + H(q))/2; NaN where one is empty.

    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 3.0]))
    1.0
    """
    if not a.sum() or not b.sum():
        return math.nan
    p, q = a / a.sum(), b / b.sum()
    return max(0.0, _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2)


def _entropy(p: NDArray[np.float64]) -> float:
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def levels_of(novelty: NDArray[np.float32]) -> NDArray[np.int64]:
    """The level of each text by how new it is to the set, 0 to 3; texts that are alike share one."""
    edges = np.quantile(novelty, LEVELS) if novelty.size else np.zeros(len(LEVELS))
    return np.asarray(np.searchsorted(edges, novelty, side="left"), dtype=np.int64)
