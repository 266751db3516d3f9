"""Allowances that come back as a whole, told by nobody: minutes that begin anew, and the last sixty seconds."""

import pytest
from simulated_limits import Case, Outage, TokenBucket, Window, simulate

from harness.runner.windows import LEAST, MINUTE_S, SHORTEST_HOLD_S
from harness.runner.windows import Window as Learnt


@pytest.mark.parametrize("latency_s", [0.05, 1.0])
@pytest.mark.parametrize("is_sliding", [False, True])
@pytest.mark.parametrize(("headers", "most_429"), [("none", 0.0125), ("retry-after", 0.008)])
def test_600_a_minute_are_used_whole(latency_s, is_sliding, headers, most_429):
    """Between 24 and 92 % were used where the minute slides or answers are slow, with up to 3.1 % answered 429."""
    told = simulate(Case(Window(600, is_sliding), latency_s, 0.3, headers, n_items=3000))
    assert told.use >= 0.95
    assert told.share_429 <= most_429


@pytest.mark.parametrize("is_sliding", [False, True])
def test_windows_of_another_length_are_found(is_sliding):
    told = simulate(Case(Window(100, is_sliding, 10.0), 0.05, 0.3))
    assert told.use >= 0.95
    assert told.share_429 <= 0.03


@pytest.mark.parametrize("latency_s", [0.05, 1.0])
@pytest.mark.parametrize("is_sliding", [False, True])
def test_a_window_of_a_second_that_is_told_is_used_whole(latency_s, is_sliding):
    """Its limit was read as one a minute: 14 to 20 % were used."""
    told = simulate(Case(Window(10, is_sliding, 1.0, is_window_told=True), latency_s, 0.3, "always"))
    assert told.use >= 0.95
    assert told.share_429 < 0.01


@pytest.mark.parametrize(("is_sliding", "least"), [(False, 0.99), (True, 0.9)])
def test_a_limit_that_is_told_to_be_back_sooner_than_in_a_minute_is_asked_for_then(is_sliding, least):
    told = simulate(Case(Window(10, is_sliding, 1.0), 0.05, 0.3, "always"))
    assert told.use >= least
    assert told.share_429 < 0.01


@pytest.mark.parametrize("n", [5, 200])
@pytest.mark.parametrize("lasts_s", [3.0, 30.0])
def test_a_server_that_was_down_is_not_slowed_by_what_it_took_before(n, lasts_s):
    told = simulate(Case(Outage(n, lasts_s), 0.05, 0.3))
    assert told.span_s <= 1.4 * lasts_s + 5.0


def test_a_bucket_is_no_window():
    limiter = simulate(Case(TokenBucket(2.0, 100), 0.05, 0.3)).limiter
    assert "measured requests" in [note["reason"] for note in limiter.history]


def gone(taken):
    """An allowance of sixteen that is gone, and was asked for in vain."""
    window = Learnt(taken)
    for number in range(LEAST):
        window.take(number / 8.0)
        taken.append(number / 8.0)
    window.refused(LEAST, 3.0, 3.0)
    for at in (3.5, 4.5, 6.0):
        window.take(at)
        window.refused(0, at, at)
    return window


def test_calls_start_once_those_before_them_are_old_enough():
    taken = []
    window = gone(taken)
    for at in (10.0, 10.5):
        window.take(at)
        taken.append(at)
    assert window.is_known
    assert window.wait_s(10.5) <= 0.0  # the third was let through at 0.25; the time lies between 6 and 10 seconds
    taken.extend(10.5 + number / 8.0 for number in range(1, LEAST - 1))
    assert window.wait_s(15.0) == pytest.approx(10.0 + (6.0 + 10.0) / 2.0 - 15.0)


def test_a_call_beyond_the_allowance_that_is_taken_ends_it():
    taken = []
    window = gone(taken)
    for number in range(LEAST + 3):
        at = 10.0 + number / 8.0
        window.take(at)
        taken.append(at)
    assert not window.is_known


def test_one_call_asks_when_a_minute_is_over():
    window = gone(taken := [])
    at = 6.0
    while at < MINUTE_S:
        at += window.wait_s(at)
        window.take(at)
        window.refused(0, at, at)
    assert (at, len(taken)) == (MINUTE_S, LEAST)


def test_a_wait_that_is_asked_for_is_kept_and_stands_for_calls_in_vain():
    taken = [0.0] * LEAST
    window = Learnt(taken)
    window.refused(LEAST, 1.0, 1.0, 20.0)
    assert window.wait_s(1.0) == 20.0
    for at in (21.0, 21.5):
        window.take(at)
        taken.append(at)
    assert window.is_known


def test_a_short_wait_grows_by_half():
    window = gone([])
    assert window.wait_s(6.0) == pytest.approx(SHORTEST_HOLD_S * 1.5**2)
