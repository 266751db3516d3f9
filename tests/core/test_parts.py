"""A part held against the rest: how often a uniform change is called different."""

import numpy as np
import pytest

from harness.core.parts import differs, whole_of


@pytest.mark.parametrize("n_part", [3, 15, 285, 297])
@pytest.mark.parametrize("lost", [0.02, 0.2, 0.5])
def test_a_uniform_change_differs_in_a_part_no_oftener_than_the_level(n_part, lost):
    """Of 300 draws more than 25 would be false with p < 0.01 at the level of 5%."""
    rng = np.random.default_rng(n_part)
    n, one, members = 300, np.ones(300), np.arange(n_part)
    changes = (rng.random((300, n)) < 0.005).astype(int) - (rng.random((300, n)) < lost)
    p_values = [differs(whole_of(row, one, None), row[:n_part], one[:n_part], members) for row in changes]
    assert sum(p < 0.05 for p in p_values) <= 25
