import math

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as fleiss_oracle

from harness.core.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, vote_counts
from harness.core.annotators import dawid_skene, gold_against_majority, human_ceiling, majority_labels


def _rng(seed=0):
    return np.random.default_rng(seed)


def _votes(seed=0, n_items=150, n_annotators=4, n_values=2, missing=0.25):
    rng = _rng(seed)
    truth = rng.integers(0, n_values, n_items)
    votes = np.where(
        rng.random((n_items, n_annotators)) < 0.25, rng.integers(0, n_values, (n_items, n_annotators)), truth[:, None]
    )
    return np.where(rng.random(votes.shape) < missing, -1, votes)


@pytest.mark.parametrize("n_values", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_alpha_equals_krippendorff_package(n_values, seed):
    votes = _votes(seed, n_values=n_values)
    data = np.where(votes < 0, np.nan, votes).T
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert krippendorff_alpha(votes, rng=_rng(), n_resamples=50).value == pytest.approx(expected, abs=1e-12)


def test_alpha_matches_published_example():
    # Krippendorff (2004), Content Analysis, p. 230: 12 units, 4 observers, nominal alpha .743
    star = -1
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, star, star, star],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, star, 3],
        [star, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, star],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, star],
    ]
    assert krippendorff_alpha(np.array(observers).T, rng=_rng(), n_resamples=50).value == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("seed", range(5))
def test_fleiss_equals_statsmodels(seed):
    votes = _votes(seed, n_values=3, missing=0.0)
    expected = fleiss_oracle(aggregate_raters(votes)[0])
    assert fleiss_kappa(votes, rng=_rng(), n_resamples=50).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_cohen_equals_scikit_learn(seed):
    votes = _votes(seed, n_annotators=2, n_values=3, missing=0.0)
    expected = cohen_kappa_score(votes[:, 0], votes[:, 1])
    assert cohen_kappa(votes[:, 0], votes[:, 1], rng=_rng(), n_resamples=50).value == pytest.approx(expected, abs=1e-12)


COEFFICIENTS = {
    "alpha": krippendorff_alpha,
    "fleiss": fleiss_kappa,
    "cohen": lambda votes, **options: cohen_kappa(votes[:, 0], votes[:, 1], **options),
}


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_coefficient_has_no_value_without_variation_or_pairs(name):
    same = COEFFICIENTS[name](np.ones((20, 2), int), rng=_rng())
    assert math.isnan(same.value)
    assert same.reason == "every vote is the same"
    single = COEFFICIENTS[name](np.array([[1, -1], [-1, 0]]), rng=_rng())
    assert single.reason == "no item has two votes"
    assert single.n_excluded == 2


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_coefficient_ignores_label_names_and_item_order(name):
    votes = _votes(1, n_annotators=2, missing=0.0)
    there = COEFFICIENTS[name](votes, rng=_rng(), n_resamples=50).value
    assert COEFFICIENTS[name](1 - votes, rng=_rng(), n_resamples=50).value == pytest.approx(there)
    assert COEFFICIENTS[name](votes[::-1], rng=_rng(), n_resamples=50).value == pytest.approx(there)


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_coefficient_bootstrap_agrees_with_resampling_items(name):
    votes = _votes(2, n_annotators=2, missing=0.0)
    result = COEFFICIENTS[name](votes, rng=_rng(), n_resamples=4000)
    rng, draws = _rng(1), []
    for _ in range(300):
        rows = rng.integers(0, len(votes), len(votes))
        draws.append(COEFFICIENTS[name](votes[rows], rng=rng, n_resamples=1).value)
    assert (result.low, result.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.04)


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_same_seed_same_interval(name):
    results = [COEFFICIENTS[name](_votes(3, n_annotators=2), rng=_rng(0)) for _ in range(2)]
    assert results[0] == results[1]


def test_votes_must_be_codes():
    with pytest.raises(ValueError, match="votes"):
        vote_counts(np.array([0.5]))


def test_majority_leaves_ties_open():
    votes = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, -1, -1, -1], [-1, -1, -1, -1]])
    assert majority_labels(votes).tolist() == [-1, 1, 0, -1]
    assert gold_against_majority(np.array([1, 1, 1, -1]), votes).value == 0.5


def test_human_ceiling_judges_each_vote_against_the_others():
    # by hand: item 1: votes 1 1 0; leaving out each: others (1,0) tie, (1,0) tie, (1,1) -> the 0 is a miss
    result = human_ceiling(np.array([[1, 1, 0], [1, 1, 1]]), "recall")
    assert result.value == 0.75
    assert result.n == 4
    assert math.isnan(human_ceiling(np.zeros((5, 3), int), "recall").value)
    with pytest.raises(ValueError, match="metric"):
        human_ceiling(np.zeros((5, 3), int), "mcc")


def test_dawid_skene_finds_the_bad_annotator_and_beats_the_majority():
    rng = _rng(5)
    truth = rng.random(3000) < 0.3
    sensitivity, specificity = np.array([0.95, 0.9, 0.9, 0.55, 0.5]), np.array([0.98, 0.95, 0.97, 0.7, 0.7])
    p = np.where(truth[:, None], sensitivity, 1 - specificity)
    votes = (rng.random(p.shape) < p).astype(np.int8)
    fitted = dawid_skene(votes)
    assert fitted.sensitivity == pytest.approx(sensitivity, abs=0.05)
    assert fitted.specificity == pytest.approx(specificity, abs=0.03)
    assert fitted.prevalence == pytest.approx(0.3, abs=0.03)
    assert np.mean((fitted.probability > 0.5) == truth) > np.mean((majority_labels(votes) == 1) == truth)


def test_dawid_skene_says_nothing_about_items_without_votes():
    assert np.isnan(dawid_skene(np.array([[1, 1], [-1, -1]])).probability).tolist() == [False, True]
