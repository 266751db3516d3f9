"""Shards of a run put together: the run as one machine would have written it.

Decides what belongs together (all parts of one run, each once, each carried through) and the order of the rows. The
tables are the bytes that a run on one machine writes from the same answers. Of run.json only the facts of carrying out
differ: when it was made and how long it took (the earliest, and the sum), how calls were slowed, and, where two shards
without a common journal asked the same text, how many calls were made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import structs
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.files.text import counted, joined
from harness.records import RunMeta
from harness.records.runs import ShardFacts
from harness.runner.record import check_counts, status_of
from harness.runner.shards import SHARDS_FOLDER, Shard
from harness.runs import INPUTS_FOLDER, ITEMS_FILE, PREDICTIONS_FILE, InputFile, Run, RunFolder, item_schema, open_run
from harness.runs.arrow import numpy_of
from harness.runs.columns import BATCH_ROWS
from harness.runs.integrity import verify
from harness.runs.layout import POSITION
from harness.runs.writer import RunWriter

WINDOW_ROWS = 4 * BATCH_ROWS
"""So many rows are put in order at once: each time costs a cut through every shard."""
SUMMED = ("calls", "retries", "cached", "unknown_calls", "earlier_unknown_calls")
NEXT = "run the missing parts (harness run EVAL --shard i/n, with the same options), then merge again"


def find_shards(names: Sequence[str], runs_dir: str | Path) -> list[Run]:
    """The shards that names mean: folders of shards, ids of shards, or the id of a run for all its shards.

    Raises:
        HarnessError: A name means none.
    """
    home = RunFolder(runs_dir).child(SHARDS_FOLDER)
    stored = [name for name in home.names() if not name.startswith(".")]
    found: dict[str, Run] = {}
    for name in names:
        wanted = [one for one in stored if one == name or one.rpartition(".")[0] == name]
        opened = [open_run(home.child(one).address) for one in wanted] or [_opened(name, runs_dir, stored)]
        found |= {run.path: run for run in opened}
    return list(found.values())


def _opened(name: str, runs_dir: str | Path, stored: Sequence[str]) -> Run:
    if "/" in name or _is_folder(name):
        return open_run(name, runs_dir)
    known = sorted({one.rpartition(".")[0] for one in stored})
    raise HarnessError(
        f"no shard '{name[:80]}' in {runs_dir}/{SHARDS_FOLDER}",
        allowed=", ".join(known[-10:]) or "none yet",
        next_step="make shards with: harness run EVAL --shard i/n, or name their folders",
    )


def _is_folder(name: str) -> bool:
    try:
        return bool(name) and Path(name).is_dir()
    except (OSError, ValueError):  # longer than a name may be, or with a NUL
        return False


def merge(runs: Sequence[Run], runs_dir: str | Path, *, limits: Mapping[str, Any] | None = None) -> str:
    """Put shards together and store the run; its address.

    ``limits`` says how calls were slowed where shards shared their limits; else it is put together too.

    Raises:
        HarnessError: Shards are missing, given twice, of another run, not carried through, or damaged.
    """
    shards = [(_facts(run), run) for run in runs]
    whole = _require_one_run(shards)
    ordered = [run for _, run in sorted(shards, key=lambda one: one[0].index)]
    for run in ordered:
        verify(run)
    first = ordered[0].meta
    items = [_table(run, ITEMS_FILE) for run in ordered]
    owner = _owners(ordered, items, whole)
    slices = [name.removeprefix("slice.") for name in items[0].schema_arrow.names if name.startswith("slice.")]
    writer = RunWriter(runs_dir, whole.run_id, categories=first.categories, slices=slices, candidates=first.candidates)
    try:
        schema = item_schema(first.categories, slices)
        for table in _interleaved(items, owner):
            writer.add_items(table.select(schema.names))
        of_rows = np.repeat(owner, first.repeats)
        streams = [_Rows(_table(run, PREDICTIONS_FILE)) for run in ordered]
        for number in range(len(first.candidates)):
            sink = writer.sink(number)
            for table in _in_order(streams, of_rows):
                sink.add_batch(table.combine_chunks().to_batches()[0])
            writer.close_sink(number)
        check_counts(writer.counts, of_rows.size)
        record = _record([run.meta for run in ordered], whole, writer)
        record = record if limits is None else structs.replace(record, limits=limits)
        return writer.finish(record, _inputs(ordered[0]))
    except BaseException:
        writer.abandon()
        raise


def _of_others(run: Run, missing: Sequence[int]) -> str:
    """Runs beside this one that have the shards it lacks: a file or option was another when they were made."""
    home, _, _ = run.path.rstrip("/").rpartition("/")
    ends = tuple(Shard(index, run.meta.shard.of).suffix for index in missing) if run.meta.shard else ()
    others = sorted({name.rpartition(".")[0] for name in RunFolder(home).names() if name.endswith(ends)})
    if not others:
        return ""
    return f" (such are there of {joined(others, most=3)}, made from other files or options)"


def _facts(run: Run) -> ShardFacts:
    if run.meta.shard is None:
        raise HarnessError(
            f"{run.path}: run {run.meta.run_id} is no shard",
            allowed="what harness run EVAL --shard i/n has stored",
            next_step="leave it out",
        )
    return run.meta.shard


def _require_one_run(shards: Sequence[tuple[ShardFacts, Run]]) -> ShardFacts:
    """All parts of one run, each once and carried through."""
    first, first_run = shards[0]
    seen: dict[int, Run] = {}
    for one, run in shards:
        if (one.run_id, one.of) != (first.run_id, first.of):
            raise HarnessError(
                f"{run.path}: {one.title} of run {one.run_id} is foreign to {first.title} of run {first.run_id}: "
                f"{_difference(run.meta, first_run.meta)}",
                allowed="shards of one run: the same eval, files, options, version and number of shards",
                next_step="merge each run's shards for themselves, or run the foreign ones again"
                if one.run_id != first.run_id
                else "name those that belong together: harness runs merge "
                f"{' '.join(f'{first.run_id}{Shard(at, first.of).suffix}' for at in range(1, min(first.of, 3) + 1))}"
                f"{' ...' if first.of > 3 else ''}",
            )
        if one.index in seen:
            raise HarnessError(
                f"{run.path}: {one.title} is given twice (also {seen[one.index].path})",
                allowed="each shard once",
                next_step="leave one of them out",
            )
        seen[one.index] = run
    missing = [index for index in range(1, first.of + 1) if index not in seen]
    if missing:
        shown = ", ".join(map(str, missing[:20])) + (", ..." if len(missing) > 20 else "")
        raise HarnessError(
            f"run {first.run_id}: of its {first.of:,} shards {counted(len(missing), 'is', 'are')} missing: {shown}"
            f"{_of_others(first_run, missing)}",
            allowed="all shards of the run",
            next_step=NEXT,
        )
    stopped = [(one, run) for one, run in shards if run.meta.status == "incomplete"]
    if stopped:
        words = ", ".join(f"{one.index} ({run.meta.reason})" for one, run in stopped[:10])
        raise HarnessError(
            f"run {first.run_id}: {len(stopped):,} of its shards stopped early: {words}",
            allowed="shards that were carried through",
            next_step="type their commands again: what was answered is kept",
        )
    return first


def _difference(one: RunMeta, other: RunMeta) -> str:
    """Why two shards are not of one run, as far as their records tell."""
    facts = {
        "eval": (one.eval_name, other.eval_name),
        "number of shards": (one.shard and one.shard.of, other.shard and other.shard.of),
        "version of the harness": (one.harness_version, other.harness_version),
        "golden set": (one.golden_set.hash[:12], other.golden_set.hash[:12]),
        "label (--wave)": (one.wave, other.wave),
        "--limit": (one.limit, other.limit),
        "--only": (one.only, other.only),
        "repeats": (one.repeats, other.repeats),
        "candidates": (one.candidates, other.candidates),
    }
    differing = [f"{name} {mine!s} instead of {theirs!s}" for name, (mine, theirs) in facts.items() if mine != theirs]
    kinds = sorted(one.inputs.keys() | other.inputs.keys())
    changed = [kind for kind in kinds if _sha(one, kind) != _sha(other, kind)]
    return "; ".join(differing + [f"another {kind}" for kind in changed]) or "other models, prices or options"


def _sha(meta: RunMeta, kind: str) -> str | None:
    return meta.inputs[kind].sha256 if kind in meta.inputs else None


def _table(run: Run, name: str) -> pq.ParquetFile:
    return pq.ParquetFile(RunFolder(run.path).source(name))


def _owners(ordered: Sequence[Run], items: Sequence[pq.ParquetFile], whole: ShardFacts) -> NDArray[np.int32]:
    """Which shard holds every item of the run."""
    owner = np.full(whole.n_items, -1, dtype=np.int32)
    for number, (run, file) in enumerate(zip(ordered, items, strict=True)):
        if POSITION not in file.schema_arrow.names:
            raise HarnessError(
                f"{run.path}/{ITEMS_FILE}: has no column {POSITION}", allowed="a shard as it was written"
            )
        positions = numpy_of(file.read([POSITION])[POSITION])
        is_ordered = bool((np.diff(positions) > 0).all())
        if not is_ordered or (positions.size and not 0 <= positions[0] <= positions[-1] < whole.n_items):
            raise HarnessError(f"{run.path}/{ITEMS_FILE}: its items are out of order", next_step=NEXT)
        taken = owner[positions] >= 0
        if taken.any():
            other = ordered[int(owner[positions[taken][0]])]
            raise HarnessError(
                f"{run.path}: {int(taken.sum()):,} of its items are in {other.path} too: the shards overlap",
                allowed="each item in one shard",
                next_step="run both again with one version of the harness",
            )
        owner[positions] = number
    if (n_missing := int((owner < 0).sum())) > 0:
        raise HarnessError(f"run {whole.run_id}: {n_missing:,} of its items are in no shard", next_step=NEXT)
    return owner


class _Rows:
    """The rows of one table, in order and some groups at a time."""

    def __init__(self, file: pq.ParquetFile) -> None:
        numbers = range(file.num_row_groups)
        each = max(1, WINDOW_ROWS // file.metadata.row_group(0).num_rows) if numbers else 1
        self._groups = (file.read_row_groups(numbers[at : at + each], use_threads=False) for at in numbers[::each])
        self._now: pa.Table | None = None
        self._at = 0

    def take(self, n: int) -> Iterator[pa.Table]:
        """The next ``n`` rows, in pieces."""
        while n:
            if self._now is None or self._at == self._now.num_rows:
                self._now, self._at = next(self._groups), 0
            piece = self._now.slice(self._at, n)
            self._at += piece.num_rows
            n -= piece.num_rows
            yield piece


def _interleaved(files: Sequence[pq.ParquetFile], owner: NDArray[np.int32]) -> Iterator[pa.Table]:
    yield from _in_order([_Rows(file) for file in files], owner)


def _in_order(streams: Sequence[_Rows], owner: NDArray[np.int32]) -> Iterator[pa.Table]:
    """Batches of rows in the order of the run; ``owner`` says whose every row is."""
    for start in range(0, owner.size, WINDOW_ROWS):
        owners = owner[start : start + WINDOW_ROWS]
        counts = np.bincount(owners, minlength=len(streams))
        pieces = [piece for stream, n in zip(streams, counts.tolist(), strict=True) for piece in stream.take(n)]
        window = pa.concat_tables(pieces).combine_chunks()
        if (np.diff(owners) < 0).any():
            place = np.empty(owners.size, dtype=np.int64)
            place[np.argsort(owners, kind="stable")] = np.arange(owners.size)
            window = window.take(pa.Array.from_buffers(pa.int64(), place.size, [None, pa.py_buffer(place.tobytes())]))
        for at in range(0, owners.size, BATCH_ROWS):
            yield window.slice(at, BATCH_ROWS)


def _record(metas: Sequence[RunMeta], whole: ShardFacts, writer: RunWriter) -> RunMeta:
    first = metas[0]
    sums: dict[str, Any] = {name: sum(getattr(meta, name) for meta in metas) for name in SUMMED}
    return structs.replace(
        first,
        **sums,
        run_id=whole.run_id,
        shard=None,
        status=status_of(writer.counts, first.max_error_rate, None),
        reason=None,
        golden_set=structs.replace(first.golden_set, n_items=whole.n_items),
        counts=writer.counts,
        error_reasons=writer.error_reasons,
        cost_usd=math.fsum(meta.cost_usd for meta in metas),
        earlier_cost_usd=math.fsum(meta.earlier_cost_usd for meta in metas),
        answers_cost_usd=writer.answers_cost_usd,
        unpriced_answers=writer.unpriced_answers,
        tokens=writer.tokens,
        limits=_limits(metas),
        created_at=min(meta.created_at for meta in metas),
        wall_s=round(math.fsum(meta.wall_s for meta in metas), 3),
        inputs={},
    )


def _limits(metas: Sequence[RunMeta]) -> dict[str, Any]:
    """Per model, how each shard's concurrency moved, one after the other."""
    found: dict[str, Any] = {}
    for meta in metas:
        for model, one in meta.limits.items():
            kept = found.setdefault(model, {"history": [], "rate_limited": 0})
            kept["history"] += one.get("history", [])
            kept["rate_limited"] += one.get("rate_limited", 0)
    return dict(sorted(found.items()))


def _inputs(run: Run) -> dict[str, InputFile]:
    """The files that went into every shard, from the first one's copies."""
    folder = RunFolder(run.path)
    return {
        kind: InputFile(
            one.name,
            one.version,
            one.sha256,
            one.path,
            None if one.stored is None else folder.read(f"{INPUTS_FOLDER}/{one.stored}", is_inside=True),
            one.identity,
        )
        for kind, one in run.meta.inputs.items()
    }
