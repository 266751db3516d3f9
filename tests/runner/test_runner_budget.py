"""Tokens, cost and the budget."""

import pytest
from runner_fakes import PRICE, FakeGolden, FakeTransport, answer, failure, make_request, run

from harness.errors import HarnessError
from harness.records import Limits, Price
from harness.records.answers import Usage
from harness.runner.budget import cost_usd, estimate, most_cost_usd, usage_of
from harness.runs import open_run


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 3}, Usage(10, 0, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}, Usage(10, 8, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None}, Usage(10, 0, 3)),
        ({"input_tokens": 10, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 8}}, Usage(10, 8, 3)),
        ({"prompt_tokens": None, "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": True}, Usage()),
        ([], Usage()),
        (None, Usage()),
    ],
)
def test_usage_is_read(usage, expected):
    assert usage_of({"usage": usage}) == expected


@pytest.mark.parametrize("document", [None, [], "text", {}])
def test_an_answer_without_usage_used_nothing(document):
    assert usage_of(document) == Usage()


def test_cached_tokens_are_priced_apart():
    # 20 of 100 input tokens at $1, 80 at $0.1, 5 output tokens at $10, a million each: 20 + 8 + 50 = 78 millionths
    assert cost_usd(Usage(100, 80, 5), PRICE) == pytest.approx(78e-6)
    assert cost_usd(Usage(100, 80, 5), Price(1.0, 10.0)) == pytest.approx(150e-6)


def test_an_image_counts_as_an_image():
    text = b'{"max_tokens":5,"content":"hello"}'
    image = b'{"max_tokens":5,"image_url":{"url":"data:image/png;base64,' + b"A" * 400_000 + b'"}}'
    assert estimate(text).input_tokens == -(-len(text) // 4)
    assert estimate(image).input_tokens < 1600


def test_text_that_looks_like_an_image_counts_as_text():
    body = b'{"content":"see \\"data:image/png;base64,' + b"A" * 4000 + b'\\""}'
    assert estimate(body).input_tokens > 1000


@pytest.mark.parametrize(
    ("body", "output"),
    [
        (b'{"max_tokens": 7}', 7),
        (b'{"max_completion_tokens":9}', 9),
        (b'{"max_output_tokens":9}', 9),
        (b'{"content":"\\"max_tokens\\": 3"}', 256),
    ],
)
def test_the_bodys_own_limit_is_the_expected_output(body, output):
    assert estimate(body).output_tokens == output


def test_rows_carry_tokens_and_cost(tmp_path):
    transport = FakeTransport(lambda text, attempt: answer(prompt_tokens=100, cached_tokens=80, completion_tokens=5))
    summary = run(make_request(tmp_path, price=PRICE), transport)
    assert summary.cost_usd == pytest.approx(20 * 78e-6)
    stored = open_run(summary.path)
    rows = stored.candidate("v1")
    assert rows.total_cost_usd == pytest.approx(20 * 78e-6)
    assert {name: values.sum() for name, values in rows.tokens.items()} == {
        "input_tokens": 2000,
        "cached_tokens": 1600,
        "output_tokens": 100,
    }
    assert stored.meta.tokens == {"input_tokens": 2000, "cached_tokens": 1600, "output_tokens": 100}


def test_answers_from_the_journal_cost_nothing_again_but_keep_their_price(tmp_path):
    import shutil

    request = make_request(tmp_path, price=PRICE)
    shutil.rmtree(run(request).path)
    summary = run(request)
    stored = open_run(summary.path)
    assert summary.cost_usd == 0.0
    assert stored.candidate("v1").total_cost_usd == pytest.approx(stored.meta.answers_cost_usd)
    assert stored.meta.answers_cost_usd > 0


def test_without_a_price_the_cost_is_unknown_and_not_0(tmp_path):
    summary = run(make_request(tmp_path))
    stored = open_run(summary.path)
    assert stored.candidate("v1").total_cost_usd is None
    assert stored.meta.answers_cost_usd is None


def big(text, attempt):
    return answer(prompt_tokens=70, completion_tokens=8)


def test_a_budget_is_never_exceeded_and_nearly_used(tmp_path):
    price = Price(1.0, 10.0)
    one_usd = cost_usd(Usage(70, 0, 8), price)
    request = make_request(tmp_path, FakeGolden(500), price=price, max_cost_usd=100.5 * one_usd)
    transport = FakeTransport(big)
    summary = run(request, transport)
    assert (summary.status, summary.reason) == ("incomplete", "budget")
    assert summary.cost_usd <= 100.5 * one_usd
    assert summary.counts["v1"]["ok"] >= 95
    assert sum(summary.counts["v1"].values()) == 500
    assert open_run(summary.path).texts("v1", "error")[499] == ["budget"]


def test_the_next_budget_goes_on_from_the_journal(tmp_path):
    price = Price(1.0, 10.0)
    limits = {"price": price, "max_cost_usd": 0.01}
    first = run(make_request(tmp_path, FakeGolden(100), **limits), FakeTransport(big))
    second = run(make_request(tmp_path, FakeGolden(100), **limits), FakeTransport(big))
    assert second.cached == first.counts["v1"]["ok"]
    assert second.counts["v1"]["ok"] > first.counts["v1"]["ok"]


def test_a_budget_too_small_for_one_call_makes_none(tmp_path):
    transport = FakeTransport()
    summary = run(make_request(tmp_path, price=PRICE, max_cost_usd=1e-7), transport)
    assert (summary.status, transport.calls) == ("incomplete", [])


def test_a_call_that_may_have_been_billed_counts_against_the_budget(tmp_path):
    from harness.runner.transport import TransportError

    transport = FakeTransport(lambda text, attempt: TransportError("timeout", "no complete answer in time"))
    request = make_request(tmp_path, FakeGolden(50), price=PRICE, limits=Limits(max_retries=100))
    body = request.candidates[0].request("text number 10").body
    allowed = 5.5 * most_cost_usd(body, PRICE)
    summary = run(
        make_request(tmp_path, FakeGolden(50), price=PRICE, limits=Limits(max_retries=100), max_cost_usd=allowed),
        transport,
    )
    assert (summary.status, summary.cost_usd) == ("incomplete", 0.0)
    assert len(transport.calls) <= 6


def test_refused_calls_do_not_count_against_the_budget(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(500) if attempt < 3 else big(text, attempt))
    request = make_request(tmp_path, price=PRICE, max_cost_usd=0.02)
    assert run(request, transport).status == "complete"


def test_a_budget_needs_prices(tmp_path):
    with pytest.raises(HarnessError, match=r"--max-cost cannot be kept: no price is known for m"):
        run(make_request(tmp_path, max_cost_usd=1.0))


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_a_budget_is_more_than_nothing(tmp_path, wrong):
    with pytest.raises(HarnessError, match="--max-cost is"):
        run(make_request(tmp_path, price=PRICE, max_cost_usd=wrong))
