"""The log of a gate set: which distinct candidates were gated on it, and how often one was looked at.

Decides what counts as reuse, and what as a further look. Every further candidate on the same items makes a lucky PASS
likelier, so each is written down beside the golden set's card, append-only; the same candidate gated again does not
count again. A candidate that is gated on more items than before, or after a sequential run, has had a look already.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core.checks import Verdict
from harness.gating.gate_report import Reuse
from harness.runs import canonical_json

MOST_CANDIDATES = 10
SUFFIX = ".gates.jsonl"


def log_path(card: Path) -> Path:
    """The log of a golden set: beside its card, under the card's stem."""
    return card.with_name(card.stem + SUFFIX)


def candidate_identity(fingerprint: Mapping[str, Any]) -> str:
    """What makes two gated candidates the same: everything that can change a decision, whatever the name."""
    return hashlib.sha256(canonical_json(fingerprint)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class GateEntry:
    """One gate as the log knows it.

    Attributes:
        fingerprint: Everything that can change a decision of the candidate.
        is_sequential: Whether the run stopped, or could have stopped, at an earlier look.
    """

    run_id: str
    candidate: str
    fingerprint: Mapping[str, Any]
    verdict: Verdict
    golden_set: str | None
    n_items: int
    is_sequential: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """An earlier look at the same candidate."""

    run_id: str
    n_items: int
    verdict: str
    is_sequential: bool


def earlier_looks(
    card: Path | None, golden_set: str, fingerprint: Mapping[str, Any], run_id: str, n_items: int
) -> list[Look]:
    """The looks that a candidate has had before this one, oldest first.

    A gate on the same number of items is no further look: it is the same data. The logs of the set's other versions
    count, since a set that was enlarged is published as its next version.

    ``card`` is None when it is not at hand.
    """
    if card is None or not card.is_file():
        return []
    identity, found = candidate_identity(fingerprint), {}
    version = re.compile(rf"{re.escape(golden_set)}_v\d+{re.escape(SUFFIX)}")
    for path in {log_path(card), *(one for one in card.parent.iterdir() if version.fullmatch(one.name))}:
        for entry in _read(path)[0]:
            items = entry.get("items")
            if entry["signature"] != identity or entry.get("run_id") == run_id or type(items) is not int:
                continue
            is_sequential = entry.get("sequential") is True
            if items < n_items or (is_sequential and items <= n_items):
                look = Look(str(entry.get("run_id")), items, str(entry.get("verdict")), is_sequential)
                found[items] = (str(entry.get("time")), look)
    return [look for _, look in sorted(found.values(), key=lambda one: one[0])]


def record_gate(card: Path | None, gated: GateEntry, *, now: datetime) -> Reuse:
    """Write a gate down and count the distinct candidates so far, this one included.

    A folder that cannot be written to, or a card that is not at hand, is a warning: the verdict stands.
    """
    identity = candidate_identity(gated.fingerprint)
    if card is None or not card.is_file():
        return Reuse(1, "", "The golden set's card is not at hand: this gate is not counted")
    path = log_path(card)
    entries, n_damaged = _read(path)
    seen = _distinct(entries)
    warnings = [f"{path.name}: {n_damaged} lines cannot be read and are not counted"] if n_damaged else []
    is_known = any(entry["signature"] == identity and entry.get("run_id") == gated.run_id for entry in entries)
    if not is_known and gated.verdict != "INVALID":  # a broken run is repeated under its own id
        entry = {
            "time": now.astimezone(UTC).isoformat(timespec="seconds"),
            "run_id": gated.run_id,
            "candidate": gated.candidate,
            "signature": identity,
            "verdict": gated.verdict,
            "golden_set": gated.golden_set,
            "items": gated.n_items,
        } | ({"sequential": True} if gated.is_sequential else {})
        try:
            _append(path, entry)
        except OSError as error:
            warnings.append(f"{path.name} cannot be written ({error.strerror or error}): this gate is not counted")
    n_candidates = len(seen if gated.verdict == "INVALID" else seen | {identity})
    if n_candidates > MOST_CANDIDATES:
        warnings.append(
            f"{n_candidates} candidates were gated on this golden set: a lucky PASS gets likely, refresh the set "
            "(harness explain reuse)"
        )
    return Reuse(n_candidates, path.name, "; ".join(warnings) or None)


def candidates_gated(card: Path | None) -> int | None:
    """How many distinct candidates were gated on a golden set; None where it has no log at hand."""
    if card is None or not log_path(card).is_file():
        return None
    return len(_distinct(_read(log_path(card))[0]))


def _distinct(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(entry["signature"]) for entry in entries}


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
