"""What people report of servers that limit: each against a whole run, in virtual time."""

import asyncio
import random

import orjson
import pytest
from runner_fakes import FakeGolden, FakeTransport, failure, make_request, run
from simulated_limits import TokenBucket, Window

from harness.errors import HarnessError
from harness.records import Limits
from harness.runner.transport import RawResponse, TransportError
from harness.runs import open_run
from tests.faults.doing import Reading

TOO_LARGE = (
    "Request too large for gpt-4.1 in organization org-x on tokens per min (TPM): Limit 30000, Requested 37313. The "
    "input or output tokens must be reduced in order to run successfully."
)
NOT_FREE = "* Quota exceeded for metric: free_tier_requests, limit: 0, model: gemini-3.1-pro. Please retry in 25.4s."
ANTHROPIC = "This request would exceed the rate limit for your organization of 20,000 input tokens per minute."


def reply(status, document, headers=None):
    return RawResponse(status, headers or {}, document if isinstance(document, bytes) else orjson.dumps(document))


def asked(tmp_path, script, n=200, latency_s=0.3):
    """A run; the script decides by the item's number and the seconds since the first call."""
    began = []

    def scripted(text, attempt):
        now = asyncio.get_running_loop().time()
        began.append(now)
        number = int(text.split()[-1]) if text.split()[-1].isdigit() else -1
        return script(number, now - began[0])

    transport = FakeTransport(scripted, latency_s=lambda text: latency_s)
    golden = FakeGolden(n)
    summary = run(make_request(tmp_path, golden, [Reading()], limits=Limits(concurrency=32)), transport)
    return dict(summary.counts["v1"]), summary, transport


def limited(server, refusal):
    return lambda number, now: None if server.takes(1000.0 + now) else refusal


@pytest.mark.parametrize(
    "refusal",
    [
        failure(429, headers={"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"}),  # Azure
        reply(429, {"error": {"code": 429, "message": "Resource has been exhausted (e.g. check quota)."}}),  # Gemini
        reply(429, {"message": "Too many tokens, please wait before trying again."}),  # Bedrock
        reply(429, {"error": "Too Many Requests", "message": "You have exceeded your usage limits."}),  # Fireworks
        failure(429, headers={"retry-after": "-1484742195"}),  # flask-limiter
        failure(503, headers={"retry-after": "0"}),
        failure(408, "Request timed out in queue"),
        reply(403, {"message": "You have exceeded a secondary rate limit. Please try again later."}),  # GitHub Models
        reply(400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),  # AWS
        failure(500, "litellm.RateLimitError: AzureException RateLimitError - Error code: 429"),  # LiteLLM
    ],
    ids=str,
)
def test_a_limit_is_kept_however_it_is_told(tmp_path, refusal):
    """By 400, 403, 408 and 500 it was a fault: the limiter was not told, up to 13 of 200 items were lost."""
    counts, summary, transport = asked(tmp_path, limited(TokenBucket(10.0, 10), refusal))
    assert counts == {"ok": 200}
    assert len(transport.calls) <= 280
    assert summary.wall_s <= 32


def test_a_request_that_asks_for_more_tokens_than_a_minute_has_is_its_items_own(tmp_path):
    """It was asked for 19 times, for 925 s, and ended as an error without the server's words."""
    refusal = failure(429, TOO_LARGE, "rate_limit_exceeded")
    counts, summary, transport = asked(tmp_path, lambda number, now: refusal if number in (7, 50, 51) else None)
    assert counts == {"ok": 197, "rejected": 3}
    assert (summary.status, len(transport.calls)) == ("complete", 200)
    assert "Limit 30000, Requested 37313" in next(iter(summary.failures["v1"]))


def test_the_same_words_where_the_request_fits_are_a_limit(tmp_path):
    refusal = failure(429, TOO_LARGE.replace("37313", "546"), "rate_limit_exceeded")
    assert asked(tmp_path, limited(TokenBucket(10.0, 10), refusal))[0] == {"ok": 200}


def test_texts_that_are_refused_with_429_for_good_end_with_the_servers_words(tmp_path):
    """They took 1,262 s."""
    refusal = failure(429, ANTHROPIC, headers={"retry-after": "60"})
    counts, summary, _ = asked(tmp_path, lambda number, now: refusal if number in (7, 50, 51) else None)
    assert counts == {"ok": 197, "error": 3}
    assert summary.wall_s <= 800
    assert all(ANTHROPIC in reason for reason in summary.failures["v1"])


@pytest.mark.parametrize(
    ("refusal", "says", "most_calls"),
    [
        (failure(429, "Rate limit exceeded: free-models-per-min."), "nothing was answered for 5 min", 200),
        (failure(429, NOT_FREE), "limit: 0", 10),
    ],
)
def test_429s_from_the_beginning_end_the_run_with_the_servers_words(tmp_path, refusal, says, most_calls):
    """They took 54,000 to 86,000 s, and told nothing but 200 times "status 429"."""
    calls = []
    with pytest.raises(HarnessError, match=says):
        asked(tmp_path, lambda number, now: calls.append(now) or refusal)
    assert len(calls) <= most_calls
    assert calls[-1] <= 420


def test_429s_for_good_after_the_first_answers_end_the_run_and_keep_them(tmp_path):
    counts, summary, _ = asked(tmp_path, lambda number, now: failure(429, "slow down") if now > 0.5 else None)
    assert summary.status == "incomplete"
    assert counts["not_asked"] >= 100
    assert summary.wall_s <= 420


@pytest.mark.parametrize("fault", [failure(503, "no healthy upstream"), TransportError("timeout", "no answer in time")])
def test_a_server_that_answers_no_more_ends_the_run_after_five_minutes_and_keeps_its_answers(tmp_path, fault):
    """Every item had its seven attempts: a hundred thousand items took hours, and each was an error."""
    counts, summary, _ = asked(tmp_path, lambda number, now: fault if now > 0.5 else None, n=3000)
    assert summary.status == "incomplete"
    assert counts["not_asked"] >= 1000
    assert "nothing was answered for 5 min" in summary.reason
    assert summary.wall_s <= 420


def test_texts_that_never_end_are_errors_of_their_own(tmp_path):
    def script(text, attempt):
        return TransportError("timeout", "no answer in time") if int(text.split()[-1]) % 20 == 3 else None

    request = make_request(tmp_path, FakeGolden(100), [Reading()], limits=Limits(concurrency=32), max_error_rate=1.0)
    hangs = FakeTransport(script, latency_s=lambda text: 59.0 if int(text.split()[-1]) % 20 == 3 else 0.3)
    summary = run(request, hangs)
    assert dict(summary.counts["v1"]) == {"ok": 95, "error": 5}
    assert summary.status == "complete"


@pytest.mark.parametrize(
    ("words", "lasts_s"), [("Loading model", 45), ("Model meta-llama/Llama-2-13b is currently loading", 110)]
)
def test_a_model_that_is_being_loaded_is_waited_for(tmp_path, words, lasts_s):
    """The run ended after 16 s: the first ten items all failed."""
    counts, _, _ = asked(tmp_path, lambda number, now: failure(503, words) if now < lasts_s else None)
    assert counts == {"ok": 200}


def test_an_outage_of_twenty_seconds_loses_hardly_an_item(tmp_path):
    """The seven attempts of an item were over after 5 to 27 s: 50 of 600 items were lost."""
    counts, _, _ = asked(tmp_path, lambda number, now: failure(529, "Overloaded") if 1 < now < 21 else None, n=600)
    assert counts["ok"] >= 595


def test_529s_of_two_calls_in_five_that_ask_for_five_seconds_stop_nothing(tmp_path):
    """Calls were slowed to one in ten seconds, at which a refusal was held to tell of an outage: 1,289 s."""
    rng, refusal = random.Random(1), failure(529, "Overloaded", headers={"retry-after": "5"})
    counts, summary, _ = asked(tmp_path, lambda number, now: refusal if rng.random() < 0.4 else None)
    assert counts == {"ok": 200}
    assert summary.wall_s <= 300


def test_a_minutes_quota_that_gemini_tells_in_the_body_is_waited_for(tmp_path):
    server = Window(60)

    def script(number, now):
        if server.takes(1000.0 + now):
            return None
        details = [
            {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{server.back_s(1000.0 + now):.0f}s"},
        ]
        message = "You exceeded your current quota, please check your plan and billing details."
        return reply(
            429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message, "details": details}}
        )

    counts, summary, transport = asked(tmp_path, script)
    assert counts == {"ok": 200}
    assert len(transport.calls) <= 230
    assert open_run(summary.path).meta.limits["m"]["rate_limited"] <= 30
