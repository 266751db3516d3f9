"""Tokens, cost and the budget."""

import hashlib
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from runner_fakes import PRICE, Asking, FakeGolden, FakeTransport, answer, failure, make_request, run

from harness.cli import main
from harness.cli.summary import budget_words, cost_words, reused_lines
from harness.errors import HarnessError
from harness.records import Limits, Price
from harness.records.answers import Request, Usage
from harness.report.parts.numbers import usd, usd_spent
from harness.runner.budget import batch_price, cost_usd, estimate, most_of
from harness.runner.dry_run import dry_run
from harness.runner.merge import find_shards, merge
from harness.runner.shards import Shard
from harness.runner.transport import RawResponse, TransportError
from harness.runner.usage import usage_of
from harness.runs import open_run

UNKNOWN = "calls of unknown cost count at the most they may have cost"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 3}, Usage(10, 0, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}, Usage(10, 8, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None}, Usage(10, 0, 3)),
        ({"input_tokens": 10, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 8}}, Usage(10, 8, 3)),
        ({"prompt_tokens": 10.0, "completion_tokens": 3.0}, Usage(10, 0, 3)),  # some gateways write floats
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 513},
            Usage(10, 0, 503, 500),
        ),  # reasoning outside
        ({"prompt_tokens": 10, "completion_tokens": 503, "total_tokens": 513}, Usage(10, 0, 503)),
        (  # within, as OpenAI tells it
            {
                "prompt_tokens": 10,
                "completion_tokens": 503,
                "total_tokens": 513,
                "completion_tokens_details": {"reasoning_tokens": 500},
            },
            Usage(10, 0, 503, 500),
        ),
        (  # outside and told, as xAI does
            {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "total_tokens": 513,
                "completion_tokens_details": {"reasoning_tokens": 500},
            },
            Usage(10, 0, 503, 500),
        ),
        (
            {"input_tokens": 10, "output_tokens": 8, "output_tokens_details": {"reasoning_tokens": 6}},
            Usage(10, 0, 8, 6),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 9}},
            Usage(10, 0, 12, 9),
        ),  # outside and told, without a total: it cannot be within
        ({"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": "none"}, Usage(10, 0, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 0}, Usage(10, 0, 3)),
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 99}},
            Usage(10, 10, 3),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 3, "cached_tokens": 8}, Usage(10, 8, 3)),  # Together, Moonshot
        ({"prompt_tokens": 10, "completion_tokens": 3, "num_cached_tokens": 8}, Usage(10, 8, 3)),  # Mistral
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None, "num_cached_tokens": None},
            Usage(10, 0, 3),
        ),
        ({"prompt_tokens": 10, "total_tokens": 10}, Usage(10, 0, 0)),
        ({"prompt_tokens": None, "completion_tokens": -1}, None),
        ({"prompt_tokens": 10, "completion_tokens": None}, None),
        ({"prompt_tokens": 10.5, "completion_tokens": 1}, None),
        ({"prompt_tokens": 2**63, "completion_tokens": 1}, None),  # a count no column can hold
        ({"prompt_tokens": True}, None),
        ({"prompt_tokens": 10}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None),  # gateways that do not count
        ({"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 0}, None),
        ([], None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_is_read(usage, expected):
    assert usage_of({"usage": usage}) == expected


def test_an_answer_with_a_text_has_taken_output_tokens():
    usage = {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}
    assert usage_of({"usage": usage, "choices": [{"message": {"content": "spam"}}]}) is None
    assert usage_of({"usage": usage, "choices": [{"message": {"content": ""}}]}) == Usage(10, 0, 0)  # a filter's


@pytest.mark.parametrize("document", [None, [], "text", {}])
def test_an_answer_without_usage_says_nothing(document):
    assert usage_of(document) is None


def test_cached_tokens_are_priced_apart():
    # 20 of 100 input tokens at $1, 80 at $0.1, 5 output tokens at $10, a million each: 20 + 8 + 50 = 78 millionths
    assert cost_usd(Usage(100, 80, 5), PRICE) == pytest.approx(78e-6)
    assert cost_usd(Usage(100, 80, 5), Price(1.0, 10.0)) == pytest.approx(150e-6)


def test_tokens_of_reasoning_are_priced_apart_where_they_have_a_price():
    # 100 input at $1, 5 answer tokens at $10, 20 of reasoning at $4, a million each: 100 + 50 + 80 = 230 millionths
    apart = Price(1.0, 10.0, reasoning_per_mtok=4.0)
    assert cost_usd(Usage(100, 0, 25, 20), apart) == pytest.approx(230e-6)
    assert cost_usd(Usage(100, 0, 25, 20), Price(1.0, 10.0)) == pytest.approx(350e-6)
    assert cost_usd(Usage(100, 0, 25, 20), batch_price(apart)) == pytest.approx(115e-6)


def test_a_reservation_reckons_with_the_dearer_of_answer_and_reasoning():
    body = b'{"max_tokens": 1000}'
    dear, cheap = Price(0.0, 10.0, reasoning_per_mtok=40.0), Price(0.0, 10.0, reasoning_per_mtok=1.0)
    assert most_of(body, dear).usd == pytest.approx(0.04)
    assert most_of(body, cheap).usd == pytest.approx(0.01)


def test_a_bound_holds_where_reasoning_is_the_dearer_part(tmp_path):
    body = orjson.loads(answer().body)
    body["usage"] = {
        "prompt_tokens": 20, "completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 35},
    }  # fmt: skip
    reply = RawResponse(200, {}, orjson.dumps(body), body)
    price = Price(1.0, 10.0, reasoning_per_mtok=50.0)
    summary = run(
        make_request(tmp_path, FakeGolden(200), price=price, max_cost_usd=0.2), FakeTransport(lambda *_: reply)
    )
    assert summary.cost_usd == pytest.approx(summary.calls * (20 * 1 + 5 * 10 + 35 * 50) / 1e6)
    assert 0.1 < summary.cost_usd <= 0.2
    assert summary.reason == "budget"


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


def test_a_budget_is_of_the_run_and_not_of_one_execution(tmp_path):
    """The same command again spent the same sum again."""
    price = Price(1.0, 10.0)

    def go(max_cost_usd):
        request = make_request(tmp_path, FakeGolden(100), price=price, max_cost_usd=max_cost_usd)
        return run(request, FakeTransport(big))

    first, second, third, fourth = go(0.01), go(0.01), go(0.02), go(0.02)
    assert (second.cached, second.calls, second.status) == (first.counts["v1"]["ok"], 0, "incomplete")
    assert second.spent_before_usd == pytest.approx(first.cost_usd)
    assert third.counts["v1"]["ok"] == 100
    assert first.cost_usd + third.cost_usd <= 0.02
    total = first.cost_usd + third.cost_usd
    assert f"(it may take {usd(second.next_call_usd)} or {second.next_call_tokens} tokens; this run" in budget_words(
        second
    )
    assert first.cost_usd + second.next_call_usd > 0.01
    assert f"this run has taken {usd(first.cost_usd)}, earlier executions included" in budget_words(second)
    assert cost_words(third) == f"{usd(third.cost_usd)} spent ({usd(total)} with earlier executions)"
    assert f"it has cost {usd(total)};" in reused_lines(fourth)[0]
    meta = open_run(third.path).meta
    assert (meta.cost_usd, meta.spent_usd) == (third.cost_usd, pytest.approx(total))
    shown = CliRunner().invoke(main, ["runs", "list", "--runs-dir", str(Path(third.path).parent)])
    assert f"{usd(total)}" in shown.output  # it showed what the last execution had spent


def test_earlier_calls_of_unknown_cost_are_not_told_as_spent(tmp_path):
    """All of what calls without usage held back was said to be taken."""

    def go(max_cost_usd):
        silent = {"choices": [{"message": {"content": "safe"}}]}
        transport = FakeTransport(lambda text, attempt: RawResponse(200, {}, orjson.dumps(silent), silent))
        return run(make_request(tmp_path, FakeGolden(100), price=PRICE, max_cost_usd=max_cost_usd), transport)

    first, second = go(0.001), go(0.001)
    assert (second.calls, second.earlier_cost_usd, second.earlier_unknown_calls) == (0, 0.0, first.calls)
    assert f"; {UNKNOWN}, {usd(second.spent_before_usd)}): raise it" in budget_words(second)
    third = go(1.0)
    meta = open_run(third.path).meta
    assert (usd_spent(meta.spent_usd, meta.n_unknown_calls), meta.n_unknown_calls) == ("unknown", 100)


def test_tokens_may_be_bounded_without_a_price(tmp_path):
    transport = FakeTransport(big)
    summary = run(make_request(tmp_path, FakeGolden(100), max_tokens=5000), transport)
    assert (summary.status, summary.reason) == ("incomplete", "budget")
    assert 4500 < 78 * len(transport.calls) <= 5000


@pytest.mark.parametrize("usage", ["null", "missing", "floats", "huge"])
def test_an_answer_that_does_not_say_what_it_used_keeps_its_reservation(tmp_path, usage):
    """200 calls were made under a bound of $0.002, and the run was said to have cost $0.00."""

    def script(text, attempt):
        one = answer()
        document = orjson.loads(one.body)
        told = {
            "null": None,
            "floats": {"prompt_tokens": 40.5, "completion_tokens": 1.5},
            "huge": {"prompt_tokens": 2**63},
        }
        document["usage"] = told.get(usage)
        if usage == "missing":
            del document["usage"]
        return RawResponse(200, {}, orjson.dumps(document), document)

    transport = FakeTransport(script)
    summary = run(make_request(tmp_path, FakeGolden(200), price=PRICE, max_cost_usd=0.002), transport)
    assert (summary.status, summary.reason) == ("incomplete", "budget")
    assert 1 <= len(transport.calls) <= 12
    assert (summary.cost_usd, summary.unknown_calls) == (0.0, len(transport.calls))
    assert 0.001 < summary.unknown_usd <= 0.002
    rows = open_run(summary.path).candidate("v1")
    assert rows.total_cost_usd is None


class AnyLength(Asking):
    """Sets no limit to the answer."""

    def request(self, text):
        body = {"messages": [{"role": "user", "content": text}]}
        return Request(self.model_id, "/chat/completions", orjson.dumps(body))


def test_answers_of_any_length_break_a_bound_by_no_more_than_the_first(tmp_path):
    """Ten calls were under way before the first told that it takes 5,000 tokens and not 1,024."""

    def go():
        request = make_request(tmp_path, candidates=[AnyLength()], price=Price(1.0, 10.0), max_cost_usd=0.06)
        return run(request, FakeTransport(lambda text, attempt: answer(completion_tokens=5000)))

    first, second = go(), go()
    assert (first.calls, second.calls) == (1, 0)
    assert first.cost_usd <= 0.06


def test_a_budget_too_small_for_one_call_makes_none(tmp_path):
    transport = FakeTransport()
    summary = run(make_request(tmp_path, price=PRICE, max_cost_usd=1e-7), transport)
    assert (summary.status, transport.calls) == ("incomplete", [])


def test_a_call_that_may_have_been_billed_counts_against_the_budget(tmp_path):
    transport = FakeTransport(lambda text, attempt: TransportError("timeout", "no complete answer in time"))
    request = make_request(tmp_path, FakeGolden(50), price=PRICE, limits=Limits(max_retries=100))
    body = request.candidates[0].request("text number 10").body
    allowed = 5.5 * most_of(body, PRICE).usd
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


def test_a_list_price_that_lacks_answers_is_a_lower_bound(tmp_path):
    """Half of the answers did not say what they used, and the sum of the others was the price of all."""

    def script(text, attempt):
        one = answer(completion_tokens=2)
        if int(text.split()[-1]) % 2:
            del one.document["usage"]
        return RawResponse(200, {}, orjson.dumps(one.document), one.document)

    golden = FakeGolden(40)
    summary = run(make_request(tmp_path, golden, price=PRICE), FakeTransport(script))
    assert open_run(summary.path).meta.unpriced_answers == 20
    shown = CliRunner().invoke(main, ["runs", "show", summary.run_id, "--runs-dir", str(tmp_path / "runs")]).output
    assert f"at least {usd(summary.answers_cost_usd)} of all its answers" in " ".join(shown.split())
    for part in (1, 2):
        run(make_request(tmp_path, golden, price=PRICE, shard=Shard(part, 2)), FakeTransport(script))
    whole = merge(find_shards([summary.run_id], tmp_path / "runs"), tmp_path / "runs")
    assert open_run(whole).meta.unpriced_answers == 20


def odd_tokeniser(text, attempt):
    """A server whose tokens are no quarter of the bytes, with a template of its own and a prompt cache."""
    return answer("unsafe", prompt_tokens=90 + 2 * len(text.split()), cached_tokens=60, completion_tokens=3)


def test_a_dry_run_says_how_far_answers_of_many_lengths_let_it_see(tmp_path):
    """Forty answers of 1 to 3,000 tokens told the cost to 15%, at best, and nothing said so."""
    golden = FakeGolden(600)

    def of_any_length(text, attempt):
        return answer("safe", completion_tokens=1 + int(hashlib.sha256(text.encode()).hexdigest(), 16) % 3000)

    errors = []
    for seed in range(12):
        home = tmp_path / str(seed)
        run(make_request(home, golden, price=PRICE, limit=40, seed=seed), FakeTransport(of_any_length))
        found = dry_run(make_request(home, golden, price=PRICE))["v1"]
        real = run(make_request(home, golden, price=PRICE), FakeTransport(of_any_length)).cost_usd
        assert 0.12 < found.margin_usd / found.cost_usd < 0.25
        errors.append(abs(found.cost_usd - real) / found.margin_usd)
    assert sum(one <= 1 for one in errors) >= 10


def test_a_dry_run_learns_from_answers_and_is_within_15_percent(tmp_path):
    """It said one token for every 4 bytes, and max_tokens as output: twice the cost or half of it."""
    golden = FakeGolden(300)
    rough = dry_run(make_request(tmp_path, golden, price=PRICE))["v1"]
    assert rough.basis == "rule"
    run(make_request(tmp_path, golden, price=PRICE, limit=30), FakeTransport(odd_tokeniser))
    for wave, expected_calls in ((None, 270), ("w2", 300)):
        request = make_request(tmp_path, golden, price=PRICE, wave=wave)
        expected = dry_run(request)["v1"]
        assert (expected.basis, expected.calls) == ("candidate", expected_calls)
        real = run(request, FakeTransport(odd_tokeniser))
        assert expected.cost_usd == pytest.approx(real.cost_usd, rel=0.15)
        assert expected.output_tokens == 3 * expected_calls
    assert abs(rough.cost_usd / real.cost_usd - 1) > 0.3


def test_a_tokeniser_counts_before_the_first_answer(tmp_path):
    """Without one answer the input was a token for every 4 bytes."""

    def spoken(text, attempt):
        return answer("unsafe", prompt_tokens=7 + len(text), completion_tokens=8)

    def count(body):
        return 7 + len(orjson.loads(body)["messages"][-1]["content"])

    request = make_request(tmp_path, FakeGolden(50), price=PRICE)
    expected = dry_run(request, {"m": count})["v1"]
    assert expected.basis == "tokeniser"
    assert dry_run(request, {"other": count})["v1"].basis == "rule"
    real = run(request, FakeTransport(spoken))
    rows = open_run(real.path).candidate("v1")
    assert expected.input_tokens == int(rows.tokens["input_tokens"].sum())
    assert (
        dry_run(make_request(tmp_path, FakeGolden(50), price=PRICE, wave="w"), {"m": count})["v1"].basis == "candidate"
    )


def test_a_changed_prompt_is_estimated_from_the_models_other_answers(tmp_path):
    run(make_request(tmp_path, FakeGolden(40), price=PRICE), FakeTransport(odd_tokeniser))
    request = make_request(tmp_path, FakeGolden(200), [Asking("v2", prompt="Is that safe?")], price=PRICE)
    expected = dry_run(request)["v2"]
    assert (expected.basis, expected.n_measured) == ("model", 40)
    assert expected.cost_usd == pytest.approx(run(request, FakeTransport(odd_tokeniser)).cost_usd, rel=0.15)


def test_a_few_answers_are_no_measure(tmp_path):
    run(make_request(tmp_path, FakeGolden(200), price=PRICE, limit=5), FakeTransport(odd_tokeniser))
    assert dry_run(make_request(tmp_path, FakeGolden(200), price=PRICE))["v1"].basis == "rule"


def test_reasoning_beyond_max_tokens_raises_what_later_calls_reserve(tmp_path):
    """Tokens outside max_tokens stood in no reservation: every call went beyond what was set aside for it."""

    def thinking(text, attempt):
        return answer(prompt_tokens=40, completion_tokens=2, total_tokens=5042)

    one_usd = cost_usd(Usage(40, 0, 5002), Price(1.0, 10.0))
    limits = Limits(concurrency=1)
    request = make_request(tmp_path, FakeGolden(50), price=Price(1.0, 10.0), limits=limits, max_cost_usd=4.5 * one_usd)
    summary = run(request, FakeTransport(thinking))
    assert (summary.status, summary.reason) == ("incomplete", "budget")
    assert one_usd <= summary.cost_usd <= 4.5 * one_usd


def test_an_error_inside_a_200_that_says_what_it_used_is_paid_for(tmp_path):
    body = {"error": {"code": 502, "message": "upstream"}, "usage": {"prompt_tokens": 100, "completion_tokens": 5}}

    def script(text, attempt):
        if attempt == 1:
            return RawResponse(502, {}, orjson.dumps(body), body)  # as the transport hands on a 200 with an error
        return answer(prompt_tokens=100, completion_tokens=5)

    summary = run(make_request(tmp_path, FakeGolden(10), price=PRICE), FakeTransport(script))
    assert summary.cost_usd == pytest.approx(20 * cost_usd(Usage(100, 0, 5), PRICE))


def test_calls_without_a_price_are_of_unknown_cost(tmp_path):
    """A run of a model without a price was said to have spent $0.00."""
    summary = run(make_request(tmp_path, FakeGolden(10)))
    assert (summary.unpriced_calls, summary.unknown_calls, summary.as_dict()["cost_usd"]) == (10, 10, None)
    assert cost_words(summary) == "the cost of 10 calls is unknown (no price in models.yaml)"
    meta = open_run(summary.path).meta
    assert usd_spent(meta.cost_usd, meta.unknown_calls) == "unknown"


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_a_budget_is_more_than_nothing(tmp_path, wrong):
    with pytest.raises(HarnessError, match="--max-cost is"):
        run(make_request(tmp_path, price=PRICE, max_cost_usd=wrong))
