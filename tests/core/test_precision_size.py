"""How often the gate's precision test passes a candidate that is worse by exactly the margin, and an equal one."""

import math

import numpy as np
import pytest

from harness.core import precision_margin
from harness.core.check_p_values import MIN_FLAGGED, MIN_POSITIVES
from harness.core.gate import REMARK_SHARE
from harness.core.precision_margin import PSEUDO_COUNTS, null_table, precision_margin_test
from harness.core.wgs import PSEUDO_COUNT, wgs_statistic, wgs_statistics, wgs_test

KINDS = ("mixed", "superset", "subset", "mixed near 1", "superset near 1", "subset near 1")
FORMER = (1 / 6, 2 / 3)
LEVEL = 0.055


def at_the_margin(rng, kind):
    """Cell probabilities whose precision differs by exactly the margin, the number of items, and the margin.

    mixed: each system flags items that the other does not; superset: the candidate flags all that the baseline does,
    and more that is mostly false; subset: it drops flags, mostly true ones. "near 1": the baseline's precision is .975
    to .993, so that false flags are few.
    """
    while True:
        n_flags, margin = math.exp(rng.uniform(math.log(40), math.log(800))), float(rng.uniform(0.02, 0.1))
        before = rng.uniform(0.975, 0.993) if kind.endswith("near 1") else rng.uniform(0.55, 0.97)
        after = before - margin
        both_true, both_false = n_flags * before, n_flags * (1 - before)
        lost_true = lost_false = new_true = new_false = 0.0
        if kind.startswith("mixed"):
            kept = rng.uniform(0.6, 0.98)
            lost_true, both_true = both_true * (1 - kept), both_true * kept
            shared = both_false * kept * rng.uniform(0.3, 1)
            lost_false, both_false = both_false - shared, shared
            new_true = n_flags * before * (1 - kept) * rng.uniform(0.5, 1.2)
            new_false = (both_true + new_true) * (1 - after) / after - both_false
        elif kind.startswith("superset"):
            new_true = n_flags * rng.uniform(0, 0.1)
            new_false = (both_true + new_true) * (1 - after) / after - both_false
        else:
            lost_false = both_false * rng.uniform(0, 0.3)
            both_false -= lost_false
            kept_true = both_false * after / (1 - after)
            lost_true, both_true = both_true - kept_true, kept_true
        cells = np.array([0, new_false, lost_false, both_false, 0, new_true, lost_true, both_true])
        if cells.min() < 0 or both_true + new_true + both_false + new_false < 12:
            continue
        rest = max(n_flags * rng.uniform(2, 10) - cells.sum(), cells.sum() / 2, 0 if cells[4:].sum() > 30 else 150)
        cells[[0, 4]] = rest * 0.8, rest * 0.2
        return cells / cells.sum(), round(cells.sum()), margin


def designs(seed, n_designs):
    rng = np.random.default_rng(seed)
    return [at_the_margin(rng, KINDS[at % len(KINDS)]) for at in range(n_designs)]


def equal(q):
    """The same systems with as many flags gained as lost, of either label: precision is equal."""
    q = q.copy()
    for gained, lost, both, neither in ((1, 2, 3, 0), (5, 6, 7, 4)):
        each = min(q[gained] + q[lost], 0.15 * q[both] + 1e-4) / 2
        q[neither] += q[gained] + q[lost] - 2 * each
        q[gained] = q[lost] = each
    return q / q.sum()


def passes(cells, margin, rng, n_resamples=400):
    """Whether the test passes at .05, from few tables; near .05 it draws on as far as ``few_tables`` lets it."""
    return precision_margin_test(cells, margin, rng=rng, n_resamples=n_resamples) <= 0.05


@pytest.fixture
def few_tables(monkeypatch):
    monkeypatch.setattr(precision_margin, "_MOST", 2000)


def pass_rate(rng, q, n, margin, n_runs):
    """Share of runs that pass; tables whose statistic is far from passing are not resampled."""
    tables = rng.multinomial(n, q, size=n_runs)
    n_flagged = np.minimum(tables[:, [1, 3, 5, 7]].sum(axis=1), tables[:, [2, 3, 6, 7]].sum(axis=1))
    is_judged = (n_flagged >= MIN_FLAGGED) & (tables[:, 4:].sum(axis=1) >= MIN_POSITIVES)
    close = tables[is_judged & (wgs_statistics(tables, -margin) >= 1.3)]
    return sum(passes(one, margin, rng) for one in close) / n_runs


def test_the_designs_differ_by_the_margin():
    for q, _, margin in designs(21, 12):
        before, after = q[[6, 7]].sum() / q[[2, 3, 6, 7]].sum(), q[[5, 7]].sum() / q[[1, 3, 5, 7]].sum()
        assert after - before == pytest.approx(-margin)


@pytest.mark.usefixtures("few_tables")
def test_a_worse_candidate_rarely_passes_in_short():
    rng = np.random.default_rng(21)
    assert np.mean([pass_rate(rng, *design, 150) for design in designs(21, len(KINDS))]) <= 0.06


def test_the_simulation_decides_like_the_test(monkeypatch):
    drawn = [(q, n, margin, np.random.default_rng(1).multinomial(n, q, size=3)) for q, n, margin in designs(23, 6)]
    found = [
        precision_margin_test(one, margin, rng=np.random.default_rng(2))
        for *_, margin, several in drawn
        for one in several
    ]
    monkeypatch.setattr(precision_margin, "_MOST", 2000)
    again = [passes(one, margin, np.random.default_rng(3)) for *_, margin, several in drawn for one in several]
    for p_value, is_passed in zip(found, again, strict=True):
        assert abs(p_value - 0.05) <= 0.015 or is_passed == (p_value <= 0.05)


def as_defined(cells, margin, rng, n_tables):
    """The p-value by its definition: every null with tables of its own."""
    observed = wgs_statistic(cells, -margin) - 1e-9
    shares = []
    for e in PSEUDO_COUNTS:
        tables = rng.multinomial(int(cells.sum()), null_table(cells, margin, e), size=n_tables)
        shares.append((1 + np.count_nonzero(wgs_statistics(tables, -margin) >= observed)) / (1 + n_tables))
    return max(shares)


def test_shared_tables_give_the_p_value_of_tables_of_their_own():
    """As near to it as 10,000 tables for each null would be."""
    rng, errors = np.random.default_rng(25), []
    for q, n, margin in designs(25, 18):
        cells = rng.multinomial(n, q).astype(float)
        p_value = as_defined(cells, margin, rng, 20_000)
        if 0.001 < p_value < 0.999:
            found = precision_margin_test(cells, margin, rng=rng)
            errors.append((found - p_value) / math.sqrt(p_value * (1 - p_value) * (1 / 10_000 + 1 / 20_000)))
    assert len(errors) >= 12
    assert np.abs(errors).max() < 4
    assert np.sqrt(np.mean(np.square(errors))) < 1.5


@pytest.mark.slow
@pytest.mark.usefixtures("few_tables")
def test_a_candidate_worse_by_the_margin_passes_at_most_at_the_level():
    """108 designs; the few above the level at first are drawn again, since the highest of many is high by luck."""
    rng, drawn = np.random.default_rng(22), designs(4202, 108)
    found = [pass_rate(rng, *design, 1000) for design in drawn]
    assert max(np.mean(found[at :: len(KINDS)]) for at in range(len(KINDS))) <= 0.052
    n_again = 8000
    again = [pass_rate(rng, *design, n_again) for design, rate in zip(drawn, found, strict=True) if rate > LEVEL]
    assert len(again) <= 30
    assert max(again, default=0) <= LEVEL


@pytest.mark.slow
def test_the_price_in_power_against_the_two_former_pseudo_counts(monkeypatch):
    rates = {}
    monkeypatch.setattr(precision_margin, "_MOST", 2000)
    for counts in (FORMER, PSEUDO_COUNTS):
        monkeypatch.setattr(precision_margin, "PSEUDO_COUNTS", counts)
        found = [
            pass_rate(np.random.default_rng(at), equal(q), n, margin, 200)
            for at, (q, n, margin) in enumerate(designs(5303, 36))
        ]
        rates[counts] = np.mean(found)
    assert 0 <= rates[FORMER] - rates[PSEUDO_COUNTS] <= 0.06


@pytest.mark.slow
def test_worse_is_rarely_remarked_where_nothing_changed():
    """The condition of "worse, within the margin" where flags are dropped at random; one design gave .0695 once."""
    rng, n_rounds = np.random.default_rng(24), 20_000
    for n_flags in (100, 250, 500, 1000):
        for precision in (0.8, 0.9, 0.95):
            for dropped in (0.04, 0.08, 0.2):
                shares = [(1 - precision) * dropped, (1 - precision) * (1 - dropped), precision * dropped]
                tables = rng.multinomial(n_flags, [*shares, 1 - sum(shares)], size=n_rounds)
                cells = np.zeros((n_rounds, 8))
                cells[:, [2, 3, 6, 7]] = tables
                z = wgs_statistics(cells, pseudo_count=PSEUDO_COUNT)
                n_said = sum(wgs_test(float(one), alternative="worse") <= REMARK_SHARE * 0.05 for one in z)
                assert n_said / n_rounds <= 0.05, (n_flags, precision, dropped)
