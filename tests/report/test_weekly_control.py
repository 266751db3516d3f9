"""Weeks, control limits, flags and targets: what decides between noise and movement."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.intervals import wilson_interval
from harness.core.results import MetricResult
from harness.core.sampled import two_proportion_test
from harness.core.targets import effective_items
from harness.errors import HarnessError
from harness.records import Eval, GoldenFacts
from harness.report.weekly.control import chart_p_value, control_limits, pooled
from harness.report.weekly.targets import judge
from harness.report.weekly.weeks import parse_week, week_of, weeks_between, weeks_until
from harness.runs import RunMeta


def result(k, n):
    low, high = wilson_interval(k, n)
    return MetricResult(k / n, low, high, n)


def meta(created_at, wave=None):
    fields = {name: {} for name in ("counts", "inputs", "fingerprints", "signatures")}
    return RunMeta(
        eval=Eval("e", "", "", {}),
        golden_set=GoldenFacts("g", 1, "0" * 64, 0),
        run_id="r",
        status="complete",
        eval_name="e",
        categories=(),
        candidates=(),
        repeats=1,
        calls=0,
        cached=0,
        cost_usd=0.0,
        created_at=created_at,
        wall_s=0.0,
        wave=wave,
        **fields,
    )


@pytest.mark.parametrize(
    ("created_at", "wave", "week"),
    [
        ("2026-11-23T09:00:00+00:00", None, "2026-W48"),
        ("2026-11-23T09:00:00+00:00", "2026-W40", "2026-W40"),
        ("2026-11-23T09:00:00+00:00", "2026-W40-again", "2026-W40"),
        ("2026-11-23T09:00:00+00:00", "pilot", "2026-W48"),
        ("2026-11-23T09:00:00+00:00", "2026-W60", "2026-W48"),  # no such week
        ("2027-01-01T09:00:00+00:00", None, "2026-W53"),  # ISO years do not end on 31 December
    ],
)
def test_week_of_takes_the_wave_else_the_day(created_at, wave, week):
    assert week_of(meta(created_at, wave)) == week


def test_weeks_run_across_the_end_of_a_year():
    assert weeks_until("2027-W02", 4) == ["2026-W52", "2026-W53", "2027-W01", "2027-W02"]
    assert weeks_between("2026-W52", "2027-W02") == 3


@pytest.mark.parametrize("text", ["2026-47", "2026-W54", "W47", "2026-W47 "])
def test_parse_week_refuses_what_is_no_week(text):
    with pytest.raises(HarnessError, match="an ISO week such as 2026-W47"):
        parse_week(text)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_effective_items_of_a_plain_wilson_interval_are_its_items(counts):
    assert effective_items(result(*counts)) == pytest.approx(counts[1], rel=1e-6)


def test_effective_items_of_a_wider_interval_are_fewer():
    low, high = wilson_interval(40, 50)  # 80 of 100 items that are worth 50
    assert effective_items(MetricResult(0.8, low, high, 100)) == pytest.approx(50)
    assert effective_items(MetricResult.undefined("no violating items")) == 0


@pytest.mark.parametrize(("share", "n_before", "n_now"), [(0.8, 400, 100), (0.05, 90, 30), (0.97, 1000, 40)])
def test_control_limits_invert_the_score_test(share, n_before, n_now):
    at_three_sigma = 0.0026998
    for end in control_limits(share, n_before, n_now):
        if 0 < end < 1:
            p = two_proportion_test(end * n_now, n_now, share * n_before, n_before)
            assert p == pytest.approx(at_three_sigma, rel=1e-3)


def test_noise_stays_within_the_control_limits():
    rng = np.random.default_rng(5)
    outside = 0
    for _ in range(400):
        before, now = rng.binomial(400, 0.8), rng.binomial(100, 0.8)
        low, high = control_limits(before / 400, 400, 100)
        outside += not low <= now / 100 <= high
    assert outside <= 5  # 3 standard errors: about 1 of 370


def test_chart_p_value_pools_the_weeks_before():
    p = chart_p_value(result(70, 100), [result(82, 100), result(80, 100), result(84, 100), result(82, 100)])
    assert p == pytest.approx(two_proportion_test(70, 100, 328, 400))
    assert math.isnan(chart_p_value(result(70, 100), []))
    assert pooled([result(8, 10), result(30, 40)]) == (pytest.approx(38), pytest.approx(50))


@pytest.mark.parametrize(
    ("k", "n", "target", "verdict"),
    [
        (59, 59, 0.95, "met"),  # no miss in 59 proves 95% (STATISTICS: intervals)
        (58, 58, 0.95, "open"),
        (70, 100, 0.90, "missed"),
        (85, 100, 0.90, "open"),
        (92, 100, 0.90, "open"),
    ],
)
def test_judge_goes_by_the_one_sided_bound(k, n, target, verdict):
    assert judge("recall", result(k, n), target).verdict == verdict


def test_judge_says_how_many_items_would_settle_it_or_that_none_would():
    assert judge("recall", result(92, 100), 0.90).more > 100
    assert judge("recall", result(85, 100), 0.90).reason == "its value is not above the target"
    assert judge("recall", result(903, 1000), 0.90).reason == "too close to the target to tell"
    assert judge("recall", result(92, 100), None) is None
    assert judge("recall", MetricResult.undefined("no violating items"), 0.9).reason == "no violating items"
