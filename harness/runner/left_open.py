"""Batches that stand at a server when a run asks live: what they hold would be paid for again.

Decides that a run whose own batches are open is not asked live, and what is said where another run's are: those may
hold the same requests.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from harness.errors import HarnessError
from harness.runner.cache import ResponseCache
from harness.runner.endpoint import Endpoint

OPEN = (
    "SELECT run, identity, model, batch, (SELECT count(*) FROM batch_requests WHERE batch = batches.id) FROM batches "
    "WHERE file IS NOT NULL ORDER BY id"
)
"""Without a file a batch was never made."""


def warned_of_batches(cache: ResponseCache, endpoints: Mapping[str, Endpoint]) -> str | None:
    """What to say of other runs' batches that are open at these endpoints; None for nothing.

    Raises:
        HarnessError: Batches of this run are open.
    """

    def work(database: sqlite3.Connection) -> list[tuple[str, str, str, str | None, int]]:
        return database.execute(OPEN).fetchall()

    identities = {one.identity for one in endpoints.values()}
    found = [one for one in cache.transact(work) if one[1] in identities]
    own = [one for one in found if one[0] == cache.ledger]
    if own:
        n = sum(one[4] for one in own)
        names = ", ".join(batch or "one whose making was cut off" for _, _, _, batch, _ in own[:3])
        raise HarnessError(
            f"{n:,} requests of this run are at the server of model '{own[0][2]}' in {len(own):,} open "
            f"{'batch' if len(own) == 1 else 'batches'} ({names}): asked live, they would be paid for twice",
            allowed="the same command with --batch, which goes on with them",
            next_step="add --batch; to be rid of them, cancel them with the provider and type it with --batch once",
        )
    others = sorted({one[0] for one in found})
    if not others:
        return None
    return f"batches of {', '.join(others[:3])} are open at the server: what they hold of this run is paid for twice"
