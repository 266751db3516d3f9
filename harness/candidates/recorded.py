"""Decisions that were made elsewhere: by a system in production, or by human reviewers.

Reads JSONL rows ``{"id", "decisions", "scores"?, "outcome"?, "latency_ms"?, "cost_usd"?, "rationale"?}`` and decides
how a row becomes an answer. A row without ``outcome`` is ``ok``, or ``abstained`` when it decides nothing. An item that
the file does not hold has outcome ``not_asked`` (a missing pair), never a 0: reviewers label a sample. Where its text
is withheld too, nobody could decide it and it stays ``withheld``. ``sample: true`` says that the file is a part on
purpose, such as what one reviewer saw: the gate then judges on that part. A threshold decides by the score instead of
the recorded decision, and every ``ok`` row must then have that score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.candidates.bases import Local
from harness.candidates.names import NameIndex, apply_thresholds, map_decisions, map_scores
from harness.errors import FileError, HarnessError, raise_all
from harness.files.golden.jsonl import JSON_LINES, refuse_other_lines, why_no_json
from harness.files.kinds import Doubt, Kind, NamedFile
from harness.files.text import counted, joined, quoted, refuse_utf16, require_file, shortened, suggestion
from harness.records import CandidateSpec, Item
from harness.records.answers import NOT_ASKED, OUTCOMES, WITHHELD, Answer
from harness.records.evals import Threshold

if TYPE_CHECKING:
    from harness.candidates.build import Builder
    from harness.files.evals import LoadedEval

FIELDS = ("id", "decisions", "scores", "outcome", "latency_ms", "cost_usd", "rationale")
NO_DECISION = "no recorded decision"
MAX_FAULTS = 20
MOST_NUMBER = 1e9
"""Most dollars or milliseconds of one decision: sums of a million of these are still numbers."""
_KNOWN = frozenset(FIELDS)
_DECISION_TYPES, _DECISIONS = frozenset((int, bool, type(None))), frozenset((0, 1, None))
_NUMBERS = ("latency_ms", "cost_usd")


@dataclass(frozen=True, slots=True)
class RecordedRows:
    """The checked rows of a file: id -> its line, and what the file as a whole says."""

    path: Path
    lines: Mapping[str, bytes]
    names: frozenset[str]
    sha256: str


class RecordedCandidate(Local):
    """Answers from a file.

    Args:
        rows: What ``read_recorded`` returned.
        names: Names of the file -> categories.
        thresholds: Categories decided by ``score >= threshold``.
        inputs: Hash of the file and names of what was applied to it, for the fingerprint.
        is_sample: Whether the file holds a part of the items on purpose.
    """

    needs_text = False

    def __init__(
        self,
        candidate_id: str,
        rows: RecordedRows,
        names: NameIndex,
        *,
        thresholds: Mapping[str, Threshold] | None = None,
        inputs: Mapping[str, Any] | None = None,
        is_sample: bool = False,
    ) -> None:
        self.id = candidate_id
        self.rows = rows
        self._names = names
        self._thresholds = dict(thresholds or {})
        found = {category for name in rows.names for category in names.resolve(name) or ()}
        self.categories = tuple(category for category in names.categories if category in found)
        self.fingerprint: Mapping[str, Any] = {
            "kind": "recorded",
            "categories": list(self.categories),
            "recorded": f"{rows.path.stem}@{rows.sha256[:8]}",
            "sha256": rows.sha256,
            "thresholds": self._thresholds,
            **({"sample": True} if is_sample else {}),
            **(inputs or {}),
        }

    def check_ids(self, known: Iterable[str]) -> None:
        """Raise when the file decides about items that the golden set does not have."""
        unknown = self.rows.lines.keys() - set(known)
        if unknown:
            first = sorted(unknown)[:5]
            raise FileError(
                str(self.rows.path),
                f"has {len(unknown):,} ids that the golden set does not have: {', '.join(map(shortened, first))}"
                + (", ..." if len(unknown) > len(first) else ""),
                allowed="ids of the golden set",
                next_step="remove the rows, or use the golden set they belong to",
            )

    def _answer(self, item: Item) -> Answer:
        line = self.rows.lines.get(item.id)
        if line is None:
            return Answer(WITHHELD) if item.is_withheld else Answer(NOT_ASKED, error=NO_DECISION)
        row = orjson.loads(line)
        scores = map_scores(self._names, row.get("scores") or {})
        decisions = map_decisions(self._names, row.get("decisions") or {})
        decisions = apply_thresholds(decisions, scores, self._thresholds)
        is_decided = any(decision is not None for decision in decisions.values())
        return Answer(
            outcome=row.get("outcome") or ("ok" if is_decided else "abstained"),
            decisions=decisions,
            scores={name: float(score) for name, score in scores.items()},
            rationale=row.get("rationale"),
            latency_ms=row.get("latency_ms"),
            cost_usd=row.get("cost_usd"),
        )


def read_recorded(path: Path, names: NameIndex, thresholds: Mapping[str, Threshold] | None = None) -> RecordedRows:
    """Read and check a file of recorded decisions.

    Raises:
        FileError: A row is malformed, repeats an id, or uses a name that is not known.
    """
    require_file(path, what="file of recorded decisions")
    lines: dict[str, bytes] = {}
    first_line: dict[str, int] = {}
    used: set[str] = set()
    faults: list[HarnessError] = []
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            digest.update(raw)
            if number == 1:
                refuse_utf16(path, raw)
            line = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
            if not line:
                continue
            if not lines and not faults:
                _refuse_other_form(path, line)
            try:
                row = _checked(path, number, line, names, thresholds or {})
                item_id = str(row["id"])
                if item_id in lines:
                    raise FileError(
                        str(path),
                        f"decides item '{shortened(item_id)}' again (first on line {first_line[item_id]})",
                        line=number,
                        allowed="each id once",
                        next_step="keep one of the rows",
                    )
            except FileError as fault:
                faults.append(fault)
                if len(faults) == MAX_FAULTS:
                    break
                continue
            lines[item_id], first_line[item_id] = line, number
            used.update(row.get("decisions") or (), row.get("scores") or ())
    raise_all(faults)
    if not lines:
        raise FileError(str(path), "has no rows", allowed="one decision per line", next_step="fill the file")
    return RecordedRows(path, lines, frozenset(used), digest.hexdigest())


def _refuse_other_form(path: Path, line: bytes) -> None:
    """One message for a file that is not JSON lines at all, by the first of its lines."""
    if line[:1] == b"[":
        step = f"write each object on a line of its own: jq -c '.[]' {path} > NEW.jsonl"
        raise FileError(str(path), "holds a JSON array", line=1, allowed=JSON_LINES, next_step=step)
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        refuse_other_lines(path, line)


def _checked(
    path: Path, number: int, line: bytes, names: NameIndex, thresholds: Mapping[str, Threshold]
) -> dict[str, Any]:
    def fault(found: str, allowed: str, next_step: str, field: str | None = None) -> FileError:
        return FileError(str(path), found, line=number, field=field, allowed=allowed, next_step=next_step)

    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        found, hint = why_no_json(line, error)
        raise fault(found, JSON_LINES, hint) from None
    if not isinstance(row, dict):
        raise fault(f"is {quoted(row)}", JSON_LINES, "write one object {...} per line")
    if not _KNOWN.issuperset(row):
        name = next(name for name in row if name not in _KNOWN)
        hint = suggestion(name, FIELDS, "remove it")
        raise fault("is not a known field", ", ".join(FIELDS), hint, shortened(name))
    if type(row.get("id")) not in (str, int) or row["id"] == "":
        raise fault(f"is {quoted(row.get('id'))}", "the id of an item, text or a whole number", "add the id", "id")
    for part in ("decisions", "scores"):
        if not isinstance(row.get(part, {}), dict):
            raise fault(f"is {quoted(row[part])}", "a mapping of categories", "write {category: value}", part)
        for name in () if names.knows(row.get(part, {})) else row[part]:
            if names.resolve(name) is None:
                hint = suggestion(name, names.names, "correct the name, or map it in a crosswalk")
                raise fault("is not a known category", joined(names.names), hint, shortened(f"{part}.{name}"))
    decisions = row.get("decisions", {})
    values = decisions.values()
    is_plain = _DECISION_TYPES.issuperset(map(type, values)) and _DECISIONS.issuperset(values)
    for name, value in () if is_plain else decisions.items():
        if not (value is None or (type(value) in (int, bool) and value in (0, 1))):
            raise fault(
                f"is {quoted(value)}",
                "1, 0 or null, true or false",
                "correct the decision",
                shortened(f"decisions.{name}"),
            )
    for name, value in row.get("scores", {}).items():
        if type(value) not in (int, float) or not 0 <= value <= 1:
            here = shortened(f"scores.{name}")
            raise fault(f"is {quoted(value)}", "a number from 0 to 1", "rescale the scores", here)
    outcome = row.get("outcome")
    if outcome is not None and outcome not in OUTCOMES:
        raise fault(f"is {quoted(outcome)}", ", ".join(OUTCOMES), "correct the outcome", "outcome")
    if outcome is None and "decisions" not in row and "scores" not in row:
        raise fault("is missing", "decisions, scores or an outcome", "add the decisions", "decisions")
    for name in _NUMBERS:
        value = row.get(name)
        if value is not None and (type(value) not in (int, float) or not 0 <= value <= MOST_NUMBER):
            allowed = f"a number from 0 to {MOST_NUMBER:,.0f}"
            raise fault(f"is {quoted(value)}", allowed, "correct the number", name)
    if not isinstance(row.get("rationale"), str | None):
        raise fault(f"is {quoted(row['rationale'])}", "a string", "write text, or remove it", "rationale")
    if thresholds and outcome in (None, "ok"):
        scored = map_scores(names, row.get("scores", {}))
        for category in thresholds:
            if category not in scored:
                raise fault(f"has no score for '{category}', which has a threshold", "a score in every row that is ok",
                            "add the score, or remove the threshold", "scores")  # fmt: skip
    return row


def build_recorded(builder: Builder, candidate_id: str, spec: CandidateSpec) -> RecordedCandidate:
    """Recorded decisions about items of the golden set."""
    names = builder.names(spec)
    builder.require_decided(candidate_id, spec, names)
    rows = read_recorded(builder.loaded.recorded[spec.value], names, spec.thresholds)
    inputs, is_sample = builder.mapping(spec), spec.options.get("sample", False)
    candidate = RecordedCandidate(
        candidate_id, rows, names, thresholds=spec.thresholds, inputs=inputs, is_sample=is_sample
    )
    candidate.check_ids(builder.loaded.golden.ids())
    return candidate


def _missing_decisions(loaded: LoadedEval, candidate: RecordedCandidate) -> Sequence[Doubt]:
    """A remark when recorded decisions cover only a part of the items that can be decided, and do not say so."""
    if candidate.fingerprint.get("sample"):
        return ()
    rows, golden = candidate.rows, loaded.golden
    missing = [index for index, item_id in enumerate(golden.ids()) if item_id not in rows.lines]
    n_missing = sum(1 for item in golden.items(missing) if not item.is_withheld)
    if not n_missing:
        return ()
    found = f"decides {len(golden) - len(missing):,} of {counted(len(golden), 'item')} of golden set '{golden.name}'"
    hint = (
        f"add the decisions for the other {n_missing:,}: a run has no decision of '{shortened(candidate.id)}' for them"
        "; or say sample: true beside recorded, where one reviewer saw a part on purpose"
    )
    return (Doubt(rows.path, None, found, hint),)


RECORDED = Kind(
    build_recorded,
    takes=frozenset(("crosswalk", "thresholds")),
    fields={"sample": bool},
    file=NamedFile("file of recorded decisions", lambda shelf, path: path),
    doubts=_missing_decisions,
)
