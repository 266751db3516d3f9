"""Slices that fall with the whole say nothing of their own; one that falls beyond it is named, and few by chance."""

import dataclasses
import math

import numpy as np
import pytest

from harness.core.results import MetricResult
from harness.gating.findings.restated import moves_apart, restates
from harness.measure.slices import ALL_CATEGORIES, SliceChange, slice_changes

N_LANGUAGES = 40


def drawn(rng, n, lost, gained=0.006, own=0.0, group=1):
    """Recall 86% before in 40 languages of unequal size; ``own`` is lost in the first of them, ``lost`` elsewhere."""
    language = np.repeat(rng.choice(N_LANGUAGES, n // group, p=rng.dirichlet(np.ones(N_LANGUAGES))), group)
    before = np.repeat(rng.random(n // group) < 0.86, group)
    draw = np.repeat(rng.random(n // group), group)
    share = np.where(language == 0, own or lost, lost)
    after = np.where(before, draw >= share / 0.86, draw < gained / 0.14)
    places = {f"l{one:02d}": np.flatnonzero(language == one) for one in range(N_LANGUAGES) if (language == one).any()}
    gold = np.ones((n, 1), dtype=np.int8)
    rows = [one.astype(np.int8)[:, None, None] for one in (before, after)]
    clusters = None if group == 1 else np.arange(n) // group
    return slice_changes(("hate",), gold, *rows, {"language": places}, clusters)


def own(changes):
    """Languages that are worse by themselves, where the whole fell."""
    return {one.value for one in changes if one.q_value <= 0.1 and one.difference.value < 0 and moves_apart(one)}


def false_rate(seed, n_draws, **options):
    rng = np.random.default_rng(seed)
    return sum(bool(own(drawn(rng, **options))) for _ in range(n_draws)) / n_draws


def test_a_uniform_fall_over_forty_languages_names_one_no_oftener_than_the_nominal_rate():
    """Of 20 draws more than 5 would be false with p < 0.02 at the nominal 10%."""
    assert false_rate(1, 20, n=2_000, lost=0.06) <= 5 / 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"n": 8_000, "lost": 0.018},
        {"n": 3_000, "lost": 0.2},
        {"n": 2_000, "lost": 0.5, "gained": 0.0},
        {"n": 8_000, "lost": 0.004, "gained": 0.0},
        {"n": 3_000, "lost": 0.05, "group": 3},
    ],
    ids=str,
)
def test_the_nominal_rate_holds_for_every_size_of_fall(options):
    assert false_rate(2, 200, **options) <= 0.1 + 1.65 * math.sqrt(0.1 * 0.9 / 200)


def test_a_language_that_falls_beyond_a_small_fall_of_the_whole_is_its_own():
    """86% to 80% in one language while the whole fell by about a point."""
    rng = np.random.default_rng(3)
    language = np.repeat(np.arange(N_LANGUAGES), 400)
    before = rng.random(language.size) < 0.86
    after = before & (rng.random(language.size) >= np.where(language == 0, 0.07, 0.012))
    places = {f"l{one:02d}": np.flatnonzero(language == one) for one in range(N_LANGUAGES)}
    gold = np.ones((language.size, 1), dtype=np.int8)
    rows = [one.astype(np.int8)[:, None, None] for one in (before, after)]
    changes = slice_changes(("hate",), gold, *rows, {"language": places}, None)
    assert -0.02 < changes[0].whole < -0.01
    assert own(changes) == {"l00"}
    clusters = np.arange(language.size) // 2
    assert own(slice_changes(("hate",), gold, *rows, {"language": places}, clusters)) == {"l00"}


def test_a_language_of_which_nothing_is_caught_any_more_is_its_own():
    """No item of either part scatters: certain, not undefined."""
    before = np.ones((200, 1, 1), dtype=np.int8)
    after = before.copy()
    after[:40] = 0
    places = {"fr": np.arange(40), "de": np.arange(40, 200)}
    gold = np.ones((200, 1), dtype=np.int8)
    assert own(slice_changes(("hate",), gold, before, after, {"language": places}, None)) == {"fr"}


def test_a_slice_that_holds_every_item_of_the_category_has_no_rest():
    before = np.ones((60, 1, 1), dtype=np.int8)
    gold = np.repeat([1, 0], 30).astype(np.int8)[:, None]
    places = {"fr": np.arange(30), "de": np.arange(30, 60)}
    changes = slice_changes(("hate",), gold, before, 0 * before, {"language": places}, None)
    assert [math.isnan(one.p_rest) for one in changes] == [True] * 2
    assert own(changes) == set()


def change(place, difference, half=0.02, n=100, category="hate", apart=True, **rest):
    result = MetricResult(difference, difference - half, difference + half, n)
    none = MetricResult(0.8, 0.7, 0.9, n)
    q = 0.001 if apart else 0.5
    return SliceChange(*place, category, "recall", none, none, result, 0.001, 0.01, -0.012, q, q, **rest)


HINDI, NEGATION = ("language", "hi"), ("functionality", "hi_negation")


def test_a_slice_inside_another_restates_it_unless_it_moved_beyond_it():
    hindi = change(HINDI, -0.1, n=400)
    inside = change(NEGATION, -0.11, within=(HINDI,))
    assert restates([(inside, True), (hindi, True)]) == [True, False]
    assert restates([(inside, False), (hindi, False)]) == [True, False]
    assert restates([(change(NEGATION, -0.4, within=(HINDI,)), True), (hindi, True)]) == [False, False]
    assert restates([(inside, True), (dataclasses.replace(hindi, q_rest=0.5), True)]) == [False, True]


def test_a_slice_within_two_is_held_against_the_one_that_moved_most():
    """Beyond all of Hindi, but not beyond the Hindi comments it is part of."""
    hindi, comments = change(HINDI, -0.1, n=400), change(("kind", "comment"), -0.3, n=300, within=(HINDI,))
    inside = change(NEGATION, -0.31, within=(HINDI, ("kind", "comment")))
    assert restates([(inside, True), (comments, True), (hindi, True)]) == [True, False, False]


def test_of_two_slices_of_the_same_items_the_language_tells():
    both = [
        change(("country", "fr"), -0.1, within=(("language", "fr"),)),
        change(("language", "fr"), -0.1, within=(("country", "fr"),)),
    ]
    assert restates([(one, True) for one in both]) == [True, False]


def test_every_category_together_says_nothing_beside_one_that_is_named_there():
    french = ("language", "fr")
    together = change(french, -0.1, category=ALL_CATEGORIES, n=300)
    assert restates([(together, True), (change(french, -0.1), True)]) == [True, False]
    assert restates([(together, True), (change(french, -0.1, apart=False), True)]) == [False, True]


def test_what_rises_is_not_told_by_what_falls_nor_an_unknown_rest_by_anything():
    assert not moves_apart(change(HINDI, 0.1, apart=False))
    assert moves_apart(change(HINDI, 0.1))
    assert not moves_apart(dataclasses.replace(change(HINDI, -0.1), q_rest=math.nan))
    assert not moves_apart(change(HINDI, -0.02))  # its interval holds the change of the whole
