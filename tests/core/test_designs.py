import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.designs import ALLOCATIONS, allocate, draw, size_probabilities


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=30), st.integers(1, 2_000), st.sampled_from(list(ALLOCATIONS))
)
def test_allocation_adds_up_within_the_strata(sizes, n, allocation):
    sizes = np.array(sizes)
    n = max(n, int(np.minimum(sizes, 2).sum()))
    found = allocate(sizes, n, allocation=allocation)
    assert found.sum() == min(n, sizes.sum())
    assert (found <= sizes).all()
    assert (found >= np.minimum(sizes, 2)).all()


def test_allocation_follows_the_power_of_the_size():
    sizes = np.array([100, 10_000])
    assert allocate(sizes, 110, allocation="equal").tolist() == [55, 55]
    assert allocate(sizes, 110, allocation="root").tolist() == [10, 100]  # 10 : 100
    assert allocate(sizes, 202, allocation="proportional").tolist() == [2, 200]


def test_allocation_too_small_for_two_of_each_is_refused():
    with pytest.raises(ValueError, match="do not reach 2"):
        allocate(np.array([5, 5, 1]), 4)


def test_size_probabilities_take_the_largest_for_certain():
    # 3 items, sizes 1, 2, 97: the last is certain, the two others share 2 - 1 = 1 by 1 : 2
    assert size_probabilities(np.array([1.0, 2.0, 97.0]), 2).tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])


@pytest.mark.parametrize("measure", [None, np.array([1.0, 2, 3, 4, 50, 6, 7, 8])])
def test_items_are_drawn_as_often_as_their_probability_says(measure):
    rng, n_draws = np.random.default_rng(5), 4_000
    hits, expected = np.zeros(8), np.zeros(8)
    for _ in range(n_draws):
        chosen, pi = draw(3, 8, rng=rng, measure=measure)
        assert len(set(chosen.tolist())) == 3
        hits[chosen] += 1
        expected[chosen] = pi
    assert expected.sum() == pytest.approx(3)
    error = np.sqrt(np.maximum(expected * (1 - expected), 1e-9) / n_draws)
    assert (np.abs(hits / n_draws - expected) < 4.5 * error + 1e-12).all()


def test_sizes_must_be_positive():
    with pytest.raises(ValueError, match="finite and > 0"):
        size_probabilities(np.array([1.0, 0.0]), 1)
