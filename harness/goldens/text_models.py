"""Two small text models, trained in seconds on the golden set itself: a second opinion that needs no call.

Decides features, models and folds. Every probability is out of sample: an item is judged by models that saw neither it
nor a copy of it nor anything of its group. They are readers of surface, not of meaning; the audit says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODELS = ("character n-grams", "words")
MIN_OF_EACH = 8
"""Labels of each class below which a category is not judged."""
MAX_CHARS = 3_000
MAX_FEATURES = 20_000
N_FOLDS = 5


def text_probabilities(
    texts: Sequence[str | None], labels: NDArray[np.int8], groups: Sequence[str | None], *, seed: int
) -> NDArray[np.float64]:
    """Out-of-sample probabilities of 1 from the two models.

    Args:
        texts: One for each item; None is withheld and judged by nobody.
        labels: int8 (n_items, n_categories): 1, 0, or -1 for null.
        groups: Group of each item; copies of a text are kept together in any case.
        seed: Seed of the folds.

    Returns:
        Shape (n_models, n_items, n_categories); NaN where there is none.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = np.full((len(MODELS), *labels.shape), np.nan)
    kept = np.asarray([at for at, text in enumerate(texts) if text is not None and text.strip()], dtype=np.int64)
    if kept.size < 2 * MIN_OF_EACH:
        return found
    shown = [str(texts[at])[:MAX_CHARS] for at in kept.tolist()]
    clusters = _clusters(shown, [groups[at] for at in kept.tolist()])
    common: dict[str, Any] = {"sublinear_tf": True, "max_features": MAX_FEATURES, "dtype": np.float32}
    features = []
    for settings in ({"analyzer": "char_wb", "ngram_range": (2, 5)}, {"ngram_range": (1, 2)}):
        for min_df in (3, 1):
            try:
                features.append(TfidfVectorizer(min_df=min_df, **settings, **common).fit_transform(shown))
                break
            except ValueError:  # too few texts share anything
                continue
        else:
            return found
    for column in range(labels.shape[1]):
        known = np.flatnonzero(labels[kept, column] >= 0)
        gold = labels[kept[known], column]
        if min((gold == 1).sum(), (gold == 0).sum()) < MIN_OF_EACH:
            continue
        for model, matrix in enumerate(features):
            found[model, kept[known], column] = _out_of_sample(matrix[known], gold, clusters[known], seed)
    return found


def _out_of_sample(matrix: Any, gold: NDArray[np.int8], clusters: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    probability = np.full(gold.shape, np.nan)
    if len(np.unique(clusters)) < 2 * N_FOLDS:
        return probability
    folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fold with few of a class is expected: it is left without an opinion
        for train, test in folds.split(matrix, gold, clusters):
            if len(np.unique(gold[train])) == 2 and test.size:
                model = LogisticRegression(C=4.0, solver="liblinear", random_state=seed).fit(matrix[train], gold[train])
                probability[test] = model.predict_proba(matrix[test])[:, 1]
    return probability


def _clusters(texts: Sequence[str], groups: Sequence[str | None]) -> NDArray[np.int64]:
    """Items that may not be split between training and test: one group, or the same text whatever its case."""
    parent = list(range(len(texts)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    first: dict[tuple[str, str], int] = {}
    for at, (text, group) in enumerate(zip(texts, groups, strict=True)):
        for key in (("text", " ".join(text.split()).casefold()), ("group", group)):
            if key[1] is not None:
                parent[root(at)] = root(first.setdefault(key, at))  # type: ignore[arg-type]
    return np.asarray([root(at) for at in range(len(texts))], dtype=np.int64)
