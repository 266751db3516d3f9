"""The journal's file: opening it, its schema, and what is said when it cannot be used.

Decides migrations, permissions and messages, and when the write-ahead file is written back. What stands in the tables
is decided by ``cache`` and ``claims``.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from harness.errors import HarnessError

T = TypeVar("T")

APPLICATION_ID = 0x4D484331
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE responses ("
        "key BLOB NOT NULL PRIMARY KEY, status INTEGER NOT NULL, body BLOB NOT NULL, latency_ms REAL NOT NULL, "
        "created TEXT NOT NULL, model TEXT NOT NULL)",
    ),
    (
        "CREATE TABLE claims (key BLOB NOT NULL PRIMARY KEY, owner TEXT NOT NULL, run TEXT NOT NULL, "
        "usd REAL NOT NULL, tokens INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE owners (owner TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, "
        "beat REAL NOT NULL)",
        "CREATE TABLE ledger (run TEXT NOT NULL PRIMARY KEY, usd REAL NOT NULL, unknown_usd REAL NOT NULL, "
        "tokens INTEGER NOT NULL, unknown_tokens INTEGER NOT NULL, unknown_calls INTEGER NOT NULL)",
    ),
    (
        "CREATE TABLE measures (key BLOB NOT NULL PRIMARY KEY, calls INTEGER NOT NULL, rule_tokens INTEGER NOT NULL, "
        "input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL)",
    ),
    (
        "ALTER TABLE responses ADD COLUMN is_batch INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE batches (id INTEGER NOT NULL PRIMARY KEY, run TEXT NOT NULL, identity TEXT NOT NULL, "
        "model TEXT NOT NULL, route TEXT NOT NULL, file TEXT, batch TEXT, created REAL NOT NULL)",
        "CREATE TABLE batch_requests (key BLOB NOT NULL PRIMARY KEY, batch INTEGER NOT NULL, usd REAL NOT NULL, "
        "tokens INTEGER NOT NULL) WITHOUT ROWID",
    ),
    ("ALTER TABLE measures ADD COLUMN reasoning_tokens INTEGER NOT NULL DEFAULT 0",),
)
"""Statements that lead from schema N to schema N + 1; ``user_version`` says where a file is."""
BUSY_S = 60.0
"""How long another process may hold the file before a run gives up."""
TRY_AGAIN_S = 0.05
SQLITE_WAIT_S = 0.05
"""How long SQLite itself waits, deaf to signals; the rest of the waiting is done where Ctrl-C is heard."""
MOST_WAL_PAGES = 4000
"""From so many pages of 4 KB the write-ahead file is written back where it is written to, which holds all calls up."""


BEHIND = "CREATE TEMP VIEW responses AS SELECT * FROM main.responses UNION ALL SELECT * FROM behind.responses"


def open_journal(path: Path, behind: Path | None = None) -> tuple[sqlite3.Connection, bool]:
    """Open the file, made readable for its owner alone when it is new; and whether its write-ahead file stood there.

    What is read from ``responses`` is in it or in the file ``behind``; what is written goes to ``main.responses``.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.resolve()  # SQLite keeps what is beside a link beside the file
        had_wal = _size(file.with_name(file.name + "-wal")) > 0
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        database = sqlite3.connect(path, timeout=SQLITE_WAIT_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise broken(path, error) from None
    try:
        give_up_at = time.monotonic() + BUSY_S
        while True:
            try:
                _prepare(database, path)
            except sqlite3.OperationalError as error:
                if not is_locked(error) or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.05)
            else:
                if behind is not None:
                    database.execute("ATTACH ? AS behind", (str(behind),))
                    database.execute(BEHIND)
                return database, had_wal
    except sqlite3.Error as error:
        database.close()
        raise broken(path, error) from None
    except BaseException:
        database.close()
        raise


class WritesBack:
    """Writes the write-ahead file back beside the event loop: it waits for the disk, calls need not.

    Args:
        path: The journal.
    """

    EVERY_ROWS = 2000
    """Rows added, changed or deleted between two times; each touches a page or two."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._n_rows = 0
        self._thread: threading.Thread | None = None

    def count(self, n_rows: int) -> None:
        """So many rows were committed; begin where it is time to, unless the last time has not ended."""
        self._n_rows += n_rows
        if self._n_rows >= self.EVERY_ROWS and (self._thread is None or not self._thread.is_alive()):
            self._n_rows = 0
            thread = threading.Thread(target=self._write_back, name="journal", daemon=True)
            with suppress(RuntimeError):  # no thread to be had: from MOST_WAL_PAGES on the writer does it
                thread.start()
                self._thread = thread

    def end(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()

    def _write_back(self) -> None:
        with suppress(sqlite3.Error):  # another process does it, or the next time will
            place = f"{self._path.absolute().as_uri()}?mode=rw"  # makes no new file where this one was moved away
            database = sqlite3.connect(place, timeout=SQLITE_WAIT_S, uri=True)
            try:
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                database.close()


def reading(path: Path, read: Callable[[], T]) -> T:
    """Readers are never locked out but for moments: while a killed process's file is mended."""
    for attempt in range(100):
        try:
            return read()
        except sqlite3.Error as error:
            if not is_locked(error) or attempt == 99:
                raise broken(path, error) from None
    raise AssertionError("unreachable")


def in_transaction(database: sqlite3.Connection, path: Path, work: Callable[[], object]) -> None:
    """Write at once, waiting in short sleeps for whoever holds the file; what is done is done again after a wait."""
    give_up_at = time.monotonic() + BUSY_S
    while True:
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                work()
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            if not is_locked(error) or time.monotonic() > give_up_at:
                raise broken(path, error) from None
            time.sleep(TRY_AGAIN_S)
        else:
            return


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another process holds the file right now."""
    return "locked" in str(error) or "busy" in str(error)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("BEGIN")  # one snapshot: another process may be making this file right now
    try:
        application, version = _pragma(database, "application_id"), _pragma(database, "user_version")
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        database.execute("ROLLBACK")
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
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA wal_autocheckpoint = {MOST_WAL_PAGES}")
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


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def broken(path: Path, error: Exception) -> HarnessError:
    """What is said of a file that cannot be used, with the step that mends it."""
    text = str(error)
    if "locked" in text or "busy" in text:
        step = "wait until the other process is done with it, or name another file with --cache"
    elif "not a database" in text or "malformed" in text:
        step = "move this file away (its answers will be asked for again), or name another file with --cache"
    elif "open" in text:  # "Too many open files", or SQLite's "unable to open database file"
        step = (
            "give write permission there, raise the limit of open files (ulimit -n), or name another file with --cache"
        )
    else:
        step = "make room or give write permission there, or name another file with --cache"
    return HarnessError(
        f"{path}: the response cache cannot be used: {text}",
        allowed="a writable SQLite file of this harness, or a path where nothing is yet",
        next_step=step,
    )
