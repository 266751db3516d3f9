"""Practices seen elsewhere that the core must not repeat; each test shows the fault and that ours differs."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.core.averages import macro_average
from harness.core.checks import CheckEvidence, CheckSpec
from harness.core.confusion import confusion_counts
from harness.core.gate import decide_gate
from harness.core.mcnemar import mcnemar_midp
from harness.core.metrics import METRICS, precision, recall
from harness.core.paired import paired_difference
from harness.core.ranking import average_precision, precision_recall_curve
from harness.core.repeats import repeated_metric


def test_an_unlabelled_row_is_not_a_negative():
    # old fault elsewhere: a sparse but perfect moderator got recall .10, unlabelled rows counted as negatives
    y = np.array([[1, -1], [-1, 0], [0, 1]], dtype=np.int8)
    b = np.array([[1, 1], [1, 0], [0, 1]], dtype=np.int8)
    counts = confusion_counts(y, b)
    assert counts.fp.tolist() == [0, 0]
    assert recall(*counts.category(0)).value == 1.0


def test_a_failed_call_is_not_a_correct_rejection():
    # old fault elsewhere: exceptions became "not violating", so benign failures were true negatives
    y = np.array([[1], [0], [0]], dtype=np.int8)
    counts = confusion_counts(y, np.full((3, 1), -1, dtype=np.int8))
    assert counts.tn.tolist() == [0]
    assert counts.n_excluded.tolist() == [3]


def test_nothing_flagged_is_undefined_precision_not_zero_or_one():
    result = precision(0, 0, 5, 95)
    assert math.isnan(result.value)
    assert result.reason == "nothing flagged"


def test_a_slice_without_positives_is_undefined_not_a_crash():
    y, s = np.zeros(4, np.int8), np.linspace(0, 1, 4)
    assert average_precision(y, s).reason == "no violating items"
    assert np.isnan(precision_recall_curve(y, s).recall).all()
    assert all(metric(0, 0, 0, 4).reason != "" for metric in METRICS.values())


def test_a_category_nobody_can_judge_is_not_averaged_as_zero():
    y = np.zeros((10, 2), np.int8)
    y[:5, 0] = 1
    result = macro_average(y, y, metric="recall")
    assert result.value == 1.0
    assert result.reason == "1 of 2 categories"


def test_repeats_do_not_multiply_items():
    # old fault elsewhere: five repeats of 40 items judged as 200 items
    rng = np.random.default_rng(0)
    y = np.ones(40, np.int8)
    once = (rng.random(40) < 0.8).astype(np.int8)
    repeated = repeated_metric("recall", y, np.repeat(once[:, None], 5, axis=1))
    single = repeated_metric("recall", y, once[:, None])
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low, rel=0.05)


def test_no_observed_difference_is_not_proof_of_equality():
    cells = np.array([100, 0, 0, 5, 3, 0, 0, 27])
    result = decide_gate([(CheckSpec("hate", "recall", "critical", margin=0.05), CheckEvidence(cells, cells))], seed=0)
    assert result.verdict == "INCONCLUSIVE"
    assert paired_difference(cells, "recall", confidence=0.9).low < -0.05


N, K, PSI = 600, 8, 0.05  # violating items, categories, discordance of equal systems


def _tables(rng, loss, n_runs, n_positives=N):
    """Paired tables (n_runs, K, 8): recall .90, 5,400 non-violating items with FPR .01, one category loses recall."""
    tables = np.zeros((n_runs, K, 8), dtype=np.int64)
    for category in range(K):
        drop = loss if category == 0 else 0.0
        gain, lost = (PSI - drop) / 2 if drop < PSI else 0.0, (PSI + drop) / 2 if drop < PSI else drop
        positive = [0.1 - gain, gain, lost, 0.9 - lost]
        tables[:, category, 4:] = rng.multinomial(n_positives, positive, size=n_runs)
        tables[:, category, :4] = rng.multinomial(9 * n_positives, [0.9875, 0.0025, 0.0025, 0.0075], size=n_runs)
    return tables


def _f1(tables, bit):
    flagged = [cell for cell in range(8) if cell & bit]
    tp = tables[..., [cell for cell in flagged if cell >= 4]].sum(axis=-1)
    return 2 * tp / (tables[..., 4:].sum(axis=-1) + tables[..., flagged].sum(axis=-1))


def _gate_ships(tables):
    specs = [CheckSpec(f"c{i}", "recall", "critical", margin=0.05) for i in range(K)]
    return np.mean(
        [
            decide_gate([(s, CheckEvidence(c, c)) for s, c in zip(specs, run, strict=True)], seed=0).verdict == "PASS"
            for run in tables
        ]
    )


def _rules_ship(tables):
    """P(ship) under rules that are simpler than the gate."""
    f1_a, f1_b = _f1(tables, 2), _f1(tables, 1)
    lost, gained = tables[..., [1, 6]].sum(axis=-1), tables[..., [2, 5]].sum(axis=-1)
    n_positives, n = tables[..., 4:].sum(axis=-1), tables.sum(axis=(1, 2))
    low_a, _ = proportion_confint(tables[..., [6, 7]].sum(axis=-1), n_positives, method="wilson")
    _, high_b = proportion_confint(tables[..., [5, 7]].sum(axis=-1), n_positives, method="wilson")
    accuracy = (gained - lost).sum(axis=1) / n
    spread = ((gained + lost).sum(axis=1) / n - accuracy**2) / (n - 1)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(spread)
    pairs = zip(gained, lost, strict=True)
    return {
        "any category F1 is lower": (f1_b >= f1_a).all(axis=1).mean(),
        "macro F1 is lower": (f1_b.mean(axis=1) >= f1_a.mean(axis=1)).mean(),
        "macro F1 drops > .01": (f1_b.mean(axis=1) >= f1_a.mean(axis=1) - 0.01).mean(),
        "any category F1 drops > .01": (f1_b >= f1_a - 0.01).all(axis=1).mean(),
        "unpaired intervals are disjoint": (high_b >= low_a).all(axis=1).mean(),
        "McNemar on accuracy p < .05": np.mean(
            [all(mcnemar_midp(int(g), int(x)) >= 0.05 for g, x in zip(*one, strict=True)) for one in pairs]
        ),
        "accuracy difference not inside 1.5 points": (np.abs(accuracy) + half < 0.015).mean(),
    }


@pytest.mark.no_cover
@pytest.mark.parametrize("n_runs", [12, pytest.param(250, marks=pytest.mark.slow)])
def test_chance_to_ship_of_the_gate(n_runs):
    rng = np.random.default_rng(1)
    equal, five, ten = (_gate_ships(_tables(rng, loss, n_runs)) for loss in (0.0, 0.05, 0.10))
    slack = 0.03 if n_runs > 100 else 0.12
    assert equal >= 1 - slack
    assert five <= 0.04 + slack
    assert ten <= slack / 10


# P(ship) when all are equal, one category loses its margin of 5 points, one loses 10. Where a figure rests on the
# numbers of non-violating items and of their disagreements, which these tables fix at 9 to 1 and half a percent, the
# published design had .09 and .94 (macro F1), and .71 and .14 (McNemar).
SIMPLER_RULES = {
    "any category F1 is lower": (0.00, 0.00, 0.00),
    "macro F1 is lower": (0.50, 0.06, 0.00),
    "macro F1 drops > .01": (1.00, 1.00, 0.87),
    "any category F1 drops > .01": (0.62, 0.02, 0.00),
    "unpaired intervals are disjoint": (1.00, 0.64, 0.00),
    "McNemar on accuracy p < .05": (0.68, 0.01, 0.00),
    "accuracy difference not inside 1.5 points": (1.00, 1.00, 1.00),
}


@pytest.mark.parametrize("n_runs", [300, pytest.param(4_000, marks=pytest.mark.slow)])
def test_chance_to_ship_of_simpler_rules(n_runs):
    """The mean hides a category, disjoint intervals let one through, and one uncorrected test each blocks equals."""
    rng = np.random.default_rng(1)
    found = [_rules_ship(_tables(rng, loss, n_runs)) for loss in (0.0, 0.05, 0.10)]
    slack = 0.03 + 3 * (0.5 / np.sqrt(n_runs) if n_runs < 1_000 else 0)
    for rule, expected in SIMPLER_RULES.items():
        assert [one[rule] for one in found] == pytest.approx(expected, abs=slack), rule
