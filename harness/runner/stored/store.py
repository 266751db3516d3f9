"""A journal's copy on this machine and the parts of it on a store: what is fetched, what is put, what is packed.

Decides that objects are only ever added, whole and under names of their own, so that any number of machines may write
at once; that a part counts once, whoever reads it; and that small parts are packed into one before they become many.
All methods are called by one process at a time (``copies`` sees to that), while others use the copy.
"""

from __future__ import annotations

import io
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.errors import HarnessError
from harness.runner import claims
from harness.runner.claims import NOTHING_SPENT, Spent
from harness.runner.journal import in_transaction, open_journal
from harness.runner.stored.parts import BATCH, COLUMNS, Accounts, Answer, read_part, write_part
from harness.runs.folder import in_store, open_address, reached

ENDING = ".parquet"
MOST_ANSWERS = 100_000
"""In one part."""
MOST_SMALL, SMALL_BYTES = 64, 4 << 20
"""So many parts of less than so many bytes are packed into one."""
FETCHED_AT_ONCE = 16
TABLES = (
    "CREATE TABLE IF NOT EXISTS store_parts (name TEXT NOT NULL PRIMARY KEY, first INTEGER NOT NULL, "
    "last INTEGER NOT NULL, is_put INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS store_accounts (origin TEXT NOT NULL, run TEXT NOT NULL, usd REAL NOT NULL, "
    "unknown_usd REAL NOT NULL, tokens INTEGER NOT NULL, unknown_tokens INTEGER NOT NULL, "
    "unknown_calls INTEGER NOT NULL, PRIMARY KEY (origin, run))",
)
TAKE = f"INSERT INTO main.responses ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
LEDGER = "usd, unknown_usd, tokens, unknown_tokens, unknown_calls"
SUMS = "sum(usd), sum(unknown_usd), sum(tokens), sum(unknown_tokens), sum(unknown_calls)"


class JournalStore:
    """One journal."""

    def __init__(self, address: str, path: Path) -> None:
        self.address = address
        self._path = path
        self._filesystem, self._root = open_address(address)
        self._root = self._root.rstrip("/")

    def fetch(self) -> None:
        """Take in what others have put there.

        Raises:
            HarnessError: The store cannot be reached, or what lies there is no part.
        """
        with self._opened() as database:
            for _ in range(5):  # parts that were packed since they were listed are in another now
                known = {row[0] for row in database.execute("SELECT name FROM store_parts")}
                unknown = sorted(name for name in self._listed() if name not in known)
                if self._taken(database, unknown):
                    return
        raise HarnessError(f"{self.address}: parts of this journal vanish while they are read", next_step="try again")

    def put(self) -> None:
        """Give to others what this copy has and no part has; then pack, where there are many small parts.

        Raises:
            HarnessError: The store cannot be reached or written to.
        """
        with self._opened() as database:
            in_transaction(database, self._path, partial(self._plan, database))
            waiting = database.execute("SELECT name, first, last FROM store_parts WHERE NOT is_put").fetchall()
            for name, first, last in waiting:
                self._put(name, _rows(database, first, last), _accounts(database, name))
                database.execute("UPDATE store_parts SET is_put = 1 WHERE name = ?", (name,))
            if waiting:
                with suppress(FileNotFoundError, ValueError):  # another machine packs, or a part is damaged: see fetch
                    self._pack(database)

    def _taken(self, database: sqlite3.Connection, names: Sequence[str]) -> bool:
        """Take parts in; whether all were there."""
        is_all = True
        for start in range(0, len(names), FETCHED_AT_ONCE):
            some = names[start : start + FETCHED_AT_ONCE]
            for name, content in zip(some, self._contents(some), strict=True):
                if content is None:
                    is_all = False
                else:
                    in_transaction(database, self._path, partial(self._take, database, name, content))
        return is_all

    def _take(self, database: sqlite3.Connection, name: str, content: bytes) -> None:
        before = _last_row(database)
        try:
            answers, accounts = read_part(io.BytesIO(content))
            for rows in answers:
                database.executemany(TAKE, rows)
        except (ValueError, sqlite3.IntegrityError) as error:
            raise HarnessError(
                f"{self.address}/{name}: is no part of a journal: {error}",
                allowed="objects that the harness has put there",
                next_step="move it away: the answers that only it has will be asked for again",
            ) from None
        database.execute("INSERT INTO store_parts VALUES (?, ?, ?, 1)", (name, before + 1, _last_row(database)))
        for origin, runs in accounts.items():
            if database.execute("SELECT 1 FROM store_accounts WHERE origin = ?", (origin,)).fetchone() is None:
                for run, spent in runs.items():
                    database.execute("INSERT INTO store_accounts VALUES (?, ?, ?, ?, ?, ?, ?)", (origin, run, *spent))
                    claims.book(database, run, spent)

    def _plan(self, database: sqlite3.Connection) -> None:
        """Write down which rows go into which new part, so that a part cut off is put again as it was."""
        last = _last_row(database)
        covered = database.execute("SELECT first, last FROM store_parts WHERE last >= first ORDER BY first").fetchall()
        edges = [(0, 0), *covered, (last + 1, last + 1)]
        gaps = [(one[1] + 1, other[0] - 1) for one, other in pairwise(edges) if other[0] - one[1] > 1]
        pieces = [
            (start, min(start + MOST_ANSWERS - 1, end))
            for first, end in gaps
            for start in range(first, end + 1, MOST_ANSWERS)
        ]
        spent = _not_accounted(database)
        if spent and not pieces:
            pieces = [(last + 1, last)]
        for first, end in pieces:
            name = _new_name()
            database.execute("INSERT INTO store_parts VALUES (?, ?, ?, 0)", (name, first, end))
            for run, one in spent.items():
                database.execute("INSERT INTO store_accounts VALUES (?, ?, ?, ?, ?, ?, ?)", (name, run, *one))
            spent = {}

    def _pack(self, database: sqlite3.Connection) -> None:
        """Put small parts into one and delete them: from what they hold, so that none of it depends on this copy."""
        small = sorted(name for name, size in self._listed().items() if size < SMALL_BYTES)
        if len(small) <= MOST_SMALL:
            return
        rows: list[list[Answer]] = []
        accounts: dict[str, Any] = {}
        packed = []
        for start in range(0, len(small), FETCHED_AT_ONCE):
            some = small[start : start + FETCHED_AT_ONCE]
            for one, content in zip(some, self._contents(some), strict=True):
                if content is None:
                    raise FileNotFoundError(one)
                answers, its_accounts = read_part(io.BytesIO(content))
                rows.extend(answers)
                accounts |= its_accounts
                packed.append(one)
            if sum(map(len, rows)) > MOST_ANSWERS:
                break
        name = _new_name()
        self._put(name, rows, accounts)
        known = {row[0] for row in database.execute("SELECT name FROM store_parts")}
        if known.issuperset(packed):  # else it is read as any other part
            database.execute("INSERT INTO store_parts VALUES (?, 1, 0, 1)", (name,))
        with reached(self.address):
            self._filesystem.rm([f"{self._root}/{one}" for one in packed])

    def _put(self, name: str, answers: Any, accounts: Accounts) -> None:
        with TemporaryDirectory(prefix="harness-journal-") as folder:
            path = Path(folder) / name
            write_part(path, answers, accounts)
            with reached(self.address):
                self._filesystem.makedirs(self._root, exist_ok=True)
                self._filesystem.put_file(str(path), f"{self._root}/{name}")

    def _listed(self) -> dict[str, int]:
        """The parts that are there, with their sizes."""
        try:
            with in_store(self.address, "--cache"):
                self._filesystem.invalidate_cache()
                entries = self._filesystem.ls(self._root, detail=True)
        except FileNotFoundError:
            return {}
        found = {entry["name"].rsplit("/", 1)[-1]: int(entry["size"] or 0) for entry in entries}
        return {name: size for name, size in found.items() if name.endswith(ENDING)}

    def _contents(self, names: Sequence[str]) -> list[bytes | None]:
        with reached(self.address):
            paths = [f"{self._root}/{name}" for name in names]
            found = self._filesystem.cat_ranges(paths, None, None, on_error="return")
            for one in found:
                if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                    raise one
        return [one if isinstance(one, bytes) else None for one in found]

    def _opened(self) -> closing[sqlite3.Connection]:
        database, _ = open_journal(self._path)
        try:
            for statement in TABLES:
                in_transaction(database, self._path, partial(database.execute, statement))
        except BaseException:
            database.close()
            raise
        return closing(database)


def _new_name() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}{ENDING}"


def _last_row(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT coalesce(max(rowid), 0) FROM main.responses").fetchone()[0])


def _rows(database: sqlite3.Connection, first: int, last: int) -> Iterator[list[Answer]]:
    found = database.execute(
        f"SELECT {', '.join(COLUMNS)} FROM main.responses WHERE rowid BETWEEN ? AND ? ORDER BY rowid", (first, last)
    )
    while rows := found.fetchmany(BATCH):
        yield rows


def _accounts(database: sqlite3.Connection, origin: str) -> Accounts:
    rows = database.execute(f"SELECT run, {LEDGER} FROM store_accounts WHERE origin = ?", (origin,))
    return {origin: {row[0]: Spent(*row[1:]) for row in rows}}


def _not_accounted(database: sqlite3.Connection) -> dict[str, Spent]:
    """What runs have spent beyond what stands in parts."""
    told = database.execute(f"SELECT run, {SUMS} FROM store_accounts GROUP BY run").fetchall()
    known = {row[0]: Spent(*row[1:]) for row in told}
    here = database.execute(f"SELECT run, {LEDGER} FROM ledger").fetchall()
    found = {row[0]: Spent(*row[1:]).minus(known.get(row[0], NOTHING_SPENT)) for row in here}
    return {run: spent for run, spent in found.items() if any(abs(one) > 1e-9 for one in spent)}
