"""Baselines: a stored run's candidate that somebody promoted on purpose, kept as a small folder for version control.

Decides what a baseline keeps (per-item decisions and scores; no texts, rationales or response keys), who, when and why.
The folder opens like any run. Which baseline is meant is decided in ``gating.choose``, whether it may be compared with
a run in ``gating.across``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import structs

from harness.errors import HarnessError
from harness.files.permissions import no_more_readable_than
from harness.measure.run_facts import signature_of
from harness.records import GoldenFacts, RunMeta
from harness.runs import ITEMS_FILE, META_FILE, PREDICTIONS_FILE, Run, RunFolder, meta_document, open_run
from harness.runs.integrity import sealed, table_hashes, verify
from harness.runs.layout import plain_name
from harness.runs.writer import appear

BASELINE_FILE = "baseline.json"
FOLDER = "baselines"
DEFAULT_ROOT = Path("evals") / FOLDER
PROMOTED = "promoted"
TEXT_COLUMNS = ("rationale", "response_key", "error")
"""Columns that could carry words of an item or of an answer; kept as columns, without values."""
MAX_REASON = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Promotion:
    """The content of ``baseline.json``: who promoted which candidate of which run, when and why."""

    run_id: str
    candidate: str
    who: str
    when: str
    why: str
    signature: str
    golden_set: GoldenFacts
    previous: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness baseline show --json``."""
        return asdict(self) | {"golden_set": self.golden_set.as_dict()}


def promote(run: Run, candidate: str, *, who: str, why: str, now: datetime, root: Path = DEFAULT_ROOT) -> Path:
    """Write the baseline folder ``root/<eval>`` and return it.

    ``now`` is the time of the decision, with a time zone; ``root`` lies beside the eval files.

    Raises:
        HarnessError: The run is not complete, reason or name is missing, or the folder cannot
            be written.
    """
    _check_words(who, why)
    if run.meta.status != "complete":
        raise HarnessError(
            f"run {run.meta.run_id} is {run.meta.status}: a baseline must be a complete run",
            allowed="a run with status complete",
            next_step="run it again; what was answered is kept",
        )
    if run.meta.early_stop is not None:
        raise HarnessError(
            f"run {run.meta.run_id} was made with --early-stop: a baseline must cover the whole golden set",
            allowed="a run without --early-stop",
            next_step="run the eval without --early-stop; answers at hand cost nothing",
        )
    verify(run)
    folder = root / plain_name(run.meta.eval_name, "eval_name", run.path)
    before = read_promotion(folder)
    promotion = Promotion(
        run_id=run.meta.run_id,
        candidate=candidate,
        who=who.strip(),
        when=now.astimezone(UTC).isoformat(timespec="seconds"),
        why=why.strip(),
        signature=signature_of(run, candidate),
        golden_set=run.meta.golden_set,
        previous=None if before is None else {name: getattr(before, name) for name in ("run_id", "candidate", "when")},
    )
    partial = root / f".partial-{run.meta.eval_name}"
    local = RunFolder(run.path).local
    try:
        shutil.rmtree(partial, ignore_errors=True)
        root.mkdir(parents=True, exist_ok=True)
        with no_more_readable_than(None if local is None else local / PREDICTIONS_FILE):
            partial.mkdir()
            _copy_items(run, partial)
            _copy_predictions(run, candidate, partial)
            document = meta_document(_reduced_meta(run, candidate))
            (partial / META_FILE).write_bytes(sealed(document, table_hashes(RunFolder(partial))))
            _write(partial / BASELINE_FILE, promotion.as_dict())
        appear(partial, folder)
    except OSError as error:
        raise HarnessError(
            f"{folder}: the baseline cannot be written: {error.strerror or error}",
            allowed="a folder that can be written to",
            next_step="check its permissions, or name another with --folder",
        ) from None
    return folder


def read_promotion(folder: Path) -> Promotion | None:
    """The promotion record of a baseline folder; None when there is none."""
    path = folder / BASELINE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Promotion)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"{path}: no record of a promotion: {error}",
            allowed="the file that 'harness baseline set' wrote",
            next_step="restore it from version control, or promote a run again",
        ) from None


def promoted_run(eval_name: str, root: Path = DEFAULT_ROOT) -> tuple[Run, Promotion]:
    """The promoted baseline of an eval, as a run of one candidate, and who promoted it.

    Raises:
        HarnessError: Nothing was promoted yet.
    """
    folder = root / eval_name
    promotion = read_promotion(folder)
    if promotion is None:
        raise HarnessError(
            f"{folder.as_posix()}: eval '{eval_name}' has no promoted baseline",
            allowed="a folder that 'harness baseline set' wrote",
            next_step='promote a run: harness baseline set RUN --candidate ID --reason "..."',
        )
    return open_run(folder), promotion


def _check_words(who: str, why: str) -> None:
    for name, value in (("--by", who), ("--reason", why)):
        if not value.strip():
            raise HarnessError(f"{name} is empty", allowed="a few words", next_step="say who promotes it, and why")
        if len(value) > MAX_REASON:
            raise HarnessError(f"{name} has {len(value)} characters", allowed=f"at most {MAX_REASON}")


def _reduced_meta(run: Run, candidate: str) -> RunMeta:
    """run.json with one candidate and without stored inputs."""
    meta = run.meta
    return structs.replace(
        meta,
        candidates=(candidate,),
        counts=_of(candidate, meta.counts),
        fingerprints=_of(candidate, meta.fingerprints),
        signatures=_of(candidate, meta.signatures),
        eval=structs.replace(meta.eval, candidates=_of(candidate, meta.eval.candidates), baseline=candidate),
        inputs={
            kind: structs.replace(one, stored=None)
            for kind, one in meta.inputs.items()
            if ":" not in kind or kind.partition(":")[2] == candidate
        },
        limits={},
    )


def _of(candidate: str, by_candidate: Mapping[str, T]) -> dict[str, T]:
    return {name: one for name, one in by_candidate.items() if name == candidate}


def _copy_items(run: Run, target: Path) -> None:
    table = pq.read_table(RunFolder(run.path).source(ITEMS_FILE))
    pq.write_table(table, target / ITEMS_FILE, compression="zstd")


def _copy_predictions(run: Run, candidate: str, target: Path) -> None:
    filters = [("candidate", "==", candidate)]
    table = pq.read_table(RunFolder(run.path).source(PREDICTIONS_FILE), filters=filters)
    for name in TEXT_COLUMNS:
        at = table.schema.get_field_index(name)
        if at >= 0:
            table = table.set_column(at, table.schema.field(at), pa.nulls(table.num_rows, pa.string()))
    pq.write_table(table, target / PREDICTIONS_FILE, compression="zstd", use_dictionary=["candidate", "outcome"])


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
