"""Bands with a person between them: what is promised of what nobody looks at, and that it holds on new data."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from harness.core.bands import BandGoal, joined_edges, pass_edge, read_bands, remove_edge
from harness.core.thresholds import certified_threshold


def drawn(rng, n, kind="good", prevalence=0.3):
    gold = (rng.random(n) < prevalence).astype(int)
    score = rng.normal(gold * 1.6, 1.0)
    if kind == "ties":
        score = np.round(score)
    if kind == "trap":  # some harmless items score highest of all
        score = np.where((rng.random(n) < 0.03) & (gold == 0), rng.normal(4, 0.3, n), score)
    return gold, score


def test_missed_is_the_certified_recall():
    gold, score = drawn(np.random.default_rng(1), 300)
    edge = pass_edge(gold, score, BandGoal("missed", 0.1), delta=0.05, n_promises=2)
    promise = certified_threshold(gold, score, min_recall=0.9, delta=0.05, n_categories=2)
    assert edge.value == promise.value
    assert remove_edge(gold, score, BandGoal("missed", 0.1), delta=0.05) is None


def test_overblocked_mirrors_missed():
    # mirrored, the band `score >= above` is `-score < value`: the next score above the certified one
    gold, score = drawn(np.random.default_rng(2), 300)
    edge = remove_edge(gold, score, BandGoal("overblocked", 0.1), delta=0.05)
    mirrored = pass_edge(1 - gold, -score, BandGoal("missed", 0.1), delta=0.05)
    assert edge.value == score[score > -mirrored.value].min()
    removed = (gold == 0) & (score >= edge.value)
    assert binom.cdf(removed.sum(), (gold == 0).sum(), 0.1) <= 0.05


def test_overblocked_needs_29_harmless_items_for_a_tenth():
    gold, score = np.zeros(28, dtype=int), np.linspace(0.1, 0.9, 28)
    assert remove_edge(gold, score, BandGoal("overblocked", 0.1), delta=0.05) == (math.inf, 28, 29)
    gold, score = np.append(np.zeros(29, dtype=int), 1), np.append(np.linspace(0.1, 0.8, 29), 0.9)
    assert remove_edge(gold, score, BandGoal("overblocked", 0.1), delta=0.05).value == 0.9


def test_error_band_ends_before_the_test_stops_rejecting():
    # 100 right and then 100 wrong ones: k of the highest hold 100 right; the band of n rests on Bin(n, .1) <= wrong
    gold, score = np.repeat([1, 0], 100), np.linspace(1.0, 0.0, 200)
    edge = remove_edge(gold, score, BandGoal("error", 0.1), delta=0.05)
    n = int((score >= edge.value).sum())
    # starts at 52, 104 (a third would begin beyond 200 at a quarter of the level), each at .025 or less
    assert 100 <= n <= 110
    assert binom.cdf(n - 100, n, 0.1) <= 0.025


def test_tied_scores_stay_together():
    gold, score = np.array([1] * 60 + [0] * 60), np.array([0.9] * 60 + [0.2] * 60)
    assert remove_edge(gold, score, BandGoal("error", 0.1), delta=0.05).value == 0.9
    assert pass_edge(gold, score, BandGoal("error", 0.1), delta=0.05).value == 0.9
    read = read_bands(gold, score, 0.9, 0.9)
    assert (read.passed, read.removed, read.to_person) == (60, 60, 0)


def test_bands_that_would_overlap_meet_where_fewest_are_wrong():
    gold, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.5, 0.9])
    assert joined_edges(gold, score, [0.9], [0.1]) == (0.5, 0.5)
    assert joined_edges(gold, score, [0.2], [0.8]) == (0.2, 0.8)
    assert joined_edges(gold, score, [], []) == (-math.inf, math.inf)
    assert joined_edges(gold, score, [0.2, 0.1], [0.8, 0.9]) == (0.1, 0.9)


def test_reading_adds_up_and_scoreless_items_go_to_a_person():
    gold = np.array([1, 1, 0, 0, -1, 1])
    read = read_bands(gold, np.array([0.1, 0.9, 0.95, 0.5, 0.5, np.nan]), 0.2, 0.9)
    assert (read.n, read.passed, read.removed, read.to_person) == (5, 1, 2, 2)
    assert (read.missed.value, read.overblocked.value, read.error.value) == (1 / 3, 1 / 2, 2 / 3)
    assert read.share.value == 0.4


def test_nothing_without_a_person_has_no_error():
    read = read_bands(np.array([1, 0]), np.array([0.1, 0.9]), -math.inf, math.inf)
    assert math.isnan(read.error.value)
    assert read.missed.value == read.overblocked.value == 0


@pytest.mark.parametrize("value", [0, 1, -0.1, math.nan])
def test_shares_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="need value"):
        pass_edge(np.array([1]), np.array([0.5]), BandGoal("missed", value), delta=0.05)


def test_unknown_kind_and_crossed_bands_are_refused():
    with pytest.raises(ValueError, match="missed, overblocked, error"):
        remove_edge(np.array([1]), np.array([0.5]), BandGoal("recall", 0.1), delta=0.05)
    with pytest.raises(ValueError, match="must not lie above"):
        read_bands(np.array([1]), np.array([0.5]), 0.9, 0.1)


def broken(goal, kind, n, n_runs, seed):
    """How often a promise made at delta .1 fails on a population of 200,000."""
    rng = np.random.default_rng(seed)
    gold, score = drawn(rng, 200_000, kind)
    failed = 0
    for _ in range(n_runs):
        y_true, y_score = drawn(rng, n, kind)
        edges = (
            f(y_true, y_score, goal, delta=0.1, n_promises=1 + (goal.kind == "error")) for f in (pass_edge, remove_edge)
        )
        low, high = (default if edge is None else edge.value
                     for edge, default in zip(edges, (-math.inf, math.inf), strict=True))  # fmt: skip
        read = read_bands(gold, score, *joined_edges(y_true, y_score, [low], [high]))
        result = {"missed": read.missed, "overblocked": read.overblocked, "error": read.error}[goal.kind]
        failed += result.value > goal.value
    return failed / n_runs


def test_promises_hold_on_new_data():
    # the level is .1; with 100 runs .1 + 3 SE is .19
    assert broken(BandGoal("missed", 0.1), "good", 300, 100, 3) <= 0.19
    assert broken(BandGoal("error", 0.1), "trap", 300, 100, 4) <= 0.19


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["good", "ties", "trap"])
@pytest.mark.parametrize("goal", [BandGoal("missed", 0.1), BandGoal("overblocked", 0.05), BandGoal("error", 0.1)])
@pytest.mark.parametrize("n", [200, 1000])
def test_promises_hold_on_new_data_in_long_runs(goal, kind, n):
    assert broken(goal, kind, n, 1000, n) <= 0.1 + 3 * math.sqrt(0.09 / 1000)
