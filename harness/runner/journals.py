"""Journals of the parts of one run, each written by one process: what they hold together.

Decides where they lie (in a folder beside the run's own journal), what was spent in all of them, and how their answers
come into the run's own journal and out of it. What one journal's tables mean is decided by ``cache`` and ``claims``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from harness.runner.cache import ADD_MEASURE
from harness.runner.claims import NOTHING_SPENT, Spent, bury_dead, spent_by
from harness.runner.journal import broken, in_transaction, open_journal
from harness.runner.marks import path_of, remove_marks

MOST_GATHERED = 5_000_000
"""Answers that are put together into one file; more stay in the parts' journals, where a rerun finds them."""
GATHER = (
    "INSERT OR IGNORE INTO responses SELECT * FROM part.responses",
    f"INSERT INTO measures SELECT * FROM part.measures WHERE true {ADD_MEASURE}",
    "INSERT OR REPLACE INTO ledger SELECT * FROM part.ledger",
)
TOGETHER, CACHE_KB = 8, 64_000
"""Parts of one transaction (SQLite takes ten files), and memory for the index: each part's keys are all over it."""


def folder_of(journal: Path) -> Path:
    """Where the parts' journals lie.

    >>> folder_of(Path("home/responses.sqlite")).as_posix()
    'home/responses.parts'
    """
    return journal.with_name(f"{journal.stem}.parts")


def spent_in(journal: Path, run: str) -> Spent:
    """What a run has spent by a journal that nobody writes, calls that a killed process had under way at their most."""
    if not journal.exists():
        return NOTHING_SPENT
    database, _ = open_journal(journal)
    with closing(database):
        dead: list[str] = []
        in_transaction(database, journal, lambda: dead.extend(bury_dead(database, journal, time.time())))
        for owner in dead:
            remove_marks(journal, owner)
        try:
            return spent_by(database, run)
        except sqlite3.Error as error:
            raise broken(journal, error) from None


def copy_answers(journal: Path, target: Path, models: Sequence[str]) -> bool:
    """Copy what a journal has of these models into a file that is never written again; whether there was anything."""
    if not models or not journal.exists():
        return False
    database, _ = open_journal(journal)
    with closing(database):
        try:
            marks = ",".join("?" * len(models))
            wanted = f"FROM responses WHERE model IN ({marks})"
            if database.execute(f"SELECT 1 {wanted} LIMIT 1", models).fetchone() is None:
                return False
            copy, _ = open_journal(target)
            copy.close()
            database.execute("ATTACH ? AS part", (str(target),))
            database.execute(f"INSERT OR IGNORE INTO part.responses SELECT * {wanted}", models)
            database.execute("PRAGMA part.journal_mode = DELETE")  # so that readers on many machines write nothing
        except sqlite3.Error as error:
            raise broken(journal, error) from None
    return True


def gather(parts: Iterable[Path], journal: Path, *, most: int = MOST_GATHERED) -> bool:
    """Put the answers and accounts of the parts' journals into the run's own; whether that was done.

    It may be done again: an answer that is there stays, and the ledger has each part's own account.
    """
    there = [part for part in parts if part.exists()]
    if sum(_n_answers(part) for part in there) > most:
        return False
    database, _ = open_journal(journal)
    with closing(database):
        try:
            database.execute(f"PRAGMA cache_size = -{CACHE_KB}")
            for at in range(0, len(there), TOGETHER):
                _gather(database, there[at : at + TOGETHER])
        except sqlite3.Error as error:
            raise broken(journal, error) from None
    return True


def _gather(database: sqlite3.Connection, parts: Sequence[Path]) -> None:
    names = [f"part{number}" for number in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        database.execute(f"ATTACH ? AS {name}", (str(part),))
    database.execute("BEGIN IMMEDIATE")
    for name in names:
        for statement in GATHER:
            database.execute(statement.replace("part.", f"{name}."))
    database.execute("COMMIT")
    for name in names:
        database.execute(f"DETACH {name}")


def remove(parts: Iterable[Path]) -> None:
    """Delete journals whose answers are kept elsewhere."""
    for part in parts:
        beside = [part.with_name(part.name + suffix) for suffix in ("-wal", "-shm")]
        for path in (*beside, *part.parent.glob(path_of(part, "*").name), part):
            with suppress(FileNotFoundError):
                path.unlink()


def _n_answers(part: Path) -> int:
    database, _ = open_journal(part)
    with closing(database):
        try:
            return int(database.execute("SELECT count(*) FROM responses").fetchone()[0])
        except sqlite3.Error as error:
            raise broken(part, error) from None
