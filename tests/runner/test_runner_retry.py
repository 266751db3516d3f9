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
    describe,
    remedy,
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


@pytest.mark.parametrize("status", [301, 307, 401, 402, 404, 405])
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


def test_what_was_put_off_uses_up_no_attempt_and_is_bounded():
    """A 503 after six 429s gave an item up at its first fault."""
    for failure in (reply(503), TransportError("timeout", "x")):
        put_off = [
            decide(failure, n, LIMITS, rng=random.Random(0), now=NOW, has_answered=True, n_put_off=n - n_failed)
            for n, n_failed in ((13, 3), (14, 4))
        ]
        assert [type(one) for one in put_off] == [Wait, GiveUp]
    last = decide(reply(503), 16, LIMITS, rng=random.Random(0), now=NOW, has_answered=True, n_put_off=15)
    assert last == GiveUp("status 503 after 16 attempts")


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
    "answer",
    [
        reply(400, code="content_filter"),
        reply(400, code="Content_Policy_Violation"),
        reply(400, type="x", innererror={"code": "ResponsibleAIPolicyViolation"}),
        reply(403, metadata={"flagged_input": "text", "reasons": ["hate"]}),
        reply(403, code="content_moderation"),
        reply(400, code="data_inspection_failed"),
        reply(403, message="Content violates usage guidelines."),
        reply(500, code="content_filter"),
        reply(404, message="not here", code="content_filter"),
    ],
)
def test_a_providers_block_is_the_items_own_whatever_its_status(answer):
    """The runner knew four codes and the candidates twelve: a block in one of the eight others ended the run."""
    assert decided(answer) == PassOn()


@pytest.mark.parametrize("body", [b"<html>", b'["error"]', b"", b"null"])
def test_a_forbidden_item_is_passed_on_and_counted(body):
    assert decided(RawResponse(403, {}, body)) == PassOn()


def test_a_limit_of_the_day_waits_as_long_as_the_server_says_and_else_ends_the_run():
    said = {"message": "Rate limit reached on requests per day (RPD): Limit 200"}
    waited = decided(reply(429, {"retry-after": "5400"}, **said))
    assert isinstance(waited, Wait)
    assert waited.seconds >= 5400
    assert isinstance(decided(reply(429, **said)), Fatal)


def test_what_the_server_says_is_shown_without_key_item_or_control_characters():
    body = orjson.dumps({"messages": [{"role": "user", "content": "Judge: a very private sentence"}], "logprobs": True})
    answer = reply(
        400, message="logprobs is not supported\x1b]52;c;x\x07 for 'a very private sentence' (sk-abcdef123456)"
    )
    assert describe(answer, body) == "logprobs is not supported ]52;c;x for '[item text]' ([redacted])"
    assert "params: {logprobs: false}" in (remedy(answer, body) or "")


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
         "in models.yaml, write max_completion_tokens in place of max_tokens under params"),
        ("'temperature' does not support 0 here", "in models.yaml, change or remove temperature under params"),
        ("response_format: json_schema is not supported", "structured_output: none"),
        ("Model is sad", None),
    ],
)  # fmt: skip
def test_a_refused_parameter_names_its_line_in_models_yaml(message, step):
    body = orjson.dumps({"messages": [], "max_tokens": 5, "temperature": 0, "response_format": {}})
    found = remedy(reply(400, message=message), body)
    assert (step is None and found is None) or step in found
