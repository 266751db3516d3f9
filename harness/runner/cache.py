"""The response cache: the journal of everything that was ever answered.

Decides what identifies an answer and when it counts: a response is committed to SQLite (WAL) before anybody sees it,
so a killed process pays for nothing twice. Everything that arrives in one turn of the event loop is one transaction.
Raw bodies are kept, so a better parser costs no call. That only complete 2xx answers come here, and no provider's
blocks, is seen to by ``calls``.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import HarnessError

APPLICATION_ID = 0x4D484331
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE responses ("
        "key BLOB NOT NULL PRIMARY KEY, status INTEGER NOT NULL, body BLOB NOT NULL, latency_ms REAL NOT NULL, "
        "created TEXT NOT NULL, model TEXT NOT NULL)",
    ),
)
"""Statements that lead from schema N to schema N + 1; ``user_version`` says where a file is."""
BUSY_S = 60.0
LOOKUP_KEYS = 500
INSERT = "INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
LOOKUP_ONE = "SELECT status, body, latency_ms FROM responses WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as it is kept."""

    status: int
    body: bytes
    latency_ms: float


class Keys:
    """Cache keys of one endpoint and route: sha256 over everything that can change the answer, and nothing else.

    >>> keys = Keys("https://host/v1", "/chat/completions", repeat=0, wave=None)
    >>> keys.of(b"{}") == keys.of(b"{}"), keys.of(b"{}") == keys.of(b"[]")
    (True, False)
    """

    __slots__ = ("_start",)

    def __init__(self, identity: str, route: str, *, repeat: int, wave: str | None) -> None:
        self._start = hashlib.sha256(b"moderation-harness response 1\n")
        for part in (identity, route.lstrip("/"), str(repeat), "" if wave is None else f"wave {wave}"):
            data = part.encode()
            self._start.update(len(data).to_bytes(8, "big") + data)

    def of(self, body: bytes) -> bytes:
        """The key of one request body."""
        digest = self._start.copy()
        digest.update(body)
        return digest.digest()


class ResponseCache:
    """Answers in one SQLite file, shared by any number of processes.

    Args:
        path: The file; it and its folder are made when missing.
        now: Wall clock in UTC.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self._now = now
        self._pending: list[tuple[Any, ...]] = []
        self._committed: asyncio.Future[None] | None = None
        self._database = _open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Stored]:
        """The stored answers among these keys."""
        found: dict[bytes, Stored] = {}
        try:
            if len(keys) == 1:
                row = self._database.execute(LOOKUP_ONE, keys).fetchone()
                if row is not None:
                    found[keys[0]] = Stored(*row)
                return found
            for start in range(0, len(keys), LOOKUP_KEYS):
                part = keys[start : start + LOOKUP_KEYS]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, status, body, latency_ms FROM responses WHERE key IN ({marks})"
                found.update((row[0], Stored(*row[1:])) for row in self._database.execute(query, part))
        except sqlite3.Error as error:
            raise _broken(self.path, error) from None
        return found

    def put(self, key: bytes, stored: Stored, model_id: str) -> asyncio.Future[None]:
        """Keep an answer; the future is done when it is committed, together with all others of this turn."""
        created = self._now().isoformat(timespec="seconds")
        self._pending.append((key, stored.status, stored.body, stored.latency_ms, created, model_id))
        if self._committed is None:
            loop = asyncio.get_running_loop()
            self._committed = loop.create_future()
            loop.call_soon(self.flush)
        return self._committed

    def put_now(self, entries: Iterable[tuple[bytes, Stored, str]]) -> None:
        """Keep answers and return when they are committed; for callers without an event loop."""
        created = self._now().isoformat(timespec="seconds")
        self._write([(key, one.status, one.body, one.latency_ms, created, model) for key, one, model in entries])

    def flush(self) -> None:
        """Commit what is pending and tell whoever waits."""
        rows, self._pending = self._pending, []
        committed, self._committed = self._committed, None
        try:
            if rows:
                self._write(rows)
        except HarnessError as error:
            if committed is None:
                raise
            if not committed.done():
                committed.set_exception(error)
            return
        if committed is not None and not committed.done():
            committed.set_result(None)

    def close(self) -> None:
        """Commit what is pending and close the file."""
        try:
            self.flush()
        finally:
            self._database.close()

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany(INSERT, rows)
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _broken(self.path, error) from None


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _broken(path, error) from None
    try:
        _prepare(database, path)
    except sqlite3.Error as error:
        database.close()
        raise _broken(path, error) from None
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("BEGIN")  # one snapshot: another process may be making this file right now
    application, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    database.execute("COMMIT")
    if application != APPLICATION_ID and (tables or application or version):
        raise HarnessError(
            f"{path}: this database belongs to another program",
            allowed="a response cache of this harness, or a path where nothing is yet",
            next_step="name another file with --cache",
        )
    if version > len(MIGRATIONS):
        raise HarnessError(
            f"{path}: this response cache has schema {version}, written by a newer version of the harness",
            allowed=f"schema 1 to {len(MIGRATIONS)}",
            next_step="update the harness, or name another file with --cache",
        )
    _use_wal(database)
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA wal_autocheckpoint = 4000")
    if application == APPLICATION_ID and version == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")  # another process may have done it while this one waited
    try:
        for number in range(_pragma(database, "user_version"), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number + 1}")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def _use_wal(database: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; two processes that do so at once get 'locked' without SQLite's own waiting."""
    for attempt in range(50):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 49:
                raise
            time.sleep(0.02)
        else:
            return


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _broken(path: Path, error: Exception) -> HarnessError:
    text = str(error)
    if "locked" in text or "busy" in text:
        step = "wait until the other process is done with it, or name another file with --cache"
    elif "not a database" in text or "malformed" in text:
        step = "move this file away (its answers will be asked for again), or name another file with --cache"
    else:
        step = "make room or give write permission there, or name another file with --cache"
    return HarnessError(
        f"{path}: the response cache cannot be used: {text}",
        allowed="a writable SQLite file of this harness, or a path where nothing is yet",
        next_step=step,
    )
