"""One run whose cached input and reasoning have prices of their own: every surface says the same money of it."""

import json
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "runner"))
from runner_fakes import Asking, FakeGolden, FakeTransport, RawResponse, make_request, run, verdict

from harness.cli import main
from harness.records import Price
from harness.runner.dry_run import dry_run

PRICE = Price(2.0, 8.0, cached_input_per_mtok=0.5, reasoning_per_mtok=3.0)
CALL_USD = (100 * 2.0 + 300 * 0.5 + 10 * 8.0 + 40 * 3.0) / 1e6
"""By hand: of 400 tokens of input 300 were cached, of 50 of output 40 were reasoning."""
N = 60
N_CAUGHT = sum(verdict(f"text number {at}") == "unsafe" for at in range(0, N, 5))


def said(text, attempt):
    usage = {
        "prompt_tokens": 400,
        "prompt_tokens_details": {"cached_tokens": 300},
        "completion_tokens": 50,
        "completion_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 450,
    }
    message = {"role": "assistant", "content": verdict(text)}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
    return RawResponse(200, {}, orjson.dumps(body), body)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cost")
    candidates = [Asking("v1"), Asking("v2", prompt="?")]
    run(make_request(folder, FakeGolden(N), candidates, price=PRICE), FakeTransport(said))
    return folder


def shown(home, *arguments):
    done = CliRunner().invoke(main, [*arguments, "--runs-dir", str(home / "runs")])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_surface_says_the_same_money(home):
    cost, per_1000, per_caught = N * CALL_USD, 1000 * CALL_USD, N * CALL_USD / N_CAUGHT
    assert N_CAUGHT == 2
    found = {}
    for name, one in json.loads(shown(home, "score", "latest", "--json"))["candidates"].items():
        money = one["money"]
        found["score", name] = (one["cost_usd"], money["per_1000_usd"], money["per_caught_usd"])
    shown(home, "report", "latest", "--format", "json,md", "--out", str(home / "page"))
    for one in json.loads((home / "page" / "report.json").read_text())["economics"]:
        found["report", one["candidate"]] = (one["cost_usd"], one["cost_per_1000_usd"], one["cost_per_caught_usd"])
    for one in json.loads(shown(home, "weekly", "--eval", "demo", "--json"))["engineering"]["costs"]:
        found["weekly", one["candidate"]] = (one["cost_usd"], one["cost_per_1000_usd"], one["cost_per_caught_usd"])
    assert {name for name, _ in found} == {"score", "report", "weekly"}
    for where, money in found.items():
        assert money == pytest.approx((cost, per_1000, per_caught)), where
    (listed,) = json.loads(shown(home, "runs", "list", "--json"))
    assert (listed["cost_usd"], listed["answers_cost_usd"]) == pytest.approx((2 * cost, 2 * cost))


def test_the_words_for_people_say_it_too(home):
    assert "list price $0.0330; $0.5500 per 1,000 answered items; $0.0165 per caught violation" in " ".join(
        shown(home, "score", "latest").split()
    )
    compared = shown(home, "compare", "latest", "--candidate", "v2")
    for words in ("$0.0330", "$0.5500", "$0.0165"):
        assert words in compared
    shown(home, "report", "latest", "--format", "md", "--out", str(home / "words"))
    assert "\\$0.0330 | \\$0.5500 | \\$0.0165" in (home / "words" / "report.md").read_text()
    assert "$0.0660" in shown(home, "runs", "show", "latest")


@pytest.mark.parametrize(("is_batch", "share"), [(False, 1.0), (True, 0.5)])
def test_a_dry_run_says_beforehand_what_the_calls_then_cost(home, is_batch, share):
    """Reasoning was priced as any other output: 37% too much of these calls."""
    more = FakeGolden(N + 100)
    request = make_request(home, more, [Asking("v1")], price=PRICE, is_batch=is_batch)
    estimate = dry_run(request)["v1"]
    assert (estimate.calls, estimate.basis) == (100, "candidate")
    assert estimate.cost_usd == pytest.approx(share * 100 * CALL_USD, rel=0.15)
    assert (estimate.output_tokens, estimate.reasoning_tokens) == (5000, 4000)


def test_another_golden_set_rests_on_what_the_journal_kept(home):
    class Other(FakeGolden):
        def items(self, indices=None):
            from msgspec.structs import replace

            return (replace(item, text=f"quite another text {item.id}") for item in super().items(indices))

    estimate = dry_run(make_request(home, Other(100), [Asking("v1")], price=PRICE))["v1"]
    assert (estimate.calls, estimate.cached, estimate.basis, estimate.reasoning_tokens) == (100, 0, "candidate", 4000)
    assert estimate.cost_usd == pytest.approx(100 * CALL_USD, rel=0.15)
