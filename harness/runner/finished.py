"""Runs that are finished already.

Decides whether a run has to be made at all: not where its folder holds it whole and every row has its answer.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessError
from harness.records import RunMeta
from harness.runner.record import is_final
from harness.runner.run_request import RunSummary
from harness.runs.folder import RunFolder
from harness.runs.layout import ITEMS_FILE, META_FILE, PREDICTIONS_FILE
from harness.runs.meta import read_meta


def finished_summary(runs_dir: str | Path, run_id: str) -> tuple[RunSummary | None, str | None]:
    """What the run of this id came to, where it is stored whole and nothing is left to ask; else what damaged it."""
    done, damage = _stored(runs_dir, run_id)
    if done is None or not is_final(done):
        return None, damage
    summary = RunSummary(
        run_id=done.run_id,
        path=RunFolder(runs_dir).child(done.run_id).address,
        status=done.status,
        items=done.n_items,
        calls=0,
        cached=0,
        cost_usd=0.0,
        wall_s=0.0,
        not_asked=done.n_not_asked,
        is_reused=True,
        counts=done.counts,
        answers_cost_usd=done.answers_cost_usd,
        earlier_cost_usd=done.spent_usd,
        earlier_unknown_calls=done.n_unknown_calls,
        whole=None if done.shard is None else done.shard.run_id,
    )
    return summary, None


def _stored(runs_dir: str | Path, run_id: str) -> tuple[RunMeta | None, str | None]:
    folder = RunFolder(runs_dir).child(run_id)
    content = folder.read(META_FILE)
    if content is None:
        is_there = folder.local is not None and folder.local.exists()
        return None, f"{folder.address} holds no {META_FILE}" if is_there else None
    try:
        meta = read_meta(content, f"{folder.address}/{META_FILE}")
    except HarnessError as error:
        return None, error.message
    damage = None if folder.local is None else _damage(folder.local, meta)
    return (None, damage) if damage else (meta, None)


def _damage(folder: Path, meta: RunMeta) -> str | None:
    """What is missing or cut short in a stored run, as far as the ends of its files tell."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_rows = meta.n_items * meta.repeats * len(meta.candidates)
    for name, expected in ((PREDICTIONS_FILE, n_rows), (ITEMS_FILE, meta.n_items)):
        try:
            found = pq.read_metadata(folder / name).num_rows
        except FileNotFoundError:
            return f"{folder / name} is missing"
        except (OSError, pa.ArrowException) as error:
            return f"{folder / name} cannot be read ({error})"
        if found != expected:
            return f"{folder / name} holds {found:,} rows instead of {expected:,}"
    return None
