"""When a run was last asked for, and what a person noted about it: kept beside the runs, which never change.

Decides which run ``latest`` is: the one that was asked for last, made then or complete already. Runs folders elsewhere
(s3://, ...) keep neither: there the newest run counts as the last one asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.runs.listing import RunList

ASKED_FILE = ".asked.jsonl"
NOTES_FOLDER = ".notes"
MOST_NOTE = 500
_KEPT_LINES = 2_000


def mark_asked(runs_dir: str | Path, run_id: str, when: datetime) -> bool:
    """Remember that a run was asked for, and say whether it is; a folder that takes no file forgets it in silence."""
    folder = _on_this_machine(runs_dir)
    if folder is None:
        return False
    with suppress(OSError):
        path = folder / ASKED_FILE
        if path.exists() and path.stat().st_size > 100 * _KEPT_LINES:
            kept = path.read_bytes().splitlines(keepends=True)[-_KEPT_LINES // 2 :]
            path.write_bytes(b"".join(kept))
        with open(path, "ab") as file:
            file.write(orjson.dumps({"run_id": run_id, "at": when.astimezone(UTC).isoformat()}) + b"\n")
        return True
    return False


def asked_at(runs_dir: str | Path) -> Mapping[str, datetime]:
    """Run id -> when it was last asked for, as far as it is known."""
    folder = _on_this_machine(runs_dir)
    found: dict[str, datetime] = {}
    if folder is None:
        return found
    with suppress(OSError):
        for line in (folder / ASKED_FILE).read_bytes().splitlines():
            with suppress(ValueError, KeyError, TypeError):  # a line that two writers broke
                entry = orjson.loads(line)
                found[str(entry["run_id"])] = _time(entry["at"])
    return found


def by_last_asked(runs_dir: str | Path, eval_name: str | None = None, *, most: int | None = None) -> RunList:
    """Stored runs, the one last asked for at the end; ``most`` takes only so many of the last."""
    from harness.runs.listing import list_runs

    asked = asked_at(runs_dir)

    def order(run_id: str, created_at: str) -> tuple[datetime, str, str]:
        made = _time(created_at)
        return max(made, asked.get(run_id, made)), created_at, run_id

    return list_runs(runs_dir, eval_name, most=most, order=order)


def write_note(runs_dir: str | Path, run_id: str, text: str) -> None:
    """Keep a line about a run; an empty one removes it.

    Raises:
        HarnessError: It is too long, or the runs are not on this machine.
    """
    folder = _on_this_machine(runs_dir)
    from harness.runs.layout import plain_name

    plain_name(run_id, "run_id", str(runs_dir))
    line = " ".join(text.split())
    if folder is None:
        raise HarnessError(
            f"{runs_dir}: notes are kept beside runs on this machine",
            allowed="a local runs folder",
            next_step="give the run a label with --wave",
        )
    if len(line) > MOST_NOTE:
        raise HarnessError(f"the note has {len(line):,} characters", allowed=f"at most {MOST_NOTE}")
    path = folder / NOTES_FOLDER / f"{run_id}.txt"
    try:
        if not line:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        path.write_text(line + "\n", encoding="utf-8", errors="replace")
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}", next_step="write where the runs are yours") from None


def read_note(runs_dir: str | Path, run_id: str) -> str | None:
    """What was noted about a run; None for nothing."""
    folder = _on_this_machine(runs_dir)
    if folder is None:
        return None
    try:
        return (folder / NOTES_FOLDER / f"{run_id}.txt").read_text(encoding="utf-8", errors="replace").strip() or None
    except (OSError, ValueError):
        return None


def _on_this_machine(runs_dir: str | Path) -> Path | None:
    """The runs folder where it is one of this machine; told without what reads runs."""
    if "://" not in str(runs_dir):
        return Path(runs_dir)
    from harness.runs.folder import RunFolder

    return RunFolder(runs_dir).local


def _time(text: str) -> datetime:
    """A time as runs write it; one that cannot be read is before all others."""
    with suppress(ValueError, TypeError):
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return datetime.min.replace(tzinfo=UTC)
