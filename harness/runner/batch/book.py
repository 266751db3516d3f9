"""The journal's book of batches: which requests are in which batch, from before it is sent until its answers are kept.

Decides what a killed process leaves behind: a batch without a file was never sent, one with a file and no id may have
been taken by the server and is looked for there, one with an id is waited for. Keeping the answers, booking the money
and striking the batch out are one transaction, so that nothing is paid or booked twice.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.runner import claims
from harness.runner.answers import Stored
from harness.runner.budget import Amount
from harness.runner.cache import ResponseCache
from harness.runner.claims import Spent, Wanted

ABANDONED_S = 3600.0
"""A batch of another run that was written down so long ago and never sent is nobody's."""


@dataclass(slots=True)
class Batch:
    """One batch as the journal knows it; ``most`` holds what its requests may cost at most, by key."""

    id: int
    run: str
    identity: str
    model_id: str
    route: str
    file_id: str | None
    batch_id: str | None
    most: Mapping[bytes, Amount]

    @property
    def amount(self) -> Amount:
        """What all its requests may cost at most."""
        return Amount(sum(one.usd for one in self.most.values()), sum(one.tokens for one in self.most.values()))


class BatchBook:
    """Batches in the journal."""

    def __init__(self, cache: ResponseCache, run: str) -> None:
        self._cache = cache
        self.run = run

    def strike_unsent(self) -> None:
        """At the beginning of a run: what its earlier executions, or runs long ago, wrote down and never sent."""

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "DELETE FROM batches WHERE file IS NULL AND (run = ? OR created < ?)",
                (self.run, time.time() - ABANDONED_S),
            )
            database.execute("DELETE FROM batch_requests WHERE batch NOT IN (SELECT id FROM batches)")

        self._cache.transact(work)

    def open_batches(self) -> list[Batch]:
        """All that are written down, those of other runs too."""

        def work(database: sqlite3.Connection) -> list[Batch]:
            rows = database.execute("SELECT id, run, identity, model, route, file, batch FROM batches").fetchall()
            return [
                Batch(number, run, identity, model_id, route, file_id, batch_id, _most(database, number))
                for number, run, identity, model_id, route, file_id, batch_id in rows
            ]

        return self._cache.transact(work)

    def write_down(self, identity: str, model_id: str, route: str, wanted: Sequence[Wanted]) -> Batch:
        """Put down a batch before it is sent, without the requests that another one holds already."""

        def work(database: sqlite3.Connection) -> Batch:
            cursor = database.execute(
                "INSERT INTO batches (run, identity, model, route, created) VALUES (?, ?, ?, ?, ?)",
                (self.run, identity, model_id, route, time.time()),
            )
            number = int(cursor.lastrowid or 0)
            database.executemany(
                "INSERT INTO batch_requests VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                [(one.key, number, one.usd, one.tokens) for one in wanted],
            )
            return Batch(number, self.run, identity, model_id, route, None, None, _most(database, number))

        return self._cache.transact(work)

    def sent_file(self, batch: Batch, file_id: str) -> None:
        """The file is there: the batch may be made from here on."""
        batch.file_id = file_id
        self._cache.transact(lambda one: one.execute("UPDATE batches SET file = ? WHERE id = ?", (file_id, batch.id)))

    def made(self, batch: Batch, batch_id: str) -> None:
        """The server has the batch: journaled before anybody waits for it."""
        batch.batch_id = batch_id
        self._cache.transact(lambda one: one.execute("UPDATE batches SET batch = ? WHERE id = ?", (batch_id, batch.id)))

    def finish(self, batch: Batch, answers: Sequence[tuple[bytes, Stored, str]], spent: Spent) -> bool:
        """Keep the answers, book the money and strike the batch out; False where another process did it before."""

        def work(database: sqlite3.Connection) -> bool:
            self._cache.insert(database, answers)
            is_mine = database.execute("DELETE FROM batches WHERE id = ?", (batch.id,)).rowcount == 1
            database.execute("DELETE FROM batch_requests WHERE batch = ?", (batch.id,))
            if is_mine and any(spent):
                claims.book(database, batch.run, spent)
            return is_mine

        return self._cache.transact(work)


def _most(database: sqlite3.Connection, number: int) -> dict[bytes, Amount]:
    rows = database.execute("SELECT key, usd, tokens FROM batch_requests WHERE batch = ?", (number,))
    return {key: Amount(usd, tokens) for key, usd, tokens in rows}
