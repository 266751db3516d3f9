import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.runner.sample import balanced_indices, sample_indices

LABELS = hnp.arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.integers(-1, 1))


@given(LABELS, st.integers(1, 50), st.integers(0, 3))
def test_balanced_sample_has_the_size_asked_for_and_golden_order(labels, n, seed):
    ids = [f"i{index}" for index in range(len(labels))]
    chosen = balanced_indices(ids, labels, n, seed)
    assert len(chosen) == min(n, len(labels))
    assert chosen == sorted(set(chosen))


def test_balanced_sample_shares_out_between_the_categories_and_the_clean_items():
    labels = np.zeros((300, 3), np.int8)
    labels[:10, 0] = labels[10:40, 1] = labels[40:200, 2] = 1
    chosen = balanced_indices([str(index) for index in range(300)], labels, 36)
    assert labels[chosen].sum(axis=0).tolist() == [6, 6, 6]


def test_a_larger_sample_keeps_every_item_of_a_smaller_one():
    ids = [f"i{index}" for index in range(100)]
    labels = np.random.default_rng(0).integers(-1, 2, (100, 3)).astype(np.int8)
    assert set(sample_indices(ids, 10)) <= set(sample_indices(ids, 20))
    assert set(balanced_indices(ids, labels, 10)) <= set(balanced_indices(ids, labels, 20))
