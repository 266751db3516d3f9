import math

import pytest
from statsmodels.stats.proportion import proportions_ztest

from harness.core.sampled import two_proportion_test


def test_two_proportion_test_equals_statsmodels():
    assert two_proportion_test(56, 70, 48, 80) == pytest.approx(proportions_ztest([56, 48], [70, 80])[1], abs=1e-12)
    assert two_proportion_test(0, 10, 0, 20) == 1.0
    assert math.isnan(two_proportion_test(0, 0, 1, 2))
    with pytest.raises(ValueError, match="0 <= x <= n"):
        two_proportion_test(5, 3, 0, 1)
