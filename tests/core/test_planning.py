import math

import numpy as np
import pytest
from scipy import stats

from harness.core.intervals import clopper_pearson_lower
from harness.core.planning import (
    floor_items_needed,
    precision_items_needed,
    precision_smallest_margin,
    recall_items_needed,
    recall_power,
    smallest_provable_margin,
)
from harness.core.tango import tango_statistics

TABLE = {  # margin -> discordance -> positives for 80%, 90%, 98.6% power
    0.02: {0.02: (409, 532, 886), 0.05: (821, 1138, 1960), 0.10: (1593, 2206, 3802)},
    0.03: {0.02: (211, 288, 448), 0.05: (389, 522, 899), 0.10: (708, 981, 1691)},
    0.05: {0.02: (101, 118, 188), 0.05: (161, 216, 346), 0.10: (264, 365, 628)},
    0.10: {0.02: (42, 42, 74), 0.05: (50, 70, 105), 0.10: (74, 105, 168)},
}


@pytest.mark.parametrize("margin", TABLE)
def test_items_needed_reproduce_the_table(margin):
    for psi, expected in TABLE[margin].items():
        found = [recall_items_needed(margin, psi, power=power) for power in (0.8, 0.9, 0.986)]
        assert found == pytest.approx(expected, rel=0.042)  # one step of 3%, rounded up


@pytest.mark.parametrize(
    ("n", "margin"), [(30, 0.14), (60, 0.09), (100, 0.065), (200, 0.045), (400, 0.03), (1000, 0.02)]
)
def test_smallest_provable_margin_reproduces_the_list(n, margin):
    assert smallest_provable_margin(n, 0.05) == pytest.approx(margin, abs=0.0041)


@pytest.mark.parametrize(("n", "margin", "psi", "difference"), [(60, 0.1, 0.1, 0.0), (100, 0.05, 0.08, -0.02)])
def test_power_equals_enumeration(n, margin, psi, difference):
    g, lost = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    p_gain, p_loss = (psi + difference) / 2, (psi - difference) / 2
    weight = stats.binom.pmf(lost, n, p_loss) * stats.binom.pmf(g, n - lost, p_gain / (1 - p_loss))
    region = tango_statistics(g, np.minimum(lost, n - g), n, -margin) >= stats.norm.ppf(0.95)
    expected = weight[region & (g + lost <= n)].sum()
    assert recall_power(n, margin, psi, difference=difference) == pytest.approx(expected, abs=1e-9)


def test_power_holds_beyond_the_number_returned():
    n = recall_items_needed(0.05, 0.02)
    assert all(recall_power(round(n * factor), 0.05, 0.02) >= 0.8 for factor in (1, 1.03, 1.06))


def test_no_number_of_items_proves_a_real_loss_at_the_margin():
    assert recall_items_needed(0.05, 0.2, difference=-0.05) is None
    assert floor_items_needed(0.9, 0.9) is None


def test_floor_items_have_the_power():
    n = floor_items_needed(0.95, 0.9, power=0.8)
    passing = next(k for k in range(n + 1) if clopper_pearson_lower(k, n) >= 0.9)
    assert stats.binom.sf(passing - 1, n, 0.95) >= 0.8
    assert floor_items_needed(1.0, 0.99) == 299


def test_precision_planning_is_consistent():
    cells = np.array([900, 14, 15, 20, 30, 12, 11, 400])
    flagged = cells[[1, 2, 3, 5, 6, 7]].sum()
    margin = precision_smallest_margin(cells)
    assert precision_items_needed(cells, margin) == pytest.approx(flagged, abs=1)
    assert precision_items_needed(cells, margin / 2) == pytest.approx(4 * flagged, rel=0.01)
    assert precision_items_needed(np.array([9, 0, 0, 0, 9, 0, 0, 0]), 0.05) is None
    assert math.isnan(precision_smallest_margin(np.array([9, 0, 0, 0, 9, 0, 0, 0])))


@pytest.mark.parametrize(
    "call",
    [
        lambda: recall_power(0, 0.05, 0.05),
        lambda: recall_power(10, 0.05, 0.01, difference=0.05),
        lambda: recall_items_needed(0.05, 0.05, power=1.0),
        lambda: floor_items_needed(0.9, 1.0),
    ],
)
def test_planning_refuses_bad_input(call):
    with pytest.raises(ValueError, match=r"got|out of range|must be"):
        call()
