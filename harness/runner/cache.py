"""The response cache: the journal of everything that was ever answered.

Decides when an answer counts: a response is committed to SQLite (WAL) before anybody sees it, so a killed process pays
for nothing twice, and a request is claimed before it is sent, so that several runs on one journal do not ask for it at
the same time. All answers that arrive in one turn of the event loop are one transaction; claims wait for company while
enough calls stand ready, and an answered claim ends with the next ones. While another process holds the file, the loop
goes on and the transaction waits. Raw bodies are kept, so a better parser costs no call. That only complete 2xx answers
come here, and no provider's blocks, is seen to by ``calls``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from msgspec import Struct, field, structs

from harness.errors import HarnessError
from harness.runner import claims
from harness.runner.answers import Stored, insert, look_up
from harness.runner.claims import NOTHING_SPENT, Spent, Wanted
from harness.runner.journal import (
    BUSY_S,
    TRY_AGAIN_S,
    WritesBack,
    broken,
    in_transaction,
    is_locked,
    open_journal,
    reading,
)
from harness.runner.marks import Marks, remove_marks
from harness.runner.stored import copy_of

T = TypeVar("T")

_SUMS = ("calls", "rule_tokens", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
ADD_MEASURE = "ON CONFLICT (key) DO UPDATE SET " + ", ".join(f"{one} = {one} + excluded.{one}" for one in _SUMS)
MEASURE = f"INSERT INTO measures VALUES (?, ?, ?, ?, ?, ?, ?) {ADD_MEASURE}"
MEASURED = f"SELECT {', '.join(_SUMS)} FROM measures WHERE key = ?"
LATER_S = 0.01
"""How long claims wait for company, at most."""
LOOK_AGAIN_S = 0.25
"""How often it is looked whether another process has brought the answer to a request it claimed."""


class _Pending(Struct):
    """What the next transaction does: all of it, or all but what can wait."""

    answers: list[tuple[bytes, Stored, str]] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)
    spent: Spent = NOTHING_SPENT
    ended: set[bytes] = field(default_factory=set)
    committed: asyncio.Future[None] | None = None

    wanted: dict[bytes, tuple[Wanted, asyncio.Future[Stored | None]]] = field(default_factory=dict)
    answered: list[bytes] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.answers or self.released or self.wanted or self.answered or self.spent is not NOTHING_SPENT)

    def without_what_waits(self) -> _Pending:
        """Claims, and the ends of those that were answered, are left for later."""
        return structs.replace(self, wanted={}, answered=[])

    def tell_committed(self) -> None:
        """The transaction is committed."""
        if self.committed is not None and not self.committed.done():
            self.committed.set_result(None)


class ResponseCache:
    """Answers in one SQLite file, shared by any number of processes.

    Args:
        path: The file; it and its folder are made when missing. The copy of a journal on a store is brought up to date.
        behind: Another journal, whose answers count too; it is never written.
    """

    def __init__(self, path: Path, now: Callable[[], datetime], run: str = "", behind: Path | None = None) -> None:
        self.path = path
        self._now = now
        self.ledger = run
        self._owner = uuid.uuid4().hex
        self._beat_at: float | None = None
        self._pending = _Pending()
        self._is_scheduled = self._is_all_due = False
        self._later: asyncio.TimerHandle | None = None
        self._marks: Marks | None = None
        self._dead: set[str] = set()
        self._waiting: dict[bytes, tuple[Wanted, asyncio.Future[Stored | None]]] = {}
        self._locked_since: float | None = None
        self._copy = copy_of(path)
        if self._copy is not None:
            self._copy.fetch()
        self._database, had_wal = open_journal(path, behind)
        self._back = WritesBack(path)
        try:
            self._first_version = reading(self.path, self._data_version)
            self.warning = None if had_wal else self._lost()
        except BaseException:
            self._database.close()
            raise

    def _lost(self) -> str | None:
        """What may be lost where a run left the journal open, and the write-ahead file beside it is gone."""
        if not reading(self.path, lambda: claims.has_dead(self._database, self.path, time.time())):
            return None
        return (
            f"{self.path}: a run ended without closing this journal, and the file {self.path.name}-wal beside it is "
            "gone: answers of that run may be lost, and will be asked for again"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def held(self) -> str | None:
        """What other processes hold up here, in words; None for nothing."""
        if self._locked_since is not None and time.monotonic() - self._locked_since > 1.0:
            return "waiting for another process that has locked the journal"
        n_waiting = len(self._waiting)
        return f"waiting for {n_waiting:,} answers that another run is asking for" if n_waiting else None

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Stored]:
        """The stored answers among these keys."""
        return reading(self.path, lambda: look_up(self._database, keys))

    def has_any(self, keys: Sequence[bytes]) -> bool:
        """Whether one of these requests was ever answered."""
        return bool(self.get_many(keys)) if keys else False

    def spent(self) -> Spent:
        """What the run has spent in earlier executions, calls that killed ones had under way included at their most."""
        in_transaction(self._database, self.path, self._bury_dead)
        self._forget_dead()
        return reading(self.path, lambda: claims.spent_by(self._database, self.ledger))

    def claim(self, wanted: Wanted, n_ready: int = 0) -> asyncio.Future[Stored | None]:
        """Claim a request before it is sent: None when it is this run's to ask, its answer when another run had one.

        While another run is asking it, the future waits. While more calls stand ready than claims wait, nobody is held
        up by waiting a little.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Stored | None] = loop.create_future()
        self._pending.wanted[wanted.key] = (wanted, found)
        if n_ready <= len(self._pending.wanted):
            self._schedule(is_all=True)
        elif self._later is None:
            self._later = loop.call_later(LATER_S, partial(self._schedule, is_all=True))
        return found

    def sent(self, key: bytes) -> None:
        """A request leaves now: from here on it may cost something."""
        if self._marks is not None:
            self._pending.ended.discard(key)
            self._marks.set(key)

    def ended(self, key: bytes) -> None:
        """A call has ended, and what it took was booked, or it took nothing."""
        if self._pending.spent is not NOTHING_SPENT:
            self._pending.ended.add(key)
        elif self._marks is not None:
            self._marks.clear(key)

    def put(self, key: bytes, stored: Stored, model_id: str) -> asyncio.Future[None]:
        """Keep an answer and end its claim; the future is done when that is committed, with all else of this turn."""
        pending = self._pending
        pending.answers.append((key, stored, model_id))
        pending.answered.append(key)
        if pending.committed is None:
            pending.committed = asyncio.get_running_loop().create_future()
        self._schedule()
        return pending.committed

    def release(self, key: bytes) -> None:
        """Give a claim back without an answer."""
        self._waiting.pop(key, None)
        if self._pending.wanted.pop(key, None) is None:
            self._pending.released.append(key)
            self._schedule()

    def turn_away(self, error: Exception) -> None:
        """Wait no longer for what other runs are asking."""
        waiting, self._waiting = self._waiting, {}
        for _, found in waiting.values():
            if not found.done():
                found.set_exception(error)

    def book(self, spent: Spent) -> None:
        """Add to what the run has spent."""
        before = self._pending.spent
        self._pending.spent = spent if before is NOTHING_SPENT else before.plus(spent)
        self._schedule()

    def measure(self, sums: Iterable[tuple[bytes, tuple[int, ...]]]) -> None:
        """Add to what calls were seen to take; at the end of a run."""
        rows = [(key, *numbers) for key, numbers in sums]
        if rows:
            in_transaction(self._database, self.path, lambda: self._database.executemany(MEASURE, rows))

    def measured(self, key: bytes) -> tuple[int, ...] | None:
        """What calls were seen to take, by the keys of ``measures``."""
        found: tuple[int, ...] | None = reading(self.path, lambda: self._database.execute(MEASURED, (key,)).fetchone())
        return found

    def insert(self, database: sqlite3.Connection, entries: Iterable[tuple[bytes, Stored, str]]) -> None:
        """Keep answers within a transaction."""
        insert(database, entries, self._now().isoformat(timespec="seconds"))

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the file in one transaction, now."""
        found: list[T] = []
        in_transaction(self._database, self.path, lambda: found.append(work(self._database)))
        return found[-1]

    def beat(self) -> None:
        """Say that this run still lives, if it is time to; called now and then."""
        if self._copy is not None:
            self._copy.tick()
        if self._is_beat_due:
            self._schedule()

    @property
    def _is_beat_due(self) -> bool:
        return self._beat_at is not None and time.time() - self._beat_at > claims.BEAT_S

    def flush(self) -> None:
        """Commit what is pending and tell whoever waits; try again later while another process holds the file."""
        self._is_scheduled = False
        pending, is_all = self._pending, self._is_all_due
        work = pending if is_all else pending.without_what_waits()
        if not work and not self._is_beat_due:
            return
        try:
            granted = self._write(work)
        except (sqlite3.Error, HarnessError) as error:
            is_held = isinstance(error, sqlite3.Error) and is_locked(error)
            if not (is_held and self._try_again()):
                self._renew(_Pending())
                self._fail(pending, broken(self.path, error) if isinstance(error, sqlite3.Error) else error)
            return
        self._locked_since = None
        self._renew(_Pending() if is_all else _Pending(wanted=pending.wanted, answered=pending.answered))
        self._tell(work, granted)
        self._back.count(len(work.answers) + len(work.released) + len(work.answered) + len(work.wanted))

    def _try_again(self) -> bool:
        """Have the same tried in a while, since another process holds the file; False where that took too long."""
        now = time.monotonic()
        if self._locked_since is None:
            self._locked_since = now
        with suppress(RuntimeError):  # no loop, nothing to wait in
            loop = asyncio.get_running_loop()
            if now - self._locked_since < BUSY_S:
                self._is_scheduled = True
                loop.call_later(TRY_AGAIN_S, self.flush)
                return True
        return False

    def _tell(self, work: _Pending, granted: Mapping[bytes, Stored | None]) -> None:
        """Tell whoever waits what a transaction has brought."""
        if self._marks is not None:
            for key in work.ended:
                self._marks.clear(key)
        work.tell_committed()
        for key, (wanted, found) in work.wanted.items():
            if key not in granted:
                if not self._waiting:
                    asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look_again)
                self._waiting[key] = (wanted, found)
            elif not found.done():
                found.set_result(granted[key])

    def close(self) -> None:
        """Commit what is pending, sign off and close the file."""
        pending = self._pending
        self._is_all_due = True
        self._renew(_Pending())
        self._is_scheduled = True  # nothing comes after this
        try:
            if pending or self._beat_at is not None:
                in_transaction(self._database, self.path, lambda: self._last_words(pending))
                self._dead.add(self._owner)
                self._forget_dead()
        finally:
            self._shut()
        pending.tell_committed()

    def _shut(self) -> None:
        """Close what is open, whatever came of the last words."""
        if self._marks is not None:
            self._marks.close()
            if self._beat_at is None:  # it could not even sign on
                remove_marks(self.path, self._owner)
        self._back.end()
        self._database.close()
        if self._copy is not None:
            self.warning = self._copy.put() or self.warning

    def _schedule(self, *, is_all: bool = False) -> None:
        self._is_all_due = self._is_all_due or is_all
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _renew(self, pending: _Pending) -> None:
        """Go on with what is left after a transaction."""
        self._pending = pending
        if self._is_all_due and self._later is not None:
            self._later.cancel()
            self._later = None
        self._is_all_due = False

    def _look_again(self) -> None:
        """Ask once more for what others have claimed: they may have answered, given up or died."""
        waiting, self._waiting = self._waiting, {}
        waiting = {key: one for key, one in waiting.items() if not one[1].done()}
        if waiting:
            self._pending.wanted.update(waiting)
            self._schedule(is_all=True)

    def _write(self, pending: _Pending) -> dict[bytes, Stored | None]:
        """One transaction; the requests that have an answer now, and those (None) that are this run's to ask."""
        database = self._database
        if self._marks is None:
            self._marks = Marks(self.path, self._owner)
        database.execute("BEGIN IMMEDIATE")
        try:
            is_new = self._beat_at is None
            if is_new or self._is_beat_due:
                self._sign_on()
            self._write_down(pending)
            granted = self._granted(list(pending.wanted.values()))
            database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise
        self._forget_dead()
        if is_new:  # so that a lost write-ahead file is noticed: the main file says that somebody was here
            database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return granted

    def _sign_on(self) -> None:
        now = time.time()
        claims.sign_on(self._database, self._owner, now)
        self._bury_dead()
        self._beat_at = now

    def _write_down(self, pending: _Pending) -> None:
        database = self._database
        if pending.answers:
            self.insert(database, pending.answers)
        if gone := pending.released + pending.answered:
            claims.release(database, self._owner, gone)
        if pending.spent is not NOTHING_SPENT:
            claims.book(database, self.ledger, pending.spent)

    def _last_words(self, pending: _Pending) -> None:
        self._write_down(pending)
        claims.sign_off(self._database, self._owner, None if self._marks is None else self._marks.marked)
        self._bury_dead()

    def _bury_dead(self) -> None:
        self._dead.update(claims.bury_dead(self._database, self.path, time.time()))

    def _forget_dead(self) -> None:
        """The claims of these owners are gone, and that is committed."""
        while self._dead:
            remove_marks(self.path, self._dead.pop())

    def _granted(self, wanted: Sequence[tuple[Wanted, Any]]) -> dict[bytes, Stored | None]:
        if not wanted:
            return {}
        granted: dict[bytes, Stored | None] = {}
        if self._data_version() != self._first_version:  # somebody else writes here too: perhaps one of these answers
            granted.update(look_up(self._database, [one.key for one, _ in wanted]))
        left = [one for one, _ in wanted if one.key not in granted]
        return granted | dict.fromkeys(claims.claim(self._database, self._owner, self.ledger, left))

    def _data_version(self) -> int:
        """A number that changes when another connection has written; what it wrote, and when, it does not tell."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def _fail(self, pending: _Pending, error: Exception) -> None:
        for future in (pending.committed, *(found for _, found in pending.wanted.values())):
            if future is not None and not future.done():
                future.set_exception(error)
