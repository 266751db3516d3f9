"""Rows that only the spreadsheet of the weekly report shows: the history, every figure, every item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.results import MetricResult


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One candidate, category and week, for the spreadsheet."""

    week: str
    run_id: str
    golden: str
    candidate: str
    category: str
    tp: float
    fp: float
    fn: float
    tn: float
    recall: MetricResult
    precision: MetricResult
    fpr: MetricResult


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one week, candidate, category and slice value; all items where the slice is empty."""

    week: str
    run_id: str
    golden: str
    candidate: str
    category: str
    slice: str
    value_of_slice: str
    metric: str
    result: MetricResult


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item and category of the reported candidate, for the spreadsheet."""

    item_id: str
    category: str
    gold: int
    decision: int | None
    outcome: str
    error: str
    last_week: str
    slices: Mapping[str, str]
    text: str
