"""The runs that a folder holds, and which of them are the newest.

Decides that a list of many runs is one listing and one bulk read: their whole records are decoded only where they are
needed, and a damaged one is named and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from harness.errors import HarnessError
from harness.records import RunMeta
from harness.runs.folder import RunFolder
from harness.runs.layout import META_FILE
from harness.runs.meta import read_meta

if TYPE_CHECKING:
    from harness.runs.reader import Run


class RunList(list[RunMeta]):
    """Stored runs, what is wrong with the folders that could not be read, and how many runs there are in all."""

    damaged: tuple[str, ...] = ()
    n_all: int = 0


class _Head(msgspec.Struct):
    """What of a record says where it stands among others; the rest is passed over."""

    run_id: str = ""
    eval_name: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class _Stored:
    name: str
    content: bytes
    head: _Head


def list_runs(
    runs_dir: str | Path,
    eval_name: str | None = None,
    *,
    most: int | None = None,
    order: Callable[[str, str], Any] = lambda run_id, created_at: (created_at, run_id),
) -> RunList:
    """All stored runs, or those of one eval, oldest first; a damaged folder is named in ``damaged`` and left out.

    Args:
        runs_dir: Folder or fsspec address that holds runs.
        eval_name: Only runs of this eval.
        most: Only so many of the last; the records of earlier ones are not decoded whole.
        order: Sort key of a run by its id and the time of its making.
    """
    damaged: list[str] = []
    heads = _stored(runs_dir, damaged)
    stored = [one for one in heads if eval_name is None or one.head.eval_name in (eval_name, "")]
    stored.sort(key=lambda one: order(one.name, one.head.created_at))
    found = RunList()
    found.n_all = len(stored)
    for one in reversed(stored):
        if most is not None and len(found) >= most:
            break
        try:
            meta = read_meta(one.content, f"{runs_dir}/{one.name}/{META_FILE}")
        except HarnessError as error:
            damaged.append(error.message)
            found.n_all -= 1
            continue
        if eval_name is None or meta.eval_name == eval_name:
            found.append(meta)
    found.reverse()
    found.damaged = tuple(sorted(damaged))
    return found


def _stored(runs_dir: str | Path, damaged: list[str]) -> Iterator[_Stored]:
    """The runs of a folder by the heads of their records; what cannot be read is told in ``damaged``."""
    for name, content in RunFolder(runs_dir).read_each(META_FILE):
        if isinstance(content, OSError | HarnessError):
            damaged.append(content.message if isinstance(content, HarnessError) else f"{runs_dir}/{name}: {content}")
            continue
        try:
            head = msgspec.json.decode(content, type=_Head)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            head = _Head(name)  # its whole record says what is wrong
        if head.run_id != name:
            damaged.append(f"{runs_dir}/{name}: its {META_FILE} is that of run '{head.run_id}'")
        else:
            yield _Stored(name, content, head)


def latest_run(runs_dir: str | Path, eval_name: str) -> Run | None:
    """The newest stored run of an eval; None when there is none."""
    from harness.runs.reader import open_run  # loads pyarrow

    runs = list_runs(runs_dir, eval_name, most=1)
    return open_run(runs[-1].run_id, runs_dir) if runs else None
