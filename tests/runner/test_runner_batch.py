"""Batches: the records of a live run; nothing lost and nothing paid twice, whatever ends and wherever it is cut off."""

import asyncio
import io
import random
import sqlite3

import orjson
import pytest
from batch_server import BatchServer
from click.testing import CliRunner
from runner_fakes import Asking, FakeGolden, FakeTransport, Local, completion, make_request, run, verdict

from harness.candidates.responses import read_document
from harness.cli import main
from harness.errors import HarnessError
from harness.records import Price
from harness.records.answers import Answer, Request
from harness.records.answers import Usage as Tokens
from harness.runner import ready_endpoint, run_eval
from harness.runner.batch import check_batches
from harness.runner.batch.book import BatchBook
from harness.runner.batch.client import BatchClient
from harness.runner.budget import cost_usd
from harness.runner.dry_run import dry_run
from harness.runs import open_run

PRICE = Price(1.0, 10.0)
ONE_USD = cost_usd(Tokens(40, 0, 2), PRICE) / 2  # at half price


class Reading(Asking):
    """Reads failures as the shipped candidates do."""

    def read(self, response):
        document = read_document(response)
        return document if isinstance(document, Answer) else super().read(response)


async def short(seconds):
    await asyncio.sleep(min(seconds, 0.002))


def batch_request(home, url, n=20, **more):
    endpoint = ready_endpoint("m", url, "sk-key-of-the-tests", price=more.pop("price", PRICE), identity="stub")
    more.setdefault("candidates", [Reading()])
    golden = more.pop("golden", None) or FakeGolden(n)
    return make_request(home, golden, endpoints={"m": endpoint}, is_batch=True, **more)


def go(home, server, n=20, *, stream=None, on_stoppable=None, **more):
    request = batch_request(home, server.url, n, **more)
    return run_eval(request, sleep=short, rng=random.Random(0), stream=stream, on_stoppable=on_stoppable)


def number(text):
    return int(text.split()[-1])


def open_in(home):
    database = sqlite3.connect(home / "cache.sqlite")
    try:
        return [database.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in ("batches", "batch_requests")]
    finally:
        database.close()


def test_a_batch_gives_the_records_of_a_live_run_at_half_price(tmp_path):
    candidates = [Reading(), Local()]
    with BatchServer() as server:
        summary = go(tmp_path, server, candidates=candidates, repeats=2)
    assert (summary.status, summary.calls, server.sizes) == ("complete", 40, [40])
    assert summary.cost_usd == pytest.approx(40 * ONE_USD)
    live = run(make_request(tmp_path / "live", candidates=candidates, repeats=2, price=PRICE), FakeTransport())
    one, other = open_run(summary.path), open_run(live.path)
    for name in ("v1", "rules"):
        mine, theirs = one.candidate(name), other.candidate(name)
        assert (mine.outcomes == theirs.outcomes).all()
        assert (mine.y_pred == theirs.y_pred).all()
        assert {column: found.tolist() for column, found in mine.tokens.items()} == {
            column: found.tolist() for column, found in theirs.tokens.items()
        }
    assert one.candidate("v1").total_cost_usd == pytest.approx(other.candidate("v1").total_cost_usd / 2)
    assert one.texts("v1", "rationale") == other.texts("v1", "rationale")
    assert open_in(tmp_path) == [0, 0]


def test_a_live_run_goes_on_from_what_batches_brought(tmp_path):
    with BatchServer(lambda text: "" if number(text) < 15 else (500, {"error": {"message": "busy"}})) as server:
        first = go(tmp_path, server)
    assert (first.status, first.counts["v1"]) == ("invalid", {"error": 5, "ok": 15})
    transport = FakeTransport()
    endpoint = ready_endpoint("m", "http://host/v1", price=PRICE, identity="stub")
    second = run(make_request(tmp_path, FakeGolden(20), [Reading()], endpoints={"m": endpoint}), transport)
    assert (second.run_id, second.status, len(transport.calls)) == (first.run_id, "complete", 5)
    assert open_run(second.path).candidate("v1").total_cost_usd == pytest.approx(15 * ONE_USD + 5 * 2 * ONE_USD)


def test_lines_come_in_any_order_doubled_foreign_and_broken(tmp_path):
    key = "ab" * 32
    foreign = {"custom_id": key, "response": {"status_code": 200, "body": orjson.loads(completion("unsafe"))}}
    with BatchServer() as server:
        server.odd_lines = [b"{", b"", b"[]", b'{"custom_id": 7}', b'{"custom_id": "zz"}', orjson.dumps(foreign)]
        made, end = server.file, []

        def doubled(batch, name, lines):
            if name == "output_file_id":
                other = orjson.loads(lines[0])
                other["response"]["body"]["choices"][0]["message"]["content"] = "another word"
                lines = [*lines, orjson.dumps(other), lines[1]]
            else:
                late = {"custom_id": orjson.loads(end[0])["custom_id"], "error": {"code": "late", "message": "no"}}
                lines = [*lines, orjson.dumps(late)]
            end[:] = lines
            made(batch, name, lines)

        server.file = doubled
        summary = go(tmp_path, server)
    assert (summary.status, summary.counts["v1"]) == ("complete", {"ok": 20})
    assert summary.cost_usd == pytest.approx(20 * ONE_USD)
    rationales = [texts[0] for texts in open_run(summary.path).texts("v1", "rationale")]
    assert rationales == [f"it is {verdict(f'text number {at}')}" for at in range(20)]


def test_what_expired_is_asked_in_another_batch(tmp_path):
    with BatchServer(ends=["expired"]) as server:
        server.script = lambda text: "batch_expired" if number(text) >= 12 and len(server.batches) == 1 else ""
        summary = go(tmp_path, server)
    assert (summary.status, server.sizes) == ("complete", [20, 8])
    assert max(server.billed.values()) == 1


def test_what_expires_twice_has_no_answer_and_is_asked_by_the_same_command(tmp_path):
    with BatchServer(lambda text: "batch_expired" if number(text) >= 12 else "", ends=["expired", "expired"]) as server:
        first = go(tmp_path, server)
        assert (first.status, first.counts["v1"], server.sizes) == ("invalid", {"error": 8, "ok": 12}, [20, 8])
        assert "batch_expired: it was not done" in next(iter(first.error_reasons["v1"]))
        server.script = lambda text: ""
        assert go(tmp_path, server).status == "complete"
    assert server.sizes == [20, 8, 8]
    assert max(server.billed.values()) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_what_met_a_passing_trouble_is_asked_in_another_batch(tmp_path, status):
    trouble = (status, {"error": {"message": "try again later"}})
    with BatchServer() as server:
        server.script = lambda text: trouble if number(text) >= 12 and len(server.batches) == 1 else ""
        summary = go(tmp_path, server)
    assert (summary.status, server.sizes) == ("complete", [20, 8])
    assert max(server.billed.values()) == 1


def test_lines_that_stay_429_slow_nothing_down(tmp_path):
    """They were taken for a limit of calls that nobody makes: 35 of 200 lines took ten minutes."""
    busy = (429, {"error": {"message": "Rate limit reached"}})
    with BatchServer(lambda text: busy if number(text) >= 12 else "") as server:
        summary = go(tmp_path, server)
    assert (summary.counts["v1"], server.sizes) == ({"error": 8, "ok": 12}, [20, 8])
    assert open_run(summary.path).meta.limits["m"]["rate_limited"] == 0


def test_calls_are_counted_with_their_money_and_answers_of_batches_are_not_from_the_journal(tmp_path):
    with BatchServer(ends=["failed"]) as server:
        server.errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]
        summary = go(tmp_path, server)
    assert (summary.calls, summary.cached) == (20, 0)


def test_a_cancelled_batch_keeps_what_it_brought(tmp_path):
    with BatchServer(lambda text: "" if number(text) < 5 else "batch_cancelled", ends=["cancelled"]) as server:
        first = go(tmp_path, server)
        assert (first.counts["v1"], server.sizes) == ({"error": 15, "ok": 5}, [20])
        server.script = lambda text: ""
        assert go(tmp_path, server).status == "complete"
    assert (server.sizes, max(server.billed.values())) == ([20, 15], 1)


def test_requests_that_stand_in_no_file_are_asked_again_and_may_have_cost(tmp_path):
    with BatchServer(lambda text: None if number(text) == 3 and len(server.batches) == 1 else "") as server:
        summary = go(tmp_path, server)
    assert (summary.status, server.sizes, summary.unknown_calls) == ("complete", [20, 1], 1)


def test_a_batch_that_the_server_refuses_ends_the_run_with_its_words(tmp_path):
    with BatchServer(ends=["failed"]) as server:
        server.errors = [
            {"code": "model_not_found", "line": 1, "message": "The model `m` has no batches", "param": None}
        ]
        with pytest.raises(HarnessError, match=r"batch batch_1 was refused: line 1: The model `m` has no batches"):
            go(tmp_path, server)
        assert open_in(tmp_path) == [0, 0]
        assert go(tmp_path, server).status == "complete"


def test_too_many_tokens_at_one_time_are_asked_in_smaller_batches(tmp_path):
    with BatchServer(ends=["failed", "failed"]) as server:
        server.errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]
        summary = go(tmp_path, server)
    assert (summary.status, server.sizes) == (
        "complete",
        [20, 10, 10, 5, 5],
    )
    assert max(server.billed.values()) == 1


def test_refusals_and_blocks_of_single_requests_are_read_as_in_a_live_run(tmp_path):
    blocked = orjson.loads(completion(None))
    blocked["choices"][0] |= {"finish_reason": "content_filter"}

    def script(text):
        return {
            3: (413, {"error": {"message": "too long"}}),
            4: (200, blocked),
            5: (400, {"error": {"code": "content_filter", "message": "content management policy"}}),
        }.get(number(text), "")

    with BatchServer(script) as server:
        summary = go(tmp_path, server)
    assert (summary.status, summary.counts["v1"]) == ("complete", {"blocked": 2, "ok": 17, "rejected": 1})
    assert summary.cost_usd == pytest.approx(18 * ONE_USD)


# ---------------------------------------------------------------------------------------------------------------- money


def test_a_bound_holds_before_the_batch_is_made_and_over_executions(tmp_path):
    bound = 0.004
    with BatchServer() as server:
        first = go(tmp_path, server, 200, max_cost_usd=bound)
        assert (first.status, first.reason) == ("incomplete", "budget")
        assert 0 < first.cost_usd <= bound
        assert first.counts["v1"]["ok"] == sum(server.sizes)
        second = go(tmp_path, server, 200, max_cost_usd=bound)
        assert first.cost_usd + second.cost_usd <= bound
        third = go(tmp_path, server, 200, max_cost_usd=1.0)
    assert third.status == "complete"
    assert first.cost_usd + second.cost_usd + third.cost_usd == pytest.approx(200 * ONE_USD)


class AnyLength(Reading):
    def request(self, text):
        return Request("m", "/chat/completions", orjson.dumps({"messages": [{"role": "user", "content": text}]}))


@pytest.mark.parametrize("bound", [{"max_cost_usd": 1.0}, {"max_tokens": 10_000}])
def test_a_bound_on_answers_of_any_length_is_refused(tmp_path, bound):
    """A batch of 411 requests cost $1.70 under --max-cost 1: each was held back as 1,024 tokens and took 4,000."""
    with BatchServer() as server:
        with pytest.raises(HarnessError, match="no bound on cost or tokens can be kept: model 'm' sets no max_tokens"):
            go(tmp_path, server, candidates=[AnyLength()], **bound)
        assert not server.files
        assert go(tmp_path, server, candidates=[AnyLength()]).status == "complete"


def test_a_model_without_a_price_is_refused_under_a_bound(tmp_path):
    with BatchServer() as server, pytest.raises(HarnessError, match="no price is known for m"):
        go(tmp_path, server, price=None, max_cost_usd=1.0)
    assert not server.batches


def test_answers_without_usage_keep_what_was_held_back(tmp_path):
    def script(text):
        body = orjson.loads(completion("safe"))
        del body["usage"]
        return 200, body

    with BatchServer(script) as server:
        summary = go(tmp_path, server)
    assert (summary.cost_usd, summary.unknown_calls, summary.as_dict()["cost_usd"]) == (0.0, 20, None)
    assert summary.unknown_usd > 0


def test_a_batch_without_a_price_is_of_unknown_cost(tmp_path):
    with BatchServer() as server:
        summary = go(tmp_path, server, price=None)
    assert (summary.unpriced_calls, summary.unknown_calls, summary.as_dict()["cost_usd"]) == (20, 20, None)


def test_a_dry_run_is_at_half_price(tmp_path):
    batch = dry_run(batch_request(tmp_path, "http://host/v1"))["v1"].cost_usd
    endpoint = ready_endpoint("m", "http://host/v1", price=PRICE, identity="stub")
    live = dry_run(make_request(tmp_path, FakeGolden(20), [Reading()], endpoints={"m": endpoint}))["v1"].cost_usd
    assert batch == pytest.approx(live / 2)


# ------------------------------------------------------------------------------------------------- cut off and resumed


class Cut(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("place", ["upload", "sent_file", "make", "made", "look", "content", "finish"])
@pytest.mark.parametrize("is_after", [False, True])
def test_a_run_that_is_cut_off_anywhere_pays_nothing_twice(tmp_path, monkeypatch, place, is_after):
    """Every step of the protocol, cut off before and after it was done; kill -9 itself is in the fault matrix."""
    owner = BatchBook if place in ("sent_file", "made", "finish") else BatchClient
    real = getattr(owner, place)

    def cut_book(self, *args):
        if is_after:
            real(self, *args)
        raise Cut

    async def cut_client(self, *args):
        if is_after:
            await real(self, *args)
        raise Cut

    with BatchServer() as server:
        with monkeypatch.context() as patched:
            patched.setattr(owner, place, cut_book if owner is BatchBook else cut_client)
            with pytest.raises(Cut):
                go(tmp_path, server)
        summary = go(tmp_path, server)
    assert (summary.status, summary.counts["v1"]) == ("complete", {"ok": 20})
    assert server.sizes == [20]
    assert summary.spent_before_usd + summary.cost_usd == pytest.approx(20 * ONE_USD)
    assert open_in(tmp_path) == [0, 0]


def test_a_lost_answer_to_the_making_of_a_batch_makes_no_second_one(tmp_path):
    with BatchServer() as server:
        server.loses_answers = 1
        assert go(tmp_path, server).status == "complete"
    assert (server.sizes, server.n_lists) == ([20], 1)


def test_an_interrupt_leaves_the_batch_to_the_same_command(tmp_path):
    with BatchServer(held=True) as server:
        stop = []
        lines = []

        class Stream:
            def isatty(self):
                return False

            def write(self, text):
                lines.append(text)
                if "in_progress" in text:
                    stop[0]()

            def flush(self):
                pass

        first = go(tmp_path, server, stream=Stream(), on_stoppable=stop.append)
        assert (first.status, first.reason, first.counts["v1"]) == ("incomplete", "interrupted", {"not_asked": 20})
        assert any("the same command goes on with it" in line for line in lines)
        assert any("20 requests to model 'm', at most $0.00" in line for line in lines)
        server.is_held = False
        assert go(tmp_path, server).status == "complete"
    assert server.sizes == [20]


def test_a_batch_that_is_open_is_not_paid_for_again_by_a_live_run(tmp_path, monkeypatch):
    """All of it was asked live, and what the batch cost was never told."""

    async def cut(self, *args):
        raise Cut

    with BatchServer(held=True) as server:
        with monkeypatch.context() as patched:
            patched.setattr(BatchClient, "look", cut)
            with pytest.raises(Cut):
                go(tmp_path, server)
        endpoint = ready_endpoint("m", server.url, price=PRICE, identity="stub")
        transport, told = FakeTransport(), io.StringIO()

        def live(**more):
            request = make_request(tmp_path, FakeGolden(20), [Reading()], endpoints={"m": endpoint}, **more)
            return run(request, transport, stream=told)

        with pytest.raises(HarnessError, match="asked live, they would be paid for twice"):
            live()
        assert transport.calls == []
        assert live(limit=5).status == "complete"
        assert "are open at the server: what they hold of this run is paid for twice" in told.getvalue()
        server.is_held = False
        assert (go(tmp_path, server).status, server.sizes) == ("complete", [20])
        assert live().is_reused


def test_a_batch_that_is_gone_is_asked_anew_and_may_have_cost(tmp_path):
    with BatchServer(held=True) as server:
        stop = []
        seen = type("Stream", (), {"isatty": lambda self: False, "flush": lambda self: None})()
        seen.write = lambda text: stop[0]() if "in_progress" in text else None
        go(tmp_path, server, stream=seen, on_stoppable=stop.append)
        server.is_held = False
        server.batches["batch_1"]["id"] = "batch_lost"
        server.batches = {"batch_lost": server.batches["batch_1"], "batch_x": dict(server.batches["batch_1"])}
        summary = go(tmp_path, server)
    assert (summary.status, summary.unknown_calls) == ("complete", 20)


def test_two_runs_on_one_journal_share_a_batch(tmp_path):
    """The second run's requests are in the first one's batch: it waits for that, and pays nothing."""
    with BatchServer(held=True) as server:
        stop = []
        seen = type("Stream", (), {"isatty": lambda self: False, "flush": lambda self: None})()
        seen.write = lambda text: stop[0]() if "in_progress" in text else None
        go(tmp_path, server, 20, stream=seen, on_stoppable=stop.append)
        server.is_held = False
        other = go(tmp_path, server, 30)  # another golden set, which holds the same texts
        assert (other.status, sorted(server.sizes)) == ("complete", [10, 20])
        assert other.cost_usd == pytest.approx(10 * ONE_USD)
        assert go(tmp_path, server, 20).status == "complete"
    assert max(server.billed.values()) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(tmp_path, status):
    with BatchServer() as server:
        server.refuses = [(status, "busy")] * 3
        assert go(tmp_path, server).status == "complete"
    assert server.sizes == [20]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "status 401 (the key was not accepted): no such key"),
        (404, "status 404"),
        (400, "status 400: no such key"),
    ],
)
def test_a_server_that_has_no_batches_ends_the_run_with_its_words(tmp_path, status, words):
    with BatchServer() as server:
        server.refuses = [(status, "no such key")] * 9
        with pytest.raises(HarnessError) as caught:
            go(tmp_path, server)
    assert words in str(caught.value)
    assert "leave --batch out" in str(caught.value)
    assert "sk-key" not in str(caught.value)


# ------------------------------------------------------------------------------------------------------ what it is not


class Twice(Reading):
    """Asks a second question where the first answer is "unsafe"."""

    has_follow_ups = True

    def decide(self, item):
        (response,) = yield [self.request(item.text)]
        first = self.read(response)
        if first.decisions.get("hate") == 1:
            (response,) = yield [self.request(f"again, {item.text}")]
            return self.read(response)
        return first


def test_questions_that_follow_from_answers_are_asked_in_a_second_batch(tmp_path):
    with BatchServer() as server:
        summary = go(tmp_path, server, candidates=[Twice()])
    n_unsafe = sum(verdict(f"text number {at}") == "unsafe" for at in range(20))
    assert (summary.status, server.sizes) == ("complete", [20, n_unsafe])


def test_other_protocols_are_refused_before_anything_is_sent(tmp_path):
    endpoint = ready_endpoint("m", "embedded:", identity="embedded:1")
    with pytest.raises(HarnessError, match="m cannot be asked in batches"):
        run(make_request(tmp_path, candidates=[Reading()], endpoints={"m": endpoint}, is_batch=True))
    with pytest.raises(HarnessError, match="no model is asked"):
        check_batches({})


@pytest.mark.parametrize("other", ["--early-stop", "--watch"])
def test_early_stopping_and_batches_exclude_each_other_with_the_reason(other):
    done = CliRunner().invoke(main, ["run", "eval.yaml", "--batch", other])
    assert done.exit_code == 2
    assert "nothing left that --early-stop or --watch could leave out" in " ".join(done.output.split())
