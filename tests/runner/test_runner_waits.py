"""How long to wait: the runner's own backoff and what servers ask for."""

import random
from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from runner_fakes import failure

from harness.records import Limits
from harness.runner.retry import Fatal, Wait, decide
from harness.runner.transport import RawResponse
from harness.runner.waits import BASE_S, CAP_S, backoff_s, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("attempt", range(1, 12))
def test_backoff_is_full_jitter_under_a_bound_that_doubles(attempt):
    drawn = [backoff_s(attempt, random.Random(seed)) for seed in range(200)]
    bound = min(CAP_S, BASE_S * 2 ** (attempt - 1))
    assert 0 <= min(drawn) < 0.1 * bound
    assert 0.9 * bound < max(drawn) <= bound


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "6m0s"}, 360.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "86399"}, 86_399.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e308"}, None),
        ({"retry-after-ms": "-1", "retry-after": "2"}, 2.0),
        ({"retry-after": "Mon, 01 Jan 9999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers, seconds):
    assert retry_after_s(headers, NOW) == seconds


def test_a_date_is_read_against_the_servers_own_clock():
    """A client clock ten minutes slow made every wait ten minutes longer than the item's deadline."""
    headers = {"date": "Mon, 23 Nov 2026 12:10:00 GMT", "retry-after": "Mon, 23 Nov 2026 12:10:02 GMT"}
    assert retry_after_s(headers, NOW) == 2.0
    assert retry_after_s({"retry-after": headers["retry-after"]}, NOW) is None  # nobody says whose clock is wrong


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        (b"Rate limit reached for requests per day. Please try again in 7m12s. Visit ...", 432.0),
        (b"Please try again in 820ms.", 0.82),
        (b"Please retry after 20 seconds.", 20.0),
        (b'{"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]}', 34.0),
        (b"Try again later.", None),
        (b"You tried 30s too often", None),
    ],
)
def test_the_wait_is_read_from_the_message_where_no_header_has_it(message, seconds):
    assert retry_after_s({}, NOW, message) == (None if seconds is None else pytest.approx(seconds))


def test_a_server_that_asks_for_no_wait_is_not_hammered():
    """``Retry-After: 0`` was obeyed to the letter: thousands of refused calls in ten seconds."""
    waits = [
        decide(
            failure(429, headers={"retry-after": "0"}),
            attempt,
            Limits(),
            rng=random.Random(seed),
            now=NOW,
            has_answered=True,
        )
        for seed in range(20)
        for attempt in (1, 3, 5)
    ]
    assert all(isinstance(wait, Wait) and wait.seconds >= BASE_S / 2 for wait in waits)
    assert max(wait.seconds for wait in waits) > 4.0


AT = "Mon, 23 Nov 2026 12:00:00 GMT"
NOW_S = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"date": AT, "x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW_S + 30}000"}, b"", 30.0),  # OpenRouter
        ({"date": AT, "x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW_S + 30}"}, b"", 30.0),  # GitHub Models
        ({"date": AT}, b'{"error":{"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0",'
         b'"X-RateLimit-Reset":"%d000"}}}}' % (NOW_S + 3600), 3600.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW_S + 3600}000"}, b"", None),  # whose clock?
        ({"ratelimit-remaining": "0", "ratelimit-reset": "17"}, b"", 17.0),
        ({"ratelimit-policy": '"api";q=500;w=300', "ratelimit": '"api";r=0;t=55'}, b"", 55.0),  # Hugging Face
        ({"ratelimit-policy": '"api";q=500;w=300', "ratelimit": '"api";r=9;t=55'}, b"", None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "12"}, b"", 12.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, b"", 90.0),
        ({"date": AT, "anthropic-ratelimit-tokens-remaining": "0",
          "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:20Z"}, b"", 20.0),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "17"}, b"", None),
        ({"x-ratelimit-reset": "17"}, b"", None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-1"}, b"", None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, b"", None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 20}, b"", None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-99-99T"}, b"", None),
        ({"retry-after": "4", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "17"}, b"", 4.0),
        ({}, b'{"message": "Out of call volume quota. Quota will be replenished in 5.03:23:11."}', 444_191.0),
        ({}, b'{"message": "Out of bandwidth quota. Quota will be replenished in 00:00:11."}', 11.0),
    ],
)  # fmt: skip
def test_the_return_of_a_limit_is_read_in_every_form(headers, body, seconds):
    assert retry_after_s(headers, NOW, body) == seconds


def test_the_return_of_a_limit_is_read_however_a_server_spells_its_headers():
    headers = CIMultiDictProxy(CIMultiDict({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}))
    assert retry_after_s(headers, NOW) == 30.0


def test_a_fault_of_the_server_does_not_wait_for_a_limit():
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "170"}
    assert retry_after_s(headers, NOW, is_limit=False) is None


@pytest.mark.parametrize(("left", "kind"), [("00:00:11", Wait), ("5.03:23:11", Fatal)])
def test_a_quota_of_seconds_is_waited_for_and_one_of_days_ends_the_run(left, kind):
    body = f'{{"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in {left}."}}'
    answer = RawResponse(403, {}, body.encode())
    found = decide(answer, 1, Limits(), rng=random.Random(0), now=NOW, has_answered=True)
    assert isinstance(found, kind)
    assert left in found.found if isinstance(found, Fatal) else found.seconds >= 11
