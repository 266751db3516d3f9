"""What a candidate's answers cost, for each item and for each violation that it caught.

Decides the denominators: rows whose price nobody knows enter neither the sum nor what it is divided by, and rows that
were decided without asking anybody enter at no cost. A caught violation is a row whose gold violates some category that
the candidate flags; the golden set holds more of them than production does, so that one costs more there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.measure.decisions import Decisions, outcome_code
from harness.records.answers import MISSING_OUTCOMES, REJECTED
from harness.runs import CandidateRows

FREE_KINDS = frozenset(["rules", "classifier", "human"])
"""Kinds that ask no endpoint; what a recorded system cost is another question, and so are a person's hours."""


def costs_nothing(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a candidate asks no endpoint, nor any candidate that it uses."""
    parts = {"cascade": "stages", "vote": "voters"}.get(str(fingerprint.get("kind")))
    if parts is None:
        return fingerprint.get("kind") in FREE_KINDS
    used = fingerprint.get(parts) or ()
    return bool(used) and all(costs_nothing(one.get("candidate") or {}) for one in used)


@dataclass(frozen=True, slots=True)
class Money:
    """Money of one candidate; None for what nobody knows.

    Attributes:
        cost_usd: List price of the answers whose price is known.
        per_1000_usd: The same for 1,000 answered rows.
        per_caught_usd: The same for each row whose violation was caught.
        n_caught: Rows whose gold violates some category that was flagged.
        n_unknown: Answered rows that were asked for, and whose price nobody knows.
        cached_share: Share of the input tokens that the provider read from its prompt cache; None without tokens.
    """

    cost_usd: float | None = None
    per_1000_usd: float | None = None
    per_caught_usd: float | None = None
    n_caught: int = 0
    n_unknown: int = 0
    cached_share: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def _answered(rows: CandidateRows) -> NDArray[np.bool_]:
    return ~np.isin(rows.outcomes, [outcome_code(one) for one in (*MISSING_OUTCOMES, REJECTED)])


def unknown_costs(rows: CandidateRows) -> NDArray[np.bool_]:
    """Answered rows that were asked for, and whose price nobody knows, (n_rows,)."""
    return _answered(rows) & np.isnan(rows.cost_usd) & (rows.is_cached | ~np.isnan(rows.latency_ms))


def money_of(rows: CandidateRows, read: Decisions) -> Money:
    """What a candidate's rows cost."""
    n_input = int(rows.tokens["input_tokens"].sum())
    cached = int(rows.tokens["cached_tokens"].sum()) / n_input if n_input else None
    gold = read.y_true[:, None, :]
    is_caught = ((read.y_pred == 1) & (gold == 1)).any(axis=2)
    is_answered, is_unknown = _answered(rows), unknown_costs(rows)
    total, n_unknown = rows.total_cost_usd, int(is_unknown.sum())
    if total is None:
        return Money(n_caught=int(is_caught.sum()), n_unknown=n_unknown, cached_share=cached)
    n_priced, n_caught = int((is_answered & ~is_unknown).sum()), int((is_caught & ~is_unknown).sum())
    return Money(
        total,
        1000 * total / n_priced if n_priced else None,
        total / n_caught if n_caught else None,
        n_caught,
        n_unknown,
        cached,
    )
