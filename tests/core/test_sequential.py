import numpy as np
import pytest
from scipy import stats

from harness.core.checks import CheckSpec
from harness.core.sequential import (
    LOOKS,
    boundaries,
    obrien_fleming_spending,
    pocock_spending,
    repeated_interval,
    sequential_look,
    sequential_plan,
)
from harness.core.tango import tango_statistics

SPEC = CheckSpec("hate", "recall", "critical", margin=0.05)


def test_obrien_fleming_boundaries_match_published_values():
    # five equal looks, one-sided .025, spending 2(1 - Phi(z/sqrt t)): ldbounds / Jennison & Turnbull (2000), chapter 7
    expected = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
    assert boundaries(LOOKS, 0.025, obrien_fleming_spending) == pytest.approx(expected, abs=2e-3)


def test_pocock_boundaries_match_published_values():
    expected = [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]
    assert boundaries(LOOKS, 0.025, pocock_spending) == pytest.approx(expected, abs=2e-3)


def test_one_look_is_the_normal_quantile():
    assert boundaries([1.0], 0.05, pocock_spending) == pytest.approx([stats.norm.ppf(0.95)], abs=1e-6)


def test_two_looks_equal_the_bivariate_normal():
    z1, z2 = boundaries([0.5, 1.0], 0.05, pocock_spending)
    joint = stats.multivariate_normal(cov=[[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]])
    assert 1 - joint.cdf([z1, z2]) == pytest.approx(0.05, abs=2e-5)


@pytest.mark.parametrize("spending", [obrien_fleming_spending, pocock_spending])
def test_spending_rises_to_alpha(spending):
    spent = [spending(t, 0.05) for t in np.linspace(0.01, 1, 50)]
    assert (np.diff(spent) > 0).all()
    assert spent[-1] == pytest.approx(0.05)
    with pytest.raises(ValueError, match="fraction"):
        spending(0.0, 0.05)


@pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.0, 1.0], [0.6, 0.4], [0.5, 1.1]])
def test_boundaries_refuse_fractions_that_do_not_increase(fractions):
    with pytest.raises(ValueError, match="fraction"):
        boundaries(fractions, 0.05, pocock_spending)


def _cells(g, lost, n):
    return np.array([1000, 0, 0, 0, 0, g, lost, n - g - lost])


def test_a_look_stops_on_pass_or_regression():
    plan = sequential_plan(1)
    assert sequential_look(plan, [SPEC], [[_cells(0, 0, 120)]]).verdicts == ("INCONCLUSIVE",)
    assert sequential_look(plan, [SPEC], [[_cells(0, 25, 120)]]) == sequential_look(
        plan, [SPEC], [[_cells(0, 25, 120)]]
    )
    regressed = sequential_look(plan, [SPEC], [[_cells(0, 25, 120)]])
    assert regressed.verdicts == ("REGRESSION",)
    assert regressed.is_stopped


def test_an_earlier_pass_stays_and_watch_checks_do_not_stop():
    plan = sequential_plan(2)
    watch = CheckSpec("spam", "recall", "watch", margin=0.05)
    looks = [[_cells(5, 0, 600), _cells(0, 40, 600)], [_cells(5, 40, 700), _cells(0, 40, 700)]]
    assert sequential_look(plan, [SPEC, watch], looks[:1]).verdicts == ("PASS", "REGRESSION")
    result = sequential_look(plan, [SPEC, watch], looks)
    assert result.verdicts == ("PASS", "REGRESSION")
    assert result.is_stopped
    assert not sequential_look(plan, [watch], [looks[0][1:]]).is_stopped


def test_precision_is_not_judged_on_too_few_flags():
    spec = CheckSpec("hate", "precision", "critical", margin=0.3)
    assert sequential_look(sequential_plan(1), [spec], [[np.array([90, 0, 0, 0, 3, 0, 0, 5])]]).verdicts == (
        "INCONCLUSIVE",
    )
    assert sequential_look(sequential_plan(1), [spec], [[np.array([90, 0, 0, 2, 3, 0, 0, 300])]]).verdicts == ("PASS",)


def test_sequential_refuses_floors_and_too_many_looks():
    plan = sequential_plan(1)
    with pytest.raises(ValueError, match="floors"):
        sequential_look(plan, [CheckSpec("hate", "recall", "critical", floor=0.9)], [[_cells(0, 0, 9)]])
    with pytest.raises(ValueError, match="looks"):
        sequential_look(plan, [SPEC], [])


def test_repeated_interval_is_wider_at_early_looks():
    z = sequential_plan(1).z_pass
    widths = [np.diff(repeated_interval(5, 8, 200, value))[0] for value in z]
    assert (np.diff(widths) < 0).all()


def _false_pass(rng, n, margin, q, n_runs, z_pass):
    """P(PASS at any look) when the candidate is worse by the margin."""
    passed = np.zeros(n_runs, dtype=bool)
    g = lost = np.zeros(n_runs)
    done = 0
    for fraction, z in zip(LOOKS, z_pass, strict=True):
        size = round(fraction * n) - done
        draw = rng.multinomial(size, [q, q + margin, 1 - 2 * q - margin], size=n_runs)
        g, lost, done = g + draw[:, 0], lost + draw[:, 1], done + size
        passed |= tango_statistics(g, lost, done, -margin) >= z
    return passed.mean()


@pytest.mark.parametrize("n_runs", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("n", "margin", "q"), [(600, 0.05, 0.02), (600, 0.05, 0.0), (300, 0.05, 0.02), (1000, 0.02, 0.02)]
)
def test_sequential_false_pass_is_near_alpha(n, margin, q, n_runs):
    plan = sequential_plan(8)
    false_pass = _false_pass(np.random.default_rng(0), n, margin, q, n_runs, plan.z_pass)
    assert false_pass <= 0.052 + 3 * np.sqrt(0.05 * 0.95 / n_runs)


def test_naive_peeking_passes_too_often():
    # weak practice: five looks, each at 1.645
    assert _false_pass(np.random.default_rng(1), 600, 0.05, 0.02, 20_000, [1.645] * 5) > 0.1
