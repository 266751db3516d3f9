"""Servers that say 503 or 529: those that limit what they take are put off to, those that are down are not."""

import asyncio
import copy
import random
from collections import Counter

import pytest
from runner_fakes import FakeGolden, answer, failure, make_request, run, text_of
from simulated_limits import AtOnce, Outage, TokenBucket, Unlimited

from harness.records import Limits
from harness.runner.busy import Busy, Tries

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
        (TokenBucket(10.0, 1), {}, 0.12, 90),
        (TokenBucket(10.0, 20), {}, 0.04, 65),
        (TokenBucket(10.0, 20), {"latency_s": 1.0}, 0.04, 65),
        (TokenBucket(10.0, 10), {"statuses": (529,)}, 0.04, 65),
        (TokenBucket(10.0, 10), {"headers": {"retry-after": "1"}}, 0.04, 75),
        (TokenBucket(10.0, 10), {"statuses": (429, 503)}, 0.04, 65),
        (AtOnce(10), {"latency_s": 1.0}, 0.04, 66),
        (AtOnce(2), {"latency_s": 1.0}, 0.4, 320),
    ],
)
def test_a_server_that_limits_by_503_loses_no_item(tmp_path, server, more, most_refused, most_s):
    """Of 600 items a fifth to three quarters ended as errors; 82 to 96 % of calls were refused, later 18 to 49."""
    counts, wall_s = asked(tmp_path, busy := Server(server, **more))
    assert counts == {"ok": 600}
    assert busy.n_refused <= most_refused * busy.calls.total()
    assert wall_s <= most_s


def test_few_places_that_are_limited_by_503_lose_no_item(tmp_path):
    counts, _ = asked(tmp_path, busy := Server(TokenBucket(10.0, 1)), concurrency=4)
    assert counts == {"ok": 600}
    assert busy.n_refused <= 0.1 * busy.calls.total()


@pytest.mark.parametrize(("n_at_once", "latency_s"), [(1, 5.0), (2, 20.0), (4, 20.0)])
@pytest.mark.parametrize("concurrency", [8, 64])
def test_few_places_and_slow_answers_lose_no_item(tmp_path, n_at_once, latency_s, concurrency):
    """Refusals were faults until an answer came, and took up places: of 100 items 17 to 96 were lost."""
    counts, wall_s = asked(tmp_path, Server(AtOnce(n_at_once), latency_s), 100, concurrency)
    assert counts == {"ok": 100}
    assert wall_s <= 1.1 * 100 * latency_s / n_at_once


@pytest.mark.parametrize("latency_s", [0.05, 1.0])
def test_a_server_that_dies_is_asked_no_more_often_than_after_any_fault(tmp_path, latency_s):
    """Its 503s taken for 429s, the run took 110,000 s."""
    counts, wall_s = asked(tmp_path, dead := Server(Outage(100, 1e9), latency_s))
    assert counts == {"ok": 100, "error": 500}
    assert dead.calls.total() <= 1.05 * (100 + 500 * (1 + MAX_RETRIES))
    assert max(dead.calls.values()) <= 2 + MAX_RETRIES
    assert wall_s <= 125


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


@pytest.mark.parametrize(
    ("mute", "most_s"), [(range(1, 1000, 2), 110), (range(1, 1000, 20), 40), (range(300, 330), 100)]
)
def test_many_texts_that_are_always_refused_slow_no_others(tmp_path, mute, most_s):
    """A server whose filter says 503: the others were slowed to one call at a time, which took 370 to 730 s."""
    counts, wall_s = asked(tmp_path, odd := Server(Unlimited(), mute=mute), 1000)
    assert counts == {"ok": 1000 - len(mute), "error": len(mute)}
    assert max(odd.calls.values()) <= 2 + MAX_RETRIES
    assert wall_s <= most_s


def test_texts_that_are_always_refused_end_where_calls_are_limited(tmp_path):
    counts, wall_s = asked(tmp_path, odd := Server(TokenBucket(10.0, 10), mute=range(1, 600, 10)))
    assert counts == {"ok": 540, "error": 60}
    assert max(odd.calls.values()) <= 20
    assert wall_s <= 170


@pytest.mark.parametrize("seed", [0, 1])
def test_503s_now_and_then_slow_nothing(tmp_path, seed):
    counts, wall_s = asked(tmp_path, Server(Unlimited(), 1.0, faults=0.05, seed=seed), 1200, seed=seed)
    assert counts == {"ok": 1200}
    assert wall_s <= 27


@pytest.mark.parametrize(("share", "latency_s", "most_s"), [(0.3, 1.0, 80), (0.5, 1.0, 130), (0.5, 0.05, 80)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_503s_that_come_at_any_rate_lose_no_item(tmp_path, share, latency_s, most_s, seed):
    """Of 1,200 items 1 to 10 were lost, in 1,000 to 12,600 s: calls were slowed to one in ten seconds.

    Seven attempts at a half leave nine items: others' attempts tell that those were no faults of theirs.
    """
    counts, wall_s = asked(tmp_path, Server(Unlimited(), latency_s, faults=share, seed=seed), 1200, seed=seed)
    assert counts["ok"] >= (1198 if share == 0.5 else 1200)
    assert wall_s <= most_s


def told(busy, tries, now, *, answered=False):
    """What becomes of one call of 10 ms."""
    busy.sent(tries, now)
    busy.ended(tries)
    if answered:
        busy.answered(tries, now + 0.01)
        return None
    return busy.refused(tries, 503, now + 0.01)


def test_a_refusal_of_which_no_other_call_says_anything_is_a_fault():
    busy, tries = Busy(), Tries()
    assert [told(busy, tries, now) for now in (0.0, 0.5)] == ["down", "down"]
    told(busy, Tries(), 1.0, answered=True)
    assert [told(busy, tries, now) for now in (1.5, 5.0, 5.1, 5.2)] == ["limit", "nothing", "nothing", "down"]


def test_a_refusal_is_no_fault_while_one_that_was_taken_is_under_way():
    busy, slow, tries = Busy(), Tries(), Tries()
    busy.sent(slow, 0.0)
    assert [told(busy, tries, now) for now in (0.1, 1.1, 9.0)] == ["down", "limit", "limit"]
    assert busy.n_put_off(tries) == 2
    busy.ended(slow)
    assert told(busy, tries, 20.0) == "down"


def test_who_is_passed_over_more_often_than_others_is_refused_for_his_own_sake():
    busy, tries = Busy(), Tries()
    for now in range(8):
        told(busy, Tries(), float(now), answered=True)
        assert told(busy, tries, now + 0.5) == ("limit" if now == 0 else "nothing")
    assert (tries.n, tries.n_passed_over, busy.n_put_off(tries)) == (8, 8, 0)
    late = Tries()
    for now in (10.0, 10.1):
        told(busy, late, now)
    told(busy, late, 10.2, answered=True)
    assert busy.n_put_off(tries) == 3 * late.n_passed_over == 6
