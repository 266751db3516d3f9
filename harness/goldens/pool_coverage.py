"""How far a golden set is from the pool that production brings: which character sequences of it the set has never seen.

Decides the features (hashed runs of four characters within words, whatever the language) and the two figures: the share
of the pool's sequences that the set knows, and the Jensen-Shannon divergence of both distributions. Both depend on how
much text a set holds, so they stand beside those of a simple random sample of the pool with as many items.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_FEATURES = 1 << 20
BATCH = 2_000
LEVELS = (0.5, 0.8, 0.95)
LEVEL_NAMES = ("known half", "50 to 80%", "80 to 95%", "farthest 5%")


def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb", ngram_range=(4, 4), n_features=N_FEATURES, norm=None, alternate_sign=False
    )


@dataclass(slots=True)
class Profile:
    """How often each hashed sequence occurs in some texts."""

    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(N_FEATURES))
    n_texts: int = 0

    def add(self, texts: Sequence[str], known: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """Count the sequences of some texts; returns the share of each text's different ones that are not ``known``."""
        matrix = _vectorizer().transform(texts)
        self.counts += np.bincount(matrix.indices, weights=matrix.data, minlength=N_FEATURES)
        self.n_texts += len(texts)
        if known is None:
            return np.zeros(len(texts), dtype=np.float32)
        is_new = np.concatenate([[0], np.cumsum(~known[matrix.indices])])
        n_new = is_new[matrix.indptr[1:]] - is_new[matrix.indptr[:-1]]
        return np.asarray(n_new / np.maximum(np.diff(matrix.indptr), 1), dtype=np.float32)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which sequences occur."""
        return np.asarray(self.counts > 0)


def profile_of(texts: Iterable[str]) -> Profile:
    """The profile of many texts, read in batches."""
    found, source = Profile(), iter(texts)
    while batch := list(islice(source, BATCH)):
        found.add(batch)
    return found


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close some texts are to a pool.

    Attributes:
        n_texts: Texts.
        coverage: Share of the pool's sequences, by occurrence, that the texts hold.
        divergence: Jensen-Shannon divergence to the pool in bits, 0 (alike) to 1.
    """

    n_texts: int
    coverage: float
    divergence: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"texts": self.n_texts, "coverage": _number(self.coverage), "divergence": _number(self.divergence)}


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


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
