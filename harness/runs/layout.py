"""The layout of a stored run: the fields of ``run.json``, the columns of its two tables, and rows as arrays.

Decides names and types; files are opened by ``reader`` and written by ``writer``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.records import RunStatus
from harness.records.answers import NOT_ASKED, OUTCOMES, REJECTED, UNASKED, WITHHELD, Outcome

MOST_NAME_BYTES = 200
META_FILE, ITEMS_FILE, PREDICTIONS_FILE, INPUTS_FOLDER = "run.json", "items.parquet", "predictions.parquet", "inputs"
FORMAT = 1
ALL_OUTCOMES: tuple[Outcome, ...] = (*OUTCOMES, WITHHELD, NOT_ASKED, REJECTED)
"""Code table of ``CandidateRows.outcomes``."""
OLD_PREFIX = ".old-"
"""A run that is being replaced is set aside under this name until its successor stands."""
TextColumn = Literal["rationale", "error", "response_key"]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that went into a run. ``content`` is kept in the run folder; golden texts are never given here."""

    name: str
    version: int | str | None
    sha256: str
    path: str
    content: bytes | None = field(default=None, repr=False)
    identity: str | None = None
    """Hash of what can change a label or a decision; None: of every byte."""


@dataclass(frozen=True, slots=True)
class RunMeta:
    """The content of ``run.json``."""

    run_id: str
    status: RunStatus
    eval_name: str
    eval: Mapping[str, Any]
    golden_set: Mapping[str, Any]
    categories: tuple[str, ...]
    candidates: tuple[str, ...]
    repeats: int
    counts: Mapping[str, Mapping[str, int]]
    inputs: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, Mapping[str, Any]]
    signatures: Mapping[str, Mapping[str, Any]]
    calls: int
    cached: int
    cost_usd: float
    created_at: str
    wall_s: float
    format: int = FORMAT
    reason: str | None = None
    limit: int | None = None
    wave: str | None = None
    seed: int = 0
    max_error_rate: float = 0.0
    answers_cost_usd: float | None = None
    error_reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    harness_version: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    seal: str = ""

    @property
    def n_items(self) -> int:
        """Items that were put to every candidate."""
        return int(self.golden_set["n_items"])

    @property
    def n_errors(self) -> int:
        """Rows that were asked and got no answer, over all candidates."""
        return sum(counts.get("error", 0) for counts in self.counts.values())

    @property
    def n_not_asked(self) -> int:
        """Rows that nobody was asked for, over all candidates."""
        return sum(counts.get(NOT_ASKED, 0) for counts in self.counts.values())

    def signature_fields(self, candidate: str) -> dict[str, Any]:
        """What can move this candidate's numbers, as far as the run knows."""
        return dict(self.signatures[candidate])


@dataclass(frozen=True, slots=True, eq=False)
class CandidateRows:
    """One candidate's rows as arrays; the first two axes are items (golden order) and repeats.

    Attributes:
        outcomes: Codes into ``ALL_OUTCOMES``, int8 (n_items, n_repeats).
        y_pred: Decisions, int8 (n_items, n_repeats, n_categories): 1, 0, or -1 for not decided.
        y_score: Scores, float64, same shape; NaN for none.
        latency_ms: Latency of the answer when it was first given, float64; NaN for none.
        tokens: ``input_tokens``, ``cached_tokens`` and ``output_tokens``, int64 (n_items, n_repeats).
        cost_usd: List price of the answers, float64; NaN where no price is known.
        is_cached: Whether the answers came from the response cache.
    """

    outcomes: NDArray[np.int8]
    y_pred: NDArray[np.int8]
    y_score: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    tokens: Mapping[str, NDArray[np.int64]]
    cost_usd: NDArray[np.float64]
    is_cached: NDArray[np.bool_]

    @property
    def total_cost_usd(self) -> float | None:
        """List price of all answers; None when no row has a price."""
        known = self.cost_usd[~np.isnan(self.cost_usd)]
        return float(known.sum()) if known.size else None


def item_schema(categories: Sequence[str], slices: Sequence[str]) -> pa.Schema:
    """Columns of ``items.parquet``; no texts, only their hashes."""
    return pa.schema(
        [
            ("item_id", pa.string()),
            *((f"label.{category}", pa.int8()) for category in categories),
            ("group", pa.string()),
            ("weight", pa.float64()),
            *((f"slice.{name}", pa.list_(pa.string())) for name in slices),
            ("withheld", pa.bool_()),
            ("text_sha256", pa.string()),
            ("must_catch", pa.bool_()),
        ]
    )


def prediction_schema(categories: Sequence[str]) -> pa.Schema:
    """Columns of ``predictions.parquet``; ``rejected`` tells the errors that asking again does not mend."""
    return pa.schema(
        [
            ("candidate", pa.string()),
            ("item_id", pa.string()),
            ("repeat", pa.int32()),
            ("outcome", pa.string()),
            *((f"decision.{category}", pa.int8()) for category in categories),
            *((f"score.{category}", pa.float64()) for category in categories),
            ("rationale", pa.string()),
            ("latency_ms", pa.float64()),
            ("input_tokens", pa.int64()),
            ("cached_tokens", pa.int64()),
            ("output_tokens", pa.int64()),
            ("cost_usd", pa.float64()),
            ("cached", pa.bool_()),
            ("response_key", pa.string()),
            ("error", pa.string()),
            (REJECTED, pa.bool_()),
        ]
    )


def status_of_counts(counts: Mapping[str, Mapping[str, int]], max_error_rate: float) -> RunStatus:
    """``invalid`` when too many of the asked rows of a candidate have no answer, else ``complete``.

    The share is of the rows that were asked: those withheld or never asked cannot fail.
    """
    for outcomes in counts.values():
        n_asked = sum(outcomes.values()) - sum(outcomes.get(one, 0) for one in UNASKED)
        if outcomes.get("error", 0) > max_error_rate * n_asked:
            return "invalid"
    return "complete"


def plain_name(value: Any, what: str, where: str) -> str:
    """A name that stays inside the folder it is put into.

    Raises:
        HarnessError: It is empty, hidden, too long, or holds a separator or a control character.
    """
    text = value if isinstance(value, str) else ""
    is_plain = 0 < len(text.encode("utf-8", "surrogatepass")) <= MOST_NAME_BYTES and not text.startswith(".")
    if not is_plain or any(character in "/\\" or not character.isprintable() for character in text):
        raise HarnessError(
            f"{where}: {what} is {str(value)[:80]!r}",
            allowed="a plain name: no path, no address, no leading dot, no control character",
            next_step="use a run folder that the harness wrote; do not open this one if you do not know who made it",
        )
    return text


def _check_names(document: Mapping[str, Any], where: str) -> None:
    """Everything in run.json that becomes part of a path."""
    for what in ("run_id", "eval_name"):
        plain_name(document[what], what, where)
    for kind, entry in document["inputs"].items():
        if isinstance(entry, Mapping) and entry.get("stored") is not None:
            plain_name(entry["stored"], f"inputs.{kind}.stored", where)


def read_meta(content: bytes, where: str) -> RunMeta:
    """Read run.json; fields this version does not know are left out."""
    fields = dataclasses.fields(RunMeta)
    try:
        document = orjson.loads(content)
        known = {one.name: document[one.name] for one in fields if one.name in document}
        for name in ("categories", "candidates"):
            known[name] = tuple(known[name])
        if known.get("format", FORMAT) > FORMAT:
            raise HarnessError(
                f"{where}: written in format {known['format']} by a newer version of the harness",
                allowed=f"format {FORMAT}",
                next_step="update the harness",
            )
        _check_names(known, where)
        return RunMeta(**known)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(
            f"{where}: no record of a run: {error}",
            allowed="the run.json that a run wrote",
            next_step="run it again; what was answered is in the response cache",
        ) from None
