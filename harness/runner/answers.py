"""The journal's table of answers: what is kept of one, how many are looked up at once, and that the first one stays.

When an answer is kept is decided by ``cache``, under which key by ``keys``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from msgspec import Struct

from harness.records.answers import Response

LOOKUP_KEYS = 500
INSERT = (
    "INSERT INTO main.responses (key, status, body, latency_ms, created, model, is_batch) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO NOTHING"
)
LOOKUP_ONE = "SELECT status, body, latency_ms, is_batch FROM responses WHERE key = ?"


class Stored(Struct, frozen=True, gc=False):
    """An answer as it is kept."""

    status: int
    body: bytes
    latency_ms: float
    is_batch: bool = False
    """Whether it came in a batch: at a batch's price, and at no latency that says anything."""

    def response(self, key: bytes) -> Response:
        """As a candidate is sent it."""
        return Response(key.hex(), self.status, self.body, self.latency_ms, True)


def look_up(database: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Stored]:
    """The answers that are kept among these keys."""
    found: dict[bytes, Stored] = {}
    if len(keys) == 1:
        row = database.execute(LOOKUP_ONE, keys).fetchone()
        if row is not None:
            found[keys[0]] = Stored(*row)
        return found
    for start in range(0, len(keys), LOOKUP_KEYS):
        part = keys[start : start + LOOKUP_KEYS]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, status, body, latency_ms, is_batch FROM responses WHERE key IN ({marks})"
        for key, status, body, latency_ms, is_batch in database.execute(query, part):
            found[key] = Stored(status, body, latency_ms, is_batch)
    return found


def insert(database: sqlite3.Connection, entries: Iterable[tuple[bytes, Stored, str]], created: str) -> None:
    """Keep answers with the names of their models, within a transaction."""
    rows = ((key, one.status, one.body, one.latency_ms, created, model, one.is_batch) for key, one, model in entries)
    database.executemany(INSERT, rows)
