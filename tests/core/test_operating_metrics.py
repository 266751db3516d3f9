"""Metrics at operating points: how they are written, what they inherit, and what the choice of a threshold costs."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from harness.core.check_spec import CheckSpec
from harness.core.gate_arrays import GateArrays, gate_arrays
from harness.core.metric_table import METRIC_TABLE, METRIC_TITLES, SHARES, gate_metric, table_metric, unit_of
from harness.core.metrics import METRICS
from harness.core.operating_metrics import operating_metric
from harness.core.operating_points import Goal, operating_point
from harness.core.point_choice import Drawn, choice_share, counts_at, drawn_thresholds, summed, with_choice
from harness.core.results import MetricResult


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("recall@precision=0.9", "recall@precision=0.9"),
        ("recall@precision=0.90", "recall@precision=0.9"),
        (" recall @ fpr = .01 ", "recall@fpr=0.01"),
        ("recall@fpr=1e-3", "recall@fpr=0.001"),
        ("precision@recall=0.8", "precision@recall=0.8"),
    ],
)
def test_one_operating_point_has_one_name(text, name):
    assert gate_metric(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "recall@precision=90",
        "recall@precision=90%",
        "recall@precision=1",
        "recall@precision=0",
        "recall@precision>=0.9",
        "recall@precision",
        "recall@recall=0.9",
        "precision@precision=0.9",
        "precision@fpr=0.1",
        "f1@recall=0.9",
        "Recall@precision=0.9",
        "recall@precision=0.9.1",
        "recall@precision=nan",
        "recall@@precision=0.9",
        "@precision=0.9",
        "",
    ],
)
def test_what_is_no_operating_point_is_none(text):
    assert operating_metric(text) is None
    assert gate_metric(text) is None
    with pytest.raises(ValueError, match="metric must be one of"):
        CheckSpec("hate", text, "watch", margin=0.05)


def test_numbers_of_many_digits_keep_their_own_point():
    """A name of six digits turned 0.9999999 into 1, which is no point: a traceback after the run was paid for."""
    names = [
        operating_metric(f"recall@precision={number}").name for number in ("0.9999999", "0.12345678", "0.12345671")
    ]
    assert [operating_metric(name).name for name in names] == names
    assert len(set(names)) == 3


def test_a_check_takes_the_one_name_only():
    with pytest.raises(ValueError, match="metric must be one of"):
        CheckSpec("hate", "recall@precision=0.90", "watch", margin=0.05)


def test_the_one_table_knows_every_operating_point():
    assert METRIC_TITLES["recall@precision=0.9"] == "Recall at precision 90%"
    assert METRIC_TABLE["recall@fpr=0.001"].words == "recall at FPR 0.1%"
    assert SHARES["precision@recall=0.8"] == SHARES["precision"]
    assert table_metric("precision@recall=0.8") == "precision"
    assert unit_of("recall@fpr=0.01", is_paired=True) == "violating items"
    with pytest.raises(KeyError):
        METRIC_TABLE["recall@precision=90"]


def test_weights_choose_as_repeated_items_do():
    rng = np.random.default_rng(0)
    for seed in range(20):
        y, times = rng.integers(0, 2, 60), rng.integers(0, 4, 60)
        score = np.round(rng.random(60) + 0.3 * y, 1)
        for goal in (Goal("precision", 0.7), Goal("recall", 0.8), Goal("fpr", 0.2), Goal("volume", 0.3)):
            weighted = operating_point(y, score, goal, sample_weight=times).threshold
            repeated = operating_point(np.repeat(y, times), np.repeat(score, times), goal).threshold
            at = [np.repeat(score >= t, times).sum() if not np.isnan(t) else None for t in (weighted, repeated)]
            assert at[0] == at[1], (seed, goal)


def test_tied_scores_are_flagged_together_on_the_safe_side():
    y = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    s = np.array([0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1])
    assert operating_point(y, s, Goal("precision", 0.8)).threshold == 0.9  # 0.5 would keep 4 of 6
    assert operating_point(y, s, Goal("precision", 0.6)).threshold == 0.5


def at_point(gold, a, b, drawn=None):
    return GateArrays(gold, gold, gold, at={"recall@precision=0.9": GateArrays(gold, a, b, drawn=drawn or {})})


def gated(arrays, **limit):
    spec = CheckSpec("hate", "recall@precision=0.9", "critical", **(limit or {"margin": 0.05}))
    return gate_arrays(arrays, categories=["hate"], checks=[spec], seed=0)


def test_the_check_reads_the_decisions_at_the_point():
    gold = np.repeat([[1], [0]], [300, 700], axis=0)
    worse = gold.copy()
    worse[:60] = 0
    assert gated(at_point(gold, gold, gold)).verdict == "PASS"
    assert gated(at_point(gold, gold, worse)).verdict == "REGRESSION"
    assert gated(at_point(gold, gold, worse), floor=0.7).verdict == "PASS"


def test_recall_bought_with_precision_does_not_pass():
    gold = np.repeat([[1], [0]], [300, 700], axis=0)
    careful, careless = gold.copy(), gold.copy()
    careful[:20] = 0
    careless[300:400] = 1  # precision 75%
    result = gated(at_point(gold, careful, careless))
    assert result.verdict == "INCONCLUSIVE"
    assert "point_missed" in [one.kind for one in result.checks[0].remarks]
    assert gated(at_point(gold, careless, careless)).verdict == "PASS"  # no less is kept than the baseline keeps
    assert gated(at_point(gold, careful, careless), floor=0.7).verdict == "INCONCLUSIVE"


def test_a_fragile_choice_takes_the_proof_away():
    gold = np.repeat([[1], [0]], [300, 700], axis=0)
    rng = np.random.default_rng(1)

    def drawn(spread):
        hits = 300 - np.abs(rng.normal(0, spread, 100))
        return Drawn(np.stack([hits, np.zeros(100), 300 - hits, np.full(100, 700.0)], axis=1))

    steady, fragile = (drawn(0), drawn(0.1)), (drawn(0), drawn(40))
    assert gated(at_point(gold, gold, gold, {"hate": steady})).verdict == "PASS"
    result = gated(at_point(gold, gold, gold, {"hate": fragile}))
    assert result.verdict == "INCONCLUSIVE"
    assert "point_choice" in [one.kind for one in result.checks[0].remarks]
    assert result.checks[0].items_needed is None  # more gate items do not help; more dev items do


def test_paired_draws_cancel():
    y = np.repeat([1, 0], 200)
    score = np.random.default_rng(2).random(400) + 0.5 * y
    draws = [
        drawn_thresholds(
            y, score, Goal("precision", 0.8), clusters=None, sample_weight=None, rng=np.random.default_rng(5)
        )
        for _ in range(2)
    ]
    a, b = (counts_at(y, score, one, None) for one in draws)
    cells = np.array([190, 0, 0, 10, 50, 5, 5, 140])
    assert choice_share("recall", cells, a, b) == 0.0
    assert 0 < choice_share("recall", cells, a, b, of="candidate") < 1
    assert summed([a, b]).counts[0].sum() == 800


def test_the_interval_of_one_system_widens_by_the_choice():
    one = MetricResult(0.8, 0.75, 0.84, 300)
    hits = 80 + np.random.default_rng(3).normal(0, 5, 100)
    moving = Drawn(np.stack([hits, hits * 0, 100 - hits, hits * 0], axis=1))
    wide = with_choice(one, "recall", moving)
    assert wide.value == one.value
    assert wide.low < one.low
    assert wide.high > one.high


def false_pass(n_simulations, n_dev, n_gate, *, margin=0.05, precision=0.9, share=0.3):
    """PASS of a candidate whose own recall at that precision is lower by the margin, both binormal and correlated."""

    def recall_of(d):
        def surplus(t):
            hits, wrong = share * norm.sf(t - d), (1 - share) * norm.sf(t)
            return hits / (hits + wrong) - precision

        return norm.sf(brentq(surplus, -6, 9) - d)

    better = 2.6
    worse = brentq(lambda d: recall_of(d) - recall_of(better) + margin, 1, better)
    rng, spec = np.random.default_rng(0), CheckSpec("c", f"recall@precision={precision:g}", "critical", margin=margin)
    goal, passed = Goal("precision", precision), 0

    def draw(n):
        y, shared = (rng.random(n) < share).astype(np.int8), rng.normal(size=n)
        return y, *(d * y + 0.8 * shared + 0.6 * rng.normal(size=n) for d in (better, worse))

    for seed in range(n_simulations):
        y, *scores = draw(n_dev)
        chosen = [operating_point(y, one, goal).threshold for one in scores]
        drawn = [
            drawn_thresholds(y, one, goal, clusters=None, sample_weight=None, rng=np.random.default_rng(seed))
            for one in scores
        ]
        y, *scores = draw(n_gate)
        a, b = ((one >= t).astype(np.int8)[:, None] for one, t in zip(scores, chosen, strict=True))
        of_draws = tuple(counts_at(y, one, t, None) for one, t in zip(scores, drawn, strict=True))
        gold = y[:, None]
        arrays = GateArrays(gold, gold, gold, at={spec.metric: GateArrays(gold, a, b, drawn={"c": of_draws})})
        passed += gate_arrays(arrays, categories=["c"], checks=[spec], seed=seed).verdict == "PASS"
    return passed / n_simulations


def test_a_check_at_an_operating_point_rarely_passes_a_worse_model():
    assert false_pass(12, 700, 700) <= 0.25  # at a true rate of 5%, more than 3 of 12 come twice in 1,000


@pytest.mark.slow
@pytest.mark.parametrize(("n_dev", "n_gate"), [(330, 1000), (1000, 1000), (3300, 1000), (1000, 3300)])
def test_false_pass_of_a_check_at_an_operating_point(n_dev, n_gate):
    assert false_pass(400, n_dev, n_gate) <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_an_interval_at_an_operating_point_is_that_of_its_parts():
    """A share of 0 whose threshold moves a little was given an interval from 0 to 92%: 87 items became half of one."""
    never = METRICS["recall"](0, 0, 87, 0)
    hits = np.where(np.arange(200) % 10 < 1, 30.0, 0.0)  # sd .104 of the share
    drawn = Drawn(np.stack([hits, hits * 0, 87 - hits, hits * 0], axis=1))
    wide = with_choice(never, "recall", drawn)
    spread = norm.ppf(0.975) * (hits / 87).std(ddof=1)
    assert wide.low == 0.0
    assert wide.high == pytest.approx((never.high**2 + spread**2) ** 0.5)
    assert with_choice(MetricResult.undefined("no violating items"), "recall", drawn).reason == "no violating items"
