"""Paired changes within slices: the right items, the right family, and cells of few items left untested."""

import math

import numpy as np
import pytest

from harness.core.multiplicity import benjamini_hochberg
from harness.measure.slices import SMALL_CELL, slice_changes


def arrays(n_good=60, n_bad=60, n_few=SMALL_CELL - 1):
    """Violating items of one category: the candidate loses every second one in "bad", none elsewhere."""
    n = n_good + n_bad + n_few
    y_true, a = np.ones((n, 1), dtype=np.int8), np.ones((n, 1, 1), dtype=np.int8)
    b = a.copy()
    b[n_good : n_good + n_bad : 2] = 0
    b[n_good + n_bad :] = 0
    slices = {
        "language": {
            "good": np.arange(n_good),
            "bad": np.arange(n_good, n_good + n_bad),
            "few": np.arange(n_good + n_bad, n),
        }
    }
    return y_true, a, b, slices


def by_value(changes):
    return {one.value: one for one in changes if one.metric == "recall"}


def test_change_is_that_of_the_items_of_the_slice():
    y_true, a, b, slices = arrays()
    found = by_value(slice_changes(("hate",), y_true, a, b, slices, None))
    assert (found["bad"].baseline.value, found["bad"].candidate.value) == (1.0, 0.5)
    assert found["bad"].difference.value == -0.5
    assert found["bad"].difference.high < 0
    assert found["good"].difference.value == 0
    assert found["bad"].difference.n == 60


def test_small_cells_are_shown_but_stay_out_of_the_family():
    y_true, a, b, slices = arrays()
    found = by_value(slice_changes(("hate",), y_true, a, b, slices, None))
    assert found["few"].difference.value == -1
    assert math.isnan(found["few"].q_value)
    tested = [found["bad"], found["good"]]
    expected = benjamini_hochberg([one.p_value for one in tested])
    assert [one.q_value for one in tested] == pytest.approx(list(expected))
    assert found["bad"].q_value < 0.001


def test_metrics_without_items_and_unpaired_decisions_are_absent():
    y_true, a, b, slices = arrays()
    changes = slice_changes(("hate",), y_true, a, b, slices, None)
    assert {one.metric for one in changes} == {"recall"}  # nothing here is without violation
    b[slices["language"]["good"]] = -1
    assert "good" not in by_value(slice_changes(("hate",), y_true, a, b, slices, None))


def test_items_of_one_cluster_count_as_fewer():
    y_true, a, b, slices = arrays()
    alone = by_value(slice_changes(("hate",), y_true, a, b, slices, None))["bad"]
    clusters = np.arange(len(y_true)) // 20
    b[60:120] = 1
    b[60:80] = 0  # one whole cluster flips
    clustered = by_value(slice_changes(("hate",), y_true, a, b, slices, clusters))["bad"]
    assert clustered.p_value > alone.p_value
    assert clustered.difference.high > alone.difference.high
