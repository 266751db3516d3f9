"""Whether a run folder may be trusted: its names, its rows, and what run.json claims of them.

Decides what a name in a run may be (a plain one, so that nothing outside the folder is ever read, written or deleted),
and what is verified before a verdict rests on a run: the hash of both tables and of run.json itself, the candidates and
items of every row, the counts per outcome and the status that follows from them. Runs of versions that stored no hash
are held to everything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from harness.errors import HarnessError
from harness.records import RunStatus
from harness.runs.arrow import number_array, places_of
from harness.runs.canonical import canonical_json
from harness.runs.folder import RunFolder
from harness.runs.layout import ALL_OUTCOMES, ITEMS_FILE, META_FILE, PREDICTIONS_FILE, status_of_counts

if TYPE_CHECKING:
    from harness.runs.reader import Run

TABLES = (ITEMS_FILE, PREDICTIONS_FILE)
SEAL = "seal"
_CHUNK = 1 << 20


def sealed(meta: Mapping[str, Any], files: Mapping[str, str]) -> bytes:
    """The bytes of run.json: its content, the hashes of both tables, and the hash of all of that."""
    content = {name: value for name, value in meta.items() if name != SEAL} | {"files": dict(files)}
    return canonical_json({**content, SEAL: _seal_of(content)}, is_indented=True)


def _seal_of(content: Mapping[str, Any]) -> str:
    """Of the content as it will be read: keys are texts then, and sets are lists."""
    return hashlib.sha256(canonical_json(orjson.loads(canonical_json(content)))).hexdigest()


def table_hashes(folder: RunFolder) -> dict[str, str]:
    """Sha256 of both tables of a folder."""
    return {name: _sha256(folder, name) for name in TABLES}


def verify(run: Run) -> None:
    """Refuse a run whose rows or claims are not those that were written.

    Raises:
        HarnessError: What does not agree.
    """
    folder, meta = RunFolder(run.path), run.meta
    _verify_seal(folder, run)
    for name, expected in meta.files.items():
        if name in TABLES and _sha256(folder, name) != expected:
            raise _refused(f"{run.path}/{name}", "its content is not what the run wrote (its hash is another one)")
    expected_ids = _each(run.all_ids, meta.repeats)
    for candidate in meta.candidates:
        rows = run.coded_rows(candidate, ["candidate", "item_id", "outcome"])
        where = f"{run.path}/{PREDICTIONS_FILE}"
        if (places_of(rows["candidate"], [candidate]) < 0).any():
            names = list(dict.fromkeys(rows["candidate"].to_pylist()))
            raise _refused(where, f"the rows of '{candidate}' say {', '.join(repr(name) for name in names)}")
        if not rows["item_id"].equals(expected_ids):
            raise _refused(where, f"the rows of '{candidate}' are not about the items of {ITEMS_FILE}, in their order")
        codes = np.bincount(run.outcomes_of(rows), minlength=len(ALL_OUTCOMES)).tolist()
        counted = {outcome: n for outcome, n in zip(ALL_OUTCOMES, codes, strict=True) if n}
        claimed = {outcome: n for outcome, n in meta.counts.get(candidate, {}).items() if n}
        if counted != claimed:
            raise _refused(f"{run.path}/{META_FILE}", f"counts of '{candidate}' are {claimed}, its rows have {counted}")
    if meta.status == "complete":
        found: RunStatus = status_of_counts(meta.counts, meta.max_error_rate)
        if found != meta.status or meta.reason is not None:
            words = found if meta.reason is None else f"incomplete ({meta.reason})"
            raise _refused(f"{run.path}/{META_FILE}", f"status is {meta.status}, but what it holds makes it {words}")


def _each(ids: pa.ChunkedArray, n_repeats: int) -> pa.ChunkedArray:
    """Every id as often as its item was asked."""
    if n_repeats == 1:
        return ids
    return ids.take(number_array(np.repeat(np.arange(len(ids)), n_repeats).tolist(), pa.int64()))


def _verify_seal(folder: RunFolder, run: Run) -> None:
    content = folder.read(META_FILE)
    if content is None or not run.meta.seal:
        return
    document = orjson.loads(content)
    document.pop(SEAL, None)
    if _seal_of(document) != run.meta.seal:
        raise _refused(f"{run.path}/{META_FILE}", "it was changed after the run wrote it (its hash is another one)")


def _sha256(folder: RunFolder, name: str) -> str:
    digest = hashlib.sha256()
    if folder.local is not None:
        with open(folder.local / name, "rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
    else:
        digest.update(folder.read(name) or b"")
    return digest.hexdigest()


def _refused(where: str, found: str) -> HarnessError:
    return HarnessError(
        f"{where}: {found}",
        allowed="a run folder as the run wrote it",
        next_step="run the eval again; what was answered is in the response cache, and costs nothing",
    )
