"""Designs shared by the simulations."""

import numpy as np


def random_design(rng):
    """Cell probabilities of two systems and the number of items: 20 to 600 violating items."""
    n_positives = int(np.exp(rng.uniform(np.log(20), np.log(600))))
    n = n_positives + int(n_positives * np.exp(rng.uniform(np.log(0.5), np.log(10))))
    recall, psi_1 = rng.uniform(0.6, 0.97), rng.uniform(0.01, 0.15)
    fpr = rng.uniform(0.01, 0.2) * min(1.0, 2 * n_positives / (n - n_positives))
    psi_0 = min(rng.uniform(0.01, 0.15), fpr)
    g1, g0 = psi_1 * rng.uniform(0.3, 0.7), psi_0 * rng.uniform(0.2, 0.8)
    positive = np.array([max(1 - recall - g1, 0.01), g1, psi_1 - g1, max(recall - psi_1 + g1, 0.01)])
    negative = np.array([1 - fpr - g0, g0, psi_0 - g0, max(fpr - psi_0 + g0, 0.002)])
    share = n_positives / n
    return np.concatenate([negative / negative.sum() * (1 - share), positive / positive.sum() * share]), n


def precision_gap(q):
    """Difference of precision, candidate minus baseline."""
    return q[[5, 7]].sum() / q[[1, 3, 5, 7]].sum() - q[[6, 7]].sum() / q[[2, 3, 6, 7]].sum()
