"""Texts that say alike, found together: scikit-learn's TF-IDF over words, reduced, and its HDBSCAN.

Decides features and the least size of a cluster; what a cluster is called is left to whoever shows it. Texts that are
like no others stay outside every cluster: a method that must put each of them somewhere would invent topics.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 5
"""Texts that make a cluster; of many texts at least one in two hundred."""
MAX_CHARS, MAX_FEATURES, N_DIMENSIONS = 2_000, 20_000, 30
N_WORDS = 4
COMMON = 0.1
"""Share of many texts in which a word stands that tells nothing of any of them."""
LIFT = 3.0
"""So many times as frequent in a cluster as elsewhere, and a word may stand for it."""
_WORD = r"(?u)\b[^\W\d_][\w'’]+\b"


@dataclass(frozen=True, slots=True)
class TextCluster:
    """Positions of its texts, and the words that set it apart from the others, strongest first."""

    members: tuple[int, ...]
    words: tuple[str, ...]


def text_clusters(texts: Sequence[str], *, least: int = LEAST) -> list[TextCluster]:
    """Clusters of texts, the largest first; none where too few texts share any word.

    The same texts give the same clusters, whatever machine they are found on.
    """
    least = max(least, len(texts) // 200)
    if len(texts) < 2 * least:
        return []
    from sklearn.cluster import HDBSCAN
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    shown = [text[:MAX_CHARS] for text in texts]
    vectorizer = TfidfVectorizer(
        token_pattern=_WORD,
        min_df=2,
        max_df=COMMON if len(texts) >= 200 else 0.4,
        sublinear_tf=True,
        max_features=MAX_FEATURES,
        dtype=np.float32,
    )
    try:
        weights = vectorizer.fit_transform(shown)
    except ValueError:  # no word stands in two of them
        return []
    n_dimensions = min(N_DIMENSIONS, *(size - 1 for size in weights.shape))
    if n_dimensions < 2:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # texts without any of the words have no direction
        placed = normalize(TruncatedSVD(n_dimensions, n_iter=3, random_state=0).fit_transform(weights))
    has_words = np.flatnonzero(np.linalg.norm(placed, axis=1) > 0)
    if has_words.size < 2 * least:
        return []
    labels = HDBSCAN(min_cluster_size=least, copy=True).fit(placed[has_words]).labels_
    names = np.asarray(vectorizer.get_feature_names_out())
    found = []
    for label in range(int(labels.max()) + 1):
        members = has_words[labels == label]
        found.append(TextCluster(tuple(members.tolist()), _words(weights, members, names)))
    return sorted(found, key=lambda one: (-len(one.members), one.members))


def _words(weights: Any, members: NDArray[np.int64], names: NDArray[np.str_]) -> tuple[str, ...]:
    """Words of at least a fifth of the cluster, ``LIFT`` times as frequent as elsewhere: the most telling first."""
    is_in = weights > 0
    n_all, n_in = is_in.shape[0], members.size
    own = np.asarray(is_in[members].sum(axis=0)).ravel()
    share, elsewhere = own / n_in, (np.asarray(is_in.sum(axis=0)).ravel() - own) / max(n_all - n_in, 1)
    is_telling = (share >= 0.2) & (share >= LIFT * elsewhere)
    order = np.lexsort((names, -(share - elsewhere)))
    return tuple(str(names[at]) for at in order if is_telling[at])[:N_WORDS]
