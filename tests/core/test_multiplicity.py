import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.core.multiplicity import benjamini_hochberg, holm

ADJUSTMENTS = {"holm": holm, "fdr_bh": benjamini_hochberg}


@pytest.mark.parametrize("method", ADJUSTMENTS)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_adjustment_equals_statsmodels(method, p_values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)  # statsmodels collects garbage at every call
        expected = multipletests(p_values, method=method)[1]
    np.testing.assert_allclose(ADJUSTMENTS[method](p_values), expected, atol=1e-12)


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_untested_hypotheses_do_not_count(method):
    adjusted = ADJUSTMENTS[method]([0.01, np.nan, 0.03])
    assert np.isnan(adjusted[1])
    assert adjusted[[0, 2]].tolist() == ADJUSTMENTS[method]([0.01, 0.03]).tolist()
    assert ADJUSTMENTS[method]([]).size == 0


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_p_values_outside_the_unit_interval_are_refused(method):
    with pytest.raises(ValueError, match="p-values"):
        ADJUSTMENTS[method]([0.5, 1.2])
