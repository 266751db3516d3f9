"""Stored runs and results as frames of pandas.

Decides columns and types: what is unknown is missing (``<NA>`` or NaN), never 0, and no number stands without its
interval and its support.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from harness.core.results import MetricResult
from harness.runs.layout import prediction_schema

if TYPE_CHECKING:
    from harness.measure.compare import Comparison
    from harness.measure.score import CategoryScore, RunScore
    from harness.runs import Run

INTERVAL = ("value", "low", "high", "n", "n_excluded", "reason")
_NULLABLE: Mapping[pa.DataType, Any] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
"""Whole numbers and flags keep their type where some are missing."""


def run_frame(run: Run, texts: Mapping[str, str | None] | None = None) -> pd.DataFrame:
    """One row per candidate, item and repeat: what was decided, beside the item's gold labels.

    Args:
        run: The run; under a split the part that it shows.
        texts: Item texts to add, by id; None for none.
    """
    items: pd.DataFrame = run.items_table.to_pandas(types_mapper=_NULLABLE.get).set_index("item_id")
    if texts is not None:
        items.insert(0, "text", pd.Series(texts, dtype="string").reindex(items.index))
    columns = [one for one in prediction_schema(run.categories).names if one != "candidate"]
    frames = []
    for name in run.candidates:
        rows = run.rows(name, columns).to_pandas(types_mapper=_NULLABLE.get)
        frames.append(rows.assign(candidate=name))
    frame: pd.DataFrame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["item_id"].isin(items.index)]
    frame["candidate"] = pd.Categorical(frame["candidate"], categories=list(run.candidates))
    frame["outcome"] = frame["outcome"].astype("category")
    frame = frame.join(items, on="item_id").reset_index(drop=True)
    frame.insert(0, "candidate", frame.pop("candidate"))
    return frame


def score_frame(score: RunScore) -> pd.DataFrame:
    """One row per candidate, slice value, category and metric; averages and "any violation" are categories too."""
    rows: list[dict[str, Any]] = []
    for name, candidate in score.candidates.items():
        whole: dict[str, CategoryScore] = {**candidate.categories, "any violation": candidate.any_violation}
        rows += [_measured(name, None, None, *one) for one in _metrics(whole)]
        for category, averages in (("macro average", candidate.macro), ("micro average", candidate.micro)):
            rows += [_measured(name, None, None, category, *one) for one in averages.items()]
        for slice_name, values in candidate.slices.items():
            for value, categories in values.items():
                rows += [_measured(name, slice_name, value, *one) for one in _metrics(categories)]
    return _typed(pd.DataFrame(rows, columns=["candidate", "slice", "slice_value", "category", "metric", *INTERVAL]))


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """One row per category and metric: both values and their paired difference, each with its interval."""
    categories = dict(comparison.categories)
    if comparison.pooled is not None:
        categories["all together"] = comparison.pooled
    rows = []
    for category, compared in categories.items():
        for metric, result in compared.metrics.items():
            row: dict[str, Any] = {"category": category, "metric": metric}
            for side, one in (
                ("baseline", result.baseline),
                ("candidate", result.candidate),
                ("difference", result.difference),
            ):
                row |= {side: one.value, f"{side}_low": one.low, f"{side}_high": one.high}
            row |= {
                "n": result.difference.n,
                "n_excluded": result.difference.n_excluded,
                "p_value": result.p_value,
                "p_holm": compared.p_holm.get(metric),
                "reason": result.difference.reason,
            }
            rows.append(row)
    return _typed(pd.DataFrame(rows))


def gate_frame(document: Mapping[str, Any]) -> pd.DataFrame:
    """One row per check, as ``harness gate --json`` gives them; the difference is spread over columns."""
    checks = [dict(check) for check in document["checks"]]
    for check in checks:
        difference = check.pop("difference", None) or {}
        check |= {"difference": difference.get("value")}
        check |= {f"difference_{end}": difference.get(end) for end in ("low", "high")}
    return pd.DataFrame(checks)


def _metrics(categories: Mapping[str, CategoryScore]) -> list[tuple[str, str, MetricResult]]:
    return [(name, metric, one) for name, score in categories.items() for metric, one in score.metrics.items()]


def _measured(
    candidate: str, slice_name: str | None, value: str | None, category: str, metric: str, one: MetricResult
) -> dict[str, Any]:
    named = {"candidate": candidate, "slice": slice_name, "slice_value": value, "category": category, "metric": metric}
    return named | {name: getattr(one, name) for name in INTERVAL}


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    counts = [name for name in ("n", "n_excluded") if name in frame]
    return frame.astype(dict.fromkeys(counts, "Int64"))
