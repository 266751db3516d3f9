"""The retry decision, case by case."""

import random
from datetime import UTC, datetime

import orjson
import pytest

from harness.records import Limits
from harness.runner.retry import (
    Fatal,
    GiveUp,
    PassOn,
    Wait,
    decide,
    is_content_block,
)
from harness.runner.transport import RawResponse, TransportError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIMITS = Limits(max_retries=3)


def reply(status, headers=None, **error):
    return RawResponse(status, headers or {}, orjson.dumps({"error": error}))


def decided(failure, attempt=1, *, limits=LIMITS, has_answered=True):
    return decide(failure, attempt, limits, rng=random.Random(0), now=NOW, has_answered=has_answered)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_passing_troubles_are_waited_for(status):
    assert isinstance(decided(reply(status)), Wait)


@pytest.mark.parametrize("kind", ["timeout", "network", "body", "refused", "unreachable"])
def test_broken_calls_are_waited_for(kind):
    assert isinstance(decided(TransportError(kind, "x")), Wait)


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 404, 405])
def test_a_wrong_setup_is_fatal(status):
    assert isinstance(decided(reply(status)), Fatal)


@pytest.mark.parametrize("status", [400, 413, 415, 422, 451])
def test_an_items_own_error_is_passed_on(status):
    assert decided(reply(status)) == PassOn()


@pytest.mark.parametrize("kind", ["refused", "unreachable"])
def test_nobody_at_the_very_first_call_is_fatal(kind):
    assert isinstance(decided(TransportError(kind, "x"), has_answered=False), Fatal)


def test_a_refused_certificate_is_always_fatal():
    assert isinstance(decided(TransportError("certificate", "self-signed")), Fatal)


def test_an_empty_account_is_fatal_and_not_waited_for():
    assert isinstance(decided(reply(429, code="insufficient_quota")), Fatal)


def test_retries_are_bounded():
    assert isinstance(decided(reply(500), 3), Wait)
    assert decided(reply(500), 4) == GiveUp("status 500 after 4 attempts")
    assert decided(TransportError("timeout", "no complete answer in time"), 4) == GiveUp(
        "timeout: no complete answer in time, after 4 attempts"
    )


def test_a_rate_limit_is_given_more_attempts_than_a_fault():
    assert isinstance(decided(reply(429), 15), Wait)
    assert isinstance(decided(reply(429), 16), GiveUp)


def test_no_retries_means_none():
    limits = Limits(max_retries=0)
    assert decided(reply(429), 1, limits=limits) == GiveUp("status 429 after 1 attempt")


def test_retry_after_is_a_lower_bound():
    waits = [
        decide(reply(503, {"retry-after": "4"}), 1, LIMITS, rng=random.Random(s), now=NOW, has_answered=True)
        for s in range(50)
    ]
    assert all(isinstance(wait, Wait) and 4.0 <= wait.seconds <= 4.4 for wait in waits)


@pytest.mark.parametrize(
    ("answer", "is_block"),
    [
        (reply(400, code="content_filter"), True),
        (reply(400, code="content_policy_violation"), True),
        (reply(400, type="x", innererror={"code": "ResponsibleAIPolicyViolation"}), True),
        (reply(403, metadata={"flagged_input": "text", "reasons": ["hate"]}), True),
        (reply(403, message="forbidden"), False),
        (reply(400, message="unknown parameter"), False),
        (reply(500, code="content_filter"), False),
        (RawResponse(400, {}, b"<html>"), False),
        (RawResponse(400, {}, b'["error"]'), False),
    ],
)
def test_content_filters_are_told_from_other_errors(answer, is_block):
    assert is_content_block(answer) is is_block


def test_a_flagged_input_is_the_items_own_though_403_is_fatal():
    assert decided(reply(403, metadata={"flagged_input": "text"})) == PassOn()
