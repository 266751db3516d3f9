"""Which snapshots of a model gave a run's scores: the ``model`` and ``system_fingerprint`` that its responses name.

Decides when a threshold is chosen on scores of another snapshot: where the responses of one candidate name several, and
where those of the latest run of the same eval name others. The responses are the journal's; where it does not have
them, and where the latest run asked nothing anew, that it cannot be seen is said.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.runner.cache import ResponseCache
from harness.runs import Run
from harness.runs.listing import latest_run

MOST_READ = 400
"""Responses of a candidate that are looked at, spread evenly over its rows."""
SHOWN = 3


def served_by(run: Run, candidate: str, journal: Path) -> Counter[str]:
    """Snapshot -> responses that name it, among those looked at; empty where the journal has none of them."""
    return Counter(name for name in map(_snapshot, served_bodies(run, candidate, journal)) if name)


def served_bodies(run: Run, candidate: str, journal: Path) -> list[bytes]:
    """The responses that the journal has, of those looked at."""
    keys = _keys(run, candidate)
    if not keys or not journal.is_file():
        return []
    with ResponseCache(journal, lambda: datetime.now(UTC)) as cache:
        return [one.body for one in cache.get_many(keys).values()]


def snapshot_warnings(run: Run, candidate: str, runs_dir: str, journal: Path) -> list[str]:
    """What should be known of the scores of a candidate before a threshold is chosen on them."""
    if not _keys(run, candidate):
        return []  # nobody was asked: rules, a classifier, recorded decisions
    served = served_by(run, candidate, journal)
    warnings = [] if served else [_unseen(run, candidate, journal)]
    if len(served) > 1:
        counted = [f"{name} in {n:,}" for name, n in served.most_common(SHOWN)]
        warnings.append(
            f"'{candidate}' of run {run.meta.run_id} was answered by {len(served)} snapshots of its model "
            f"({', '.join(counted)} of {served.total():,} "
            "responses looked at): one threshold over all of them may fit none"
        )
    newest = latest_run(runs_dir, run.meta.eval_name)
    if newest is None or newest.meta.run_id == run.meta.run_id or candidate not in newest.candidates:
        return warnings + _not_asked_anew(run, candidate)
    now = served_by(newest, candidate, journal)
    warnings += _not_asked_anew(newest, candidate)
    if served and not now and _keys(newest, candidate):
        warnings.append(_unseen(newest, candidate, journal))
    if served and now and set(now) != set(served):
        warnings.append(
            f"the latest run {newest.meta.run_id} was answered by {_named(now)}, and run {run.meta.run_id} by "
            f"{_named(served)}: scores of another snapshot may lie elsewhere. Choose on the latest run"
        )
    return warnings


def _unseen(run: Run, candidate: str, journal: Path) -> str:
    """That the journal does not tell who answered."""
    if not journal.is_file():
        found = f"the journal {journal} is not there"
    elif not served_bodies(run, candidate, journal):
        found = f"the journal {journal} has none of the responses looked at"
    else:
        return (
            f"the responses of '{candidate}' in run {run.meta.run_id} name no snapshot of its model: a change of it "
            "cannot be seen"
        )
    return (
        f"which snapshot of its model answered for '{candidate}' in run {run.meta.run_id} cannot be seen: {found}. "
        "Name the journal of that run: --cache FILE"
    )


def _not_asked_anew(run: Run, candidate: str) -> list[str]:
    """That a run, the latest one, asked the model nothing: its answers say nothing of the model as it is now."""
    has_key = np.array([[bool(key) for key in repeats] for repeats in run.texts(candidate, "response_key")], dtype=bool)
    if not has_key.any() or not run.candidate(candidate).is_cached[has_key].all():
        return []
    return [
        f"every answer of '{candidate}' in run {run.meta.run_id} came from the journal: whether its model still "
        "answers so was not asked. To ask again: harness run with --wave LABEL"
    ]


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
