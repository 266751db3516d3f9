"""Rows of one candidate as batches of columns.

Decides what a row may hold and how rows are counted and batched. Files are left to ``tables``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from msgspec import structs

from harness.records.answers import REJECTED, Prediction
from harness.runs.arrow import array_of, numpy_of
from harness.runs.layout import ALL_OUTCOMES, prediction_schema

BATCH_ROWS = 4096
DECISIONS = (0, 1, None)
MOST_REASONS = 1000
"""Different reasons that are counted; those that come after share one place."""
TOKEN_COLUMNS = ("input_tokens", "cached_tokens", "output_tokens")


class Columns:
    """Collects rows of one candidate and hands them on as record batches.

    Args:
        unlabelled: The policy's other categories. An answer may decide them, but nobody can score that: it is left out.
    """

    def __init__(
        self, categories: Sequence[str], emit: Callable[[pa.RecordBatch], None], *, unlabelled: Sequence[str] = ()
    ) -> None:
        self._categories = tuple(categories)
        self._known = frozenset((*categories, *unlabelled))
        self._schema = prediction_schema(categories)
        self._emit = emit
        self._rows: list[Prediction] = []
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.tokens = dict.fromkeys(TOKEN_COLUMNS, 0)
        self.cost_usd: float | None = None
        self.n_unpriced = 0
        """Answers of which nobody knows what they cost."""

    def add(self, row: Prediction) -> None:
        """Add one row.

        Raises:
            ValueError: The answer names an outcome or a category that does not exist, or a decision other than 1, 0
                and None: a fault of the candidate's code.
        """
        answer = row.answer
        if answer.outcome not in ALL_OUTCOMES:
            raise ValueError(f"candidate '{row.candidate}' gave the outcome '{answer.outcome}'")
        decisions, scores = answer.decisions, answer.scores
        if not (decisions.keys() <= self._known and scores.keys() <= self._known):
            unknown = (decisions.keys() | scores.keys()) - self._known
            raise ValueError(f"candidate '{row.candidate}' decided on unknown categories: {', '.join(sorted(unknown))}")
        for decision in decisions.values():
            if decision not in DECISIONS:
                raise ValueError(f"candidate '{row.candidate}' decided {decision!r}; allowed: 1, 0, None")
        self.counts[answer.outcome] += 1
        if answer.outcome == "error":
            self._count_error(answer.error)
        self._rows.append(row)
        if len(self._rows) >= BATCH_ROWS:
            self.flush()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Count rows that are columns already, as ``add`` and ``flush`` would, and hand them on."""
        coded, is_rejected = batch["outcome"].dictionary_encode(), numpy_of(pa.chunked_array([batch[REJECTED]]))
        outcomes, places = coded.dictionary.to_pylist(), numpy_of(pa.chunked_array([coded.indices]))
        found = np.bincount(places[~is_rejected], minlength=len(outcomes)).tolist()
        self.counts.update({outcome: n for outcome, n in zip(outcomes, found, strict=True) if n})
        if n_rejected := int(is_rejected.sum()):
            self.counts[REJECTED] += n_rejected
        if "error" in outcomes:
            for at in np.flatnonzero((places == outcomes.index("error")) & ~is_rejected).tolist():
                self._count_error(batch["error"][at].as_py())
        for column in TOKEN_COLUMNS:
            self.tokens[column] += int(numpy_of(pa.chunked_array([batch[column]])).sum())
        costs = numpy_of(pa.chunked_array([batch["cost_usd"]]), null=math.nan)
        self._add_costs(costs[~np.isnan(costs)].tolist())
        is_asked = numpy_of(pa.chunked_array([batch["response_key"].is_valid()]))
        is_error = places == outcomes.index("error") if "error" in outcomes else False
        self.n_unpriced += int((np.isnan(costs) & is_asked & ~np.asarray(is_error)).sum())
        self._emit(batch)

    def _count_error(self, said: str | None) -> None:
        reason = said or "no reason given"
        self.errors[reason if reason in self.errors or len(self.errors) < MOST_REASONS else "other"] += 1

    def _add_costs(self, costs: Sequence[float]) -> None:
        if costs:
            self.cost_usd = (self.cost_usd or 0.0) + math.fsum(costs)

    def flush(self) -> None:
        """Hand on what there is."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        answers = [row.answer for row in rows]
        decisions = [answer.decisions for answer in answers]
        scores = [answer.scores for answer in answers]
        usages = [row.usage for row in rows]
        tokens = [[getattr(usage, column) for usage in usages] for column in TOKEN_COLUMNS]
        for column, counted in zip(TOKEN_COLUMNS, tokens, strict=True):
            self.tokens[column] += sum(counted)
        self._add_costs([row.cost_usd for row in rows if row.cost_usd is not None])
        unpriced = (row for row in rows if row.cost_usd is None and row.response_key is not None)
        self.n_unpriced += sum(row.answer.outcome not in ("error", REJECTED) for row in unpriced)
        columns: list[list[Any]] = [
            [row.candidate for row in rows],
            [row.item_id for row in rows],
            [row.repeat for row in rows],
            ["error" if answer.outcome == REJECTED else answer.outcome for answer in answers],
            *([one.get(category) for one in decisions] for category in self._categories),
            *([one.get(category) for one in scores] for category in self._categories),
            [answer.rationale for answer in answers],
            [row.latency_ms for row in rows],
            *tokens,
            [row.cost_usd for row in rows],
            [row.is_cached for row in rows],
            [row.response_key for row in rows],
            [answer.error for answer in answers],
            [answer.outcome == REJECTED for answer in answers],
            [answer.to_person for answer in answers],
            [
                orjson.dumps(answer.stages, default=structs.asdict).decode() if answer.stages else None
                for answer in answers
            ],
        ]
        arrays = [array_of(column, kind.type) for column, kind in zip(columns, self._schema, strict=True)]
        self._emit(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
