"""Decisions are looked up together, and nothing is asked twice for that."""

import pytest

from harness.records import Item, Limits
from harness.runner.cache import ResponseCache
from harness.runs.reader import open_run
from tests.runner.runner_fakes import Asking, FakeGolden, FakeTransport, Local, make_request, run


@pytest.fixture
def looks(monkeypatch):
    """How many keys every look at the journal was for."""
    counted = []
    get_many = ResponseCache.get_many

    def counting(self, keys):
        counted.append(len(keys))
        return get_many(self, keys)

    monkeypatch.setattr(ResponseCache, "get_many", counting)
    return counted


def again(tmp_path, golden, candidates=None, **more):
    """The same request with another folder for its run, as when the first was deleted."""
    return make_request(tmp_path, golden, candidates, runs_dir=tmp_path / "again", **more)


def test_a_rerun_looks_for_many_answers_at_once(tmp_path, looks):
    golden = FakeGolden(600)
    first = run(make_request(tmp_path, golden))
    looks.clear()
    transport = FakeTransport()
    second = run(again(tmp_path, golden), transport)
    assert (second.calls, second.cached, transport.calls) == (0, 600, [])
    assert sum(looks) == 600
    assert len(looks) <= 12
    one, two = open_run(first.path), open_run(second.path)
    assert one.item_ids == two.item_ids
    assert [one.texts("v1", "rationale"), one.texts("v1", "response_key")] == [
        two.texts("v1", "rationale"),
        two.texts("v1", "response_key"),
    ]


def test_what_the_journal_lacks_is_asked_among_what_it_holds(tmp_path):
    golden = FakeGolden(300)
    run(make_request(tmp_path, golden, limit=100))
    transport = FakeTransport()
    summary = run(make_request(tmp_path, golden), transport)
    assert (summary.calls, summary.cached) == (200, 100)
    assert open_run(summary.path).item_ids == [f"c-{index:04d}" for index in range(300)]


def test_equal_requests_that_are_looked_up_together_or_apart_are_asked_once(tmp_path):
    """They are looked up before the first of them is answered; the later ones are looked up again."""

    class Repeating(FakeGolden):
        def __init__(self, n):
            super().__init__(n)
            self._items = [Item(item.id, f"text number {at % 7}", item.labels) for at, item in enumerate(self._items)]

    for concurrency in (1, 3, 64):
        transport = FakeTransport(latency_s=lambda text: 3.0 if text.endswith("0") else 0.01)
        request = make_request(tmp_path / str(concurrency), Repeating(100), limits=Limits(concurrency=concurrency))
        summary = run(request, transport)
        assert sorted(transport.calls) == sorted(set(transport.calls))
        assert (summary.calls, summary.counts["v1"]["ok"]) == (7, 100)


def test_a_failed_request_leaves_its_equals_to_be_asked(tmp_path):
    def script(text, attempt):
        from tests.runner.runner_fakes import failure

        return failure(422) if attempt == 1 and text.endswith(" 3") else None

    class Twice(FakeGolden):
        def __init__(self, n):
            super().__init__(n)
            self._items = [Item(one.id, f"text number {at % 50}", one.labels) for at, one in enumerate(self._items)]

    transport = FakeTransport(script)
    summary = run(make_request(tmp_path, Twice(100), limits=Limits(concurrency=1)), transport)
    assert transport.calls.count("text number 3") == 2
    assert (summary.calls, summary.counts["v1"]["ok"]) == (51, 99)


def test_large_requests_are_not_gathered(tmp_path, looks):
    """Pictures: a chunk of them would not fit into memory."""
    large = Asking(prompt="x" * 400_000)
    golden = FakeGolden(40)
    run(make_request(tmp_path, golden, [large]))
    looks.clear()
    run(again(tmp_path, golden, [large]))
    assert sum(looks) == 40
    assert max(looks) <= 3


def test_one_slow_call_holds_back_what_the_journal_brings(tmp_path, monkeypatch):
    from harness.runner import engine

    monkeypatch.setattr(engine, "WINDOW_ROWS", 64)
    most = 0

    class Watched(engine.InOrder):
        def put(self, number, row):
            nonlocal most
            super().put(number, row)
            most = max(most, len(self._waiting))

    monkeypatch.setattr(engine, "InOrder", Watched)
    golden = FakeGolden(2000)
    full = make_request(tmp_path, golden)
    run(make_request(tmp_path, golden, chosen=range(1, 2000), only=("all but one",)))
    transport = FakeTransport(latency_s=30.0)
    summary = run(full, transport)
    assert (summary.calls, summary.cached) == (1, 1999)
    assert most <= 64 + 512


def test_local_candidates_are_decided_in_order_with_withheld_items(tmp_path):
    golden = FakeGolden(50, withheld={3, 17})
    summary = run(make_request(tmp_path, golden, [Local(), Asking()], repeats=2))
    assert summary.counts["rules"] == {"ok": 100}
    assert summary.counts["v1"] == {"ok": 96, "withheld": 4}
