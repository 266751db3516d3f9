"""How long to wait: the runner's own backoff and what servers ask for."""

import random
from datetime import UTC, datetime

import pytest
from runner_fakes import failure

from harness.records import Limits
from harness.runner.retry import Wait, decide
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
