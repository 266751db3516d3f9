"""A journal on a store: what one machine was answered, no other pays for. The store here is one of fsspec's own."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.runner.answers import Stored
from harness.runner.cache import ResponseCache
from harness.runner.claims import Spent
from harness.runner.stored import copies, journal_path
from harness.runner.stored import store as stores
from tests.runner.runner_fakes import NOW, FakeTransport, keep, make_request, run

fsspec = pytest.importorskip("fsspec")
ADDRESS = "memory://team/answers"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Be on the machine of this name: it has a cache folder of its own."""

    def on(name):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        (tmp_path / name).mkdir(exist_ok=True)
        return tmp_path / name

    yield on
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists("/team"):
        filesystem.rm("/team", recursive=True)


def objects():
    filesystem = fsspec.filesystem("memory")
    found = filesystem.ls("/team/answers", detail=False) if filesystem.exists("/team/answers") else []
    return sorted(name.rsplit("/", 1)[-1] for name in found)


def asked(home, **more):
    """A run on the machine whose folder this is."""
    request = make_request(home, cache_path=journal_path(ADDRESS), **more)
    return run(request, FakeTransport())


def opened(run_id="r"):
    return ResponseCache(journal_path(ADDRESS), lambda: NOW, run_id)


def put(*names, run_id="r", usd=0.0):
    with opened(run_id) as journal:
        keep(journal, [(name.encode().ljust(32), Stored(200, name.encode(), 1.0), "m") for name in names])
        if usd:
            journal.transact(lambda database: stores.claims.book(database, run_id, Spent(usd)))
    return journal.warning


def held():
    with opened() as journal:
        rows = journal.transact(
            lambda database: database.execute("SELECT body FROM responses ORDER BY body").fetchall()
        )
        return [row[0].decode() for row in rows]


def test_what_one_machine_paid_for_another_does_not(machine):
    first = asked(machine("one"))
    second = asked(machine("two"))
    assert (first.calls, second.calls, second.cached) == (20, 0, 20)
    assert len(objects()) == 1
    home = machine("three")
    assert asked(home).calls == 0
    assert len(objects()) == 1  # nothing was new
    tables = [Path(one.path) / "predictions.parquet" for one in (second, asked(machine("four")))]
    assert tables[0].read_bytes() == tables[1].read_bytes()


def test_machines_that_ask_at_the_same_time_lose_nothing(machine):
    machine("one")
    with opened() as one:
        keep(one, [(b"a".ljust(32), Stored(200, b"a", 1.0), "m"), (b"b".ljust(32), Stored(200, b"b", 1.0), "m")])
        machine("two")
        put("b", "c")
        machine("one")
    machine("three")
    assert held() == ["a", "b", "c"]
    machine("two")
    assert held() == ["a", "b", "c"]


def test_a_bound_counts_what_other_machines_have_spent(machine):
    machine("one")
    put("a", usd=0.5)
    machine("two")
    put("b", usd=0.25)
    put("c", usd=0.25)
    machine("three")
    for _ in range(2):
        with opened() as journal:
            assert journal.spent() == Spent(1.0)
    machine("one")
    with opened() as journal:
        assert journal.spent() == Spent(1.0)


def test_money_of_a_killed_run_is_told_too(machine):
    """A part without an answer: what may have been spent is an account of its own."""
    machine("one")
    put(run_id="r", usd=0.5)
    machine("two")
    with opened() as journal:
        assert journal.spent() == Spent(0.5)


def test_what_could_not_be_put_is_put_by_the_next_command(machine, monkeypatch):
    machine("one")

    def shut(*_):
        raise OSError("no route to host")

    filesystem = fsspec.filesystem("memory")
    monkeypatch.setattr(type(filesystem), "put_file", shut)
    said = put("a", usd=0.5)
    assert f"what was answered could not be put to {ADDRESS}" in said
    assert "no route to host" in said
    monkeypatch.undo()
    machine("one")
    assert put("b") is None
    machine("two")
    assert held() == ["a", "b"]
    with opened() as journal:
        assert journal.spent() == Spent(0.5)


def test_a_part_cut_off_is_put_again_as_it_was(machine, monkeypatch):
    """Killed between planning and the end of putting: the same rows go into the part of the same name."""
    machine("one")
    monkeypatch.setattr(stores, "write_part", None)
    with pytest.raises(TypeError):
        put("a", usd=0.5)
    monkeypatch.undo()
    machine("one")
    with closing(sqlite3.connect(journal_path(ADDRESS))) as database:
        planned = database.execute("SELECT name FROM store_parts").fetchone()[0]
    put("b")
    assert planned in objects()
    machine("two")
    assert held() == ["a", "b"]


def test_a_store_that_is_shut_ends_the_run_before_it_pays(machine, monkeypatch):
    home = machine("one")

    def shut(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", shut)
    transport = FakeTransport()
    with pytest.raises(HarnessError, match="cannot be reached: no route to host"):
        run(make_request(home, cache_path=journal_path(ADDRESS)), transport)
    assert transport.calls == []


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1 cut"])
def test_an_object_that_is_no_part_is_named(machine, content):
    machine("one")
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe_file("/team/answers/notes.txt", b"of no concern")
    filesystem.pipe_file("/team/answers/x.parquet", content)
    with pytest.raises(HarnessError, match=r"x\.parquet: is no part of a journal"):
        opened()


def test_a_parquet_file_of_somebody_else_is_no_part(machine, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    machine("one")
    pq.write_table(pa.table({"key": [b"k" * 32]}), tmp_path / "other.parquet")
    fsspec.filesystem("memory").pipe_file("/team/answers/x.parquet", (tmp_path / "other.parquet").read_bytes())
    with pytest.raises(HarnessError, match="it has other columns"):
        opened()


def test_many_small_parts_are_packed_and_count_once(machine, monkeypatch):
    monkeypatch.setattr(stores, "MOST_SMALL", 6)
    machine("early")
    put("a0", usd=0.5)  # knows one part that is packed later
    names = ["a0"]
    for number in range(1, 9):
        machine(f"m{number % 3}")
        put(f"a{number}", usd=0.5)
        names.append(f"a{number}")
    assert len(objects()) <= 6
    for name in ("early", "m1", "new"):
        machine(name)
        assert held() == names
        with opened() as journal:
            assert journal.spent() == Spent(4.5)


def test_a_part_packed_while_it_is_read_is_found_in_the_pack(machine, monkeypatch):
    machine("one")
    put("a")
    (gone,) = objects()
    listed = stores.JournalStore._listed
    stale = [{gone: 1, "20260101T000000-vanished.parquet": 1}]
    monkeypatch.setattr(stores.JournalStore, "_listed", lambda self: stale.pop() if stale else listed(self))
    machine("two")
    assert held() == ["a"]


def test_a_long_journal_goes_into_several_parts(machine, monkeypatch):
    monkeypatch.setattr(stores, "MOST_ANSWERS", 4)
    machine("one")
    names = [f"a{number:02d}" for number in range(10)]
    put(*names)
    assert len(objects()) == 3
    machine("two")
    assert held() == names


def test_a_run_puts_its_answers_once_a_minute(machine):
    machine("one")
    now = [0.0]
    with opened() as journal:
        journal._copy = copies.Copy(ADDRESS, journal.path, lambda: now[0])
        keep(journal, [(b"a".ljust(32), Stored(200, b"a", 1.0), "m")])
        journal.beat()
        assert objects() == []
        now[0] = copies.EVERY_S + 1
        journal.beat()
        journal._copy._joined()
        assert len(objects()) == 1
        machine("two")
        put("b")
        machine("one")
        now[0] *= 2
        journal.beat()
        journal._copy._joined()
        assert journal.has_any([b"b".ljust(32)])  # and has what others put meanwhile


def test_an_address_with_a_password_or_of_no_store_is_refused(machine):
    machine("one")
    with pytest.raises(HarnessError, match="holds a user name or password"):
        journal_path("s3://me:secret@team/answers")
    with pytest.raises(HarnessError, match="is no address that files can be kept at"):
        journal_path("nowhere://team/answers")
    assert journal_path("answers.sqlite") == Path("answers.sqlite")
