"""The layout of a stored run: its files, the columns of its two tables, and rows as arrays.

Decides names and types; ``run.json`` is read and written by ``meta``, files are opened by ``reader`` and written by
``writer``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import HarnessError
from harness.records import RunStatus
from harness.records.answers import HUMAN, NOT_ASKED, OUTCOMES, REJECTED, UNASKED, WITHHELD, Outcome

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_NAME_BYTES = 200
META_FILE, ITEMS_FILE, PREDICTIONS_FILE, INPUTS_FOLDER = "run.json", "items.parquet", "predictions.parquet", "inputs"
ALL_OUTCOMES: tuple[Outcome, ...] = (*OUTCOMES, WITHHELD, NOT_ASKED, REJECTED, HUMAN)
"""Code table of ``CandidateRows.outcomes``."""
OLD_PREFIX = ".old-"
"""A run that is being replaced is set aside under this name until its successor stands."""
TO_PERSON, STAGES = "to_person", "stages"
"""Columns of cascades: the categories that a person is to look at, and the stages that were taken, as JSON."""
TextColumn = Literal["rationale", "error", "response_key", "stages"]


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
        to_person: Decisions that are left to a person, bool, the shape of ``y_pred``; None where there are none.
    """

    outcomes: NDArray[np.int8]
    y_pred: NDArray[np.int8]
    y_score: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    tokens: Mapping[str, NDArray[np.int64]]
    cost_usd: NDArray[np.float64]
    is_cached: NDArray[np.bool_]
    to_person: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for one in self._arrays():  # shared by all who ask for the same rows
            one.flags.writeable = False

    @property
    def n_bytes(self) -> int:
        """What the arrays take in memory."""
        return sum(one.nbytes for one in self._arrays())

    def _arrays(self) -> list[NDArray[Any]]:
        every = (self.outcomes, self.y_pred, self.y_score, self.latency_ms, self.cost_usd, self.is_cached)
        return [one for one in (*every, *self.tokens.values(), self.to_person) if one is not None]

    @property
    def total_cost_usd(self) -> float | None:
        """List price of all answers; None when no row has a price."""
        import numpy as np  # a list of runs needs names alone

        known = self.cost_usd[~np.isnan(self.cost_usd)]
        return float(known.sum()) if known.size else None


POSITION = "position"
"""Column of a shard's items: where an item stands among those of the whole run."""


def item_schema(categories: Sequence[str], slices: Sequence[str], *, is_shard: bool = False) -> pa.Schema:
    """Columns of ``items.parquet``; no texts, only their hashes."""
    import pyarrow as pa  # a list of runs needs names alone

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
            *([(POSITION, pa.int64())] if is_shard else []),
        ]
    )


def prediction_schema(categories: Sequence[str]) -> pa.Schema:
    """Columns of ``predictions.parquet``; ``rejected`` tells the errors that asking again does not mend."""
    import pyarrow as pa

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
            (TO_PERSON, pa.list_(pa.string())),
            (STAGES, pa.string()),
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
