"""Which snapshots of a model gave a run's scores: the ``model`` and ``system_fingerprint`` that its responses name.

Decides when a threshold is chosen on scores of another snapshot: where the responses of one candidate name several, and
where those of the latest run of the same eval name others. The responses are the journal's; without it nothing is said.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.runner.cache import ResponseCache
from harness.runs import Run
from harness.runs.listing import latest_run

MOST_READ = 400
"""Responses of a candidate that are looked at, spread evenly over its rows."""
SHOWN = 3


def served_by(run: Run, candidate: str, journal: Path) -> Counter[str]:
    """Snapshot -> responses that name it, among those looked at; empty where the journal has none of them."""
    keys = _keys(run, candidate)
    if not keys or not journal.is_file():
        return Counter()
    with ResponseCache(journal, lambda: datetime.now(UTC)) as cache:
        bodies = [one.body for one in cache.get_many(keys).values()]
    return Counter(name for name in map(_snapshot, bodies) if name)


def snapshot_warnings(run: Run, candidate: str, runs_dir: str, journal: Path) -> list[str]:
    """What should be known of the scores of a candidate before a threshold is chosen on them."""
    served = served_by(run, candidate, journal)
    warnings = []
    if len(served) > 1:
        counted = [f"{name} in {n:,}" for name, n in served.most_common(SHOWN)]
        warnings.append(
            f"'{candidate}' of run {run.meta.run_id} was answered by {len(served)} snapshots of its model "
            f"({', '.join(counted)} of {served.total():,} "
            "responses looked at): one threshold over all of them may fit none"
        )
    newest = latest_run(runs_dir, run.meta.eval_name)
    if newest is None or newest.meta.run_id == run.meta.run_id or candidate not in newest.candidates:
        return warnings
    now = served_by(newest, candidate, journal)
    if served and now and set(now) != set(served):
        warnings.append(
            f"the latest run {newest.meta.run_id} was answered by {_named(now)}, and run {run.meta.run_id} by "
            f"{_named(served)}: scores of another snapshot may lie elsewhere. Choose on the latest run"
        )
    return warnings


def _named(served: Iterable[str]) -> str:
    names = sorted(served)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _keys(run: Run, candidate: str) -> list[bytes]:
    """Keys of responses, spread evenly over the rows of the run."""
    named = [key for repeats in run.texts(candidate, "response_key") for key in repeats if key]
    step = max(1, len(named) // MOST_READ)
    found = []
    for one in named[::step][:MOST_READ]:
        try:
            found.append(bytes.fromhex(one.split()[0]))
        except (ValueError, IndexError):
            continue
    return found


def _snapshot(body: bytes) -> str | None:
    """The snapshot that a response names; None for none."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    model, fingerprint = (found.get(name) for name in ("model", "system_fingerprint"))
    model = model or found.get("modelVersion")  # Gemini
    parts = [one[:80] for one in (model, fingerprint) if isinstance(one, str) and one]
    return " ".join(part for part in parts if part.isprintable()) or None
