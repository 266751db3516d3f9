"""The smaller parts: dry run, progress, sample, run ids, and the writer of run folders."""

import io
import sys

import numpy as np
import pytest
from msgspec import structs
from runner_fakes import PRICE, Asking, FakeGolden, FakeTransport, Local, make_request, run

from harness.errors import HarnessError
from harness.records import Eval, Limits
from harness.runner import default_cache_path
from harness.runner.dry_run import dry_run
from harness.runner.endpoint import ready_endpoint
from harness.runner.progress import Progress
from harness.runner.record import package_versions, status_of
from harness.runner.run_id import run_id_of
from harness.runner.sample import sample_indices
from harness.runs import InputFile, open_run
from harness.runs.writer import RunWriter


def test_a_dry_run_counts_and_calls_nobody(tmp_path):
    request = make_request(
        tmp_path, FakeGolden(300, withheld={1, 2}), [Asking(), Asking("again"), Local()], price=PRICE, repeats=2
    )
    told = dry_run(request)
    assert (told["v1"].items, told["v1"].calls, told["v1"].cached) == (300, 596, 0)
    assert told["again"].calls == 0  # the same requests, which v1 has asked already
    assert (told["rules"].items, told["rules"].calls, told["rules"].cost_usd) == (300, 0, 0.0)
    assert told["v1"].output_tokens == 596 * 8
    assert told["v1"].cost_usd == pytest.approx((told["v1"].input_tokens + 10 * told["v1"].output_tokens) / 1e6)
    assert not request.cache_path.exists()
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_knows_what_the_journal_holds(tmp_path):
    run(make_request(tmp_path, FakeGolden(30), limit=10))
    told = dry_run(make_request(tmp_path, FakeGolden(30)))
    assert (told["v1"].calls, told["v1"].cached) == (20, 10)


def test_a_dry_run_without_a_price_knows_no_cost(tmp_path):
    assert dry_run(make_request(tmp_path))["v1"].cost_usd is None


def test_a_dry_run_counts_later_questions_as_far_as_answers_are_known(tmp_path):
    class Twice(Asking):
        has_follow_ups = True

        def decide(self, item):
            yield [self.request(item.text)]
            (response,) = yield [self.request(item.text + "?")]
            return self.read(response)

    request = make_request(tmp_path, FakeGolden(10), [Twice()])
    told = dry_run(request)["v1"]
    assert (told.calls, told.is_lower_bound) == (10, True)
    run(request)
    told = dry_run(request)["v1"]
    assert (told.calls, told.cached, told.is_lower_bound) == (0, 20, False)


class Strict(Asking):
    """Refuses items as ``refuses`` says, as a prompt does whose template names a field that they lack."""

    def __init__(self, refuses):
        super().__init__()
        self.refuses = refuses

    def decide(self, item):
        if self.refuses(item.id):
            raise HarnessError(f"item {item.id} has no field 'lang'")
        return super().decide(item)


def test_an_item_that_cannot_be_asked_ends_no_dry_run(tmp_path):
    """It ended in that item's message, where the run itself writes an error row and goes on."""
    request = make_request(tmp_path, FakeGolden(10), [Strict(lambda name: name == "c-0003")])
    assert dry_run(request)["v1"].calls == 9
    assert run(request).errors == 1
    with pytest.raises(HarnessError, match="candidate 'v1': item c-0000 has no field"):
        dry_run(make_request(tmp_path, FakeGolden(10), [Strict(lambda name: True)]))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def progress(*, is_terminal=False, cost=0.0, total=1000):
    clock, stream = Clock(), io.StringIO()
    return Progress(total, stream, clock, lambda: cost, is_terminal=is_terminal), clock, stream


def test_a_short_run_shows_nothing():
    shown, clock, stream = progress()
    for _ in range(500):
        shown.add("ok")
    clock.now = 1.9
    shown.tick()
    shown.close()
    assert stream.getvalue() == ""


def test_progress_is_one_line_at_intervals():
    shown, clock, stream = progress(cost=0.256)
    for outcome in ["ok"] * 490 + ["error"] * 10:
        shown.add(outcome)
    for tenth in range(200):
        clock.now = tenth / 10
        shown.tick()
    lines = stream.getvalue().splitlines()
    assert lines == [
        "500 of 1,000, 250 a second, $0.26, 10 errors, 2 s left",
        "500 of 1,000, 29 a second, $0.26, 10 errors, 17 s left",
    ]


def test_rate_and_time_left_are_of_the_rows_that_take_calls():
    """Rows of rules raised the rate: "4 s left" stood there for minutes."""
    clock, stream = Clock(), io.StringIO()
    shown = Progress(
        300,
        stream,
        clock,
        lambda: 0.0,
        n_asking=200,
        slowed=lambda: "slowed by the server's limits, concurrency now 12",
    )
    for _ in range(100):
        shown.add("ok", is_asking=False, is_called=False)
    assert shown.line(10.0) == "100 of 300, slowed by the server's limits, concurrency now 12"
    for _ in range(40):
        shown.add("ok")
    assert (
        shown.line(40.0)
        == "140 of 300, 1.0 a second, 2 min 40 s left, slowed by the server's limits, concurrency now 12"
    )


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    shown, clock, stream = progress(is_terminal=True)
    for _ in range(250):
        shown.add("ok")
    clock.now = 5.0
    shown.tick()
    shown.close()
    assert "250 of 1,000, 50 a second, 15 s left" in stream.getvalue()


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_terminal_that_draws_nothing_gets_lines(monkeypatch, name):
    """It got nothing at all: no rate, no time left."""
    monkeypatch.setenv("TERM", name)
    shown, clock, stream = progress(is_terminal=True)
    for _ in range(250):
        shown.add("ok")
    for seconds in (5.0, 6.0, 100.0):
        clock.now = seconds
        shown.tick()
    shown.close()
    assert stream.getvalue().splitlines() == [
        "250 of 1,000, 50 a second, 15 s left",
        "250 of 1,000, 2.5 a second, 5 min 0 s left",
    ]


def test_nowhere_is_a_fine_place_for_progress():
    shown = Progress(10, None, Clock(), lambda: 0.0)
    shown.add("ok")
    shown.tick()
    shown.close()
    assert shown.done == 1


def test_the_sample_follows_seed_and_ids_alone():
    ids = [f"c-{index}" for index in range(1000)]
    first = sample_indices(ids, 100, 7)
    assert first == sorted(first)
    assert len(set(first)) == 100
    chosen = {ids[index] for index in first}
    turned = ids[::-1]
    assert {turned[index] for index in sample_indices(turned, 100, 7)} == chosen
    assert {ids[index] for index in sample_indices(ids, 100, 8)} != chosen
    assert sample_indices(ids[:5], 10) == [0, 1, 2, 3, 4]


def test_the_sample_is_the_same_on_every_machine():
    # sha256("0\na"), sha256("0\nb"), ... begin with these bytes: the two smallest are chosen
    import hashlib

    ids = ["a", "b", "c", "d"]
    smallest = sorted(ids, key=lambda one: hashlib.sha256(f"0\n{one}".encode()).digest())[:2]
    assert [ids[index] for index in sample_indices(ids, 2)] == sorted(smallest)


def test_the_same_inputs_have_the_same_id(tmp_path):
    one, two = make_request(tmp_path / "a"), make_request(tmp_path / "b", limits=Limits(concurrency=99))
    assert run_id_of(one, "1.0") == run_id_of(two, "1.0")
    assert run_id_of(one, "1.0").startswith("demo-")
    assert len(run_id_of(one, "1.0")) == len("demo-") + 12


@pytest.mark.parametrize(
    "change",
    [
        {"eval": Eval("demo", "", "", {}, on_failure="flag")},
        {"repeats": 2},
        {"limit": 5},
        {"wave": "w"},
        {"seed": 1},
        {"golden": FakeGolden(21)},
        {"candidates": [Asking(prompt="Other?")]},
        {"candidates": [Asking(), Local()]},
        {"inputs": {"policy": InputFile("community", 3, "cd" * 32, "policies/community.yaml")}},
        {"endpoints": {"m": ready_endpoint("m", "http://other/v1")}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_input_is_another_id(tmp_path, change):
    base = make_request(tmp_path)
    assert run_id_of(structs.replace(base, **change), "1.0") != run_id_of(base, "1.0")


def test_another_price_is_another_id(tmp_path):
    """The cost of every row follows from it."""
    base, dear = (
        make_request(tmp_path, price=PRICE),
        make_request(tmp_path, price=structs.replace(PRICE, output_per_mtok=99.0)),
    )
    assert run_id_of(base, "1.0") != run_id_of(dear, "1.0")


def test_the_error_rate_is_of_the_rows_that_were_asked():
    """Withheld items counted as asked: they hid errors of the others."""
    counts = {"v1": {"ok": 96, "error": 4, "withheld": 900}}
    assert status_of(counts, 0.005, None) == "invalid"
    assert status_of(counts, 0.04, None) == "complete"
    assert status_of({"v1": {"withheld": 10}}, 0.0, None) == "complete"
    assert status_of({"v1": {"not_asked": 900, "ok": 96, "error": 4}}, 0.005, None) == "invalid"
    assert status_of({"v1": {"not_asked": 10}}, 0.0, None) == "complete"
    assert status_of({"v1": {"not_asked": 10}}, 0.0, "budget") == "incomplete"


def test_versions_are_of_the_packages_that_were_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "aiohttp", raising=False)
    assert package_versions(("aiohttp", "numpy")) == {"numpy": np.__version__}


def test_another_version_of_the_harness_is_another_id(tmp_path):
    request = make_request(tmp_path)
    assert run_id_of(request, "1.0") != run_id_of(request, "1.1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"candidates": [Asking(), Asking()]}, "two candidates have the same name"),
        ({"repeats": 0}, "repeats is 0"),
        ({"limit": 0}, "limit is 0"),
        ({"golden": FakeGolden(0)}, "has no items"),
    ],
)
def test_impossible_requests_are_refused(tmp_path, change, told):
    with pytest.raises(HarnessError, match=told):
        make_request(tmp_path, **change)


def test_a_request_without_candidates_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="no candidates"):
        structs.replace(make_request(tmp_path), candidates=[])


def test_the_usual_place_of_the_journal(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_path().name == "responses.sqlite"
    assert default_cache_path().parent.name == "moderation-harness"


def writer(runs_dir, run_id="demo-1"):
    return RunWriter(runs_dir, run_id, categories=("hate",), slices=(), candidates=("a",))


def test_two_writers_of_one_run_are_kept_apart(tmp_path):
    first = writer(tmp_path)
    with pytest.raises(HarnessError, match="run demo-1 is under way in another process"):
        writer(tmp_path)
    other = writer(tmp_path, "demo-2")
    other.abandon()
    first.abandon()
    writer(tmp_path).abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HarnessError, match="the run cannot be written there"):
        writer(tmp_path / "file")


def test_the_rest_of_a_killed_run_is_cleared_away(tmp_path):
    (tmp_path / ".partial-demo-1").mkdir()
    (tmp_path / ".partial-demo-1" / "predictions.parquet").write_text("half")
    (tmp_path / ".lock-demo-1").write_text("")
    writer(tmp_path).abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_replacement_killed_between_its_renames_is_undone(tmp_path):
    request = make_request(tmp_path)
    summary = run(request)
    runs = tmp_path / "runs"
    (runs / summary.run_id).rename(runs / f".old-{summary.run_id}")
    assert open_run(summary.run_id, runs).meta.run_id == summary.run_id  # a reader finds it
    writer(runs, summary.run_id).abandon()
    assert [path.name for path in runs.iterdir()] == [summary.run_id]


def test_what_a_finished_replacement_set_aside_is_cleared_away(tmp_path):
    summary = run(make_request(tmp_path))
    runs = tmp_path / "runs"
    (runs / f".old-{summary.run_id}").mkdir()
    writer(runs, summary.run_id).abandon()
    assert [path.name for path in runs.iterdir()] == [summary.run_id]


def test_a_progress_stream_is_used_by_a_run(tmp_path):
    stream = io.StringIO()
    transport = FakeTransport(latency_s=1.0)
    run(make_request(tmp_path, FakeGolden(100), limits=Limits(concurrency=2)), transport, stream=stream)
    assert stream.getvalue().splitlines()[0].endswith("left")
    assert len(stream.getvalue().splitlines()) == 4  # at 2, 17, 32 and 47 of 50 seconds
