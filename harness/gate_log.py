"""The log of a gate set: which distinct candidates were gated on it.

Decides what counts as reuse. Every further candidate on the same items makes a lucky PASS likelier, so each is written
down beside the golden set's card, append-only; the same candidate gated again does not count again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.gating.records import GateReport, Reuse
from harness.runner.request import canonical_json

MOST_CANDIDATES = 10
SUFFIX = ".gates.jsonl"


def log_path(card: Path) -> Path:
    """The log of a golden set: beside its card, under the card's stem."""
    return card.with_name(card.stem + SUFFIX)


def candidate_identity(fingerprint: Mapping[str, Any]) -> str:
    """What makes two gated candidates the same: everything that can change a decision, whatever the name."""
    return hashlib.sha256(canonical_json(fingerprint)).hexdigest()[:16]


def record_gate(card: Path | None, report: GateReport, fingerprint: Mapping[str, Any], *, now: datetime) -> Reuse:
    """Write a gate down and count the distinct candidates so far, this one included.

    A folder that cannot be written to, or a card that is not at hand, is a warning: the verdict stands.
    """
    identity = candidate_identity(fingerprint)
    if card is None or not card.is_file():
        return Reuse(1, "", "The golden set's card is not at hand: this gate is not counted")
    path = log_path(card)
    entries, n_damaged = _read(path)
    seen = {str(entry["signature"]) for entry in entries}
    warnings = [f"{path.name}: {n_damaged} lines cannot be read and are not counted"] if n_damaged else []
    is_known = any(
        entry["signature"] == identity and entry.get("run_id") == report.candidate.run_id for entry in entries
    )
    if not is_known and report.verdict != "INVALID":  # a broken run is repeated under its own id
        entry = {
            "time": now.astimezone(UTC).isoformat(timespec="seconds"),
            "run_id": report.candidate.run_id,
            "candidate": report.candidate.candidate,
            "signature": identity,
            "verdict": report.verdict,
            "golden_set": report.golden_set.get("hash"),
        }
        try:
            _append(path, entry)
        except OSError as error:
            warnings.append(f"{path.name} cannot be written ({error.strerror or error}): this gate is not counted")
    n_candidates = len(seen if report.verdict == "INVALID" else seen | {identity})
    if n_candidates > MOST_CANDIDATES:
        warnings.append(
            f"{n_candidates} candidates were gated on this golden set: a lucky PASS gets likely, refresh the set "
            "(harness explain reuse)"
        )
    return Reuse(n_candidates, path.name, "; ".join(warnings) or None)


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Entries of the log, and how many lines are none."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return [], 0
    entries: list[dict[str, Any]] = []
    n_damaged = 0
    for line in filter(bytes.strip, lines):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict) and isinstance(entry.get("signature"), str):
            entries.append(entry)
        else:
            n_damaged += 1
    return entries, n_damaged


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    """One line in one write; a last line that was cut short is ended first."""
    line = json.dumps(entry, ensure_ascii=False, sort_keys=False) + "\n"
    with open(path, "ab+") as file:
        if file.tell() and not _ends_with_break(file):
            line = "\n" + line
        file.write(line.encode("utf-8", "backslashreplace"))


def _ends_with_break(file: Any) -> bool:
    file.seek(-1, 2)
    last: bytes = file.read(1)
    return last == b"\n"
