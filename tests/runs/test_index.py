"""The index beside many runs of a store elsewhere: it saves reading, and never says what the runs do not."""

import json

import pytest

from harness.records import Limits
from harness.runs import list_runs
from harness.runs.index import CHANGED_FOLDER, FEWEST_RUNS, INDEX_FILE, index_bytes, is_settled, read_index
from tests.runner.runner_fakes import FakeTransport, make_request, run

fsspec = pytest.importorskip("fsspec")
HOME = "memory://indexed"
N = FEWEST_RUNS + 10


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of a real run."""
    folder = tmp_path_factory.mktemp("one")
    return json.loads((folder / "runs" / run(make_request(folder)).run_id / "run.json").read_bytes())


@pytest.fixture
def store(record):
    """Many runs, and what is read of them."""
    filesystem = fsspec.filesystem("memory")
    for number in range(N):
        put(filesystem, record, number)
    reads = []
    read_ranges = filesystem.cat_ranges

    def counted(paths, *rest, **more):
        reads.extend(path.rsplit("/", 2)[-2] for path in paths)
        return read_ranges(paths, *rest, **more)

    filesystem.cat_ranges = counted
    yield filesystem, reads
    del filesystem.cat_ranges
    filesystem.rm("/indexed", recursive=True)


def put(filesystem, record, number, **more):
    """A run as another machine writes it."""
    document = {
        **record,
        "run_id": f"demo-{number:04d}",
        "created_at": f"2026-11-01T00:{number // 60:02d}:{number % 60:02d}+00:00",
    }
    filesystem.pipe_file(f"/indexed/demo-{number:04d}/run.json", json.dumps({**document, **more}).encode())


def seen():
    found = list_runs(HOME)
    assert not found.damaged
    return {meta.run_id: meta for meta in found}


def test_the_second_list_reads_no_run(store):
    _, reads = store
    first = seen()
    assert (len(first), len(reads)) == (N, N)
    reads.clear()
    assert (seen(), reads) == (first, [])


def test_a_run_of_another_machine_appears_and_a_deleted_one_is_gone(store, record):
    filesystem, reads = store
    seen()
    reads.clear()
    put(filesystem, record, 500)
    filesystem.rm("/indexed/demo-0003", recursive=True)
    found = seen()
    assert "demo-0500" in found
    assert "demo-0003" not in found
    assert reads == ["demo-0500"]


@pytest.mark.parametrize("damage", [b"", b"no index", index_bytes({"demo-0001": b"{}"})[:-3], None])
def test_a_damaged_or_deleted_index_is_made_anew(store, damage):
    filesystem, reads = store
    first = seen()
    filesystem.rm(f"/indexed/{INDEX_FILE}") if damage is None else filesystem.pipe_file(
        f"/indexed/{INDEX_FILE}", damage
    )
    assert seen() == first
    reads.clear()
    assert (seen(), reads) == (first, [])


def test_an_index_cut_anywhere_or_with_one_wrong_byte_is_none():
    whole = index_bytes({"a": b"one", "b": b"two"})
    assert read_index(whole) == {"a": b"one", "b": b"two"}
    for at in range(len(whole)):
        assert read_index(whole[:at]) == {}
        assert read_index(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]) in ({}, read_index(whole))


def test_a_run_that_may_still_change_is_read_every_time(store, record):
    filesystem, reads = store
    put(filesystem, record, 7, status="incomplete", reason="interrupted")
    assert seen()["demo-0007"].status == "incomplete"
    put(filesystem, record, 7)
    assert seen()["demo-0007"].status == "complete"
    reads.clear()
    seen()
    assert reads == ["demo-0007"]  # complete since the index was written; too little to write it again


@pytest.mark.parametrize(
    ("more", "settled"),
    [
        ({}, True),
        ({"status": "incomplete"}, False),
        ({"status": "invalid"}, False),
        ({"counts": {"v1": {"ok": 19, "error": 1}}}, False),
        ({"counts": 3}, False),
    ],
)
def test_settled_is_a_run_that_asking_again_adds_nothing_to(record, more, settled):
    assert is_settled(json.dumps({**record, **more}).encode()) is settled


def test_what_the_writer_replaces_is_read_anew(store, record, tmp_path):
    """A settled run that was deleted and made again has its old id."""
    filesystem, _ = store
    request = make_request(tmp_path, runs_dir=HOME, limits=Limits(max_retries=0))
    made = run(request, FakeTransport())
    seen()
    filesystem.pipe_file(
        f"/indexed/{INDEX_FILE}",
        index_bytes(
            {
                **read_index(filesystem.cat_file(f"/indexed/{INDEX_FILE}")),
                made.run_id: filesystem.cat_file(f"/indexed/{made.run_id}/run.json"),
            }
        ),
    )
    before = seen()[made.run_id]
    filesystem.rm(f"/indexed/{made.run_id}", recursive=True)
    run(request, FakeTransport())
    assert filesystem.exists(f"/indexed/{CHANGED_FOLDER}/{made.run_id}")
    after = seen()[made.run_id]
    assert (before.calls, after.calls) == (20, 0)  # the second time all came from the journal


def test_notes_are_taken_away_with_the_next_index(store, tmp_path):
    filesystem, reads = store
    made = run(make_request(tmp_path, runs_dir=HOME), FakeTransport())
    note = f"/indexed/{CHANGED_FOLDER}/{made.run_id}"
    assert filesystem.exists(note)
    seen()
    assert not filesystem.exists(note)
    reads.clear()
    assert made.run_id in seen()
    assert reads == []


def test_a_store_that_cannot_be_written_to_is_read_all_the_same(store, monkeypatch):
    filesystem, _ = store

    def refuse(*_, **__):
        raise PermissionError("read only")

    monkeypatch.setattr(filesystem, "pipe_file", refuse)
    assert len(seen()) == N


def test_many_runs_are_put_into_the_index_by_those_who_write_them(store, tmp_path):
    filesystem, _ = store
    for number in range(FEWEST_RUNS):
        filesystem.pipe_file(f"/indexed/{CHANGED_FOLDER}/demo-{number:04d}", b"")
    made = run(make_request(tmp_path, runs_dir=HOME), FakeTransport())
    assert made.run_id in read_index(filesystem.cat_file(f"/indexed/{INDEX_FILE}"))
    assert not filesystem.ls(f"/indexed/{CHANGED_FOLDER}") if filesystem.exists(f"/indexed/{CHANGED_FOLDER}") else True
