"""An interval beside a p-value: it leaves out what the test rejects, and nothing else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import precision_margin
from harness.core.agreeing import agreeing_interval
from harness.core.check_p_values import evaluate_check
from harness.core.checks import CheckEvidence, CheckSpec
from harness.core.mcnemar import mcnemar_midp
from harness.core.paired import compare_paired, paired_difference
from harness.core.results import UNDEFINED, Interval
from harness.core.tango import tango_interval

SIZES = (1, 2, 5, 8, 12, 24, 50, 400)


def recall_cells(gained, lost, n):
    return np.array([30, 0, 0, 0, n - gained - lost, gained, lost, 0], dtype=float)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.975])
def test_the_interval_of_recall_leaves_zero_out_exactly_when_the_test_rejects_it(confidence):
    """[-96.4, -1.8] stood beside p = 0.062: 4 lost of 5."""
    for n in SIZES:
        for gained in range(13):
            for lost in range(min(12, n - gained) + 1):
                difference = paired_difference(recall_cells(gained, lost, n), "recall", confidence=confidence)
                assert difference.low <= difference.value <= difference.high
                rejected = mcnemar_midp(gained, lost) <= 1 - confidence
                assert (not difference.low <= 0 <= difference.high) == rejected, (n, gained, lost)


def test_tango_alone_never_keeps_a_zero_that_the_test_rejects():
    """So that agreement only ever widens an interval: in 23 of these tables at 95%, and 20 at 90%."""
    widened = {0.95: 0, 0.9: 0}
    for confidence, z in ((0.95, 1.959963984540054), (0.9, 1.6448536269514722)):
        for n_discordant in range(1, 301):
            for gained in range(n_discordant // 2 + 1):
                lost = n_discordant - gained
                is_out = (lost - gained) / math.sqrt(n_discordant) > z
                is_rejected = mcnemar_midp(gained, lost) <= 1 - confidence
                assert is_out or not is_rejected, (gained, lost)
                widened[confidence] += is_out and not is_rejected
    assert all(5 <= one <= 25 for one in widened.values())


def test_coverage_is_nowhere_lower_than_tangos():
    """Exact, over every table of n pairs: never lower; at no difference it is the level of the mid-p test."""
    for n in (5, 20, 45):
        tables = [(gained, lost) for gained in range(n + 1) for lost in range(n + 1 - gained)]
        plain = [tango_interval(*one, n) for one in tables]
        agreeing = [paired_difference(recall_cells(*one, n), "recall") for one in tables]
        counts = np.array(tables)
        logs = np.array([math.lgamma(n + 1) - sum(math.lgamma(k + 1) for k in (*one, n - sum(one))) for one in tables])
        lowest = 1.0
        for p_gained, p_lost in (
            (0.02, 0.02),
            (0.05, 0.05),
            (0.1, 0.1),
            (0.2, 0.2),
            (0.05, 0.1),
            (0.1, 0.3),
            (0.01, 0.4),
        ):
            p_same = 1 - p_gained - p_lost
            probability = np.exp(
                logs + counts @ np.log([p_gained, p_lost]) + (n - counts.sum(axis=1)) * math.log(p_same)
            )
            assert probability.sum() == pytest.approx(1)
            true = p_gained - p_lost
            before, after = (
                float(sum(share for share, one in zip(probability, ends, strict=True) if one.low <= true <= one.high))
                for ends in (plain, agreeing)
            )
            assert after >= before - 1e-12
            if true == 0:
                lowest = min(lowest, after)
        assert lowest >= 0.945  # Fagerland, Lydersen & Laake (2013): the mid-p test keeps its level nearly everywhere


@pytest.mark.parametrize("metric", ["recall", "fpr", "f1", "precision"])
@given(cells=st.lists(st.integers(0, 12), min_size=8, max_size=8), worth=st.sampled_from([1.0, 0.37, 0.8]))
def test_every_paired_metric_agrees_with_its_p_value(metric, cells, worth):
    """Also with the fractional counts of clusters, where the test takes them rounded."""
    found = compare_paired(np.array(cells) * worth, metric, rng=np.random.default_rng(0), n_resamples=199)
    difference = found.difference
    if difference.is_defined and difference.value != 0:
        assert (not difference.low <= 0 <= difference.high) == (found.p_value <= 0.05 + 1e-12)


@pytest.mark.parametrize("metric", ["recall", "fpr", "precision"])
def test_the_interval_beside_a_check_agrees_with_its_verdict(metric, monkeypatch):
    """The margin lies outside exactly when the check passes, and 0 exactly when worse or better is shown."""
    monkeypatch.setattr(precision_margin, "_MOST", 2000)
    seen = set()
    for n, margin in ((40, 0.1), (60, 0.05), (90, 0.1), (160, 0.05)):
        spec = CheckSpec("hate", metric, "critical", margin=margin)
        for gained, lost in ((0, 0), (1, 0), (0, 1), (3, 0), (0, 3), (2, 2), (1, 4), (4, 1), (0, 6), (7, 2), (2, 7)):
            same = n - gained - lost
            if metric == "fpr":
                cells = np.array([same, lost, gained, 5, 5, 0, 0, 25])
            elif metric == "recall":
                cells = np.array([50, 2, 3, 5, 5, gained, lost, same - 5])
            else:
                cells = np.array([50, lost, gained, n // 10, 5, gained, lost, n])
            check = evaluate_check(
                spec, CheckEvidence(cells, cells), alpha=0.05, n_checks=1, rng=np.random.default_rng(1), n_resamples=400
            )
            difference, is_passed = check.difference, check.p_non_inferior <= 0.05
            limit = margin if metric == "fpr" else -margin
            nearest = difference.high if metric == "fpr" else difference.low
            is_inside = nearest < limit if metric == "fpr" else nearest > limit
            assert is_inside == is_passed, (n, margin, gained, lost)
            is_moved = min(check.p_worse, check.p_better) <= 0.05
            assert (not difference.low <= 0 <= difference.high) == is_moved
            seen.add((is_passed, is_moved))
    assert {one for one, _ in seen} == {True, False}


def test_nothing_tested_and_nothing_defined_leave_an_interval_as_it_is():
    assert agreeing_interval(Interval(-0.1, 0.2), 0.1, [(0.0, math.nan, 0.05)]) == (-0.1, 0.2)
    assert all(math.isnan(end) for end in agreeing_interval(UNDEFINED, math.nan, [(0.0, 0.01, 0.05)]))
