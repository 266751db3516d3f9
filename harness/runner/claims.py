"""Who is asking what: claims in the journal, by which several runs on one journal never pay for one request twice.

Decides when a claim is somebody's and when its owner is dead. A claim is written before its request is sent, with the
most that the call may cost: what a killed process had sent stands in the ledger of its run as money that may have been
spent. What was sent is told by ``marks``; a claim whose answer is there, or that was never sent, has cost nothing more.
All functions work inside a transaction of the caller.
"""

from __future__ import annotations

import functools
import os
import socket
import sqlite3
import time
from collections.abc import Mapping, Sequence
from operator import add, sub
from pathlib import Path
from typing import NamedTuple

from harness.runner.marks import is_held, read_marks

BEAT_S = 5.0
SILENT_S = 60.0
"""An owner on another machine that has not been heard of for so long is dead."""
STOPPED_S = 600.0
"""So is one on this machine whose process stands still; one that has ended and let go of its marks is dead at once."""
KEYS_AT_ONCE = 500
CLAIMED = "SELECT owner, run, usd, tokens, key, key IN (SELECT key FROM main.responses) FROM claims"
SPENT = (
    "SELECT coalesce(sum(usd), 0), coalesce(sum(unknown_usd), 0), coalesce(sum(tokens), 0), "
    "coalesce(sum(unknown_tokens), 0), coalesce(sum(unknown_calls), 0) FROM ("
    "SELECT usd, unknown_usd, tokens, unknown_tokens, unknown_calls FROM ledger WHERE run = ? UNION ALL "
    "SELECT 0, usd, 0, tokens, 1 FROM claims WHERE run = ? AND key NOT IN (SELECT key FROM main.responses))"
)
BOOK = (
    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET usd = usd + excluded.usd, "
    "unknown_usd = unknown_usd + excluded.unknown_usd, tokens = tokens + excluded.tokens, "
    "unknown_tokens = unknown_tokens + excluded.unknown_tokens, "
    "unknown_calls = unknown_calls + excluded.unknown_calls"
)


class Spent(NamedTuple):
    """What calls have cost, and what calls whose price nobody told may have cost at most."""

    usd: float = 0.0
    unknown_usd: float = 0.0
    tokens: int = 0
    unknown_tokens: int = 0
    unknown_calls: int = 0

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(*map(add, self, other))

    def minus(self, other: Spent) -> Spent:
        """What is left of it without the other."""
        return Spent(*map(sub, self, other))


NOTHING_SPENT = Spent()


class Wanted(NamedTuple):
    """A request to claim, with the most its call may cost."""

    key: bytes
    usd: float
    tokens: int


@functools.cache
def this_machine() -> str:
    """What tells this start of this machine from all others, in containers and under borrowed names too."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


def sign_on(database: sqlite3.Connection, owner: str, now: float) -> None:
    """Say that this owner is there, or still there."""
    database.execute(
        "INSERT INTO owners VALUES (?, ?, ?, ?) ON CONFLICT (owner) DO UPDATE SET beat = excluded.beat",
        (owner, this_machine(), os.getpid(), now),
    )


def sign_off(database: sqlite3.Connection, owner: str, sent: frozenset[bytes] | None) -> None:
    """Leave: what was sent and has no answer may have been paid for; all that is claimed, where nobody can tell."""
    _take_over(database, {owner: sent})


def bury_dead(database: sqlite3.Connection, journal: Path, now: float) -> list[str]:
    """Free the claims of owners that are dead; their names, whose marks may go once this is committed."""
    owners = database.execute("SELECT owner, host, beat FROM owners").fetchall()
    dead = {
        owner: read_marks(journal, owner) if _keeps_marks(host, beat, now) else None
        for owner, host, beat in owners
        if is_dead(journal, owner, host, now - beat)
    }
    if dead:
        _take_over(database, dead)
    return list(dead)


def _keeps_marks(host: str, beat: float, now: float) -> bool:
    """Whether all marks of an owner are here: those of another machine may not have come, and a restart loses some."""
    return host == this_machine() and beat > now - time.monotonic()


def has_dead(database: sqlite3.Connection, journal: Path, now: float) -> bool:
    """Whether somebody ended without signing off."""
    owners = database.execute("SELECT owner, host, beat FROM owners").fetchall()
    return any(is_dead(journal, owner, host, now - beat) for owner, host, beat in owners)


def is_dead(journal: Path, owner: str, host: str, silent_s: float) -> bool:
    """Whether the owner of a claim can no longer bring an answer."""
    held = is_held(journal, owner) if host == this_machine() else None
    return silent_s > SILENT_S if held is None else not held or silent_s > STOPPED_S


def claim(database: sqlite3.Connection, owner: str, run: str, wanted: Sequence[Wanted]) -> set[bytes]:
    """Claim what nobody has claimed; the keys that are now this owner's."""
    done = database.executemany(
        "INSERT INTO claims VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        [(one.key, owner, run, one.usd, one.tokens) for one in wanted],
    )
    if done.rowcount == len(wanted):
        return {one.key for one in wanted}
    mine: set[bytes] = set()
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        keys = [one.key for one in wanted[start : start + KEYS_AT_ONCE]]
        marks = ",".join("?" * len(keys))
        found = database.execute(f"SELECT key FROM claims WHERE owner = ? AND key IN ({marks})", (owner, *keys))
        mine.update(row[0] for row in found)
    return mine


def release(database: sqlite3.Connection, owner: str, keys: Sequence[bytes]) -> None:
    """Give claims back."""
    database.executemany("DELETE FROM claims WHERE key = ? AND owner = ?", [(key, owner) for key in keys])


def book(database: sqlite3.Connection, run: str, spent: Spent) -> None:
    """Add to what a run has spent."""
    database.execute(BOOK, (run, *spent))


def spent_by(database: sqlite3.Connection, run: str) -> Spent:
    """What a run has spent in all its executions; what is claimed, by one that may have ended too, at its most."""
    return Spent(*database.execute(SPENT, (run, run)).fetchone())


def _take_over(database: sqlite3.Connection, ended: Mapping[str, frozenset[bytes] | None]) -> None:
    """Strike out owners, with what each had sent; one pass over the claims, however many they are."""
    claimed = [one for one in database.execute(CLAIMED).fetchall() if one[0] in ended]
    for owner, run, usd, tokens, key, is_answered in claimed:
        sent = ended[owner]
        if not is_answered and (sent is None or key in sent):
            book(database, run, Spent(0.0, usd, 0, tokens, 1))
    database.executemany("DELETE FROM claims WHERE key = ?", [(one[4],) for one in claimed])
    database.executemany("DELETE FROM owners WHERE owner = ?", [(owner,) for owner in ended])
