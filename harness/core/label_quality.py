"""How well each given label agrees with what models make of the item, from out-of-sample probabilities.

Decides the quality of one label by one model, and over several. Where probabilities come from, and who looks at what is
suspicious, is decided above.
"""

from __future__ import annotations

import numpy as np

from harness.core.arrays import Codes, Floats


def label_quality(labels: Codes, probability: Floats) -> Floats:
    """Quality of binary labels by self-confidence: the probability that the model gives to the given label.

    Args:
        labels: 1, 0 or -1 (nobody labelled it), shape (n,).
        probability: Out-of-sample probability of 1, in [0, 1], NaN where there is none; shape (n,).

    Returns:
        Quality in [0, 1], higher is better; NaN where label or probability is missing.

    Raises:
        ValueError: Shapes differ, or a probability is outside [0, 1].

    References:
        Kuan, Mueller (2022), "Model-agnostic label quality scoring to detect real-world label errors", section 3.1.

    >>> label_quality(np.array([1, 0, -1], dtype=np.int8), np.array([0.9, 0.9, 0.9])).round(3).tolist()
    [0.9, 0.1, nan]
    """
    if labels.shape != probability.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and probability {probability.shape} must be one shape (n,)")
    known = ~np.isnan(probability)
    if np.any((probability[known] < 0) | (probability[known] > 1)):
        raise ValueError("a probability is outside [0, 1]")
    quality = np.where(labels == 1, probability, 1 - probability)
    return np.where(known & (labels >= 0), quality, np.nan)


def ensemble_quality(qualities: Floats) -> Floats:
    """Mean quality over the models that have one.

    Args:
        qualities: Quality per model and label, NaN where a model has none; shape (n_models, n).

    Returns:
        Mean over the models, shape (n,); NaN where no model has one.

    Raises:
        ValueError: The array is not two-dimensional.

    >>> ensemble_quality(np.array([[0.25, np.nan], [0.75, np.nan]])).tolist()
    [0.5, nan]
    """
    if qualities.ndim != 2:
        raise ValueError(f"qualities must have shape (n_models, n), got {qualities.shape}")
    known = ~np.isnan(qualities)
    n = known.sum(axis=0)
    total = np.where(known, qualities, 0.0).sum(axis=0)
    mean: Floats = np.divide(total, n, out=np.full(qualities.shape[1], np.nan), where=n > 0)
    return mean
