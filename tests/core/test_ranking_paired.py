"""Paired differences of average precision: clusters count as the cases they are."""

import numpy as np
import pytest

from harness.core.ranking_paired import average_precision_difference, average_precision_paired


def scored(n_groups=20, size=10, seed=2):
    """Groups whose members are alike: one answer, copied."""
    rng = np.random.default_rng(seed)
    gold = np.repeat(rng.integers(0, 2, n_groups), size).astype(np.int8)
    a = np.repeat(rng.normal(gold[::size], 1.0), size)
    b = np.repeat(rng.normal(gold[::size], 1.0), size)
    return gold, a, b, np.repeat(np.arange(n_groups), size)


def test_copies_of_an_item_make_the_interval_no_narrower():
    gold, a, b, groups = scored()
    alone = average_precision_difference(gold[::10], a[::10], b[::10], rng=np.random.default_rng(0))
    copied = average_precision_difference(gold, a, b, rng=np.random.default_rng(0), clusters=groups)
    naive = average_precision_difference(gold, a, b, rng=np.random.default_rng(0))
    assert copied.value == pytest.approx(alone.value)
    assert naive.high - naive.low < 0.6 * (copied.high - copied.low)
    assert copied.high - copied.low > 0.8 * (alone.high - alone.low)


def test_items_without_gold_or_score_are_left_out_of_the_clusters_too():
    gold, a, b, groups = scored()
    gold[:10] = -1
    a[15] = np.nan
    result, p_value = average_precision_paired(
        gold, a, b, rng=np.random.default_rng(0), clusters=groups, n_resamples=99
    )
    assert result.n_excluded == 11
    assert 0 < p_value <= 1


def test_a_draw_without_a_violating_item_is_drawn_again():
    gold = np.array([1, 0, 0, 0], dtype=np.int8)
    a, b = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.1, 0.8, 0.7, 0.6])
    result = average_precision_difference(
        gold, a, b, rng=np.random.default_rng(0), clusters=np.arange(4), n_resamples=50
    )
    assert result.low <= result.value <= result.high
