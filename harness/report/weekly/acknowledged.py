"""Who answers for an open finding: one line of JSON each, in a file beside the runs.

Decides the file's name and shape. A line is appended and never changed; the last one for a finding counts.
"""

from __future__ import annotations

import json
from pathlib import Path

from harness.core.production_table import PRODUCTION_FIGURES
from harness.errors import HarnessError
from harness.gating.findings.memory import Acknowledgement, Entry
from harness.runs.folder import is_remote

LEDGER_FILE = "weekly_ledger.jsonl"
PRODUCTION = "production"
"""Whose findings those of production are, whichever candidate is reported."""


def read_acknowledged(runs_dir: str | Path, eval_name: str, candidate: str) -> tuple[Acknowledgement, ...]:
    """What was acknowledged for a candidate of an eval; nothing where there is no file."""
    path = Path(runs_dir) / LEDGER_FILE
    if is_remote(str(runs_dir)) or not path.is_file():
        return ()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            if one["eval"] == eval_name and one["candidate"] in (candidate, PRODUCTION):
                key, since, reason, by, at = (str(one[name]) for name in ("key", "since", "reason", "by", "at"))
                found.append(Acknowledgement(key, since, reason, by, at, one.get("owner")))
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"{path}:{number}: not a line of the ledger ({error})",
                allowed="lines as harness weekly ack writes them",
                next_step="correct or remove the line",
            ) from None
    return tuple(found)


def ledger_state(one: Entry) -> str:
    """Open, acknowledged with its reason, or closed by recovery, in words, and since when it slid."""
    if one.closed is not None:
        said = f"{'given up with its category' if one.is_given_up else 'repaired'} in {one.closed}"
    elif one.acknowledged is not None:
        said = f"acknowledged by {one.acknowledged.by}: {one.acknowledged.reason}"
    else:
        said = "open"
    return said if one.slid_since is None else f"slid since {one.slid_since}; {said}"


def write_acknowledged(runs_dir: str | Path, eval_name: str, candidate: str, one: Acknowledgement) -> Path:
    """Append one acknowledgement."""
    if is_remote(str(runs_dir)):
        raise HarnessError(
            f"{runs_dir}: the ledger is kept in a local folder of runs",
            allowed="a folder of this machine",
            next_step="run harness weekly ack where the runs are mounted",
        )
    path = Path(runs_dir) / LEDGER_FILE
    is_of_production = one.key.rsplit(".", 1)[-1] in PRODUCTION_FIGURES
    line = {
        "at": one.at,
        "eval": eval_name,
        "candidate": PRODUCTION if is_of_production else candidate,
        "key": one.key,
        "since": one.since,
        "reason": one.reason,
        "by": one.by,
        "owner": one.owner,
    }
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path
