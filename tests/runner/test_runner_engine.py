"""The local engine: one row for each candidate, item and repeat, in a fixed order, whatever happens on the way."""

import asyncio
import io
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from runner_fakes import (
    Asking,
    FakeGolden,
    FakeTransport,
    Local,
    answer,
    failure,
    make_request,
    run,
    verdict,
)

from harness.errors import HarnessError
from harness.records import Limits
from harness.records.answers import Answer
from harness.runner.endpoint import ready_endpoint
from harness.runner.engine import worker_count
from harness.runner.groups import groups_of
from harness.runner.transport import TransportError
from harness.runs import open_run

VARYING = {"latency_ms", "cached"}


def table(summary, *, without=frozenset()):
    read = pq.read_table(f"{summary.path}/predictions.parquet")
    return read.drop_columns(list(without)) if without else read


def order(summary):
    read = table(summary)
    return list(zip(*(read[name].to_pylist() for name in ("candidate", "item_id", "repeat")), strict=True))


def test_rows_come_in_the_order_of_candidate_item_and_repeat(tmp_path):
    latencies = {f"text number {index}": 0.01 * ((index * 7) % 11) for index in range(30)}
    request = make_request(tmp_path, FakeGolden(30), [Asking("b"), Asking("a", prompt="Other?")], repeats=3)
    summary = run(request, FakeTransport(latency_s=latencies.__getitem__))
    expected = [(name, f"c-{index:04d}", repeat) for name in ("b", "a") for index in range(30) for repeat in range(3)]
    assert order(summary) == expected
    assert summary.calls == 180


@pytest.mark.parametrize("n", [1, 255, 256, 257, 700])
def test_no_item_is_lost_between_chunks(tmp_path, n):
    """Chunks used to be cut by a zip that took one item too many from its source."""
    candidate = Asking()
    summary = run(make_request(tmp_path, FakeGolden(n), [candidate]))
    assert summary.counts == {"v1": {"ok": n}}
    assert [item for chunk in candidate.prepared for item in chunk] == [f"c-{index:04d}" for index in range(n)]
    assert max(len(chunk) for chunk in candidate.prepared) <= 256


def test_predictions_do_not_depend_on_concurrency(tmp_path):
    tables = []
    for concurrency in (1, 128):
        home = tmp_path / str(concurrency)
        request = make_request(
            home, FakeGolden(400), [Asking(), Local(), Asking("v2", prompt="?")], limits=Limits(concurrency=concurrency)
        )
        transport = FakeTransport(latency_s=lambda text: 0.01 + 0.001 * (hash(text) % 17))
        tables.append(table(run(request, transport), without=VARYING))
    assert tables[0].equals(tables[1])


def test_files_of_equal_runs_are_equal_byte_for_byte(tmp_path):
    files = []
    for name in ("one", "two"):
        summary = run(make_request(tmp_path / name, FakeGolden(300), [Asking(), Local()]))
        files.append(
            {
                part: (tmp_path / name / "runs" / summary.run_id / part).read_bytes()
                for part in ("predictions.parquet", "items.parquet", "run.json")
            }
        )
    assert files[0] == files[1]


def test_concurrency_is_kept(tmp_path):
    transport = FakeTransport()
    run(make_request(tmp_path, FakeGolden(200), limits=Limits(concurrency=7)), transport)
    assert transport.most_in_flight == 7


def test_equal_requests_share_one_call(tmp_path):
    transport = FakeTransport()
    summary = run(make_request(tmp_path, FakeGolden(50), [Asking("a"), Asking("b")]), transport)
    assert len(transport.calls) == 50
    assert summary.counts == {"a": {"ok": 50}, "b": {"ok": 50}}


def test_repeats_are_asked_apart(tmp_path):
    transport = FakeTransport()
    run(make_request(tmp_path, FakeGolden(10), repeats=4), transport)
    assert sorted(transport.calls) == sorted([f"text number {index}" for index in range(10)] * 4)


def test_a_wave_asks_again_and_is_another_run(tmp_path):
    first = run(make_request(tmp_path))
    transport = FakeTransport()
    second = run(make_request(tmp_path, wave="2026-W47"), transport)
    assert first.run_id != second.run_id
    assert len(transport.calls) == 20


def test_withheld_items_get_a_row_and_no_call(tmp_path):
    transport = FakeTransport()
    request = make_request(tmp_path, FakeGolden(10, withheld={0, 3, 9}), [Asking(), Local()], repeats=2)
    summary = run(request, transport)
    assert len(transport.calls) == 14
    assert summary.counts == {"v1": {"ok": 14, "withheld": 6}, "rules": {"ok": 20}}
    stored = open_run(summary.path)
    assert stored.is_withheld.tolist() == [True, False, False, True] + [False] * 5 + [True]
    assert order(summary)[:4] == [("v1", "c-0000", 0), ("v1", "c-0000", 1), ("v1", "c-0001", 0), ("v1", "c-0001", 1)]


def test_candidates_of_different_models_run_at_the_same_time(tmp_path):
    endpoints = {name: ready_endpoint(name, f"http://{name}/v1", limits=Limits(concurrency=4)) for name in ("m", "n")}
    transport = FakeTransport()
    request = make_request(
        tmp_path, FakeGolden(600), [Asking("a", "m"), Asking("b", "n", prompt="?")], endpoints=endpoints
    )
    summary = run(request, transport)
    assert transport.most_in_flight == 8
    assert [name for name, _, _ in order(summary)] == ["a"] * 600 + ["b"] * 600
    rows = open_run(summary.path).candidate("b")
    assert rows.y_pred[:3, 0, 0].tolist() == [int(verdict(f"text number {index}") == "unsafe") for index in range(3)]


def test_groups_join_candidates_that_share_a_model():
    a, b, c, d = Asking("a", "m"), Asking("b", "n"), Asking("c", "m"), Local()
    assert groups_of([a, b, c, d]) == [[0, 2], [1], [3]]
    both = Asking("e")
    both.models_used = ("m", "n")
    assert groups_of([a, b, c, d, both]) == [[0, 1, 2, 4], [3]]


def test_a_candidate_that_does_not_name_its_models_runs_alone():
    class Unknown(Local):
        models_used = None

    assert groups_of([Asking("a", "m"), Unknown(), Asking("b", "n")]) == [[0, 1, 2]]


def test_workers_follow_the_models_a_candidate_asks():
    endpoints = {
        name: ready_endpoint(name, "http://h/v1", limits=Limits(concurrency=n)) for name, n in (("m", 5), ("n", 9))
    }
    assert [worker_count(Asking("a", "m"), endpoints), worker_count(Local(), endpoints)] == [5, 1]
    many = {"m": ready_endpoint("m", "http://host/v1", "k", limits=Limits(concurrency=64))}
    assert worker_count(Asking("a", "m"), many) == 128  # a free place is taken from requests that are ready


class ByCategory(Asking):
    """Two questions at once, and a third that hangs on their answers."""

    def decide(self, item):
        first, second = yield [self.request(item.text + " hate?"), self.request(item.text + " spam?")]
        for response in (first, second):
            if response.error is not None:
                return Answer("error", error=response.error)
        (third,) = yield [self.request(item.text + " sure?")]
        return self.read(third)


def test_a_candidate_may_ask_several_times(tmp_path):
    transport = FakeTransport(latency_s=0.05)
    summary = run(make_request(tmp_path, FakeGolden(4), [ByCategory()]), transport)
    assert len(transport.calls) == 12
    stored = open_run(summary.path)
    assert all(len(row[0].split(" ")) == 3 for row in stored.texts("v1", "response_key"))
    assert stored.candidate("v1").tokens["input_tokens"].ravel().tolist() == [120] * 4
    assert stored.candidate("v1").latency_ms.ravel().tolist() == pytest.approx([100.0] * 4)  # two batches of 50 ms


def test_an_item_without_an_answer_is_an_error_row_and_the_run_is_invalid(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(500) if text.endswith(" 3") else None)
    summary = run(make_request(tmp_path, limits=Limits(concurrency=4, max_retries=2)), transport)
    assert (summary.status, summary.errors) == ("invalid", 1)
    assert summary.counts == {"v1": {"error": 1, "ok": 19}}
    assert transport.calls.count("text number 3") == 3
    assert open_run(summary.path).texts("v1", "error")[3] == ["status 500 after 3 attempts (the server says: no)"]


def test_few_errors_leave_a_run_complete(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(500) if text.endswith(" 3") else None)
    summary = run(make_request(tmp_path, limits=Limits(max_retries=0), max_error_rate=0.05), transport)
    assert (summary.status, summary.errors) == ("complete", 1)


@pytest.mark.parametrize("kind", ["timeout", "network", "body"])
def test_broken_calls_are_tried_again(tmp_path, kind):
    transport = FakeTransport(lambda text, attempt: TransportError(kind, "broken") if attempt == 1 else None)
    summary = run(make_request(tmp_path), transport)
    assert summary.counts == {"v1": {"ok": 20}}
    assert summary.calls == 40


def test_a_slow_call_is_cancelled_and_tried_again(tmp_path):
    transport = FakeTransport(latency_s=lambda text: 100.0 if text.endswith(" 3") else 0.05)
    summary = run(make_request(tmp_path, limits=Limits(timeout_s=1.0, max_retries=2)), transport)
    assert transport.calls.count("text number 3") == 3
    assert summary.errors == 1


def test_an_item_has_a_deadline(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(503, headers={"retry-after": "8"}))
    limits = Limits(concurrency=1, max_retries=100, item_timeout_s=30.0)
    summary = run(make_request(tmp_path, FakeGolden(1), limits=limits), transport)
    assert len(transport.calls) == 4  # at 0, 8, 16 and 24 seconds or a little later; 32 would be too late
    assert open_run(summary.path).texts("v1", "error") == [
        ["status 503: no answer within the item's 30 s (the server says: no)"]
    ]


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, "invalid_api_key", "the key was not accepted"),
        (403, "permission_denied", "access was denied"),
        (404, "model_not_found", "no such address or model"),
        (402, None, "no credit"),
        (429, "insufficient_quota", "status 429"),
        (307, None, "points elsewhere"),
    ],
)
def test_a_wrong_setup_stops_the_run_at_once(tmp_path, status, code, told):
    transport = FakeTransport(lambda text, attempt: failure(status, "said the server", code))
    with pytest.raises(HarnessError, match=told) as caught:
        run(make_request(tmp_path, FakeGolden(1000)), transport)
    assert "said the server" in str(caught.value)
    assert "model 'm' at http://host/v1/chat/completions" in str(caught.value)
    assert len(transport.calls) <= 20
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_was_answered_before_a_fatal_error_is_kept(tmp_path):
    request = make_request(tmp_path, FakeGolden(100))
    with pytest.raises(HarnessError):
        run(request, FakeTransport(lambda text, attempt: failure(401) if text.endswith(" 60") else None))
    transport = FakeTransport()
    summary = run(request, transport)
    assert summary.cached >= 52
    assert summary.cached + len(transport.calls) == 100


@pytest.mark.parametrize("kind", ["refused", "unreachable"])
def test_an_address_where_nothing_listens_stops_the_run(tmp_path, kind):
    transport = FakeTransport(lambda text, attempt: TransportError(kind, "cannot connect to host"))
    with pytest.raises(HarnessError, match="nothing answers there"):
        run(make_request(tmp_path), transport)


def test_a_server_that_goes_away_for_a_moment_is_waited_for(tmp_path):
    def script(text, attempt):
        return TransportError("refused", "cannot connect") if text.endswith(" 12") and attempt < 3 else None

    summary = run(make_request(tmp_path), FakeTransport(script))
    assert summary.counts == {"v1": {"ok": 20}}


def test_a_400_is_the_items_own(tmp_path):
    def script(text, attempt):
        return failure(400, "blocked", "content_filter") if text.endswith(("1", "2")) else None

    transport = FakeTransport(script)
    request = make_request(tmp_path)
    summary = run(request, transport)
    assert summary.counts == {"v1": {"blocked": 4, "ok": 16}}
    assert summary.status == "complete"


def test_a_content_filter_on_every_item_is_no_wrong_setup(tmp_path):
    blocked = failure(400, "blocked", "content_filter")
    transport = FakeTransport(lambda text, attempt: blocked if text.startswith("text number") else None)
    assert run(make_request(tmp_path), transport).counts == {"v1": {"blocked": 20}}


def test_the_same_400_from_the_start_stops_the_run(tmp_path):
    calls = iter(range(1000))
    transport = FakeTransport(lambda text, attempt: failure(400, f"Unknown parameter: seed (request {next(calls)})"))
    with pytest.raises(
        HarnessError, match="first 10 items all failed, and nothing was ever answered: status 400: Unknown parameter"
    ):
        run(make_request(tmp_path, FakeGolden(500)), transport)
    assert len(transport.calls) < 30


def test_the_same_failure_of_every_first_item_stops_the_run(tmp_path):
    """A wrong base_url that answers with a web page ended after long retries, invalid and without a reason."""
    page = TransportError("body", "status 200 with a web page instead of a JSON document")
    transport = FakeTransport(lambda text, attempt: page)
    with pytest.raises(HarnessError, match=r"first 10 items all failed.*web page instead of") as caught:
        run(make_request(tmp_path, FakeGolden(500), limits=Limits(concurrency=8, max_retries=2)), transport)
    assert "check that host is up and that base_url" in str(caught.value)
    assert len(transport.calls) < 100


def test_a_server_without_service_says_why(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(503, "we are closed"))
    with pytest.raises(HarnessError, match=r"status 503 after 2 attempts \(the server says: we are closed\)"):
        run(make_request(tmp_path, FakeGolden(500), limits=Limits(max_retries=1)), transport)


def test_an_endpoint_that_ever_answered_is_not_given_up(tmp_path):
    transport = FakeTransport(lambda text, attempt: None if text.endswith(" 0") else failure(503))
    summary = run(make_request(tmp_path, limits=Limits(concurrency=4, max_retries=1)), transport)
    assert (summary.status, summary.counts) == ("invalid", {"v1": {"error": 19, "ok": 1}})
    assert summary.error_reasons == {"v1": {"status 503 after 2 attempts (the server says: no)": 19}}
    assert open_run(summary.path).meta.error_reasons == summary.error_reasons


def test_a_server_that_fails_is_not_said_to_be_down(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(500, "CUDA out of memory"))
    with pytest.raises(HarnessError, match=r"first 10 items all failed.*CUDA out of memory") as caught:
        run(make_request(tmp_path, FakeGolden(500), limits=Limits(max_retries=1)), transport)
    assert "it answers, and fails" in str(caught.value)


def test_rate_limits_alone_never_stop_a_run_early(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(429, headers={"retry-after": "0"}))
    summary = run(make_request(tmp_path, limits=Limits(max_retries=0)), transport)
    assert summary.counts == {"v1": {"error": 20}}


def test_different_400s_do_not_stop_the_run(tmp_path):
    said = ["too long", "names a person", "no language", "a bare link"]
    transport = FakeTransport(lambda text, attempt: failure(400, said[ord(text[-1]) % 4]))
    assert run(make_request(tmp_path), transport).counts == {"v1": {"blocked": 20}}


def test_a_fault_of_a_candidate_keeps_its_traceback(tmp_path):
    class Faulty(Asking):
        def decide(self, item):
            yield [self.request(item.text)]
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(make_request(tmp_path, candidates=[Faulty()]))
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [Answer("ok", {"unknown": 1}), Answer("ok", {"hate": 2}), Answer("fine"), Answer("ok", scores={"x": 0.5})]
)
def test_an_impossible_answer_is_a_fault_of_the_candidate(tmp_path, wrong):
    class Wrong(Local):
        def decide(self, item):
            return wrong
            yield

    with pytest.raises(ValueError, match="candidate 'rules'"):
        run(make_request(tmp_path, candidates=[Wrong()]))


def test_an_unknown_model_names_those_that_are_known(tmp_path):
    with pytest.raises(HarnessError, match="model 'other' has no endpoint\n  allowed: m"):
        run(make_request(tmp_path, candidates=[Asking(model_id="other")]))


class Stopping(Asking):
    """Stops the run, as Ctrl-C would, when it comes to an item."""

    def __init__(self, at, stop):
        super().__init__()
        self.at, self.stop = at, stop

    def decide(self, item):
        if item.id == self.at:
            self.stop()
        return super().decide(item)


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """Run 100 items and two candidates, interrupted at item 40."""
    from harness.runner import local

    engines = []

    class Watched(local.Engine):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            engines.append(self)

    monkeypatch.setattr(local, "Engine", Watched)

    def go(transport, n=100):
        candidate = Stopping("c-0040", lambda: engines[-1].stop("interrupted"))
        return run(make_request(tmp_path, FakeGolden(n), [candidate, Asking("v2", prompt="?")]), transport)

    return go


def test_an_interrupted_run_is_stored_as_incomplete_and_adds_up(stopped):
    transport = FakeTransport()
    summary = stopped(transport)
    assert (summary.status, summary.reason) == ("incomplete", "interrupted")
    assert sum(summary.counts["v1"].values()) == 100
    assert summary.counts["v1"]["ok"] == len(transport.calls)  # what was under way could end
    assert summary.counts["v2"] == {"not_asked": 100}
    assert (summary.errors, summary.not_asked) == (0, 200 - summary.calls)
    stored = open_run(summary.path)
    assert stored.texts("v1", "error")[99] == ["interrupted"]
    assert stored.item_ids == [f"c-{index:04d}" for index in range(100)]


def test_an_interrupt_waits_for_what_is_paid_for(stopped):
    """One Ctrl-C threw away every answer that took more than two seconds, and said that nothing was spent."""
    transport = FakeTransport(latency_s=lambda text: 50.0 if text.endswith(" 31") else 0.05)
    summary = stopped(transport)
    assert 50.0 < summary.wall_s < 52.0
    assert transport.in_flight == 0
    assert summary.counts["v1"]["ok"] == len(transport.calls)


def test_calls_that_do_not_end_are_cancelled_at_their_deadline(stopped):
    transport = FakeTransport(latency_s=lambda text: 500.0 if text.endswith(" 31") else 0.05)
    summary = stopped(transport)
    assert 59.0 < summary.wall_s < 63.0
    assert transport.in_flight == 0
    assert summary.counts["v1"]["ok"] == len(transport.calls) - 1


def test_an_interrupted_run_goes_on_where_it_was(stopped, tmp_path):
    first = stopped(FakeTransport())
    transport = FakeTransport()
    request = make_request(tmp_path, FakeGolden(100), [Asking(), Asking("v2", prompt="?")])
    second = run(request, transport)
    assert second.run_id == first.run_id
    assert (second.status, second.cached) == ("complete", first.calls)
    assert len(transport.calls) == 200 - first.calls
    assert open_run(second.path).meta.status == "complete"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [second.run_id]


def test_a_complete_run_is_not_repeated(tmp_path):
    request = make_request(tmp_path)
    first = run(request)
    transport = FakeTransport()
    second = run(request, transport)
    assert (second.is_reused, second.calls, transport.calls) == (True, 0, [])
    assert (second.run_id, second.path, second.status, second.items) == (first.run_id, first.path, "complete", 20)


def test_a_run_with_error_rows_is_tried_again_for_these(tmp_path):
    request = make_request(tmp_path, limits=Limits(max_retries=0), max_error_rate=0.5)
    run(request, FakeTransport(lambda text, attempt: failure(500) if text.endswith(" 3") else None))
    transport = FakeTransport()
    summary = run(request, transport)
    assert transport.calls == ["text number 3"]
    assert (summary.status, summary.errors, summary.cached) == ("complete", 0, 19)


def test_a_rerun_from_the_journal_gives_the_same_rows(tmp_path):
    import shutil

    request = make_request(tmp_path, FakeGolden(300), [Asking(), Local()])
    first = run(request)
    before = table(first, without={"cached"})
    shutil.rmtree(first.path)
    transport = FakeTransport()
    second = run(request, transport)
    assert transport.calls == []
    assert table(second, without={"cached"}).equals(before)  # latency too: the journal knows it
    assert (second.cached, second.calls) == (300, 0)
    assert open_run(second.path).candidate("v1").is_cached.all()


def test_a_slow_item_does_not_let_rows_pile_up(tmp_path, monkeypatch):
    from harness.runner import engine

    monkeypatch.setattr(engine, "WINDOW_ROWS", 50)
    transport = FakeTransport(latency_s=lambda text: 5.0 if text == "text number 0" else 0.05)
    summary = run(make_request(tmp_path, FakeGolden(500)), transport)
    assert summary.counts == {"v1": {"ok": 500}}
    asked_meanwhile = sum(at < transport.started_at[0] + 5.0 for at in transport.started_at)
    assert asked_meanwhile <= 50 + 8


def test_the_sample_is_fixed_and_in_golden_order(tmp_path):
    summary = run(make_request(tmp_path, FakeGolden(100), limit=10))
    ids = open_run(summary.path).item_ids
    assert len(ids) == 10
    assert ids == sorted(ids)
    larger = open_run(run(make_request(tmp_path, FakeGolden(100), limit=20)).path).item_ids
    assert set(ids) < set(larger)


def test_the_transport_is_wrapped_and_closed(tmp_path):
    inner = FakeTransport()
    wrapped = []

    def wrap(transport):
        wrapped.append(transport)
        return transport

    run(make_request(tmp_path), inner, wrap=wrap)
    assert wrapped == [inner]
    assert inner.is_closed


def test_a_local_candidate_leaves_the_loop_to_others(tmp_path):
    """A candidate that never waits used to hold the event loop until its last item."""
    endpoints = {"m": ready_endpoint("m", "http://h/v1", limits=Limits(concurrency=2))}
    ticks = []

    class Slow(Local):
        def decide(self, item):
            threading.Event().wait(0.003)
            ticks.append(asyncio.get_running_loop())
            return Answer("ok")
            yield

    transport = FakeTransport(lambda text, attempt: ticks.append("call") or answer())
    import time

    run(
        make_request(tmp_path, FakeGolden(40), [Slow(), Asking()], endpoints=endpoints), transport, clock=time.monotonic
    )
    assert ticks.index("call") < 30


@pytest.mark.parametrize("damage", ["predictions.parquet", "items.parquet", "cut", "run.json", "no run.json"])
def test_a_damaged_run_is_made_again_from_the_journal(tmp_path, damage):
    """Such a folder was a dead end: complete already, and nothing to be read."""
    request = make_request(tmp_path)
    first = run(request)
    folder = Path(first.path)
    if damage == "cut":
        whole = (folder / "predictions.parquet").read_bytes()
        (folder / "predictions.parquet").write_bytes(whole[:-40])
    elif damage == "run.json":
        (folder / "run.json").write_text("{")
    else:
        (folder / damage.removeprefix("no ")).unlink()
    said = io.StringIO()
    transport = FakeTransport()
    second = run(request, transport, stream=said)
    assert (second.is_reused, transport.calls, second.cached) == (False, [], 20)
    assert "Warning: " in said.getvalue()
    assert open_run(second.path).candidate("v1").outcomes.shape == (20, 1)
