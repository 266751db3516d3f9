"""Servers that say 503 or 529: those that limit what they take are put off to, those that are down are not."""

import asyncio
import copy
import random
from collections import Counter

import pytest
from runner_fakes import FakeGolden, answer, failure, make_request, run, text_of
from simulated_limits import AtOnce, Outage, TokenBucket, Unlimited

from harness.records import Limits
from harness.runner.busy import Busy, Refusal
from harness.runner.places import Ticket

MAX_RETRIES = 6


class Server:
    """Refuses what a server of the simulation does not take, after 10 ms; and of some texts every call."""

    def __init__(self, server, latency_s=0.05, statuses=(503,), headers=None, mute=(), faults=0.0, seed=0):
        self.server, self.latency_s, self.statuses, self.headers = copy.deepcopy(server), latency_s, statuses, headers
        self.mute, self.faults, self.rng = {f"text number {one}" for one in mute}, faults, random.Random(seed)
        self.calls, self.n_refused = Counter(), 0

    async def post(self, endpoint, route, body, timeout_s):
        text = text_of(body)
        self.calls[text] += 1
        is_mute = text in self.mute or self.rng.random() < self.faults
        if not is_mute and self.server.takes(asyncio.get_running_loop().time()):
            await asyncio.sleep(self.latency_s * self.rng.uniform(0.8, 1.2))
            self.server.ended()
            return answer()
        self.n_refused += 1
        await asyncio.sleep(0.01)
        return failure(self.rng.choice(self.statuses), "busy", headers=self.headers)

    async def close(self):
        pass


def asked(tmp_path, server, n=600, concurrency=64, seed=0):
    summary = run(
        make_request(tmp_path, FakeGolden(n), limits=Limits(concurrency=concurrency)), server, rng=random.Random(seed)
    )
    return dict(summary.counts["v1"]), summary.wall_s


@pytest.mark.parametrize(
    ("server", "more", "most_refused", "most_s"),
    [
        (TokenBucket(10.0, 1), {}, 0.25, 80),
        (TokenBucket(10.0, 20), {}, 0.25, 65),
        (TokenBucket(10.0, 20), {"latency_s": 1.0}, 0.4, 65),
        (TokenBucket(10.0, 10), {"statuses": (529,)}, 0.25, 65),
        (TokenBucket(10.0, 10), {"headers": {"retry-after": "1"}}, 0.25, 65),
        (TokenBucket(10.0, 10), {"statuses": (429, 503)}, 0.25, 65),
        (AtOnce(10), {"latency_s": 1.0}, 0.4, 90),
        (AtOnce(2), {"latency_s": 1.0}, 0.55, 480),
    ],
)
def test_a_server_that_limits_by_503_loses_no_item(tmp_path, server, more, most_refused, most_s):
    """Of 600 items a fifth to three quarters ended as errors, and 82 to 96 % of the calls were refused."""
    counts, wall_s = asked(tmp_path, busy := Server(server, **more))
    assert counts == {"ok": 600}
    assert busy.n_refused <= most_refused * busy.calls.total()
    assert wall_s <= most_s


def test_few_places_that_are_limited_by_503_lose_no_item(tmp_path):
    counts, _ = asked(tmp_path, busy := Server(TokenBucket(10.0, 1)), concurrency=4)
    assert counts == {"ok": 600}
    assert busy.n_refused <= 0.1 * busy.calls.total()


@pytest.mark.parametrize("latency_s", [0.05, 1.0])
def test_a_server_that_dies_is_asked_no_more_often_than_after_any_fault(tmp_path, latency_s):
    """Its 503s taken for 429s, the run took 110,000 s."""
    counts, wall_s = asked(tmp_path, dead := Server(Outage(100, 1e9), latency_s))
    assert counts == {"ok": 100, "error": 500}
    assert dead.calls.total() == 100 + 500 * (1 + MAX_RETRIES)
    assert wall_s <= 85


def test_a_server_that_limits_and_then_dies_ends_soon(tmp_path):
    class LimitedThenDead(TokenBucket):
        def takes(self, now):
            return now < 1020.0 and super().takes(now)

    counts, wall_s = asked(tmp_path, Server(LimitedThenDead(10.0, 10)))
    assert counts["ok"] >= 180
    assert wall_s <= 160


def test_a_server_that_is_back_after_half_a_minute_is_no_limit(tmp_path):
    counts, wall_s = asked(tmp_path, down := Server(Outage(100, 30.0)))
    assert counts["ok"] >= 400
    assert max(down.calls.values()) == 1 + MAX_RETRIES
    assert wall_s <= 50


def test_a_text_that_is_always_refused_ends_as_its_own_error(tmp_path):
    counts, wall_s = asked(tmp_path, odd := Server(Unlimited(), mute=[300]))
    assert counts == {"ok": 599, "error": 1}
    assert odd.calls["text number 300"] == 1 + MAX_RETRIES
    assert wall_s <= 70


def test_many_texts_that_are_always_refused_are_no_limit_in_the_end(tmp_path):
    """A server whose filter says 503: every item has its bounded tries, and after three of them it is known.

    The time is one of 470 to 1,350 s, as the draws fall.
    """
    counts, wall_s = asked(tmp_path, odd := Server(Unlimited(), mute=range(1, 1000, 2)), 1000, seed=1)
    assert counts == {"ok": 500, "error": 500}
    assert max(odd.calls.values()) <= 1 + 5 * MAX_RETRIES
    assert sum(n > 1 + MAX_RETRIES for n in odd.calls.values()) <= 110
    assert wall_s <= 900


@pytest.mark.parametrize("seed", [0, 1])
def test_503s_now_and_then_slow_nothing(tmp_path, seed):
    counts, wall_s = asked(tmp_path, Server(Unlimited(), 1.0, faults=0.05, seed=seed), 1200, seed=seed)
    assert counts == {"ok": 1200}
    assert wall_s <= 27


def test_refusals_of_which_no_later_call_is_answered_tell_the_limiter_nothing():
    class Told:
        n = 0

        def on_rate_limit(self, headers, asked_s, ticket, at=None):
            self.n += 1

    busy, told = Busy(), Told()
    busy.answered(told, Ticket(1, 0.0, 1), 0.1)
    for number in range(2, 40):
        assert not busy.refused(told, Refusal({}, None, Ticket(number, 0.2, 9), 0.3))
    busy.answered(told, Ticket(1, 0.0, 1), 0.4)
    assert (told.n, busy.n_proofs) == (0, 0)
    busy.answered(told, Ticket(40, 0.5, 9), 0.6)
    assert told.n > 0
    assert busy.n_proofs == 1
