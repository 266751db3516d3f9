"""The response cache: what identifies an answer, when it is safe, and files that are not what they should be."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

import orjson
import pytest
from runner_fakes import NOW, Asking, FakeTransport, answer, keep, make_request, run

from harness.errors import HarnessError
from harness.records import Limits
from harness.records.answers import Answer
from harness.runner.answers import Stored
from harness.runner.cache import ResponseCache
from harness.runner.endpoint import ready_endpoint
from harness.runner.journal import APPLICATION_ID, MIGRATIONS, WritesBack
from harness.runner.keys import Keys
from harness.runner.transport import RawResponse


@pytest.fixture
def cache(tmp_path):
    with ResponseCache(tmp_path / "folder" / "responses.sqlite", lambda: NOW) as opened:
        yield opened


def key(number):
    return Keys("https://host/v1", "/chat/completions", repeat=0, wave=None).of(b"%d" % number)


def test_what_is_put_is_found(cache):
    keep(cache, [(key(n), Stored(200, b'{"n":%d}' % n, 12.5 + n), "m") for n in range(3)])
    assert cache.get_many([key(1), key(7)]) == {key(1): Stored(200, b'{"n":1}', 13.5)}
    assert cache.get_many([key(7)]) == {}
    assert cache.get_many([]) == {}


def test_many_are_looked_up_at_once(cache):
    keep(cache, [(key(n), Stored(200, b"{}", 1.0), "m") for n in range(2000)])
    assert len(cache.get_many([key(n) for n in range(5000)])) == 2000


def test_the_first_answer_stays(cache):
    keep(cache, [(key(1), Stored(200, b'"first"', 1.0), "m")])
    keep(cache, [(key(1), Stored(200, b'"second"', 2.0), "m")])
    assert cache.get_many([key(1)])[key(1)].body == b'"first"'


def test_everything_that_can_change_the_answer_is_in_the_key():
    base = {"identity": "https://host/v1", "route": "/chat/completions", "repeat": 0, "wave": None}
    keys = [
        Keys(**base | change).of(body)
        for change, body in [
            ({}, b"body"),
            ({}, b"body2"),
            ({"identity": "https://other/v1"}, b"body"),
            ({"route": "/moderations"}, b"body"),
            ({"repeat": 1}, b"body"),
            ({"wave": "w"}, b"body"),
            ({"wave": ""}, b"body"),
        ]
    ]
    assert len(set(keys)) == len(keys)


def test_fields_of_the_key_cannot_run_into_each_other():
    one = Keys("a", "bc", repeat=1, wave=None).of(b"")
    assert one != Keys("ab", "c", repeat=1, wave=None).of(b"")


def test_neither_key_nor_limits_nor_model_name_are_in_the_key(tmp_path):
    run(make_request(tmp_path))
    other = {"m": ready_endpoint("m", "http://host/v1/", "sk-other-key", limits=Limits(concurrency=3))}
    transport = FakeTransport()
    summary = run(make_request(tmp_path, endpoints=other, candidates=[Asking("renamed")]), transport)
    assert transport.calls == []
    assert summary.cached == 20


def test_puts_of_one_turn_are_one_transaction_and_safe_when_told(tmp_path, monkeypatch):
    path = tmp_path / "c.sqlite"
    flushes = []
    original = ResponseCache._write
    monkeypatch.setattr(
        ResponseCache, "_write", lambda self, work: (flushes.append(len(work.answers)), original(self, work))[1]
    )

    async def put(opened, number):
        await opened.put(key(number), Stored(200, b"{}", 1.0), "m")
        other = sqlite3.connect(path)
        found = other.execute("SELECT count(*) FROM responses WHERE key = ?", (key(number),)).fetchone()
        other.close()
        assert found == (1,)

    async def main():
        with ResponseCache(path, lambda: NOW) as opened:
            await asyncio.gather(*(put(opened, n) for n in range(50)))

    asyncio.run(main())
    assert flushes == [50]


def test_rows_say_when_and_from_whom(cache):
    keep(cache, [(key(1), Stored(200, b"{}", 1.0), "gpt-mini")])
    assert cache._database.execute("SELECT created, model FROM responses").fetchall() == [
        ("2026-11-23T12:00:00+00:00", "gpt-mini")
    ]


def test_closing_commits_what_is_pending(tmp_path):
    async def main():
        with ResponseCache(tmp_path / "c.sqlite", lambda: NOW) as opened:
            opened.put(key(1), Stored(200, b"{}", 1.0), "m")

    asyncio.run(main())
    with ResponseCache(tmp_path / "c.sqlite", lambda: NOW) as opened:
        assert key(1) in opened.get_many([key(1)])


def test_the_write_ahead_file_is_written_back_beside_the_loop(tmp_path):
    path = tmp_path / "c.sqlite"

    async def main(opened):
        before = opened._data_version()
        for start in range(0, WritesBack.EVERY_ROWS, 200):
            await asyncio.gather(
                *[opened.put(key(n), Stored(200, b"x" * 500, 1.0), "m") for n in range(start, start + 200)]
            )
        opened._back.end()
        assert opened._data_version() == before  # else every claim would be looked up as if others wrote here

    with ResponseCache(path, lambda: NOW) as opened:
        asyncio.run(main(opened))
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as main_file:  # without its -wal
            (n_rows,) = main_file.execute("SELECT count(*) FROM responses").fetchone()
    assert n_rows >= WritesBack.EVERY_ROWS // 2  # an answer and the end of its claim are two


def test_without_a_thread_to_be_had_the_answers_are_kept_all_the_same(tmp_path, monkeypatch):
    def none(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    back = WritesBack(tmp_path / "c.sqlite")
    back.count(WritesBack.EVERY_ROWS)
    back.end()


def test_where_the_journal_was_moved_away_no_new_file_appears(tmp_path):
    back = WritesBack(tmp_path / "c.sqlite")
    back.count(WritesBack.EVERY_ROWS)
    back.end()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"this is no database, it only lies there" * 50, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match=r"c\.sqlite: the response cache cannot be used.*\n.*\n.*--cache"):
        ResponseCache(path, lambda: NOW)
    assert path.read_bytes() == content


def test_a_file_damaged_inside_is_named(tmp_path):
    path = tmp_path / "c.sqlite"
    with ResponseCache(path, lambda: NOW) as opened:
        keep(opened, [(key(n), Stored(200, b"x" * 500, 1.0), "m") for n in range(500)])
        opened._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(HarnessError, match="malformed"), ResponseCache(path, lambda: NOW) as opened:
        opened.get_many([key(n) for n in range(500)])


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "c.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.commit()
    database.close()
    with pytest.raises(HarnessError, match="belongs to another program"):
        ResponseCache(path, lambda: NOW)


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "c.sqlite"
    ResponseCache(path, lambda: NOW).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(HarnessError, match="schema 99, written by a newer version"):
        ResponseCache(path, lambda: NOW)


@pytest.mark.parametrize("n_rows", [0, 5])
def test_the_first_schema_is_migrated(tmp_path, n_rows):
    """Statements of schema 1 as first released, written out so that a later change cannot move them."""
    path = tmp_path / "c.sqlite"
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE responses (key BLOB NOT NULL PRIMARY KEY, status INTEGER NOT NULL, body BLOB NOT NULL, "
        "latency_ms REAL NOT NULL, created TEXT NOT NULL, model TEXT NOT NULL)"
    )
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("PRAGMA user_version = 1")
    rows = [(key(n), 200, b"{}", 1.0, "2026-01-01T00:00:00+00:00", "m") for n in range(n_rows)]
    database.executemany("INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    with ResponseCache(path, lambda: NOW) as opened:
        assert len(opened.get_many([key(n) for n in range(10)])) == n_rows
        assert opened._database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HarnessError, match="--cache"):
        ResponseCache(tmp_path / "file" / "c.sqlite", lambda: NOW)


def test_two_threads_may_open_and_fill_one_new_file(tmp_path):
    path, faults = tmp_path / "c.sqlite", []

    def fill(start):
        try:
            with ResponseCache(path, lambda: datetime.now(UTC)) as opened:
                for n in range(start, start + 50):
                    keep(opened, [(key(n), Stored(200, b"{}", 1.0), "m")])
        except HarnessError as error:
            faults.append(error)

    threads = [threading.Thread(target=fill, args=(start,)) for start in (0, 25, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with ResponseCache(path, lambda: NOW) as opened:
        assert len(opened.get_many([key(n) for n in range(200)])) == 100


def test_another_process_may_use_the_file_meanwhile(cache):
    script = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from harness.runner.answers import Stored\n"
        "from harness.runner.cache import ResponseCache\n"
        "with ResponseCache(Path(sys.argv[1]), lambda: datetime.now(UTC)) as c:\n"
        "    c.transact(lambda database: c.insert(database, [(b'k' * 32, Stored(200, b'{}', 1.0), 'm')]))\n"
    )
    keep(cache, [(key(1), Stored(200, b"{}", 1.0), "m")])
    subprocess.run([sys.executable, "-c", script, str(cache.path)], check=True)
    assert set(cache.get_many([key(1), b"k" * 32])) == {key(1), b"k" * 32}


def test_a_cache_that_cannot_be_written_stops_the_run(tmp_path, monkeypatch):
    request = make_request(tmp_path)
    ResponseCache(request.cache_path, lambda: NOW).close()
    monkeypatch.setattr("harness.runner.answers.INSERT", "INSERT INTO nowhere VALUES (?, ?, ?, ?, ?, ?)")
    with pytest.raises(HarnessError, match="the response cache cannot be used"):
        run(request)


def test_only_answers_are_kept(tmp_path):
    from runner_fakes import failure

    request = make_request(tmp_path, limits=Limits(max_retries=0), max_error_rate=1.0)

    def script(text, attempt):
        last = text[-1]
        return {"1": failure(500), "2": failure(400, code="content_filter"), "3": failure(429)}.get(last)

    summary = run(request, FakeTransport(script))
    database = sqlite3.connect(request.cache_path)
    assert database.execute("SELECT count(*), min(status), max(status) FROM responses").fetchone() == (
        summary.counts["v1"]["ok"],
        200,
        200,
    )
    database.close()


def test_blocks_and_empty_answers_with_status_200_are_not_kept(tmp_path):
    """They were kept: an item whose answer had no choices stayed an error row however often it was run again."""

    class Lenient(Asking):
        def read(self, response):
            has_choices = orjson.loads(response.body).get("choices")
            return super().read(response) if has_choices else Answer("error", error="no choices")

    def script(text, attempt):
        blocked = orjson.dumps({"choices": [{"message": {"content": "safe"}, "finish_reason": "content_filter"}]})
        body = {"1": b"{}", "2": blocked, "3": b'{"choices": []}'}.get(text[-1])
        return answer() if body is None else RawResponse(200, {}, body, orjson.loads(body))

    request = make_request(tmp_path, candidates=[Lenient()], max_error_rate=1.0)
    summary = run(request, FakeTransport(script))
    again = run(request, FakeTransport())
    assert (summary.calls, again.calls, again.cached) == (20, 6, 14)


def test_a_key_that_the_server_repeats_is_not_kept(tmp_path):
    run(make_request(tmp_path), FakeTransport(lambda text, attempt: answer("your key is sk-secret-key")))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"sk-secret-key" not in path.read_bytes(), path


def test_no_key_is_ever_written(tmp_path):
    from runner_fakes import failure

    def script(text, attempt):
        return failure(500, "key sk-secret-key is wrong") if text.endswith("3") else None

    summary = run(make_request(tmp_path, limits=Limits(max_retries=0), max_error_rate=1.0), FakeTransport(script))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"sk-secret-key" not in path.read_bytes(), path
    assert summary.errors == 2
