"""429s that tell of a limit, and those that come whatever is done."""

import random

import pytest

from harness.runner.accidents import CERTAIN, RARE, Accidents


def odds_of(accidents, calls, *, is_tried=False):
    """The odds after the last of these calls; True stands for a refusal."""
    odds = 1.0
    for number, is_refused in calls:
        if is_refused:
            odds = accidents.refused(number, is_tried=is_tried)
        else:
            accidents.answered()
    return odds


@pytest.mark.parametrize(
    ("refused", "is_certain"),
    [((1,), False), ((1, 2), False), ((1, 2, 3), True), ((1, 3, 5), False), ((1, 20, 40), False)],
)
def test_refusals_one_after_the_other_are_a_limit(refused, is_certain):
    accidents = Accidents()
    assert (odds_of(accidents, [(one, True) for one in refused]) >= CERTAIN) is is_certain


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2, 0.3])
def test_what_is_refused_at_any_rate_is_learnt_and_seldom_taken_for_a_limit(share):
    accidents, rng, n_alarms = Accidents(), random.Random(0), 0
    for number in range(20_000):
        if rng.random() >= share:
            accidents.answered()
        elif accidents.refused(number, is_tried=False) >= CERTAIN:
            n_alarms += 1
            accidents.clear()
    assert accidents.share == pytest.approx(share, rel=0.6)
    assert n_alarms <= 8


def test_a_limit_that_refuses_half_is_seen_where_a_tenth_is_refused_at_any_rate():
    accidents = Accidents()
    odds_of(accidents, [(number, number % 10 == 0) for number in range(300)])
    assert odds_of(accidents, [(300 + number, number % 3 > 0) for number in range(60)]) >= CERTAIN


def test_a_burst_is_no_accident_once_it_is_taken_for_a_limit():
    accidents = Accidents()
    odds_of(accidents, [(number, number % 3 > 0) for number in range(12)])
    accidents.clear()
    assert accidents.are_rare


def test_what_was_tried_is_no_accident():
    accidents = Accidents()
    odds_of(accidents, [(number, True) for number in range(0, 400, 40)], is_tried=True)
    assert accidents.are_rare
    odds_of(accidents, [(number, True) for number in range(400, 800, 40)])
    assert accidents.share > RARE


def slowed_in_vain(accidents, outcomes):
    """Whether slowing calls is found to be in vain; every sixth refusal slows them again."""
    n_refused = 0
    for now, is_answered in enumerate(outcomes):
        if accidents.saw(now + 0.5, is_answered=is_answered):
            return True
        n_refused += not is_answered
        if not is_answered and n_refused % 6 == 1:
            accidents.slowed(now + 0.5, now + 0.6)
    return False


def test_it_is_in_vain_to_slow_calls_of_which_half_are_refused_as_before():
    """Of more than a third of the calls refusals were no chance: a run was slowed to one call in ten seconds."""
    accidents = Accidents()
    assert slowed_in_vain(accidents, [n % 2 == 0 for n in range(60)])
    assert accidents.share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("outcomes", [[False] * 99, [n % 20 > 0 for n in range(400)], [n % 5 > 0 for n in range(400)]])
def test_it_is_not_in_vain_where_nothing_or_most_is_answered(outcomes):
    assert not slowed_in_vain(Accidents(), outcomes)


def test_what_was_in_vain_takes_longer_to_be_so_again_where_more_is_refused_then():
    accidents = Accidents()
    half = [n % 2 == 0 for n in range(60)]
    slowed_in_vain(accidents, half)
    for n in range(40):
        accidents.saw(100.0 + n, is_answered=n % 20 == 0)
    accidents.slowed(150.0, 150.0)
    assert accidents.share < RARE
    assert not any(accidents.saw(200.0 + n, is_answered=one) for n, one in enumerate(half))
