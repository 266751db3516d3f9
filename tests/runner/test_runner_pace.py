"""The rate of a server that tells none, against a token bucket: found, kept, followed, not hunted."""

import pytest

from harness.runner.pace import LONGEST_STAY_S, LearntPace


class Allowance:
    """What a server gives: ``rate`` calls a second, ``burst`` of them saved up."""

    def __init__(self, rate, burst):
        self.rate, self.burst, self.left, self.at = rate, burst, float(burst), 0.0
        self.n_given = self.n_refused = 0

    def asked(self, now):
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        is_given = self.left >= 1.0
        self.left -= is_given
        self.n_given += is_given
        self.n_refused += not is_given
        return is_given


def ask(pace, server, start, end):
    """Ask as fast as the pace allows; the first 429s stop everything for a second, as the limiter does."""
    now = start
    while now < end:
        if (wait_s := pace.wait_s(now)) > 0.0:
            now += wait_s + 1e-6
            continue
        pace.take(now)
        if not server.asked(now):
            was_known = pace.is_known
            pace.on_rate_limit(now, is_state=True)
            now += 0.0 if was_known else 1.0
        now += 0.002
    return now


def test_nothing_is_slowed_before_a_429():
    pace = LearntPace()
    for _ in range(1000):
        assert pace.wait_s(1.0) == 0.0
        pace.take(1.0)
    assert not pace.is_known


def test_single_429s_before_any_burst_teach_nothing():
    pace = LearntPace()
    for second in range(1, 50):
        for _ in range(20):
            pace.take(float(second))
        pace.on_rate_limit(float(second), is_state=False)
    assert not pace.is_known


@pytest.mark.parametrize("rate", [5.0, 10.0, 25.0])
@pytest.mark.parametrize("burst", [1, 3, 5, 20, 100])
def test_the_rate_is_found_and_used_almost_whole(rate, burst):
    pace, server = LearntPace(), Allowance(rate, burst)
    ask(pace, server, 0.0, 150.0)
    assert pace.per_minute == pytest.approx(60.0 * rate, rel=0.15)
    server.n_given = server.n_refused = 0
    ask(pace, server, 150.0, 450.0)
    assert server.n_given >= 0.95 * rate * 300.0
    assert server.n_refused <= max(0.01 * server.n_given, 12)


def test_a_rate_that_falls_or_rises_is_followed():
    pace, server = LearntPace(), Allowance(20.0, 20)
    ask(pace, server, 0.0, 60.0)
    server.rate = 8.0
    ask(pace, server, 60.0, 120.0)
    assert pace.per_minute == pytest.approx(480.0, rel=0.1)
    server.rate, server.n_given = 24.0, 0
    ask(pace, server, 120.0, 320.0)  # it stays a while at what was learnt, then goes beyond it ever faster
    server.n_given = 0
    ask(pace, server, 320.0, 380.0)
    assert server.n_given >= 0.9 * 24.0 * 60.0


def test_what_is_learnt_again_is_tried_ever_more_seldom():
    pace, server = LearntPace(), Allowance(10.0, 10)
    found = []
    now = 0.0
    while now < 900.0:
        before = server.n_refused
        now = ask(pace, server, now, now + 10.0)
        found.append(server.n_refused - before)
    assert sum(found[-30:]) <= 300.0 / LONGEST_STAY_S + 1


def test_429s_of_one_moment_are_one_measure():
    pace = LearntPace()
    learnt = []
    for second in (1.0, 11.0):
        for _ in range(106):
            pace.take(second)
        learnt += [pace.on_rate_limit(second + 0.001 * late, is_state=True) for late in range(6)]
    assert learnt == [False] * 6 + [True] + [False] * 5
    assert pace.per_minute == pytest.approx(600.0)  # a hundred let through in ten seconds, all six refusals taken off


def test_a_rate_that_was_learnt_far_too_low_is_left_quickly_where_little_is_saved_up():
    """Learnt while hardly anything was asked: an endpoint without a burst came up by two percent a time."""
    pace, server = LearntPace(), Allowance(10.0, 1)
    now = 0.0
    for second in range(8):  # two calls a second, at the same moment
        for _ in range(2):
            pace.take(float(second))
            if not server.asked(float(second)):
                pace.on_rate_limit(float(second), is_state=True)
        now = float(second)
    assert 0.0 < pace.per_minute < 100.0
    ask(pace, server, now, 100.0)
    assert pace.per_minute > 540.0
    server.n_given = server.n_refused = 0
    ask(pace, server, 100.0, 400.0)
    assert server.n_given >= 0.95 * 10.0 * 300.0
    assert server.n_refused <= 0.01 * server.n_given
