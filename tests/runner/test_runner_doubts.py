"""Refusals that begin after good answers: the endpoint's end stops the run, what single texts meet never does."""

import pytest
from runner_fakes import Asking, FakeGolden, FakeTransport, failure, make_request, run

from harness.errors import HarnessError
from harness.records import Limits
from harness.records.answers import Request
from harness.runner.doubts import IN_A_ROW, Doubts

GONE = [
    failure(403, "The security token included in the request is expired", "ExpiredTokenException"),
    failure(403, "no"),
    failure(404, "The model `m` has been deprecated", "model_not_found"),
    failure(404, ""),
    failure(400, "API key expired. Please renew the API key."),
    failure(410, "gone"),
    failure(401, "the key was revoked"),
    failure(402, "the balance is used up"),
    failure(429, "You exceeded your current quota, please check your plan and billing details", "insufficient_quota"),
]


def number_of(text):
    return int(text.split()[-1])


class After:
    """From the ``n``th call on, everything is answered with the same."""

    def __init__(self, n, then):
        self.n, self.then, self.n_calls = n, then, 0

    def __call__(self, text, attempt):
        self.n_calls += 1
        return self.then if self.n_calls > self.n else None


@pytest.mark.parametrize(("then", "concurrency"), [(GONE[0], 1), *((one, 16) for one in GONE), (GONE[1], 64)])
def test_access_that_ends_on_the_way_ends_the_run_and_the_rest_is_asked_later(tmp_path, then, concurrency):
    request = make_request(tmp_path, FakeGolden(150), limits=Limits(concurrency=concurrency))
    transport = FakeTransport(After(40, then))
    with pytest.raises(HarnessError) as caught:
        run(request, transport)
    assert f"status {then.status}" in str(caught.value)
    assert "model 'm' at http://host/v1" in str(caught.value)
    assert len(transport.calls) <= 40 + 2 * IN_A_ROW + 3 * concurrency
    later = FakeTransport()
    summary = run(request, later)
    assert (summary.status, summary.counts) == ("complete", {"v1": {"ok": 150}})
    assert (summary.cached, len(later.calls)) == (40, 110)


def test_the_servers_own_words_are_told(tmp_path):
    gone = failure(403, "User is not authorized to perform bedrock:InvokeModel", "AccessDeniedException")
    with pytest.raises(
        HarnessError, match=r"items in a row were refused, and so is now .*bedrock:InvokeModel"
    ) as caught:
        run(make_request(tmp_path, FakeGolden(200)), FakeTransport(After(60, gone)))
    assert "the same command asks the rest" in caught.value.next_step


@pytest.mark.parametrize(("status", "concurrency"), [(400, 32), (403, 1), (403, 32), (422, 1)])
def test_texts_that_are_refused_one_after_the_other_stop_nothing(tmp_path, status, concurrency):
    """A golden set sorted by label, behind a firewall that refuses hateful texts with a bare 403."""
    refused = failure(status, "Forbidden")
    transport = FakeTransport(lambda text, attempt: refused if 40 <= number_of(text) < 120 else None)
    request = make_request(tmp_path, FakeGolden(160), limits=Limits(concurrency=concurrency))
    summary = run(request, transport)
    assert summary.status == "complete"
    assert summary.counts == {"v1": {"blocked": 80, "ok": 80}}
    assert len(transport.calls) <= 160 + 3  # looked into after 10, 20 and 40 in a row


def test_refusals_of_every_third_text_are_never_looked_into(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(403, "no") if number_of(text) % 3 == 1 else None)
    summary = run(make_request(tmp_path, FakeGolden(120), limits=Limits(concurrency=1)), transport)
    assert (summary.status, len(transport.calls)) == ("complete", 120)


def test_answers_that_come_late_do_not_hide_the_end(tmp_path):
    """Slow good answers of before arrive between the first refusals."""
    transport = FakeTransport(
        After(100, failure(404, "no such model")), latency_s=lambda text: 0.01 + number_of(text) % 7 / 20
    )
    with pytest.raises(HarnessError, match="no such model"):
        run(make_request(tmp_path, FakeGolden(600), limits=Limits(concurrency=64)), transport)
    assert len(transport.calls) < 500


def test_a_run_that_is_taken_up_with_refused_texts_alone_is_not_stopped(tmp_path):
    script = lambda text, attempt: failure(403, "no") if 30 <= number_of(text) < 90 else None  # noqa: E731
    request = make_request(tmp_path, FakeGolden(100), max_error_rate=0.9)
    first = run(request, FakeTransport(script))
    other = run(make_request(tmp_path / "b", FakeGolden(100), cache_path=request.cache_path), FakeTransport(script))
    assert first.counts == other.counts == {"v1": {"blocked": 60, "ok": 40}}


def test_a_model_that_was_retired_between_two_runs_is_told(tmp_path):
    request = make_request(tmp_path, FakeGolden(100))
    with pytest.raises(HarnessError):
        run(request, FakeTransport(After(40, failure(401, "revoked"))))
    transport = FakeTransport(lambda text, attempt: failure(404, "the model has been retired"))
    with pytest.raises(HarnessError, match="has been retired"):
        run(request, transport)
    assert len(transport.calls) <= 40


def test_another_candidates_refusals_do_not_end_a_run_that_is_answered(tmp_path):
    """Two candidates share an endpoint; one's parameter is refused."""

    class Refused(Asking):
        def request(self, text):
            return super().request(f"refused {text}")

    script = lambda text, attempt: failure(422, "bad parameter") if text.startswith("refused") else None  # noqa: E731
    request = make_request(tmp_path, FakeGolden(60), candidates=[Asking("a"), Refused("b")])
    summary = run(request, FakeTransport(script))
    assert summary.counts["a"] == {"ok": 60}


def test_a_look_that_tells_nothing_is_taken_again(tmp_path):
    """The request that was answered meets a 503 when it is asked again: that is no refusal."""

    class Busy(After):
        def __call__(self, text, attempt):
            result = super().__call__(text, attempt)
            return failure(503, "busy") if result is not None and attempt == 2 and number_of(text) < 40 else result

    transport = FakeTransport(Busy(40, failure(404, "no such model")))
    with pytest.raises(HarnessError, match="no such model"):
        run(make_request(tmp_path, FakeGolden(400), limits=Limits(concurrency=4)), transport)
    assert len(transport.calls) < 80


def test_nothing_is_asked_again_where_nothing_was_answered():
    doubts = Doubts()
    assert [doubts.refused("no") for _ in range(50)] == [None] * 50


def test_what_was_answered_just_now_is_asked_again_and_not_what_the_journal_holds():
    doubts = Doubts(1)
    answered, kept = (Request("m", "/chat/completions", body) for body in (b"{}", b"[]"))
    doubts.kept(kept)
    doubts.answered(answered)
    doubts.kept(kept)
    assert doubts.refused("no") is answered


def test_a_block_of_the_providers_filter_shows_that_the_endpoint_answers(tmp_path):
    blocked = failure(400, "The response was filtered", "content_filter")
    refused = failure(403, "no")

    def script(text, attempt):
        if number_of(text) < 50:
            return None
        return blocked if number_of(text) % 4 == 0 else refused

    transport = FakeTransport(script)
    run(make_request(tmp_path, FakeGolden(120), limits=Limits(concurrency=1)), transport)
    assert len(transport.calls) == 120
