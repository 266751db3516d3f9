import math

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from harness.core.intervals import wilson_interval
from harness.core.results import MetricResult
from harness.core.sampled import difference_of_estimates, two_proportion_test


def test_two_proportion_test_equals_statsmodels():
    assert two_proportion_test(56, 70, 48, 80) == pytest.approx(proportions_ztest([56, 48], [70, 80])[1], abs=1e-12)
    assert two_proportion_test(0, 10, 0, 20) == 1.0
    assert math.isnan(two_proportion_test(0, 0, 1, 2))
    with pytest.raises(ValueError, match="0 <= x <= n"):
        two_proportion_test(5, 3, 0, 1)


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20), (2, 600, 9, 500)])
def test_difference_of_wilson_intervals_is_newcombes_hybrid_score(counts):
    x1, n1, x0, n0 = counts
    now, before = (MetricResult(x / n, *wilson_interval(x, n), n) for x, n in ((x1, n1), (x0, n0)))
    difference, p_value = difference_of_estimates(now, before)
    oracle = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
    assert (difference.low, difference.high) == pytest.approx(oracle, abs=1e-9)
    assert (p_value < 0.05) == (not difference.low <= 0 <= difference.high)


def test_difference_of_estimates_is_symmetric_and_knows_what_is_undefined():
    a, b = MetricResult(0.1, 0.05, 0.2, 100), MetricResult(0.3, 0.2, 0.45, 90)
    (up, p_up), (down, p_down) = difference_of_estimates(b, a), difference_of_estimates(a, b)
    assert (up.value, up.low, up.high) == pytest.approx((-down.value, -down.high, -down.low))
    assert p_up == pytest.approx(p_down)
    assert difference_of_estimates(a, a)[1] == 1.0
    undefined, p_value = difference_of_estimates(a, MetricResult.undefined("nothing taken down"))
    assert undefined.reason == "nothing taken down"
    assert math.isnan(p_value)
