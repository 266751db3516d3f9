"""The rate of a server that tells none, against a token bucket: found, kept, followed, not hunted."""

import pytest

from harness.runner.pace import DISPROVED, LONGEST_STAY, LearntPace
from harness.runner.places import Ticket


class Allowance:
    """What a server gives: ``rate`` calls a second, ``burst`` of them saved up."""

    def __init__(self, rate, burst):
        self.rate, self.burst, self.left, self.at = rate, burst, float(burst), 0.0
        self.n_given = self.n_refused = self.n_asked = 0

    def asked(self, now):
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        is_given = self.left >= 1.0
        self.left -= is_given
        self.n_asked += 1
        self.n_given += is_given
        self.n_refused += not is_given
        return is_given


def ask(pace, server, start, end):
    """Ask as fast as the pace allows; the first 429 stops everything for a second."""
    now = start
    while now < end:
        if (wait_s := pace.wait_s(now)) > 0.0:
            now += wait_s + 1e-6
            continue
        pace.take(now)
        if not server.asked(now):
            was_known = pace.is_known
            pace.on_rate_limit(Ticket(server.n_asked, now, 1), now, is_rate=True)
            now += 0.0 if was_known else 1.0
        now += 0.002
    return now


def test_nothing_is_slowed_before_a_429():
    pace = LearntPace()
    for _ in range(1000):
        assert pace.wait_s(1.0) == 0.0
        pace.take(1.0)
    assert not pace.is_known


def test_429s_that_tell_of_something_else_teach_nothing():
    pace = LearntPace()
    for second in range(1, 50):
        for _ in range(20):
            pace.take(float(second))
        pace.on_rate_limit(Ticket(20 * second, float(second), 1), float(second), is_rate=False)
    assert not pace.is_known
    assert pace.wait_s(50.0) == 0.0


@pytest.mark.parametrize("rate", [5.0, 10.0, 25.0])
@pytest.mark.parametrize("burst", [1, 3, 5, 20, 100])
def test_the_rate_is_found_and_used_almost_whole(rate, burst):
    pace, server = LearntPace(), Allowance(rate, burst)
    ask(pace, server, 0.0, 150.0)
    assert pace.per_minute == pytest.approx(60.0 * rate, rel=0.05)
    server.n_given = server.n_refused = 0
    ask(pace, server, 150.0, 450.0)
    assert server.n_given >= 0.97 * rate * 300.0
    assert server.n_refused <= 0.01 * server.n_given


def test_a_rate_that_falls_or_rises_is_followed():
    pace, server = LearntPace(), Allowance(20.0, 20)
    ask(pace, server, 0.0, 60.0)
    server.rate = 8.0
    ask(pace, server, 60.0, 120.0)
    assert pace.per_minute == pytest.approx(480.0, rel=0.1)
    server.rate = 24.0
    ask(pace, server, 120.0, 320.0)  # it stays a while at what was learnt, then goes beyond it ever faster
    server.n_given = 0
    ask(pace, server, 320.0, 380.0)
    assert server.n_given >= 0.9 * 24.0 * 60.0


def test_what_is_learnt_is_tried_again_seldom():
    pace, server = LearntPace(), Allowance(10.0, 10)
    now = ask(pace, server, 0.0, 200.0)
    server.n_given = server.n_refused = 0
    ask(pace, server, now, now + 600.0)
    assert server.n_refused <= server.n_given / LONGEST_STAY + 1


def test_429s_of_one_moment_are_one_measure():
    pace = LearntPace()
    learnt = []
    for second, number in ((1.0, 0), (11.0, 106)):
        for _ in range(106):
            pace.take(second)
        tickets = [Ticket(number + 101 + late, second, 1) for late in range(6)]
        learnt += [pace.on_rate_limit(one, second + 0.1, is_rate=True) for one in tickets]
    assert learnt == [False] * 6 + [True] + [False] * 5
    assert pace.per_minute == pytest.approx(600.0, rel=0.05)  # a hundred in ten seconds, and six refusals taken off


def test_a_rate_is_dropped_where_429s_come_of_calls_that_it_did_not_hold_back():
    pace, server = LearntPace(), Allowance(10.0, 10)
    now = ask(pace, server, 0.0, 30.0)
    assert pace.is_known
    for late in range(1, DISPROVED + 1):
        pace.on_rate_limit(Ticket(server.n_asked + late, now + late, 1), now + late, is_rate=False)
    assert pace.wait_s(now + 10.0) == 0.0


def test_an_early_429_lowers_what_was_learnt_a_little():
    pace, server = LearntPace(), Allowance(10.0, 10)
    now = ask(pace, server, 0.0, 100.0)
    before = pace.per_minute
    while pace.wait_s(now) > 0.0:
        now += 0.01
    pace.take(now)
    pace.on_rate_limit(Ticket(server.n_asked + 1, now, 1), now, is_rate=True)
    assert 0.95 * before < pace.per_minute <= before
