"""A candidate over a whole pool, block by block: exact counts, and every flip in a list.

Decides what a block is: so many rows in the order of the pool, each an ordinary run whose answers are kept and whose
money is booked with all others'. Memory holds one block. A stopped pass goes on where it was: whole blocks are
not run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.files.text import shortened
from harness.goldens.pool import PoolRow, require_own_ids
from harness.goldens.pool_golden import PoolItems
from harness.goldens.pool_strata import row_views
from harness.jobs.backtest import pool_state, request_of
from harness.jobs.backtest_ready import Prepared
from harness.jobs.run import execute
from harness.measure.backtest import ANY, decided_by
from harness.records import MISSING
from harness.report.backtest.flips import COLUMNS, csv_line, flip_row
from harness.report.backtest.full import Counts, FullPass
from harness.report.parts.masking import TextMode
from harness.runs import open_run

BLOCK_ROWS = 10_000
FLIPS_FILE = "flips.csv"


def full_pass(
    ready: Prepared,
    folder: Path,
    mode: TextMode,
    *,
    stream: TextIO | None = None,
    on_start: Callable[[], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
    block_rows: int = BLOCK_ROWS,
) -> FullPass:
    """Ask about every item of the pool and list what flips.

    Raises:
        HarnessError: An id stands twice in a block, the pool changes, or the list cannot be written.
    """
    unchanged = pool_state(ready.pool)
    ledger = _ledger(ready)
    views = ready.wanted.sample.views
    path = folder / FLIPS_FILE
    names = ready.prepared.request.policy.names_of(ready.shape.categories)
    found = FullPass(ready.before, str(path), views is not None, names=names)
    partial = folder / f".{FLIPS_FILE}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(csv_line([column.head for column in COLUMNS]))
            for block in _blocks(ready, block_rows, found):
                require_own_ids(map(ready.pool.id_of, block))
                items = [ready.shape.item(ready.pool.id_of(row), row.values or {}) for row in block]
                name = f"{ready.pool.files[0].name} from {block[0].where}"
                golden = PoolItems(name, items, ready.shape.categories, tuple(ready.shape.slices))
                request = request_of(ready, golden, unchanged=unchanged, ledger=ledger)
                prepared = structs.replace(ready.prepared, request=request)
                summary = execute(prepared, stream=stream, on_start=on_start)
                if not (summary.is_reused or found.cost_usd or found.unknown_calls):
                    found.earlier_cost_usd = summary.earlier_cost_usd
                    found.earlier_unknown_calls = summary.earlier_unknown_calls
                found.cost_usd += summary.cost_usd
                found.unknown_calls += summary.unknown_calls
                if summary.status == "incomplete":
                    found.reason = summary.reason
                    break
                for line in _compared(ready, summary.run_id, str(request.runs_dir), block, found, mode):
                    file.write(line)
                note(f"{found.n_items:,} items, {_n_flips(found):,} flips")
        partial.replace(path)
    except OSError as error:
        raise HarnessError(
            f"{folder}: the flips cannot be listed: {error.strerror or error}",
            allowed="a folder that can be written to",
            next_step="name another with --out",
        ) from None
    return found


def _n_flips(found: FullPass) -> int:
    return sum(one[ANY].items["newly_flagged"] + one[ANY].items["no_longer_flagged"] for one in found.counts.values())


def _ledger(ready: Prepared) -> str:
    digest = hashlib.sha256()
    for path in ready.pool.files:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    for one in ready.prepared.request.candidates:
        digest.update(repr(sorted(one.fingerprint.items(), key=lambda pair: pair[0])).encode())
    return f"{ready.prepared.request.eval_name}-full-{digest.hexdigest()[:12]}"


def _blocks(ready: Prepared, block_rows: int, found: FullPass) -> Iterator[list[PoolRow]]:
    block: list[PoolRow] = []
    for row in ready.pool.rows():
        if row.values is None:
            found.left_out[row.reason] = found.left_out.get(row.reason, 0) + 1
            continue
        block.append(row)
        if len(block) == block_rows:
            yield block
            block = []
    if block:
        yield block


def _compared(
    ready: Prepared, run_id: str, runs_dir: str, block: list[PoolRow], found: FullPass, mode: TextMode
) -> Iterator[str]:
    """Count one block, and give its flips as lines of CSV."""
    run = open_run(run_id, runs_dir)
    before: Mapping[str, NDArray[Any]]
    if ready.recorded is not None:
        said = [ready.recorded.read(row) for row in block]
        before = {name: np.array([one.get(name, MISSING) for one in said]) for name in ready.recorded.known_columns}
    else:
        before = decided_by(run, str(ready.baseline))[0]
    seen = [_views(ready, row) for row in block]
    found.n_items += len(block)
    for candidate in ready.judged:
        after, _ = decided_by(run, candidate)
        columns = found.counts.setdefault(candidate, {})
        found.n_unanswered[candidate] += int((after[ANY] == MISSING).sum())
        for name, now in after.items():
            if name not in before:
                continue
            counts, then = columns.setdefault(name, Counts()), before[name]
            for at in np.flatnonzero((now >= 0) & (then >= 0)).tolist():
                views = seen[at]
                counts.add("decided", views)
                if then[at] == 1:
                    counts.add("flagged_before", views)
                if now[at] == 1:
                    counts.add("flagged_after", views)
                if now[at] == then[at]:
                    continue
                counts.add("newly_flagged" if now[at] == 1 else "no_longer_flagged", views)
                row = block[at]
                text = str((row.values or {})[ready.pool.text])
                seen_by = views if found.has_views else None
                flip = flip_row(candidate, ready.pool.id_of(row), name, int(now[at]), seen_by, 1.0, "", text, mode)
                yield csv_line(flip)


def _views(ready: Prepared, row: PoolRow) -> float:
    asked = ready.wanted.sample
    if asked.views is None:
        return 0.0
    views = row_views(row.values or {}, asked.views)
    if views is not None:
        return views
    if asked.missing_views is None:
        raise HarnessError(
            f"{row.where}: no number of views in '{shortened(asked.views)}'",
            allowed="a number of 0 or more",
            next_step="say what it counts as: --missing-views 0",
        )
    return asked.missing_views
