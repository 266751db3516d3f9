"""Limits of an endpoint in virtual time: how many calls, how fast, and what a 429 does."""

import asyncio

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from runner_fakes import Asking, FakeGolden, FakeTransport, answer, failure, make_request, run, run_virtual
from simulated_limits import AtOnce, Case, TokenBucket, Unlimited, simulate

from harness.records import Limits
from harness.runner.buckets import PACE, Bucket, duration_s, is_used_up, read_rate
from harness.runner.budget import estimate
from harness.runner.limits import Limiter
from harness.runner.part import CUT, LEAST, STAY, Part
from harness.runner.places import SLOW_START, START_CONCURRENCY, Ticket
from harness.runs import open_run


class Server:
    """A token bucket like the one behind a real rate limit."""

    def __init__(self, rate, burst, *, headers="all", clock=None):
        self.rate, self.burst, self.tokens, self.at = rate, burst, float(burst), None
        self.headers = headers
        self.refused = 0

    def __call__(self, text, attempt):
        now = asyncio.get_running_loop().time()
        self.at = now if self.at is None else self.at
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return answer(headers=self.limits() if self.headers == "always" else None)
        self.refused += 1
        wait_s = (1 - self.tokens) / self.rate
        told = {} if self.headers == "none" else {"retry-after": "1"}
        if self.headers in {"all", "always"}:
            told |= {"retry-after-ms": str(round(wait_s * 1000) + 1), **self.limits()}
        return failure(429, "slow down", "rate_limit_exceeded", told)

    def limits(self):
        return {
            "x-ratelimit-limit-requests": str(self.rate * 60),
            "x-ratelimit-remaining-requests": str(int(self.tokens)),
            "x-ratelimit-reset-requests": f"{(self.burst - self.tokens) / self.rate:.3f}s",
        }


@pytest.mark.parametrize(
    ("headers", "most_time", "most_429"), [("all", 1.05, 0.05), ("always", 1.05, 0.05), ("retry-after", 1.25, 0.4)]
)
def test_a_rate_limit_is_learnt(tmp_path, headers, most_time, most_429):
    server = Server(20, 20, headers=headers)
    limits = Limits(concurrency=64)
    summary = run(make_request(tmp_path, FakeGolden(300), limits=limits), FakeTransport(server))
    ideal_s = (300 - 20) / 20
    assert summary.counts == {"v1": {"ok": 300}}
    assert summary.wall_s <= most_time * ideal_s + 0.2
    assert server.refused <= most_429 * 300


def test_a_rate_is_learnt_from_headers_however_a_server_spells_them():
    """Names of headers have no case, and those that arrive keep the one in which they were sent."""
    told = {"X-RateLimit-Limit-Requests": "60", "X-RateLimit-Remaining-Requests": "0"}

    async def main(loop):
        limiter = Limiter(Limits(concurrency=8), loop.time)
        ticket = await limiter.acquire(0.0)
        limiter.release(0.0)
        limiter.on_success(CIMultiDictProxy(CIMultiDict(told)), ticket)
        return limiter.history

    assert ("learned requests", 60.0) in [(one["reason"], one.get("per_minute")) for one in run_virtual(main)]


def test_a_rate_limit_that_says_nothing_is_survived(tmp_path):
    server = Server(20, 20, headers="none")
    summary = run(make_request(tmp_path, FakeGolden(300), limits=Limits(concurrency=64)), FakeTransport(server))
    assert summary.counts == {"v1": {"ok": 300}}
    assert server.refused <= 300


@pytest.mark.parametrize("rpm", [60, 600])
def test_a_configured_rate_is_kept(tmp_path, rpm):
    transport = FakeTransport()
    run(make_request(tmp_path, FakeGolden(100), limits=Limits(concurrency=50, rpm=rpm)), transport)
    burst = max(1, rpm // 60)
    taken_s = transport.started_at[-1] - transport.started_at[0]
    assert taken_s == pytest.approx((100 - burst) / (rpm / 60), rel=0.01)


def test_configured_tokens_are_kept(tmp_path):
    transport = FakeTransport()
    run(make_request(tmp_path, FakeGolden(100), limits=Limits(concurrency=50, tpm=6000)), transport)
    n_tokens = sum(estimate(Asking().request("text number 50").body))
    taken_s = transport.started_at[-1] - transport.started_at[0]
    assert taken_s == pytest.approx((100 * n_tokens - 100) / 100, rel=0.02)  # 100 tokens a second, 100 saved up


def test_waiting_for_a_slow_rate_costs_no_item_its_deadline(tmp_path):
    limits = Limits(concurrency=50, rpm=6, item_timeout_s=5.0)
    summary = run(make_request(tmp_path, FakeGolden(40), limits=limits))
    assert summary.counts == {"v1": {"ok": 40}}
    assert summary.wall_s > 380


def test_many_429s_pause_the_whole_endpoint(tmp_path):
    def script(text, attempt):
        return failure(429, headers={"retry-after": "10"}) if " 1" in text and attempt == 1 else None

    transport = FakeTransport(script)
    summary = run(make_request(tmp_path, FakeGolden(100)), transport)
    gaps = [later - earlier for earlier, later in zip(transport.started_at, transport.started_at[1:], strict=False)]
    assert 9.9 < max(gaps) < 20.0
    assert summary.wall_s < 150


def test_an_endpoint_that_refuses_a_hundred_in_a_row_is_not_given_up(tmp_path):
    """A rate that fell with each refusal came to one call in hours, later to one in ten seconds: 1,850 s."""

    def script(text, attempt):
        return failure(429) if 100 <= int(text.split()[-1]) < 200 and attempt == 1 else None

    summary = run(make_request(tmp_path, FakeGolden(400), limits=Limits(concurrency=64)), FakeTransport(script))
    assert summary.counts == {"v1": {"ok": 400}}
    assert summary.wall_s < 100


def test_a_429_that_says_nothing_is_left_pauses_the_whole_endpoint():
    async def main(loop):
        limiter = limited(50)
        limiter.on_rate_limit({"x-ratelimit-remaining-requests": "0"}, 10.0, Ticket(1, loop.time(), 1))
        began = loop.time()
        await limiter.acquire(0.0)
        assert loop.time() - began == pytest.approx(10.0)
        assert (limiter.places.limit, limiter.slowed_to) == (25, 25)

    run_virtual(main)


def test_a_429_now_and_then_delays_its_own_item_and_no_other(tmp_path):
    """One in twenty, each asking for a second, cut the concurrency to 1 and made a run ten times as long."""

    def script(text, attempt):
        return failure(429, headers={"retry-after": "1"}) if int(text.split()[-1]) % 20 == 7 and attempt == 1 else None

    transport = FakeTransport(script)
    summary = run(make_request(tmp_path, FakeGolden(2000), limits=Limits(concurrency=64)), transport)
    assert summary.counts == {"v1": {"ok": 2000}}
    assert summary.wall_s < 6.0
    told = open_run(summary.path).meta.limits["m"]
    reasons = [entry["reason"] for entry in told["history"]]
    assert (told["rate_limited"], reasons[0], reasons[-1], "429" in reasons) == (100, "start", "growth", False)


@pytest.mark.parametrize(("n_ok", "left"), [(29, int(50 * 29 / 32)), (20, int(50 * 20 / 23))])
def test_a_cut_leaves_what_was_seen_to_succeed(n_ok, left):
    async def main(loop):
        limiter = limited(50)
        tickets = [await limiter.acquire(0.0) for _ in range(50)]
        for ticket in tickets[:n_ok]:
            limiter.on_success({}, ticket)
        for ticket in tickets[10:13]:  # three in a row, below those that were held
            limiter.on_rate_limit({}, 0.0, ticket)
        assert limiter.places.limit == left
        assert limiter.slowed_to == left
        await asyncio.sleep(31.0)
        assert limiter.slowed_to is None

    run_virtual(main)


def limited(concurrency=100):
    """A limiter that has grown to its ceiling."""
    limiter = Limiter(Limits(concurrency=concurrency), asyncio.get_running_loop().time)
    limiter.places.limit = float(concurrency)
    return limiter


def test_concurrency_is_cut_once_per_burst_and_grows_back():
    async def main(loop):
        limiter = limited(50)
        used_up = {"x-ratelimit-remaining-requests": "0"}
        for left in (25, 12):
            tickets = [await limiter.acquire(0.0) for _ in range(int(limiter.places.limit))]
            for ticket in tickets:
                limiter.on_rate_limit(used_up, 0.5, ticket)
                limiter.release(0.0)
            assert limiter.places.limit == left
            await asyncio.sleep(1.5)
        for number in range(200):
            limiter.on_success({}, Ticket(number, loop.time(), 1))
        assert limiter.places.limit == 50
        assert [entry["limit"] for entry in limiter.history] == [10, 25, 12, 50]
        assert limiter.n_429 == 75

    run_virtual(main)


def test_server_errors_pause_growth_and_cut_nothing():
    async def main(loop):
        limiter = Limiter(Limits(concurrency=100), loop.time)
        start, ticket = limiter.places.limit, await limiter.acquire(0.0)
        limiter.on_server_error()
        for _ in range(10):
            limiter.on_success({}, ticket)
        assert limiter.places.limit == start
        await asyncio.sleep(6.0)
        limiter.on_success({}, ticket)
        assert limiter.places.limit == start + SLOW_START

    run_virtual(main)


def test_calls_tried_again_go_first():
    async def main(loop):
        limiter = limited(1)
        await limiter.acquire(0.0)
        came = []

        async def ask(name, is_retry):
            await limiter.acquire(0.0, is_retry=is_retry)
            came.append(name)
            limiter.release(0.0)

        tasks = [asyncio.create_task(ask("new", False)), asyncio.create_task(ask("again", True))]
        await asyncio.sleep(0.01)
        limiter.release(0.0)
        await asyncio.gather(*tasks)
        assert came == ["again", "new"]

    run_virtual(main)


def test_a_cancelled_wait_gives_its_place_back():
    async def main(loop):
        limiter = limited(1)
        await limiter.acquire(0.0)
        waiting = asyncio.create_task(limiter.acquire(0.0))
        granted = asyncio.create_task(limiter.acquire(0.0))
        await asyncio.sleep(0.01)
        waiting.cancel()
        limiter.release(0.0)
        granted.cancel()  # granted in the same turn
        await asyncio.gather(waiting, granted, return_exceptions=True)
        assert limiter.places.in_flight == 0
        await limiter.acquire(0.0)

    run_virtual(main)


def test_a_bucket_pays_debts_before_it_gives():
    bucket = Bucket(rate=10.0, capacity=10.0, now=0.0)
    bucket.take(25.0, now=0.0)
    assert bucket.wait_s(1.0, now=0.0) == pytest.approx(1.6)
    assert bucket.wait_s(99.0, now=0.0) == pytest.approx(2.5)  # more than it ever holds: when it is full
    assert bucket.wait_s(1.0, now=100.0) == 0.0


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "rate"),
    [
        ("1200", "0", "0.050s", 20.0),  # reset: until the next call fits
        ("5000", "4999", "12ms", 5000 / 60),  # reset: until all of it is back
        ("10000", "9990", "86.4s", 10 / 86.4),  # a limit a day
        ("600", "600", "0s", 10.0),
        ("600", "300", "1795867260", 5.0),  # a time since 1970, a minute from the server's own
        ("600", "300", "1795867260000", 5.0),
        ("600", "300", "inf", 10.0),
    ],
)
def test_rate_headers_are_read(limit, remaining, reset, rate):
    """A time since 1970 was read as a duration: the next call was to start in a year."""
    names = ("limit", "remaining", "reset")
    headers = {
        f"x-ratelimit-{name}-requests": value for name, value in zip(names, (limit, remaining, reset), strict=True)
    }
    headers["date"] = "Sat, 28 Nov 2026 12:00:00 GMT"
    assert read_rate(headers, "requests").rate == pytest.approx(rate)


def test_a_time_since_1970_says_nothing_where_the_server_does_not_say_what_time_it_has():
    headers = {"x-ratelimit-limit-requests": "600", "x-ratelimit-remaining-requests": "0"}
    assert read_rate(headers | {"x-ratelimit-reset-requests": "1795867260"}, "requests").rate == 10.0


@pytest.mark.parametrize(
    ("headers", "rate", "remaining"),
    [
        ({"ratelimit-policy": '"default";q=100;w=10', "ratelimit": '"default";r=50;t=30'}, 10.0, 50),
        ({"ratelimit-policy": '"fixed window";"api";q=500;w=300', "ratelimit": '"api";r=7;t=55'}, 5 / 3, 7),
        ({"ratelimit-policy": '"a";q=9;w=1,"b";q=60;w=60', "ratelimit": '"a";r=9;t=1, "b";r=3;t=9'}, 1.0, 3),
        ({"ratelimit-policy": "100;w=10, 900;w=3600", "ratelimit": "limit=100, remaining=50, reset=5"}, 10.0, 50),
        ({"ratelimit-limit": "100, 100;w=10", "ratelimit-remaining": "0", "ratelimit-reset": "5"}, 10.0, 0),
        ({"x-ratelimit-limit": '10, 10;w=1;name="per-ip"', "x-ratelimit-remaining": "4"}, 10.0, 4),
        ({"x-ratelimit-limit-second": "5", "x-ratelimit-remaining-second": "4"}, 5.0, 4),
    ],
)
def test_windows_that_are_told_are_read(headers, rate, remaining):
    said = read_rate(headers, "requests")
    assert (said.rate, said.remaining) == (pytest.approx(rate), remaining)
    assert is_used_up(headers) is (remaining == 0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ratelimit-policy": '"t";q=100;w=60;qu="tokens"', "ratelimit": '"t";r=0;t=5'},
        {"ratelimit-policy": "0;w=0", "ratelimit": "limit=0, remaining=0, reset=0"},
        {"ratelimit-policy": "100;w=10"},
        {"ratelimit-limit": "100", "ratelimit-remaining": "50", "ratelimit-reset": "5"},
        {"x-ratelimit-limit-second": "five", "x-ratelimit-remaining-second": "4"},
        {"x-ratelimit-limit-requests": "5"},
        {"x-ratelimit-limit-requests": "x", "x-ratelimit-remaining-requests": "1"},
        {"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"},
        {"x-ratelimit-limit-requests": "inf", "x-ratelimit-remaining-requests": "1"},
        {"x-ratelimit-limit-requests": "nan", "x-ratelimit-remaining-requests": "1"},
        {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "nan"},
    ],
)
def test_headers_without_sense_are_ignored(headers):
    assert read_rate(headers, "requests") is None


def test_mistral_tells_tokens_a_minute_and_its_requests_are_measured():
    headers = {
        "x-ratelimit-limit-tokens-minute": "5000000",
        "x-ratelimit-remaining-tokens-minute": "4999911",
        "x-ratelimit-limit-req-minute": "720",
        "x-ratelimit-remaining-req-minute": "717",
    }
    assert read_rate(headers, "tokens").remaining == 4999911
    assert read_rate(headers, "requests") is None


def test_a_learnt_rate_is_used_a_little_below():
    assert 0.9 < PACE < 1.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("2m59.56s", 179.56), ("20ms", 0.02), ("1h2m", 3720), ("", None), ("1s later", None)],
)
def test_durations_are_read(text, seconds):
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_the_history_goes_into_the_run(tmp_path):
    summary = run(make_request(tmp_path, FakeGolden(100), limits=Limits(concurrency=64)), FakeTransport(Server(20, 20)))
    told = open_run(summary.path).meta.limits["m"]
    assert told["rate_limited"] >= 1
    assert [entry["reason"] for entry in told["history"]][:3] == ["start", "learned requests", "429"]
    assert told["history"][1]["per_minute"] == pytest.approx(1200)


@pytest.mark.parametrize("headers", ["all", "always"])
@pytest.mark.parametrize("burst", [10, 60])
def test_600_a_minute_are_used_almost_whole_with_almost_no_429(tmp_path, headers, burst):
    server = Server(10, burst, headers=headers)
    summary = run(make_request(tmp_path, FakeGolden(1200), limits=Limits(concurrency=64)), FakeTransport(server))
    assert summary.counts == {"v1": {"ok": 1200}}
    assert (1200 - burst) / 10 / summary.wall_s >= 0.95
    assert server.refused < 12


@pytest.mark.parametrize("headers", ["none", "retry-after"])
@pytest.mark.parametrize("burst", [10, 60])
def test_a_rate_that_no_header_tells_is_measured(tmp_path, headers, burst):
    server = Server(10, burst, headers=headers)
    summary = run(make_request(tmp_path, FakeGolden(1200), limits=Limits(concurrency=64)), FakeTransport(server))
    assert summary.counts == {"v1": {"ok": 1200}}
    assert (1200 - burst) / 10 / summary.wall_s >= 0.95
    assert server.refused < 0.05 * 1200  # the first burst, which nobody can foresee, and a few from which it is learnt
    assert "measured requests" in [note["reason"] for note in open_run(summary.path).meta.limits["m"]["history"]]


def test_a_server_that_asks_for_no_wait_loses_no_item_and_is_not_hammered(tmp_path):
    """Obeyed to the letter, ``Retry-After: 0`` made 5,778 refused calls in ten seconds and lost 100 of 300 items."""

    class Hasty(Server):
        def __call__(self, text, attempt):
            result = super().__call__(text, attempt)
            return failure(429, headers={"retry-after": "0"}) if result.status == 429 else result

    server = Hasty(20, 20, headers="none")
    summary = run(make_request(tmp_path, FakeGolden(300), limits=Limits(concurrency=64)), FakeTransport(server))
    assert summary.counts == {"v1": {"ok": 300}}
    assert server.refused < 150


@pytest.mark.parametrize(
    "told",
    [
        {"x-ratelimit-limit-requests": "6000", "x-ratelimit-remaining-requests": "5600"},
        {"x-ratelimit-limit": "600, 600;w=60", "x-ratelimit-remaining": "56", "x-ratelimit-reset": "12"},
    ],
)
def test_a_limit_that_refuses_is_learnt_where_headers_tell_of_another(tmp_path, told):
    """A gateway's headers tell of the limit that let the call pass: a third of all calls were refused."""

    class Elsewhere(Server):
        def __call__(self, text, attempt):
            result = super().__call__(text, attempt)
            return failure(429, headers=told) if result.status == 429 else result

    server = Elsewhere(10, 10, headers="none")
    summary = run(make_request(tmp_path, FakeGolden(600), limits=Limits(concurrency=64)), FakeTransport(server))
    assert summary.counts == {"v1": {"ok": 600}}
    assert server.refused < 15


def test_no_more_than_ten_calls_are_made_before_anything_was_answered(tmp_path):
    transport = FakeTransport(latency_s=1.0)
    run(make_request(tmp_path, FakeGolden(200), limits=Limits(concurrency=128)), transport)
    assert len([at for at in transport.started_at if at < transport.started_at[0] + 0.99]) == START_CONCURRENCY
    assert transport.most_in_flight > 64


def test_sixty_calls_are_under_way_once_the_first_ten_are_answered(tmp_path):
    transport = FakeTransport(latency_s=1.0)
    run(make_request(tmp_path, FakeGolden(200), limits=Limits(concurrency=64)), transport)
    second = [at for at in transport.started_at if 0.99 < at - transport.started_at[0] < 1.99]
    assert len(second) >= 60


AT_ONCE = [Case(AtOnce(n), latency_s, 0.3) for n in (1, 2, 5, 10) for latency_s in (0.05, 1.0)]
TOLD = [Case(TokenBucket(10.0, saved), 0.05, 0.3, "always", c) for saved in (1, 3, 10, 60) for c in (16, 256)]
UNTOLD = [Case(TokenBucket(10.0, saved), latency_s, 0.3) for saved in (3, 10, 60) for latency_s in (0.05, 1.0)]


@pytest.mark.parametrize("case", [*AT_ONCE, *TOLD, Case(TokenBucket(10.0, 10), 0.05, 0.3), UNTOLD[-1]], ids=str)
def test_limits_are_used_whole_with_almost_no_429(case):
    """Of a limit on calls at once 25 to 81 % were used, of a rate without a burst 64 to 85 %."""
    told = simulate(case)
    assert told.use >= 0.95
    assert told.share_429 < 0.01


@pytest.mark.parametrize("case", UNTOLD, ids=str)
def test_a_rate_that_nobody_tells_is_used_whole(case):
    """The first burst, of as many calls as start while its first 429 is under way, cannot be foreseen."""
    told = simulate(case)
    assert told.use >= 0.95
    assert told.n_429 <= 24


def test_a_rate_without_a_burst_is_not_taken_for_one_call_at_a_time():
    """Refused are calls that start together: one place was left, of which five seconds an answer are two percent."""
    told = simulate(Case(TokenBucket(10.0, 1), 5.0, 0.3))
    assert told.use > 0.75


@pytest.mark.parametrize(("latency_s", "least"), [(0.2, 0.9), (0.3, 0.95)])
def test_a_rate_that_one_call_at_a_time_does_not_reach_is_told_from_a_wall(latency_s, least):
    """A call beyond the wall came a quarter of an answer after the one before it, and was refused: 33 % were used."""
    assert simulate(Case(TokenBucket(10.0, 1), latency_s, 0.3)).use >= least


def test_a_burst_of_more_refusals_than_places_hides_no_wall():
    """Of 105 refusals at once 64 were remembered: 25 % were used, and 19 % of calls answered 429."""
    told = simulate(Case(AtOnce(100), 0.05, 0.3, concurrency=256, n_items=6000))
    assert told.use > 0.8
    assert told.share_429 < 0.01


@pytest.mark.parametrize(
    ("faults", "least"), [(0.01, 0.8), (0.05, 0.75), (0.1, 0.7), (0.2, 0.6), (0.3, 0.4), (0.5, 0.15)]
)
def test_429s_that_come_at_any_rate_slow_nothing(faults, least):
    """It was 83, 80, 65, 24 and 0.1 %; of a run that no 429 disturbs slow start leaves 92 %."""
    uses = [simulate(Case(Unlimited(), 1.0, 0.3, faults=faults), seed).use for seed in range(12)]
    assert sorted(uses)[6] >= least
    assert min(uses) > 0.1


@pytest.mark.parametrize(("faults", "most_s"), [(0.05, 140), (0.1, 200), (0.2, 330)])
def test_429s_at_any_rate_that_ask_for_a_minute_delay_their_own_items(faults, most_s):
    """The whole endpoint stood still after three in a row, and calls of half an hour ago were waited for: 23,992 s."""
    case = Case(Unlimited(), 1.0, 0.3, faults=faults, fault_asks_s=60.0, n_items=600)
    spans = sorted(simulate(case, seed).span_s for seed in range(8))
    assert spans[4] <= most_s
    assert spans[-1] <= 1000


def test_429s_at_any_rate_hide_no_limit():
    told = simulate(Case(TokenBucket(10.0, 10), 0.05, 0.3, faults=0.05))
    assert told.use > 0.9
    assert told.share_429 < 0.12


@pytest.mark.parametrize("latency_s", [0.05, 1.0])
def test_two_candidates_of_one_model_learn_its_rate_once(tmp_path, latency_s):
    """They are asked one after the other, and share what is known of the endpoint."""
    server = Server(10, 10, headers="none")
    candidates = [Asking("v1", prompt="Is this safe?"), Asking("v2", prompt="Does this do harm?")]
    request = make_request(tmp_path, FakeGolden(600), candidates, limits=Limits(concurrency=64))
    summary = run(request, FakeTransport(server, latency_s))
    assert summary.counts == {"v1": {"ok": 600}, "v2": {"ok": 600}}
    assert (1200 - 10) / 10 / summary.wall_s >= 0.95
    assert server.refused <= 0.015 * 1200


@pytest.mark.parametrize("n", [2, 10])
def test_two_models_of_one_server_share_its_places(n):
    told = simulate(Case(AtOnce(n), 1.0, 0.3, n_askers=2))
    assert told.use >= 0.95
    assert told.share_429 < 0.01
    assert told.fairness >= 0.95


@pytest.mark.parametrize("server", [TokenBucket(10.0, 10), TokenBucket(10.0, 60)], ids=["10", "60"])
@pytest.mark.parametrize("latency_s", [0.05, 1.0])
def test_two_models_of_one_server_share_a_rate_that_is_told(server, latency_s):
    """Each took the whole of it for its own: 10 to 46 % of calls were answered 429."""
    told = simulate(Case(server, latency_s, 0.3, "always", n_askers=2))
    assert told.use >= 0.85
    assert told.share_429 < 0.025
    assert told.fairness > 0.4


def test_a_part_falls_with_refusals_and_is_whole_again_after_a_while():
    part, stay_s = Part(), STAY / 10.0
    assert part.share(0.0, 10.0) == 1.0
    part.refused(0.0, 10.0)
    assert part.share(0.0, 10.0) == pytest.approx(1.0 - CUT)
    part.refused(stay_s / 2.0, 10.0)
    assert part.share(stay_s / 2.0, 10.0) == pytest.approx((1.0 - CUT / 8) * (1.0 - CUT))
    assert part.share(4.0 * stay_s, 10.0) == 1.0
    for _ in range(3 * STAY):
        part.answered()
    assert part.share(stay_s, 10.0) == 1.0
    for _ in range(100):
        part.refused(stay_s, 10.0)
    assert part.share(stay_s, 10.0) == LEAST


def test_an_endpoint_without_a_limit_is_asked_as_fast_as_before():
    told = simulate(Case(Unlimited(), 0.05, 0.02, n_items=2000))
    assert 1.0 / told.use < 1.07


def test_the_history_tells_of_a_wall():
    history = simulate(Case(AtOnce(5), 0.3, 0.3, n_items=300)).limiter.history
    assert [(note["limit"], note["reason"]) for note in history[:2]] == [(10, "start"), (5, "at once")]
    assert history[-1]["limit"] <= 6
